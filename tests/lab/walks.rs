//! The walk itself: how long it takes, on a bundle, without privileges, where no proxy runs, and with nobody listening.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::report::Report;
use super::transport::DROP;
use super::world::{Said, URL, World, tool};

/// How long nginx waits for a connection in the walks below.
const BLACK_HOLE: Duration = Duration::from_secs(2);

#[test]
#[expect(clippy::print_stderr, reason = "the times are for whoever looks")]
fn a_black_hole_costs_the_walk_less_than_two_of_its_timeouts() {
    let Some(world) = World::start(&["nft"]) else {
        return;
    };
    world.nginx(
        "proxy_connect_timeout 2s;
    location /refused { proxy_pass http://127.0.0.1:7341; }
    location /hole { proxy_pass http://127.0.0.1:7340; }",
        "",
    );
    world.run(DROP);
    let walk = |path: &str| {
        let url = format!("http://www.bakery.test:8460/{path}");
        let said = world.fix502(&[
            &url,
            "--ci",
            "--format",
            "json",
            "--deadline",
            "20s",
            "--attempts",
            "2",
        ]);
        Report::read(&said)
    };
    world.shows_at(
        "http://www.bakery.test:8460/refused",
        502,
        "111: Connection refused",
    );
    world.shows_at(
        "http://www.bakery.test:8460/hole",
        504,
        "110: Connection timed out",
    );
    let (refused, hole) = (walk("refused"), walk("hole"));
    eprintln!(
        "refused: {:?}, black hole of {BLACK_HOLE:?}: {:?}",
        refused.wall, hole.wall
    );
    assert_eq!(
        (refused.status(), hole.status()),
        ("found", "found"),
        "{}{}",
        refused.text(),
        hole.text()
    );
    assert!(
        hole.wall.saturating_sub(refused.wall) < BLACK_HOLE * 2,
        "{:?} and {:?}",
        hole.wall,
        refused.wall
    );
}

/// What a bundle of this world says where nothing of it is at hand.
pub(super) fn replayed(world: &World) -> Report {
    let file = world.path("logs/bundle.tar.gz");
    let said = world.fix502(&["bundle", URL, "--ci", "--output", &file, "--deadline", "20s"]);
    said.did_not_crash();
    let mode = world.attempt("stat -c %a logs/bundle.tar.gz").stdout;
    assert_eq!(
        mode.trim(),
        "600",
        "a bundle for its owner alone: {}{}",
        said.stdout,
        said.stderr
    );

    let output = Command::new(tool())
        .args(["triage", &file, "--ci", "--format", "json"])
        .stdin(Stdio::null())
        .output()
        .expect("the program can be run");
    Report::read(&Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        wall: Duration::ZERO,
    })
}

#[test]
fn a_bundle_recorded_on_the_failing_host_gives_the_same_verdict_elsewhere() {
    let Some(world) = World::start(&["nft"]) else {
        return;
    };
    world.oven("fine", "127.0.0.1:7341");
    world.nginx_to("http://127.0.0.1:7340");
    world.shows(502, "111: Connection refused");
    let there = world.diagnose();
    let elsewhere = replayed(&world);
    assert_eq!(elsewhere.cause(), there.cause(), "{}", elsewhere.text());
    assert_eq!(
        (elsewhere.status(), elsewhere.code()),
        (there.status(), there.code()),
        "{}",
        elsewhere.text()
    );
    there.finds("upstream-wrong-port");
}

#[test]
fn without_root_the_report_says_what_could_not_be_looked_at() {
    let Some(world) = World::start(&["nft", "setpriv"]) else {
        return;
    };
    world.nginx_to("http://127.0.0.1:7340");
    world.shows(502, "111: Connection refused");
    let said = world.attempt(&format!(
        "exec setpriv --reuid=nobody --regid=nogroup --clear-groups {} {URL} --ci --format json --deadline 20s",
        world.program()
    ));
    let report = Report::read(&said);
    assert!(matches!(report.code(), Some(1 | 3)), "{}", report.text());
    report.could_not_look_at(&["firewall", "packet filter", "nft", "iptables", "error.log"]);
}

#[test]
fn a_port_on_which_no_proxy_listens_is_not_called_healthy() {
    let Some(world) = World::start(&[]) else { return };
    let said = world.attempt(&format!("curl -sS -o /dev/null {URL}"));
    assert_eq!(said.code, Some(7), "the lab is broken: {}", said.stderr);
    let report = world.diagnose();
    assert!(
        matches!(
            (report.status(), report.code()),
            ("found", Some(1)) | ("undecided", Some(3))
        ),
        "{}",
        report.text()
    );
    assert!(
        ["", "front-cannot-reach-proxy"].contains(&report.cause()),
        "{}",
        report.text()
    );
}

#[test]
fn a_reader_that_goes_away_is_no_crash() {
    let Some(world) = World::start(&[]) else { return };
    world.nginx_to("http://127.0.0.1:7340");
    world.shows(502, "111: Connection refused");
    for format in ["json", "text"] {
        let walk = format!("{} {URL} --ci --format {format} --deadline 20s", world.program());
        world.attempt(&format!("{walk} >&-")).did_not_crash();
        world.attempt(&format!("{walk} >&- 2>&-")).did_not_crash();
        // Ended by SIGPIPE, as most programs are, is as good as an exit code.
        let early = world.attempt(&format!(
            "{walk} | true; code=${{PIPESTATUS[0]}}; [ $code = 141 ] || exit $code"
        ));
        early.did_not_crash();
    }
}
