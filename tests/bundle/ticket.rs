//! The ticket about a host with nginx, with Apache httpd and with Squid, as its reader gets it.

use fix502::evidence::{
    AccessEntry, Cloud, ConfigCommit, ConfigFile, ConfigSummary, ErrorEntry, LogAccount, LogEvent,
    LogEventKind, Observed, PackageChange, ProxyKind, ProxyProcess, Snapshot, Unit,
};
use fix502::finding::StepId;
use fix502::host::Transcript;
use fix502::proxy::{apache, nginx, squid};
use fix502::report::Report;
use fix502::verdict::decide;

use super::planted::{files, written};

/// 2026-11-22 17:00:00 UTC.
const NOW_MS: i64 = 1_795_366_800_000;
const MINUTE_MS: i64 = 60_000;

/// A case of the catalogue as the beginning of a host.
fn case(name: &str) -> Snapshot {
    let path = format!("{}/tests/cases/{name}/found.json", env!("CARGO_MANIFEST_DIR"));
    let case: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    serde_json::from_value(case["snapshot"].clone()).unwrap()
}

fn dressed(mut snapshot: Snapshot, kind: ProxyKind, version: &str, config: &str) -> Snapshot {
    "web-1".clone_into(&mut snapshot.host.name);
    "Linux 6.1.0-28-amd64".clone_into(&mut snapshot.host.system);
    snapshot.host.distribution = Some("Debian GNU/Linux 12 (bookworm)".to_owned());
    snapshot.host.now_ms = NOW_MS;
    for (index, attempt) in snapshot.attempts.iter_mut().enumerate() {
        attempt.at_ms = NOW_MS + i64::try_from(index).unwrap() * 1_000;
    }
    let mut proxy = ProxyProcess {
        kind,
        version: Some(version.to_owned()),
        config: config.to_owned(),
        ..ProxyProcess::default()
    };
    proxy.master.started_ms = NOW_MS - 40_000 * MINUTE_MS;
    snapshot.proxies = Observed::Seen(vec![proxy.clone()]);
    snapshot.proxy = Some(proxy);
    snapshot.config = Observed::Seen(ConfigSummary {
        files: vec![ConfigFile {
            path: config.to_owned(),
            bytes: 900,
            modified_ms: Some(NOW_MS - 75 * MINUTE_MS),
        }],
        ..ConfigSummary::default()
    });
    snapshot
}

fn ticket(snapshot: Snapshot) -> String {
    let diagnosis = decide(&snapshot);
    let steps = StepId::ALL
        .into_iter()
        .map(|step| fix502::steps::summarise(step, &snapshot, &diagnosis))
        .collect();
    let report = Report::new(snapshot, diagnosis, steps);
    let archive = written(&Transcript::default(), &report, "");
    let ticket = files(&archive)
        .into_iter()
        .find(|(name, _)| name == "ticket.md")
        .unwrap();
    String::from_utf8(ticket.1).unwrap()
}

/// An account of the logs that tells of a reload.
fn reloaded(at_ms: i64, file: &str) -> LogAccount {
    LogAccount {
        events: vec![LogEvent {
            at_ms,
            kind: LogEventKind::Reloaded,
            count: 1,
            file: file.to_owned(),
            text: String::new(),
        }],
        ..LogAccount::default()
    }
}

fn repeated(line: &str, times: &[&str], read: impl Fn(&str) -> Option<ErrorEntry>) -> Vec<ErrorEntry> {
    times
        .iter()
        .map(|time| read(&line.replace("TIME", time)).unwrap())
        .collect()
}

#[test]
fn the_ticket_about_nginx_reads_as_a_provider_needs_it() {
    let mut snapshot = dressed(
        case("upstream-not-running"),
        ProxyKind::Nginx,
        "1.22.1",
        "/etc/nginx/nginx.conf",
    );
    snapshot.host.cloud = Some(Cloud {
        name: "Hetzner".to_owned(),
        console: "https://console.hetzner.cloud".to_owned(),
        status: "https://status.hetzner.com".to_owned(),
    });
    let read = |line: &str| nginx::error_log::entry(line, "/var/log/nginx/error.log", 0);
    let line = |path: &str| {
        format!(
            "2026/11/22 TIME [error] 812#812: *71 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.44, server: , request: \"GET {path} HTTP/1.1\", upstream: \"http://127.0.0.1:8080{path}\", host: \"shop.example\""
        )
    };
    snapshot.log.before = repeated(
        &line("/?session=1"),
        &[
            "14:51:07", "14:51:09", "15:10:00", "15:59:59", "16:30:12", "16:59:58",
        ],
        read,
    );
    snapshot
        .log
        .before
        .extend(repeated(&line("/api/cart"), &["16:31:00", "16:59:00"], read));
    snapshot.log.account = Some(reloaded(NOW_MS - 130 * MINUTE_MS, "/var/log/nginx/error.log"));
    snapshot.log.access_before = [(200, 2), (502, 1), (502, 0)]
        .into_iter()
        .map(|(status, ago)| AccessEntry {
            at_ms: Some(NOW_MS - ago * MINUTE_MS),
            status: Some(status),
            text: format!("192.0.2.44 - - [22/Nov/2026] \"GET / HTTP/1.1\" {status} 157"),
            ..AccessEntry::default()
        })
        .collect();
    snapshot.package_changes = Observed::Seen(vec![PackageChange {
        at_ms: Some(NOW_MS - 131 * MINUTE_MS),
        package: "nodejs".to_owned(),
        old: Some("18.13.0".to_owned()),
        new: Some("18.19.0".to_owned()),
        file: "/var/log/dpkg.log".to_owned(),
    }]);
    snapshot.config_history = Observed::Seen(vec![ConfigCommit {
        at_ms: NOW_MS - 74 * MINUTE_MS,
        repository: "/etc".to_owned(),
        id: "ab12cd3".to_owned(),
        subject: "committing changes in /etc after apt run".to_owned(),
        files: vec![
            "nginx/nginx.conf".to_owned(),
            "nginx/sites-enabled/shop".to_owned(),
        ],
    }]);
    snapshot.units = Observed::Seen(vec![Unit {
        name: "shop.service".to_owned(),
        active: "failed".to_owned(),
        result: "exit-code".to_owned(),
        restarts: 5,
        active_since_ms: Some(NOW_MS - 20_000 * MINUTE_MS),
        inactive_since_ms: Some(NOW_MS - 129 * MINUTE_MS),
        ..Unit::default()
    }]);
    insta::assert_snapshot!(ticket(snapshot));
}

#[test]
fn the_ticket_about_apache_reads_as_a_provider_needs_it() {
    let mut snapshot = dressed(
        case("proxy-tls-not-enabled"),
        ProxyKind::Apache,
        "2.4.65",
        "/etc/apache2/apache2.conf",
    );
    let read = |line: &str| apache::error_log::entry(line, "/var/log/apache2/error.log", 0);
    snapshot.log.during = repeated(
        "[Sun Nov 22 TIME.771217 2026] [proxy:error] [pid 31927:tid 31960] [client 192.0.2.44:47640] AH01961: failed to enable ssl support for 127.0.0.1:9443 (127.0.0.1) [Hint: if using mod_ssl, see SSLProxyEngine]",
        &["16:58:01", "17:00:01"],
        read,
    );
    snapshot.log.account = Some(reloaded(NOW_MS - 74 * MINUTE_MS, "/var/log/apache2/error.log"));
    snapshot.package_changes = Observed::Seen(vec![PackageChange {
        at_ms: Some(NOW_MS - 200 * MINUTE_MS),
        package: "apache2".to_owned(),
        old: Some("2.4.62-1".to_owned()),
        new: Some("2.4.65-1".to_owned()),
        file: "/var/log/dpkg.log".to_owned(),
    }]);
    insta::assert_snapshot!(ticket(snapshot));
}

#[test]
fn the_ticket_about_squid_reads_as_a_provider_needs_it() {
    let mut snapshot = dressed(
        case("forward-proxy-no-path"),
        ProxyKind::Squid,
        "5.7",
        "/etc/squid/squid.conf",
    );
    snapshot.log.account = Some(reloaded(NOW_MS - 74 * MINUTE_MS, "/var/log/squid/cache.log"));
    snapshot.log.access_before = ["1795366501.602", "1795366740.002"]
        .into_iter()
        .map(|time| {
            let line = format!(
                "{time}      2 192.0.2.44 TCP_MISS/502 3911 GET http://shop.example/ - FIRSTUP_PARENT/127.0.0.1 text/html"
            );
            squid::access_log::entry(&line).unwrap()
        })
        .collect();
    insta::assert_snapshot!(ticket(snapshot));
}
