//! Faults on the way to the upstream: nothing listens, it listens elsewhere, a socket, a packet filter.

use super::world::World;

const OVEN: &str = "http://127.0.0.1:7340";
const REFUSED: &str = "connect() failed (111: Connection refused) while connecting to upstream";
const TIMED_OUT: &str = "upstream timed out (110: Connection timed out) while connecting to upstream";

#[test]
fn a_port_on_which_nothing_listens_means_that_the_upstream_does_not_run() {
    let Some(world) = World::start(&[]) else { return };
    world.nginx_to(OVEN);
    world.shows(502, REFUSED);
    world.diagnose().finds("upstream-not-running");
}

#[test]
fn an_application_on_the_next_port_is_found_there() {
    let Some(world) = World::start(&[]) else { return };
    world.oven("fine", "127.0.0.1:7341");
    world.nginx_to(OVEN);
    world.shows(502, REFUSED);
    world.diagnose().finds("upstream-wrong-port");
}

#[test]
fn an_application_on_loopback_cannot_be_reached_at_the_address_of_the_cable() {
    let Some(world) = World::start(&[]) else { return };
    world.cable();
    world.oven("fine", "127.0.0.1:7340");
    world.nginx_to("http://10.61.7.1:7340");
    world.shows(502, REFUSED);
    world.diagnose().finds("upstream-wrong-bind-address");
}

#[test]
fn a_pool_on_another_socket_than_the_configured_one_is_found_there() {
    let Some(world) = World::start(&["php-fpm"]) else {
        return;
    };
    world.php_fpm(&world.path("run/php-bakery.sock"));
    world.nginx(
        &world.fastcgi(&format!("unix:{}", world.path("run/php.sock"))),
        "",
    );
    world.shows(
        502,
        "php.sock failed (2: No such file or directory) while connecting to upstream",
    );
    world.diagnose().finds("unix-socket-path-mismatch");
}

#[test]
fn a_socket_in_a_directory_closed_to_the_worker_is_a_question_of_permission() {
    let Some(world) = World::start(&[]) else { return };
    world.run("mkdir -m 700 run/private");
    world.oven("fine", &format!("unix:{}", world.path("run/private/oven.sock")));
    world.nginx_to(&format!("http://unix:{}", world.path("run/private/oven.sock")));
    world.shows(
        502,
        "oven.sock failed (13: Permission denied) while connecting to upstream",
    );
    world.diagnose().finds("unix-socket-permission");
}

#[test]
fn a_socket_left_by_a_killed_application_is_stale() {
    let Some(world) = World::start(&[]) else { return };
    world.oven("fine", &format!("unix:{}", world.path("run/oven.sock")));
    world.kill_the_oven();
    world.nginx_to(&format!("http://unix:{}", world.path("run/oven.sock")));
    world.shows(
        502,
        "oven.sock failed (111: Connection refused) while connecting to upstream",
    );
    world.diagnose().finds("unix-socket-stale");
}

#[test]
fn a_rule_that_resets_connections_is_named_although_the_application_listens() {
    let Some(world) = World::start(&["nft"]) else {
        return;
    };
    world.oven("fine", "127.0.0.1:7340");
    world.run(
        "nft add table inet bakery
         nft add chain inet bakery guard '{ type filter hook output priority 0; policy accept; }'
         nft add rule inet bakery guard tcp dport 7340 counter reject with tcp reset",
    );
    world.nginx_to(OVEN);
    world.shows(502, REFUSED);
    world.diagnose().finds("firewall-reject");
}

#[test]
fn a_rule_that_drops_connections_is_named() {
    let Some(world) = World::start(&["nft"]) else {
        return;
    };
    world.oven("fine", "127.0.0.1:7340");
    world.run(DROP);
    world.nginx_to(OVEN);
    world.shows(504, TIMED_OUT);
    world.diagnose().finds("firewall-drop");
}

/// A packet filter that swallows what goes to the application.
pub(super) const DROP: &str = "nft add table inet bakery
    nft add chain inet bakery guard '{ type filter hook input priority 0; policy accept; }'
    nft add rule inet bakery guard tcp dport 7340 counter drop";
