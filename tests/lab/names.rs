//! Faults of names and of TLS on the way to the upstream.

use super::walks::replayed;
use super::world::World;

/// A location that resolves its upstream at run time.
const VARIABLE: &str = "set $oven oven.bakery.test; location / { proxy_pass http://$oven:7340; }";

/// dnsmasq on 127.0.0.1, with names from `conf/names`; it knows of no other name below `bakery.test`.
const DNSMASQ: &str = "dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --user=root --bind-interfaces --local-ttl=0 \
    --listen-address=127.0.0.1 --pid-file=$PWD/run/dnsmasq.pid --local=/bakery.test/ --addn-hosts=$PWD/conf/names";

#[test]
fn a_variable_in_proxy_pass_without_a_resolver_is_named() {
    let Some(world) = World::start(&[]) else { return };
    world.oven("fine", "127.0.0.1:7340");
    world.nginx(VARIABLE, "");
    world.shows(502, "no resolver defined to resolve oven.bakery.test");
    world.diagnose().finds("dns-no-resolver");
}

#[test]
fn a_name_that_the_resolver_does_not_know_is_named() {
    let Some(world) = World::start(&["dnsmasq"]) else {
        return;
    };
    world.write("conf/names", "127.0.0.1 mill.bakery.test\n");
    world.run(DNSMASQ);
    world.oven("fine", "127.0.0.1:7340");
    world.nginx(&format!("resolver 127.0.0.1; {VARIABLE}"), "");
    world.shows(502, "oven.bakery.test could not be resolved (3: Host not found)");
    world.diagnose().finds("dns-nxdomain");
}

#[test]
fn an_address_that_nginx_remembers_from_its_start_is_stale() {
    let Some(world) = World::start(&["dnsmasq"]) else {
        return;
    };
    world.write("conf/names", "127.0.0.21 oven.bakery.test\n");
    world.run(DNSMASQ);
    world.oven("fine", "127.0.0.21:7340");
    world.nginx_to("http://oven.bakery.test:7340");
    world.shows(200, "");
    world.kill_the_oven();
    world.run(
        "echo 127.0.0.22 oven.bakery.test > conf/names; kill -HUP $(cat run/dnsmasq.pid); sleep 0.3
         getent hosts oven.bakery.test | grep -q 127.0.0.22",
    );
    world.oven("fine", "127.0.0.22:7340");
    world.shows(502, "connect() failed (111: Connection refused)");
    world.diagnose().finds("dns-stale-address");
}

/// dnsmasq on 127.0.0.1 as everybody's nameserver, with a cache, before the one on 127.0.0.53 that is responsible for
/// `bakery.test` and has the address in `$1`; `moved ADDRESS` starts the latter again with another one.
const ZONE: &str = "ip addr add 127.0.0.53/32 dev lo 2> /dev/null || true
responsible() { dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --user=root --bind-interfaces \
    --listen-address=127.0.0.53 --pid-file=$PWD/run/zone.pid --auth-server=ns.bakery.test,127.0.0.53 --auth-zone=bakery.test \
    --auth-ttl=600 --host-record=ns.bakery.test,127.0.0.53 ${1:-}; }
moved() { kill $(cat run/zone.pid); sleep 0.3; responsible \"$1\"; }";

/// The nameserver with the cache.
const FORWARDER: &str = "dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --user=root --bind-interfaces \
    --listen-address=127.0.0.1 --pid-file=$PWD/run/dnsmasq.pid --server=/bakery.test/127.0.0.53";

#[test]
fn a_nameserver_that_keeps_an_old_address_is_held_against_the_servers_of_the_zone() {
    let Some(world) = World::start(&["dnsmasq"]) else {
        return;
    };
    world.run(&format!(
        "{ZONE}\nresponsible --host-record=oven.bakery.test,127.0.0.21\n{FORWARDER}"
    ));
    world.oven("fine", "127.0.0.22:7340");
    world.nginx_to("http://oven.bakery.test:7340");
    world.run(&format!(
        "{ZONE}\nmoved --host-record=oven.bakery.test,127.0.0.22; sleep 0.3
         getent hosts oven.bakery.test | grep -q 127.0.0.21"
    ));
    world.shows(502, "connect() failed (111: Connection refused)");
    let report = world.diagnose();
    report.finds("dns-stale-address");
    for expected in [
        "oven.bakery.test is now 127.0.0.22",
        "127.0.0.1:53 answers 127.0.0.21 for oven.bakery.test",
        "ns.bakery.test, responsible for bakery.test, answers 127.0.0.22",
        "dig @127.0.0.53",
    ] {
        assert!(report.mentions(expected), "{expected}: {}", report.text());
    }
    replayed(&world).finds("dns-stale-address");
}

#[test]
fn a_name_that_its_own_zone_has_and_the_nameserver_denies_is_told_as_such() {
    let Some(world) = World::start(&["dnsmasq"]) else {
        return;
    };
    world.run(&format!("{ZONE}\nresponsible\n{FORWARDER} --neg-ttl=600"));
    world.oven("fine", "127.0.0.22:7340");
    world.nginx(&format!("resolver 127.0.0.1; {VARIABLE}"), "");
    world.shows(502, "oven.bakery.test could not be resolved (3: Host not found)");
    world.run(&format!(
        "{ZONE}\nmoved --host-record=oven.bakery.test,127.0.0.22"
    ));
    let report = world.diagnose();
    report.finds("dns-nxdomain");
    for expected in [
        "ns.bakery.test, responsible for bakery.test, answers 127.0.0.22",
        "forget that oven.bakery.test was not there",
    ] {
        assert!(report.mentions(expected), "{expected}: {}", report.text());
    }
}

#[test]
fn a_name_that_the_search_list_completes_is_found_where_the_system_finds_it() {
    let Some(world) = World::start(&["dnsmasq"]) else {
        return;
    };
    world.write("conf/names", "127.0.0.21 oven-1.bakery.test\n");
    world.run(DNSMASQ);
    world.run("printf 'search cellar.bakery.test bakery.test\\noptions ndots:1\\n' >> /etc/resolv.conf");
    world.nginx_to("http://oven-1:7340");
    world.shows(502, "connect() failed (111: Connection refused)");
    let report = world.diagnose();
    report.finds("upstream-not-running");
    assert!(
        report.mentions("completed by the search list to oven-1.bakery.test"),
        "{}",
        report.text()
    );
    assert!(!report.mentions("NXDOMAIN"), "{}", report.text());
    // The name is replaced with and without its domain alike, so that the recorded answers fit.
    let elsewhere = replayed(&world);
    elsewhere.finds("upstream-not-running");
    assert!(
        elsewhere.mentions("completed by the search list to host-"),
        "{}",
        elsewhere.text()
    );
}

#[test]
fn tls_spoken_to_a_plain_port_is_named() {
    let Some(world) = World::start(&[]) else { return };
    world.oven("fine", "127.0.0.1:7340");
    world.nginx_to("https://127.0.0.1:7340");
    world.shows(502, "SSL_do_handshake() failed");
    assert!(
        world.error_log().contains("wrong version number"),
        "{}",
        world.error_log()
    );
    world.diagnose().finds("tls-to-plaintext-port");
}

#[test]
fn plain_http_spoken_to_a_tls_port_is_named() {
    let Some(world) = World::start(&["openssl"]) else {
        return;
    };
    world.certificate();
    world.oven_with("fine", "127.0.0.1:7340", "--certificate conf/oven.pem");
    world.nginx_to("http://127.0.0.1:7340");
    world.shows(502, "while reading response header from upstream");
    world.diagnose().finds("plaintext-to-tls-port");
}

#[test]
fn an_upstream_that_chooses_by_the_name_in_the_handshake_needs_to_be_told_it() {
    let Some(world) = World::start(&["openssl"]) else {
        return;
    };
    world.certificate();
    let d = world.path("");
    world.write(
        "conf/oven.conf",
        &format!(
            "user www-data;\npid {d}run/oven-nginx.pid;\nerror_log {d}logs/oven-error.log;\nevents {{}}\nhttp {{\n\
             access_log off;\nserver {{ listen 127.0.0.1:7340 ssl default_server; ssl_reject_handshake on; }}\n\
             server {{ listen 127.0.0.1:7340 ssl; server_name oven.bakery.test; ssl_certificate {d}conf/oven.pem;\n\
             ssl_certificate_key {d}conf/oven.pem; location / {{ return 200 bread; }} }}\n}}\n"
        ),
    );
    world.run(
        "nginx -c $PWD/conf/oven.conf > logs/oven.out 2>&1; echo 127.0.0.1 oven.bakery.test >> /etc/hosts",
    );
    world.run("curl -sSk -o /dev/null -f https://oven.bakery.test:7340/");
    world.nginx_to("https://oven.bakery.test:7340");
    world.shows(502, "unrecognized name:SSL alert number 112");
    world.diagnose().finds("tls-sni-missing");
}
/// Accepts connections, reads, and never answers.
const SILENT: &str = "python3 -c 'import socket, time
listener = socket.create_server((\"127.0.0.21\", 7340))
kept = []
while True: kept.append(listener.accept())' > /dev/null 2>&1 & echo $! > run/silent.pid; sleep 0.3";

#[test]
fn the_connections_of_the_workers_are_held_against_the_answers_of_today() {
    let Some(world) = World::start(&["dnsmasq"]) else {
        return;
    };
    world.write("conf/names", "127.0.0.21 oven.bakery.test\n");
    world.run(DNSMASQ);
    world.run(SILENT);
    world.nginx(
        "location / { proxy_read_timeout 1s; proxy_pass http://oven.bakery.test:7340; } \
         location /slow { proxy_read_timeout 60s; proxy_pass http://oven.bakery.test:7340; }",
        "",
    );
    world.run(
        "curl -s http://www.bakery.test:8460/slow > /dev/null 2>&1 &
         echo 127.0.0.22 oven.bakery.test > conf/names; kill -HUP $(cat run/dnsmasq.pid); sleep 0.3
         getent hosts oven.bakery.test | grep -q 127.0.0.22",
    );
    let report = world.diagnose();
    report.finds("dns-stale-address");
    assert!(
        report.mentions("holds a connection to 127.0.0.21:7340"),
        "{}",
        report.text()
    );
    assert!(
        report.mentions("the system answers 127.0.0.22"),
        "{}",
        report.text()
    );
    assert!(report.mentions("fires first"), "{}", report.text());
}
