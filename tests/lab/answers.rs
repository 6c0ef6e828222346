//! Faults in what the upstream answers, or in what answers in its place.

use super::world::World;

const OVEN: &str = "http://127.0.0.1:7340";
const HEADER: &str = "while reading response header from upstream";

/// A world whose application is in this mode, behind an ordinary nginx.
fn world_with(mode: &str) -> Option<World> {
    let world = World::start(&[])?;
    world.oven(mode, "127.0.0.1:7340");
    world.nginx_to(OVEN);
    Some(world)
}

#[test]
fn a_header_larger_than_the_buffer_is_named() {
    let Some(world) = world_with("big-header") else {
        return;
    };
    world.shows(502, "upstream sent too big header");
    world.diagnose().finds("response-header-too-big");
}

#[test]
fn a_header_name_with_a_space_is_named() {
    let Some(world) = world_with("bad-header") else {
        return;
    };
    world.shows(502, "upstream sent invalid header");
    world.diagnose().finds("response-invalid-header");
}

#[test]
fn a_worker_that_dies_of_a_signal_in_the_request_is_a_crash() {
    let Some(world) = world_with("crash") else { return };
    world.shows(502, HEADER);
    world.diagnose().finds("upstream-worker-crash");
}

#[test]
fn an_application_that_does_not_answer_in_time_is_too_slow() {
    let Some(world) = world_with("slow") else { return };
    world.shows(
        504,
        "upstream timed out (110: Connection timed out) while reading response header",
    );
    world.diagnose().finds("upstream-too-slow");
}

#[test]
fn a_502_of_the_application_itself_is_its_own() {
    let Some(world) = world_with("answers-502") else {
        return;
    };
    world.shows(502, "");
    world.diagnose().finds("upstream-returned-502");
}

#[test]
fn a_500_of_a_php_script_is_its_own_and_the_proxy_has_its_words() {
    let Some(world) = World::start(&["php-fpm"]) else {
        return;
    };
    world.php_fpm("127.0.0.1:7340");
    world.write(
        "www/orders.php",
        "<?php throw new RuntimeException('the mill is gone');\n",
    );
    world.nginx(&world.fastcgi("127.0.0.1:7340"), "");
    world.shows(500, "FastCGI sent in stderr");
    let report = world.diagnose();
    report.finds("upstream-returned-502");
    assert!(report.mentions("the mill is gone"), "{}", report.text());
}

#[test]
fn a_500_of_nginx_itself_is_not_blamed_on_the_application() {
    let Some(world) = World::start(&[]) else { return };
    world.oven("fine", "127.0.0.1:7340");
    world.nginx(
        "location / { auth_request /who; proxy_pass http://127.0.0.1:7340; }\n    location = /who { return 418; }",
        "",
    );
    world.shows(500, "auth request unexpected status: 418");
    let report = world.diagnose();
    assert_eq!(report.status(), "undecided", "{}", report.text());
    let title = report.title();
    assert!(
        title.starts_with("nginx answers 500 itself")
            && title.ends_with("auth request unexpected status: 418"),
        "{title}"
    );
}

#[test]
fn an_upload_that_nginx_could_not_store_is_told_although_the_url_answers() {
    let Some(world) = world_with("fine") else { return };
    world.shows(200, "");
    world.run("chown -R root logs/tmp/client_body; chmod 700 logs/tmp/client_body; head -c 200000 /dev/zero > basket");
    let got = world.run(
        "curl -s -o /dev/null -w '%{http_code}' --data-binary @basket http://www.bakery.test:8460/orders",
    );
    assert_eq!(got, "500", "the lab is broken: {}", world.error_log());
    let report = world.diagnose();
    assert_eq!(report.status(), "undecided", "{}", report.text());
    let title = report.title();
    assert!(
        title.contains("nginx answered 500 to a POST") && title.contains("(13: Permission denied)"),
        "{title}"
    );
}

#[test]
fn http_spoken_to_a_fastcgi_pool_is_named() {
    let Some(world) = World::start(&["php-fpm"]) else {
        return;
    };
    world.php_fpm("127.0.0.1:7340");
    world.nginx_to(OVEN);
    world.shows(502, HEADER);
    world.diagnose().finds("fastcgi-protocol-mismatch");
}

#[test]
fn a_group_whose_servers_are_all_marked_down_by_hand_is_named() {
    let Some(world) = World::start(&[]) else { return };
    world.oven("fine", "127.0.0.1:7340");
    world.nginx(
        "location / { proxy_pass http://ovens; }",
        "upstream ovens {\n    server 127.0.0.1:7340 down;\n    server 127.0.0.1:7341 down;\n}",
    );
    world.shows(502, "no live upstreams while connecting to upstream");
    world.diagnose().finds("upstreams-all-disabled");
}

#[test]
fn a_502_that_the_configuration_returns_is_named() {
    let Some(world) = World::start(&[]) else { return };
    world.oven("fine", "127.0.0.1:7340");
    world.nginx(
        "location / { proxy_pass http://127.0.0.1:7340; }\n    location /orders { return 502 \"closed for today\\n\"; }",
        "",
    );
    world.shows(502, "");
    world.diagnose().finds("configured-502");
}
