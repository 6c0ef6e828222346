//! What may stand in the way of a walk: configurations that cannot be read, a log that blocks, tools that hang.

use std::time::Duration;

use super::report::Report;
use super::world::{Said, URL, World};

/// A broken world (nothing listens behind nginx) to walk with something hostile in it.
fn broken_world() -> Option<World> {
    let world = World::start(&["setpriv"])?;
    world.nginx_to("http://127.0.0.1:7340");
    world.shows(502, "111: Connection refused");
    Some(world)
}

/// Walk with this file given as the configuration: it ends in time, and either refuses the file or gives a report. Returns
/// what was said, and the report.
fn walk_with(world: &World, prefix: &str, config: &str) -> (Said, Option<Report>) {
    let file = world.path(config);
    let program = world.program();
    let said = world.attempt(&format!(
        "exec {prefix} {program} {URL} --ci --format json --deadline 15s --config {file}"
    ));
    assert!(
        said.wall < Duration::from_secs(18),
        "the deadline passed: {:?}",
        said.wall
    );
    said.did_not_crash();
    let report = (said.code != Some(2)).then(|| Report::read(&said));
    (said, report)
}

/// The same for a file of which nothing can be read: refused as an input, or named in the report.
fn refused_or_named(world: &World, prefix: &str, config: &str) {
    let (said, report) = walk_with(world, prefix, config);
    let named = report.map_or_else(|| said.stderr.contains(config), |report| report.mentions(config));
    assert!(
        named,
        "exit {:?}; nothing says that {config} cannot be used: {}{}",
        said.code, said.stdout, said.stderr
    );
}

#[test]
fn a_configuration_that_is_a_directory_is_refused_or_named() {
    let Some(world) = broken_world() else { return };
    world.run("mkdir conf/hostile");
    refused_or_named(&world, "", "conf/hostile");
}

#[test]
fn a_configuration_that_may_not_be_read_is_refused_or_named() {
    let Some(world) = broken_world() else { return };
    world.run("install -m 600 conf/nginx.conf conf/hostile");
    refused_or_named(
        &world,
        "setpriv --reuid=nobody --regid=nogroup --clear-groups",
        "conf/hostile",
    );
}

#[test]
fn a_binary_configuration_is_no_crash() {
    let Some(world) = broken_world() else { return };
    world.run("head -c 200000 /dev/urandom > conf/hostile");
    walk_with(&world, "", "conf/hostile");
}

#[test]
fn a_configuration_of_100_megabytes_does_not_outlast_the_deadline() {
    let Some(world) = broken_world() else { return };
    world.run("yes 'server { listen 127.0.0.1:8460; location /orders { proxy_pass http://127.0.0.1:7340; } }' | head -c 100M > conf/hostile || true");
    walk_with(&world, "", "conf/hostile");
    world.run("truncate -s 0 conf/hostile; truncate -s 100M conf/hostile");
    walk_with(&world, "", "conf/hostile");
}

#[test]
fn a_configuration_that_includes_itself_is_no_endless_walk() {
    let Some(world) = broken_world() else { return };
    world.run("echo \"events {} http { include $PWD/conf/hostile*; }\" > conf/hostile");
    walk_with(&world, "", "conf/hostile");
}

#[test]
fn an_error_log_that_is_a_pipe_does_not_block_the_walk() {
    let Some(world) = broken_world() else { return };
    world.run("mv logs/error.log logs/error.log.1; mkfifo -m 640 logs/error.log");
    let said = world.fix502(&[URL, "--ci", "--format", "json", "--deadline", "10s"]);
    assert!(
        said.wall < Duration::from_secs(13),
        "the deadline passed: {:?}",
        said.wall
    );
    let report = Report::read(&said);
    assert!(matches!(report.code(), Some(1 | 3)), "{}", report.text());
}

#[test]
fn commands_that_hang_do_not_outlast_the_deadline_and_are_named() {
    let Some(world) = broken_world() else { return };
    for name in ["systemctl", "nft", "iptables", "iptables-save"] {
        world.write(&format!("bin/{name}"), "#!/bin/sh\nexec sleep 7351\n");
    }
    world.run("chmod 755 bin/*");
    let said = world.attempt(&format!(
        "PATH=$PWD/bin:$PATH exec {} {URL} --ci --format json --deadline 10s",
        world.program()
    ));
    let left = world.attempt("pgrep -fx 'sleep 7351'").stdout;
    assert!(
        said.wall < Duration::from_secs(13),
        "the deadline passed: {:?}",
        said.wall
    );
    let report = Report::read(&said);
    assert!(matches!(report.code(), Some(1 | 3)), "{}", report.text());
    report.could_not_look_at(&["systemctl", "nft", "iptables", "firewall", "packet filter"]);
    assert_eq!(left, "", "commands of the walk are still running");
}
