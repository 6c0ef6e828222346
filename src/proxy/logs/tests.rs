//! Tests of the readers of logs: lines as servers and strangers write them.

use super::*;
use crate::evidence::{LogEventKind, SymptomCount};

fn account(kind: &LogKind, bytes: &[u8]) -> LogAccount {
    let mut reader = LogReader::default();
    reader.begin(kind, "x.log", 0);
    for piece in bytes.chunks(911) {
        reader.feed(piece);
    }
    reader.account()
}

fn nginx(text: &str) -> LogAccount {
    account(&LogKind::NginxError, text.as_bytes())
}

fn counts(account: &LogAccount) -> Vec<(Symptom, Option<&str>, u64)> {
    let one = |count: &SymptomCount| (count.symptom, count.count);
    let mut counts: Vec<_> = account
        .symptoms
        .iter()
        .map(|count| (one(count).0, count.upstream.as_deref(), one(count).1))
        .collect();
    counts.sort();
    counts
}

const REFUSED: &str = "2026/11/22 13:50:56 [error] 27368#27368: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: app.test, request: \"GET /a HTTP/1.1\", upstream: \"http://127.0.0.1:9001/a\", host: \"127.0.0.1:8081\"";

#[test]
fn optional_fields_may_be_missing() {
    let account = nginx(
        "2026/11/22 13:50:56 [error] 27368#27368: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: , request: \"GET / HTTP/1.1\", subrequest: \"/auth\", upstream: \"http://127.0.0.1:9001/auth\", host: \"x\", referrer: \"http://a, upstream: b\"
2026/11/22 13:50:56 [error] 7#9: connect() failed (111: Connection refused) while connecting to upstream, client: unix:, server: a, upstream: \"http://unix:/run/app.sock:/\"
2026/11/22 13:50:57 [error] 7#9: *12 gone.test could not be resolved (3: Host not found), client: 127.0.0.1, server: , request: \"GET / HTTP/1.1\", host: \"x\"
2026/11/22 13:50:58 [error] 7#9: upstream timed out (110: Connection timed out) while connecting to upstream
2026/11/22 13:50:58 [crit] 7#9: *13 connect() to unix:/a, client: b/x.sock failed (13: Permission denied) while connecting to upstream, client: 1.1.1.1, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://unix:/a, client: b/x.sock:/\", host: \"x\"
",
    );
    assert_eq!(
        counts(&account).get(..3),
        Some(
            &[
                (Symptom::ConnectionRefused, Some("http://127.0.0.1:9001"), 1),
                (Symptom::ConnectionRefused, Some("http://unix:/run/app.sock"), 1),
                (Symptom::ConnectTimeout, None, 1),
            ][..]
        )
    );
    assert_eq!(
        account.files.first().map(|file| (file.lines, file.foreign_lines)),
        Some((5, 0))
    );
}

#[test]
fn what_an_application_writes_over_several_lines_is_one_line() {
    let account = nginx(
        "2026/11/22 13:52:30 [error] 5#5: *9 FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Uncaught Error in /srv/a.php:1
Stack trace:
#0 {main}
  thrown in /srv/a.php on line 1\" while reading response header from upstream, client: 127.0.0.1, server: , request: \"GET /a.php HTTP/1.1\", upstream: \"fastcgi://unix:/run/php.sock:\", host: \"x\"
2026/11/22 13:52:31 [error] 5#5: *9 FastCGI sent in stderr: \"Primary script unknown\" while reading response header from upstream, client: 127.0.0.1, server: , request: \"GET / HTTP/1.1\", upstream: \"fastcgi://127.0.0.1:9000\", host: \"x\"
",
    );
    assert_eq!(
        counts(&account),
        [
            (Symptom::BackendStderr, Some("fastcgi://127.0.0.1:9000"), 1),
            (Symptom::BackendStderr, Some("fastcgi://unix:/run/php.sock"), 1),
        ]
    );
    assert!(
        account.episodes.is_empty(),
        "a message of the application fails no request"
    );
    assert_eq!(account.files.first().map(|file| file.foreign_lines), Some(0));
}

#[test]
fn a_last_line_without_its_end_counts_and_is_noted() {
    let cut = REFUSED.get(..200).expect("long enough");
    let account = nginx(&format!("{REFUSED}\n{cut}"));
    assert_eq!(account.symptoms.iter().map(|count| count.count).sum::<u64>(), 2);
    assert_eq!(account.oddities.cut_lines, 1);
    assert_eq!(nginx(&format!("{REFUSED}\n")).oddities.cut_lines, 0);
}

#[test]
fn zero_bytes_before_a_line_are_passed_over() {
    let zeros = "\0".repeat(5_000);
    let account = nginx(&format!("{REFUSED}\n{zeros}{REFUSED}\n{zeros}\n{REFUSED}\n"));
    assert_eq!(account.symptoms.first().map(|count| count.count), Some(3));
    assert_eq!(account.oddities.nul_lines, 2);
}

#[test]
fn a_line_of_ten_megabytes_takes_no_more_than_a_long_one() {
    let long = format!("{}{}", REFUSED.trim_end_matches('"'), "x".repeat(10 << 20));
    let account = nginx(&format!("{REFUSED}\n{long}\n{REFUSED}\n"));
    assert_eq!(account.symptoms.first().map(|count| count.count), Some(3));
    assert_eq!(account.oddities.long_lines, 1);
    let garbage = [vec![0xff; 10 << 20], b"\n".to_vec(), REFUSED.as_bytes().to_vec()].concat();
    let account = self::account(&LogKind::NginxError, &garbage);
    assert_eq!(account.symptoms.first().map(|count| count.count), Some(1));
}

#[test]
fn other_encodings_are_counted_and_shown_as_what_they_may_be() {
    let mut bytes = REFUSED.replace("/a HTTP", "/caf\u{e9} HTTP").into_bytes();
    bytes.extend(b"\r\n");
    // The same in Latin-1, and something that is nothing.
    bytes.extend(
        REFUSED
            .as_bytes()
            .iter()
            .map(|byte| if *byte == b'G' { 0xe9 } else { *byte }),
    );
    bytes.push(b'\n');
    bytes.extend(b"\xff\xfe\x00\xd8 nothing\n");
    let account = account(&LogKind::NginxError, &bytes);
    assert_eq!(
        counts(&account),
        [(Symptom::ConnectionRefused, Some("http://127.0.0.1:9001"), 2)]
    );
    assert!(account.symptoms.iter().all(|count| !count.sample.contains('\r')));
}

#[test]
fn a_clock_that_jumps_back_is_noted_and_every_minute_stays_exact() {
    let at = |time: &str| REFUSED.replace("13:50:56", time);
    let account = nginx(
        &[
            at("13:50:56"),
            at("13:51:10"),
            at("13:50:50"),
            at("02:50:00"),
            at("02:50:01"),
        ]
        .join("\n"),
    );
    assert_eq!(account.oddities.clock_jumps, 1, "twenty seconds are no jump");
    let series: Vec<(i64, u64)> = account
        .symptoms
        .iter()
        .flat_map(|count| &count.series)
        .map(|step| (step.at_ms / 60_000 % 1_440, step.count))
        .collect();
    assert_eq!(series, [(170, 2), (830, 2), (831, 1)]);
    assert_eq!(account.episodes.len(), 2);
}

#[test]
fn local_time_is_moved_to_utc() {
    let mut reader = LogReader::default();
    reader.begin(&LogKind::NginxError, "a", -5 * 3_600);
    reader.feed(REFUSED.as_bytes());
    let account = reader.account();
    assert_eq!(account.first_ms, Some(1_795_373_456_000));
}

#[test]
fn lines_outside_of_the_time_that_was_asked_for_are_passed_over() {
    let at = |time: &str| format!("{}\n", REFUSED.replace("13:50:56", time));
    let ms = |time: &str| line_ms(at(time).as_bytes(), 0);
    let mut reader = LogReader::between(ms("13:51:00"), ms("13:52:00"));
    reader.begin(&LogKind::NginxError, "a", 0);
    for time in ["13:50:59", "13:51:00", "13:51:59", "13:52:00"] {
        reader.feed(at(time).as_bytes());
    }
    let account = reader.account();
    assert_eq!(account.symptoms.first().map(|count| count.count), Some(2));
    assert_eq!(account.first_ms, ms("13:51:00"));
    assert_eq!(account.last_ms, ms("13:51:59"));
}

#[test]
fn no_live_upstreams_is_a_consequence_of_what_came_before() {
    let no_live = "2026/11/22 13:50:55 [error] 1#1: *1 no live upstreams while connecting to upstream, client: 127.0.0.1, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://app/\", host: \"x\"";
    let account = nginx(&format!("{no_live}\n{REFUSED}\n{no_live}\n"));
    let episode = account.episodes.first().expect("one");
    assert_eq!(episode.count, 3);
    assert_eq!(
        episode.first.as_ref().map(|first| first.symptom),
        Some(Symptom::NoLiveUpstreams)
    );
    assert_eq!(
        episode.root.as_ref().map(|root| root.symptom),
        Some(Symptom::ConnectionRefused)
    );
}

#[test]
fn files_read_one_after_the_other_join_whatever_their_order() {
    let at = |time: &str| format!("{}\n", REFUSED.replace("13:50:56", time));
    let mut reader = LogReader::default();
    for (file, times) in [
        ("error.log", ["13:52:00", "13:53:00"]),
        ("error.log.1", ["13:50:00", "13:51:00"]),
    ] {
        reader.begin(&LogKind::NginxError, file, 0);
        for time in times {
            reader.feed(at(time).as_bytes());
        }
    }
    let account = reader.account();
    let episode = account.episodes.first().expect("one");
    assert_eq!((account.episodes.len(), episode.count), (1, 4));
    assert_eq!(
        episode.began_ms,
        line_ms(at("13:50:00").as_bytes(), 0).expect("a time")
    );
    assert_eq!(account.oddities.clock_jumps, 0, "another file is no jump");
    assert_eq!(account.files.len(), 2);
}

#[test]
fn reloads_are_events_and_not_errors() {
    let account = nginx(
        "2026/11/22 13:50:00 [notice] 1#1: signal 1 (SIGHUP) received from 77, reconfiguring
2026/11/22 13:50:00 [notice] 1#1: reconfiguring
2026/11/22 13:50:01 [notice] 1#1: start worker processes
2026/11/22 13:50:02 [alert] 1#1: worker process 9 exited on signal 11
",
    );
    let events: Vec<_> = account.events.iter().map(|event| (event.kind, event.count)).collect();
    assert_eq!(events, [(LogEventKind::Reloaded, 2), (LogEventKind::Started, 1)]);
    assert_eq!(counts(&account), [(Symptom::WorkerCrashed, None, 1)]);
}

#[test]
fn apache_s_lines_of_one_request_count_once() {
    let account = account(
        &LogKind::ApacheError,
        b"[Sun Nov 22 14:00:25.771177 2026] [proxy_http:error] [pid 31927:tid 31960] (104)Connection reset by peer: [client 127.0.0.1:47640] AH01102: error reading status line from remote server 127.0.0.1:9001
[Sun Nov 22 14:00:25.771217 2026] [proxy:error] [pid 31927:tid 31960] [client 127.0.0.1:47640] AH00898: Error reading from remote server returned by /close-on-accept
[Sun Nov 22 14:00:30.983901 2026] [proxy_http:warn] [pid 31926:tid 31938] (28)No space left on device: [client 127.0.0.1:47714] AH10124: header size is over the limit allowed by ResponseFieldSize (8192 bytes). Bad response header: 'Set-Cookie'
[Sun Nov 22 14:00:30.983949 2026] [proxy_http:warn] [pid 31926:tid 31938] [client 127.0.0.1:47714] AH01106: bad HTTP/1.1 header returned by /header-9k (GET)
[Sun Nov 22 14:00:31.722025 2026] [proxy_http:warn] [pid 31928:tid 31982] [client 127.0.0.1:47742] AH01106: bad HTTP/1.1 header returned by /header-no-colon (GET)
[Sun Nov 22 14:01:00.000000 2026] [mpm_event:notice] [pid 1:tid 1] AH00493: SIGUSR1 received.  Doing graceful restart
",
    );
    assert_eq!(
        counts(&account),
        [
            (Symptom::ResetBeforeHeader, Some("127.0.0.1:9001"), 1),
            (Symptom::HeaderTooBig, None, 1),
            (Symptom::InvalidHeader, None, 1),
        ]
        .map(|one| one)
    );
    assert_eq!(
        account.events.first().map(|event| event.kind),
        Some(LogEventKind::Reloaded)
    );
}

#[test]
fn requests_are_counted_by_status_path_and_minute() {
    let account = account(
        &LogKind::NginxAccess(String::new()),
        b"127.0.0.1 - - [22/Nov/2026:13:50:56 +0100] \"GET /cart?a=1 HTTP/1.1\" 502 157 \"-\" \"curl/7.88.1\"
127.0.0.1 - - [22/Nov/2026:13:50:57 +0100] \"GET /cart HTTP/1.1\" 200 157 \"-\" \"curl/7.88.1\"
127.0.0.1 - - [22/Nov/2026:13:51:57 +0100] \"GET / HTTP/1.1\" 404 157 \"-\" \"a \\x22b\"
127.0.0.1 - - [22/Nov/2026:13:51:57 +0100] \"\" 400 157 \"-\" \"-\"
nonsense
",
    );
    let requests = &account.requests;
    assert_eq!((requests.total, requests.failed), (4, 1));
    let first = requests.by_path.first().expect("one");
    assert_eq!((first.path.as_str(), first.total, first.failed), ("/cart", 2, 1));
    assert_eq!(requests.series.len(), 2);
    assert_eq!(account.files.first().map(|file| file.foreign_lines), Some(1));
    assert_eq!(account.first_ms, Some(1_795_351_856_000));
}

#[test]
fn squid_s_logs_are_read() {
    let account = self::account(
        &LogKind::SquidAccess,
        b"1795377453.804     16 127.0.0.1 TCP_MISS/502 244 GET http://up.test/a/b - FIRSTUP_PARENT/127.0.0.1 text/plain
1795377454.804     16 127.0.0.1 TCP_TUNNEL/200 244 CONNECT up.test:443 - HIER_DIRECT/127.0.0.1 -
",
    );
    assert_eq!((account.requests.total, account.requests.failed), (2, 1));
    let paths: Vec<&str> = account
        .requests
        .by_path
        .iter()
        .map(|path| path.path.as_str())
        .collect();
    assert_eq!(paths, ["http://up.test", "up.test:443"]);
    let account = self::account(
        &LogKind::SquidCache,
        b"2026/11/22 14:00:33 kid1| WARNING: HTTP: Invalid Response: Bad header encountered from http://127.0.0.1:9011/ AKA http://127.0.0.1:9011/
    current master transaction: master73
2026/11/22 14:00:34 kid1| Detected DEAD Parent: up1
2026/11/22 14:01:33| Reconfiguring Squid Cache (version 5.7)...
",
    );
    assert_eq!(
        counts(&account),
        [
            (Symptom::PeerMarkedDown, Some("up1"), 1),
            (Symptom::RefusedAnswer, None, 1)
        ]
    );
    assert_eq!(
        account.events.first().map(|event| event.kind),
        Some(LogEventKind::Reloaded)
    );
}

#[test]
fn application_logs_tell_what_happened_to_workers() {
    let account = account(
        &LogKind::Application,
        b"[22-Nov-2026 13:50:54] NOTICE: fpm is running, pid 27189
[22-Nov-2026 13:52:32] WARNING: [pool www] child 27216, script '/tmp/slow.php' (request: \"GET /fpm?f=slow\") execution timed out (2.049391 sec), terminating
[22-Nov-2026 13:52:32] WARNING: [pool www] child 27216 exited on signal 15 (SIGTERM) after 98.140471 seconds from start
[2026-11-22 18:10:55 +0000] [10] [CRITICAL] WORKER TIMEOUT (pid:11)
invalid request block size: 21573 (max 4096)...skip
",
    );
    let kinds: Vec<LogEventKind> = account.events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            LogEventKind::Started,
            LogEventKind::WorkerTimedOut,
            LogEventKind::WorkerCrashed,
            LogEventKind::WorkerTimedOut,
            LogEventKind::RequestRefused,
        ]
    );
}

#[test]
fn logs_are_recognised_by_their_lines() {
    for (line, expected) in [
        (REFUSED, Some("nginx error")),
        (
            "[Sun Nov 22 14:00:25.771177 2026] [proxy_http:error] [pid 1:tid 2] x",
            Some("apache error"),
        ),
        ("2026/11/22 14:00:33 kid1| WARNING: x", Some("squid cache")),
        ("2026/11/22 14:00:33| WARNING: x", Some("squid cache")),
        (
            "1795377453.804     16 127.0.0.1 TCP_MISS/502 244 GET http://up.test/ - FIRSTUP_PARENT/1 text/plain",
            Some("squid access"),
        ),
        (
            "1.2.3.4 - - [22/Nov/2026:13:50:56 +0100] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl\"",
            Some("nginx access"),
        ),
        (
            "1.2.3.4 - - [22/Nov/2026:13:50:56 +0100] \"GET / HTTP/1.1\" 502 157",
            Some("apache access"),
        ),
        (
            "[22-Nov-2026 13:50:54] NOTICE: fpm is running, pid 27189",
            Some("application"),
        ),
        ("server { listen 80; }", None),
        ("HTTP/1.1 502 Bad Gateway", None),
        ("", None),
    ] {
        let found = recognise(line.as_bytes());
        assert_eq!(found.as_ref().map(LogKind::name), expected, "{line}");
    }
}

#[test]
fn no_bytes_make_any_reader_fail() {
    let mut random = 7_u64;
    let pieces: [&[u8]; 12] = [
        b"2026/11/22 13:50:56 [error] ",
        b"1#1: *1 ",
        b", client: ",
        b", upstream: \"",
        b"\n",
        b"\0\0",
        b"\xff",
        b"[Sun Nov 22 14:00:25.771177 2026] ",
        b"[pid 1:tid 2] (111) AH00957 ",
        b"1795377453.804 ",
        b"TCP_MISS/502 GET ",
        b"| ",
    ];
    for _ in 0..300 {
        let mut bytes = Vec::new();
        for _ in 0..40 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.extend_from_slice(pieces[usize::try_from(random >> 40).unwrap_or(0) % pieces.len()]);
        }
        for kind in [
            "nginx error",
            "nginx access",
            "apache error",
            "apache access",
            "squid cache",
            "squid access",
            "application",
        ] {
            let kind = LogKind::named(kind, "").expect("a kind");
            let account = account(&kind, &bytes);
            assert_eq!(
                account.files.first().map(|file| file.bytes),
                Some(bytes.len() as u64)
            );
        }
        let _ = recognise(&bytes);
    }
}
