//! Faults of a service under systemd, on a whole host.

use super::world::{FRONT, World};

/// nginx of Debian as a unit, in front of `oven.service` with these lines in its section.
fn host_with(command: &str, service: &str, unit: &str) -> Option<World> {
    let world = World::start_host(&["nft"])?;
    world.run(&format!(
        "cat > /etc/nginx/nginx.conf <<'END'
user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events {{ worker_connections 128; }}
http {{
    access_log /var/log/nginx/access.log;
    proxy_connect_timeout 1s;
    proxy_read_timeout 5s;
    server {{
        listen {FRONT};
        server_name www.bakery.test;
        location / {{ proxy_pass http://127.0.0.1:7340; }}
    }}
}}
END
cat > /etc/systemd/system/oven.service <<'END'
[Unit]
Description=the oven of the bakery
{unit}

[Service]
ExecStart={command}
{service}

[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload
systemctl start nginx
systemctl start oven || true"
    ));
    Some(world)
}

/// Wait until a shell condition holds; the lab is broken where it does not within ten seconds.
fn wait_for(world: &World, condition: &str) {
    world.run(&format!("for i in $(seq 100); do if {condition}; then exit 0; fi; sleep 0.1; done; systemctl status oven; exit 1"));
}

const OVEN: &str = "/usr/bin/python3 -I /opt/oven/oven.py";
const LISTENS: &str =
    "curl -s -o /dev/null --connect-timeout 1 telnet://127.0.0.1:7340 -m 1 < /dev/null; [ $? != 7 ]";

#[test]
fn a_unit_that_fails_until_systemd_gives_up_is_a_crash_loop() {
    let service = "Restart=always\nRestartSec=50ms";
    let unit = "StartLimitIntervalSec=60\nStartLimitBurst=3";
    let Some(world) = host_with("/bin/false", service, unit) else {
        return;
    };
    wait_for(&world, "systemctl is-failed --quiet oven");
    world.shows(502, "connect() failed (111: Connection refused)");
    world.diagnose().finds("upstream-crash-loop");
}

#[test]
fn a_unit_killed_over_its_memory_limit_is_an_oom_kill() {
    let command = format!("{OVEN} allocate 127.0.0.1:7340 --foreground");
    let Some(world) = host_with(&command, "MemoryMax=64M\nMemorySwapMax=0", "") else {
        return;
    };
    wait_for(&world, LISTENS);
    world.shows(502, "while reading response header from upstream");
    wait_for(&world, "systemctl is-failed --quiet oven");
    world.shows(502, "connect() failed (111: Connection refused)");
    let kernel = world.run("dmesg | grep -A1 'Memory cgroup out of memory' | tail -n 2");
    assert!(
        kernel.contains("Killed process"),
        "the lab is broken: the kernel log says {kernel}"
    );
    world.diagnose().finds("upstream-oom-killed");
}

#[test]
fn a_500_of_a_unit_is_its_own_and_its_journal_says_why() {
    let command = format!("{OVEN} raises 127.0.0.1:7340 --foreground");
    let Some(world) = host_with(&command, "", "") else {
        return;
    };
    wait_for(&world, LISTENS);
    world.shows(500, "");
    let report = world.diagnose();
    report.finds("upstream-returned-502");
    assert!(
        report.mentions("RuntimeError: the mill is gone")
            && report.mentions("journalctl -u oven.service -n 50"),
        "{}",
        report.text()
    );
}

#[test]
fn a_unit_stopped_by_hand_does_not_run() {
    let command = format!("{OVEN} fine 127.0.0.1:7340 --foreground");
    let Some(world) = host_with(&command, "", "") else {
        return;
    };
    wait_for(&world, LISTENS);
    world.shows(200, "");
    world.run("systemctl stop oven");
    world.shows(502, "connect() failed (111: Connection refused)");
    world.diagnose().finds("upstream-not-running");
}
