//! The bundle: what is written reads back and is walked again.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod command;
mod hostile;
mod large;
mod planted;
mod pseudonyms;
mod redaction;
mod speed;
mod suite;
mod ticket;
mod versions;
mod whole;

use std::io::{Read, Write};

use fix502::bundle;
use fix502::evidence::{Attempt, Exchange, Observed, Target, Unit};
use fix502::finding::StepId;
use fix502::host::{ExchangeQuery, Host, Transcript};
use fix502::report::{StepStatus, StepSummary};
use flate2::read::GzDecoder;

use planted::{TEXT, entry, files, report, transcript, written};

#[test]
fn a_replay_finds_its_answers_with_the_recorded_target() {
    let query = |path: &str| ExchangeQuery {
        endpoint: "127.0.0.1:80".to_owned(),
        request: fix502::evidence::Bytes(
            format!("GET {path} HTTP/1.1\r\nHost: shop.example.test\r\n\r\n").into_bytes(),
        ),
        ..ExchangeQuery::default()
    };
    let path = report().snapshot.target.path;
    let live = Transcript::from_entries([entry(
        "exchange",
        serde_json::to_value(query(&path)).unwrap(),
        serde_json::to_value(Observed::Seen(Exchange::default())).unwrap(),
    )]);
    let recorded = bundle::read(&written(&live, &report(), TEXT)).unwrap();
    assert!(!recorded.target.path.contains("plant"));
    assert_eq!(recorded.tool_version, "0.1.0");
    let host = Host::Replay(recorded.transcript);
    assert_eq!(
        host.ask(&query(&recorded.target.path)),
        Observed::Seen(Exchange::default())
    );
}

#[test]
fn a_replayed_walk_sees_what_the_recorded_one_saw() {
    use fix502::steps::{self, Plan};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 502 Bad Gateway\r\nServer: nginx/1.22.1\r\nSet-Cookie: sid=plant-replay-1\r\nContent-Length: 29\r\n\r\npassword=plant-replay-2 <hr/>",
            );
        }
    });
    let path = "/cart?token=plant-replay-3&page=2".to_owned();
    let plan = Plan {
        target: Target {
            url: Some(format!("http://{address}{path}")),
            scheme: "http".to_owned(),
            host: address.ip().to_string(),
            port: address.port(),
            path,
            via: None,
        },
        deadline_ms: 8_000,
        ..Plan::default()
    };
    let live = Host::live(None, std::time::Duration::from_secs(8));
    let seen = steps::collect(&live, &plan, &|_, _| {});
    assert!(seen.attempts.iter().any(|attempt| attempt.status == Some(502)));
    let mut report = report();
    report.snapshot = seen.clone();
    let archive = written(&live.transcript(), &report, TEXT);
    let recorded = bundle::read(&archive).unwrap();
    let replay = Host::Replay(recorded.transcript);
    let again = steps::collect(
        &replay,
        &steps::recorded(&replay).unwrap_or(Plan {
            target: recorded.target,
            ..plan
        }),
        &|_, _| {},
    );
    let outline = |snapshot: &fix502::evidence::Snapshot| {
        let attempts: Vec<_> = snapshot
            .attempts
            .iter()
            .map(|attempt| {
                (
                    attempt.at_ms,
                    attempt.status,
                    attempt.truncated,
                    attempt.exchange.seen().map(|exchange| exchange.received_bytes),
                )
            })
            .collect();
        (
            attempts,
            snapshot.processes.seen().map(Vec::len),
            snapshot.host.clone(),
            snapshot.limits.clone(),
        )
    };
    assert_eq!(outline(&again), outline(&seen));
    let again = format!("{again:?}");
    assert!(!again.contains("plant-replay"));
    // Every question of the replay has to be one that was recorded.
    assert_eq!(
        again.matches("NotRecorded").count(),
        format!("{seen:?}").matches("NotRecorded").count()
    );
}

#[test]
fn a_bundle_of_a_bundle_is_the_same_transcript() {
    let first = bundle::read(&written(&transcript(), &report(), TEXT)).unwrap();
    let mut again = report();
    again.snapshot.target = first.target.clone();
    let second = bundle::read(&written(&first.transcript, &again, TEXT)).unwrap();
    assert_eq!(second.transcript, first.transcript);
    assert_eq!(second.target, first.target);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    assert_eq!(
        written(&transcript(), &report(), TEXT),
        written(&transcript(), &report(), TEXT)
    );
}

#[test]
fn the_archive_is_private_sorted_and_described_by_its_manifest() {
    let archive = written(&transcript(), &report(), TEXT);
    let mut names = Vec::new();
    for entry in tar::Archive::new(GzDecoder::new(archive.as_slice()))
        .entries()
        .unwrap()
    {
        let entry = entry.unwrap();
        assert_eq!(entry.header().mode().unwrap(), 0o600);
        assert_eq!(entry.header().uid().unwrap(), 0);
        assert_eq!(entry.header().mtime().unwrap(), 1_795_366_800);
        names.push(entry.path().unwrap().to_string_lossy().into_owned());
    }
    assert!(names.is_sorted());
    let contents = files(&archive);
    let manifest = contents.iter().find(|(name, _)| name == "MANIFEST.json").unwrap();
    let manifest: bundle::Manifest = serde_json::from_slice(&manifest.1).unwrap();
    assert_eq!(manifest.format, "fix502.bundle/v1");
    assert_eq!(manifest.files.len() + 1, contents.len());
    for described in &manifest.files {
        let (_, content) = contents.iter().find(|(name, _)| *name == described.path).unwrap();
        assert_eq!(described.bytes, content.len() as u64);
        assert_eq!(described.sha256.len(), 64);
    }
    let log = manifest
        .files
        .iter()
        .find(|file| file.path == "logs/var-log-nginx-error.log")
        .unwrap();
    assert!(log.truncated);
    assert!(log.redactions["token"] >= 2, "{:?}", log.redactions);
    assert_eq!(
        bundle::file_name(&report().snapshot),
        "fix502-web-1-20261122T170000Z.tar.gz"
    );
}

#[test]
fn the_ticket_says_when_how_often_and_what_changed() {
    let mut report = report();
    let attempt = |at_ms: i64, status: u16| Attempt {
        at_ms,
        status: Some(status),
        ..Attempt::default()
    };
    let snapshot = &mut report.snapshot;
    snapshot.attempts = vec![
        attempt(1_795_366_800_000, 502),
        attempt(1_795_366_801_000, 200),
        attempt(1_795_366_802_000, 502),
    ];
    snapshot.units = Observed::Seen(vec![Unit {
        name: "app@web.service".to_owned(),
        result: "oom-kill".to_owned(),
        inactive_since_ms: Some(1_795_365_900_000),
        ..Unit::default()
    }]);
    for (index, entry) in snapshot.log.before.iter_mut().enumerate() {
        entry.at_ms = Some(1_795_366_000_000 + i64::try_from(index).unwrap() * 10_000);
    }
    report.steps = vec![StepSummary {
        number: 2,
        id: StepId::Upstream,
        status: StepStatus::Problem,
        summary: "127.0.0.1:8080 refused; <b>*hostile*\n# text".to_owned(),
        details: Vec::new(),
        recommended: Vec::new(),
        differs: None,
        ways: Vec::new(),
    }];
    let archive = written(&Transcript::default(), &report, TEXT);
    let ticket = files(&archive)
        .into_iter()
        .find(|(name, _)| name == "ticket.md")
        .unwrap()
        .1;
    insta::assert_snapshot!(String::from_utf8(ticket).unwrap());
}

#[test]
fn an_unpacked_bundle_reads_like_the_archive() {
    let archive = written(&transcript(), &report(), TEXT);
    let unpacked: Vec<_> = files(&archive)
        .into_iter()
        .map(|(name, content)| (format!("some/where/{name}"), content))
        .collect();
    assert_eq!(
        bundle::read_directory(&unpacked).unwrap(),
        bundle::read(&archive).unwrap()
    );
    assert_eq!(
        bundle::transcript_from_directory(&unpacked).unwrap(),
        bundle::read(&archive).unwrap().transcript
    );
}
