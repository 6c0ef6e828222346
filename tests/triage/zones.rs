//! Logs of different zones on one timeline.

use fix502::evidence::{LogAccount, Snapshot, Symptom, ZoneSource};
use fix502::triage::Input;

use super::judged;

fn sent(files: &[(&str, &str)]) -> Snapshot {
    let inputs = files
        .iter()
        .map(|(name, text)| Input {
            name: (*name).to_owned(),
            bytes: text.as_bytes().to_vec(),
            account: None,
        })
        .collect();
    judged(inputs).0
}

fn error(time: &str, path: &str) -> String {
    format!(
        "{time} [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.9, server: a, request: \"GET {path} HTTP/1.1\", upstream: \"http://127.0.0.1:7{path}\", host: \"a\"\n"
    )
}

fn access(time: &str, path: &str) -> String {
    format!("192.0.2.9 - - [{time}] \"GET {path} HTTP/1.1\" 502 157 \"-\" \"curl/7.88.1\"\n")
}

fn zone(snapshot: &Snapshot) -> (i32, ZoneSource) {
    let zone = snapshot
        .pieces
        .as_ref()
        .and_then(|pieces| pieces.zone)
        .expect("a zone");
    (zone.offset_s, zone.known_by)
}

fn first_ms(snapshot: &Snapshot) -> Option<i64> {
    snapshot.pieces.as_ref()?.failures.first()?.first_ms
}

/// 2026-11-22 18:10:55 UTC.
const AT_MS: i64 = 1_795_371_055_000;

#[test]
fn a_request_in_both_logs_tells_the_zone_of_the_error_log() {
    // The error log in New York's time, the access log with its offset.
    let errors = error("2026/11/22 13:10:55", "/cart") + &error("2026/11/22 13:12:03", "/pay");
    let accesses =
        access("22/Nov/2026:13:10:55 -0500", "/cart") + &access("22/Nov/2026:13:12:04 -0500", "/pay");
    let snapshot = sent(&[("error.log", &errors), ("access.log", &accesses)]);
    assert_eq!(
        zone(&snapshot),
        (-18_000, ZoneSource::SharedRequests { count: 2 })
    );
    assert_eq!(first_ms(&snapshot), Some(AT_MS));
}

#[test]
fn an_access_log_of_another_zone_does_not_mislead_where_requests_are_shared() {
    // A central log of requests in UTC, errors as the host in Kathmandu (+05:45) wrote them.
    let errors = error("2026/11/22 23:55:55", "/cart") + &error("2026/11/22 23:58:03", "/pay");
    let accesses =
        access("22/Nov/2026:18:10:55 +0000", "/cart") + &access("22/Nov/2026:18:13:04 +0000", "/pay");
    let snapshot = sent(&[("error.log", &errors), ("access.log", &accesses)]);
    assert_eq!(zone(&snapshot), (20_700, ZoneSource::SharedRequests { count: 2 }));
    assert_eq!(first_ms(&snapshot), Some(AT_MS));
}

#[test]
fn a_flood_of_one_request_leaves_the_zone_that_is_printed() {
    // One failure every quarter of an hour for two days fits every zone.
    let (mut errors, mut accesses) = (String::new(), String::new());
    for day in [21, 22] {
        for quarter in 0..96 {
            let clock = format!("{:02}:{:02}:07", quarter / 4, quarter % 4 * 15);
            errors += &error(&format!("2026/11/{day} {clock}"), "/");
            accesses += &access(&format!("{day}/Nov/2026:{clock} +0100"), "/");
        }
    }
    let snapshot = sent(&[("error.log", &errors), ("access.log", &accesses)]);
    assert_eq!(zone(&snapshot).0, 3_600);
}

#[test]
fn without_shared_requests_the_printed_zone_is_taken_and_without_any_utc_and_both_are_said() {
    let errors = error("2026/11/22 19:10:55", "/cart");
    let snapshot = sent(&[
        ("error.log", &errors),
        ("access.log", &access("21/Nov/2026:09:00:00 +0100", "/x")),
    ]);
    assert_eq!(zone(&snapshot), (3_600, ZoneSource::Printed));
    assert_eq!(first_ms(&snapshot), Some(AT_MS));
    let snapshot = sent(&[("error.log", &errors)]);
    assert_eq!(zone(&snapshot), (0, ZoneSource::Assumed));
    assert_eq!(first_ms(&snapshot), Some(AT_MS + 3_600_000));
}

#[test]
fn five_kinds_of_times_are_one_minute() {
    // nginx without a zone, its access log with one, Squid in seconds since 1970, gunicorn with an offset of its own,
    // an application in UTC, and the journal with a zone.
    let errors = error("2026/11/22 19:10:55", "/cart");
    let accesses = access("22/Nov/2026:19:10:55 +0100", "/cart");
    let squid = "1795371055.120      3 192.0.2.9 TCP_MISS/502 244 GET http://a/x - HIER_DIRECT/127.0.0.1 text/html\n1795371055.220      3 192.0.2.9 TCP_MISS/502 244 GET http://a/x - HIER_DIRECT/127.0.0.1 text/html\n";
    let gunicorn = "[2026-11-22 13:10:54 -0500] [10] [CRITICAL] WORKER TIMEOUT (pid:11)\n[2026-11-22 13:10:54 -0500] [11] [INFO] Worker exiting (pid: 11)\n";
    let journal = "2026-11-22T19:10:54+0100 web-1 gunicorn[77]: [CRITICAL] WORKER TIMEOUT (pid:80)\n2026-11-22T19:10:54+0100 web-1 systemd[1]: shop.service: Main process exited, code=killed, status=9/KILL\n";
    let snapshot = sent(&[
        ("error.log", &errors),
        ("access.log", &accesses),
        ("squid.log", squid),
        ("gunicorn.log", gunicorn),
        ("journal.txt", journal),
    ]);
    let near = |at_ms: i64| (at_ms - AT_MS).abs() <= 1_500;
    assert!(first_ms(&snapshot).is_some_and(near), "{:?}", snapshot.pieces);
    let requests = snapshot.log.access_before.iter().filter_map(|request| request.at_ms);
    let requests: Vec<i64> = requests.collect();
    assert!(
        requests.len() == 3 && requests.iter().all(|at_ms| near(*at_ms)),
        "{requests:?}"
    );
    let lines = snapshot.applications.iter().flat_map(|server| &server.log);
    let lines: Vec<Option<i64>> = lines.map(|line| line.at_ms).collect();
    assert!(
        !lines.is_empty() && lines.iter().all(|at_ms| at_ms.is_some_and(near)),
        "{lines:?}"
    );
}

#[test]
fn the_end_of_summer_time_breaks_no_count() {
    // Berlin, 2026-10-25: from 01:00 UTC on an hour later is an hour earlier. One failure a minute, four hours long.
    let (mut errors, mut accesses) = (String::new(), String::new());
    let began_ms = 1_792_890_000_000_i64 - 2 * 3_600_000;
    for minute in 0..240 {
        let at_ms = began_ms + minute * 60_000;
        let (offset_s, printed) = if minute < 120 {
            (7_200, "+0200")
        } else {
            (3_600, "+0100")
        };
        let local = jiff::Timestamp::from_millisecond(at_ms + offset_s * 1_000).expect("a time");
        errors += &error(
            &local.strftime("%Y/%m/%d %H:%M:%S").to_string(),
            &format!("/{minute}"),
        );
        let stamp = format!("{} {printed}", local.strftime("%d/%b/%Y:%H:%M:%S"));
        accesses += &access(&stamp, &format!("/{minute}"));
    }
    let snapshot = sent(&[("error.log", &errors), ("access.log", &accesses)]);
    let account: &LogAccount = snapshot.log.account.as_ref().expect("an account");
    assert_eq!(account.oddities.clock_jumps, 0);
    let refused = account
        .symptoms
        .iter()
        .find(|count| count.symptom == Symptom::ConnectionRefused);
    let refused = refused.expect("counted");
    assert_eq!(refused.count, 240);
    assert_eq!(
        (refused.first_ms, refused.last_ms),
        (Some(began_ms), Some(began_ms + 239 * 60_000))
    );
    assert_eq!(refused.series.iter().map(|step| step.count).sum::<u64>(), 240);
    assert!(
        refused.series.iter().all(|step| step.count == 1),
        "one a minute, none twice"
    );
    assert_eq!(account.episodes.len(), 1);
}

#[test]
fn a_clock_that_was_set_back_loses_nothing_and_is_told() {
    let minute = |minute: i64, at: &str| error(&format!("2026/11/22 {at}:{minute:02}:00"), "/cart");
    let errors: String = (0..30)
        .map(|m| minute(m, "18"))
        .chain((5..30).map(|m| minute(m, "15")))
        .collect();
    let snapshot = sent(&[("error.log", &errors)]);
    let account = snapshot.log.account.as_ref().expect("an account");
    assert_eq!(account.symptoms.iter().map(|count| count.count).sum::<u64>(), 55);
    assert_eq!(account.oddities.clock_jumps, 1);
}

#[test]
fn logs_of_applications_stand_beside_the_proxy_s_line_on_one_timeline() {
    // The proxy's host in Berlin; Tomcat and php-fpm write its local time, Node UTC, Puma an offset.
    let errors = error("2026/11/22 19:10:55", "/cart");
    let accesses = access("22/Nov/2026:19:10:55 +0100", "/cart");
    for (name, kind, text) in [
        (
            "catalina.out",
            "java",
            "22-Nov-2026 19:10:54.123 SEVERE [http-nio-8080-exec-1] org.apache.coyote.AbstractProtocol java.lang.OutOfMemoryError: Java heap space\n",
        ),
        (
            "fpm.log",
            "php-fpm",
            "[22-Nov-2026 19:10:54] WARNING: [pool www] child 96 exited on signal 11 (SIGSEGV) after 3.5 seconds from start\n",
        ),
        (
            "node.log",
            "node",
            "2026-11-22T18:10:54.000Z FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n",
        ),
        (
            "puma.log",
            "puma",
            "=== puma startup: 2026-11-22 18:10:54 +0000 ===\n",
        ),
        (
            "uwsgi.log",
            "uwsgi",
            "Sun Nov 22 19:10:54 2026 - DAMN ! worker 1 (pid: 9) died, killed by signal 9 :( trying respawn ...\n",
        ),
        (
            "gunicorn.log",
            "gunicorn",
            "[2026-11-22 13:10:54 -0500] [10] [CRITICAL] WORKER TIMEOUT (pid:11)\n",
        ),
    ] {
        let snapshot = sent(&[("error.log", &errors), ("access.log", &accesses), (name, text)]);
        let server = snapshot
            .applications
            .first()
            .unwrap_or_else(|| panic!("{name} is not recognised"));
        assert_eq!(server.kind, kind);
        let at_ms = server.log.first().and_then(|line| line.at_ms);
        // Puma's line holds its time further in, and only the counting reader looks there.
        if kind != "puma" {
            assert_eq!(at_ms, Some(AT_MS - 1_000), "{name}");
        }
    }
}
