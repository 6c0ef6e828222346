//! Hosts on which nothing is wrong with the request in question: no false alarm.

use super::world::World;

#[test]
fn a_host_with_an_application_on_a_port_is_healthy() {
    let Some(world) = World::start(&[]) else { return };
    world.oven("fine", "127.0.0.1:7340");
    world.nginx_to("http://127.0.0.1:7340");
    world.shows(200, "");
    world.diagnose().is_healthy();
}

#[test]
fn a_host_with_php_behind_a_unix_socket_is_healthy() {
    let Some(world) = World::start(&["php-fpm"]) else {
        return;
    };
    world.php_fpm(&world.path("run/php.sock"));
    world.nginx(
        &world.fastcgi(&format!("unix:{}", world.path("run/php.sock"))),
        "",
    );
    world.shows(200, "");
    world.diagnose().is_healthy();
}

#[test]
fn errors_of_another_site_in_the_same_log_are_no_alarm() {
    let Some(world) = World::start(&[]) else { return };
    world.oven("fine", "127.0.0.1:7340");
    world.nginx(
        "location / { proxy_pass http://127.0.0.1:7340; }",
        "server {\n    listen 127.0.0.1:8461;\n    server_name cafe.bakery.test;\n    \
         location / { proxy_pass http://127.0.0.1:7399; }\n}",
    );
    world.run("for i in $(seq 40); do curl -s -o /dev/null http://127.0.0.1:8461/tables; done");
    let log = world.error_log();
    assert!(
        log.matches("111: Connection refused").count() >= 40,
        "the lab is broken: {log}"
    );
    let got = world.run("curl -s http://www.bakery.test:8460/orders");
    assert_eq!(got, "bread\n", "the lab is broken");
    world.diagnose().is_healthy();
}
