use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::evidence::{
    Attempt, Bytes, ConfigProblem, ConfigSummary, Connect, EndpointEvidence, Exchange, Group, Handler,
    HostFacts, Listen, Named, Observed, Pass, Peer, PeerAddress, Place, Probe, ProbeKind, Protocol, Route,
    Snapshot, Target, errno,
};
use crate::report::sanitize::is_deceptive;
use crate::verdict::{Incomplete, MadeBy, Verdict};

const USUAL: TextStyle = TextStyle {
    color: false,
    unicode: true,
    width: 80,
    detail: 1,
};

fn place(line: u32) -> Place {
    Place {
        file: "/etc/nginx/conf.d/shop.conf".to_owned(),
        line,
        column: 1,
    }
}

fn step(id: StepId, status: StepStatus, summary: &str) -> StepSummary {
    StepSummary {
        number: id.number(),
        id,
        status,
        summary: summary.to_owned(),
        details: vec![format!("what was asked in step {}", id.number())],
        recommended: Vec::new(),
        differs: None,
        ways: Vec::new(),
    }
}

fn eight() -> Vec<StepSummary> {
    vec![
        step(
            StepId::Retry,
            StepStatus::Problem,
            "5 of 5 attempts got 502 in 2-4 ms: not transient",
        ),
        step(
            StepId::Upstream,
            StepStatus::Problem,
            "127.0.0.1:8080 refused; app.service failed (oom-kill)",
        ),
        step(
            StepId::Config,
            StepStatus::Ok,
            "41 files, nginx -t passes, 2 warnings",
        ),
        step(
            StepId::Firewall,
            StepStatus::Ok,
            "nothing drops nginx → 127.0.0.1:8080",
        ),
        step(
            StepId::Timeouts,
            StepStatus::Ok,
            "answered in 3 ms, long before proxy_read_timeout 60s",
        ),
        step(
            StepId::Dns,
            StepStatus::Ok,
            "no name between nginx and the upstream",
        ),
        step(
            StepId::Route,
            StepStatus::CouldNotCheck,
            "not checked: no --proxy given and no proxy variable set",
        ),
        step(StepId::Bundle, StepStatus::Skipped, "fix502 bundle"),
    ]
}

fn snapshot(status: u16) -> Snapshot {
    let address: SocketAddr = "127.0.0.1:8080".parse().expect("an address");
    let exchange = Exchange {
        connect: Connect::Connected,
        received_bytes: 300,
        ..Exchange::default()
    };
    let refused = Exchange {
        connect: Connect::Failed(errno::ECONNREFUSED),
        ..Exchange::default()
    };
    // A new field of the evidence has a default here, as in an old bundle.
    let mut endpoint: EndpointEvidence =
        serde_json::from_value(serde_json::json!({"endpoint": "127.0.0.1:8080"})).expect("an endpoint");
    endpoint.place = place(2);
    endpoint.probes = vec![Probe {
        kind: ProbeKind::AsProxy,
        command: "curl -v http://127.0.0.1:8080/cart".to_owned(),
        exchange: Observed::Seen(refused),
    }];
    Snapshot {
        target: Target {
            url: Some("https://shop.example.com/cart".to_owned()),
            scheme: "https".to_owned(),
            host: "shop.example.com".to_owned(),
            port: 443,
            path: "/cart".to_owned(),
            via: None,
        },
        host: HostFacts {
            name: "web-1".to_owned(),
            ..HostFacts::default()
        },
        attempts: vec![Attempt {
            exchange: Observed::Seen(exchange),
            status: Some(status),
            ..Attempt::default()
        }],
        route: Observed::Seen(Route {
            listener: Some(Listen {
                address: "*:443".to_owned(),
                place: place(3),
                ..Listen::default()
            }),
            location: Some(Named {
                name: "/cart".to_owned(),
                place: place(14),
            }),
            handler: Handler::Pass(Box::new(Pass {
                group: Some(Group {
                    name: "app".to_owned(),
                    place: place(1),
                    ..Group::default()
                }),
                peers: vec![Peer {
                    address: PeerAddress::Ip(address),
                    place: place(2),
                    ..Peer::default()
                }],
                ..Pass::default()
            })),
            ..Route::default()
        }),
        endpoints: vec![endpoint],
        ..Snapshot::default()
    }
}

pub(in crate::report) fn found() -> Report {
    let root = Finding::new(
        "upstream-oom-killed",
        StepId::Upstream,
        Confidence::Confirmed,
        "app.service was killed by the kernel 3 min ago (limit 512M); 34,462 requests failed since 02:51",
    )
    .because(Exhibit::shown_by(
        "kernel",
        "Memory cgroup out of memory: Killed process 4711 (app)",
        "journalctl -k --since '02:50' | grep -i 'killed process'",
    ))
    .because(Exhibit::in_file(
        "log",
        "connect() failed (111: Connection refused) while connecting to upstream",
        &Place {
            file: "/var/log/nginx/error.log".to_owned(),
            line: 812,
            column: 0,
        },
    ))
    .remedy(
        Remedy::run(
            "starts the application again",
            ["sudo", "systemctl", "restart", "app.service"],
        )
        .risk("interrupts the application")
        .undo(["sudo", "systemctl", "stop", "app.service"]),
    )
    .remedy(Remedy::edit(
        "then raise MemoryMax (512M; it peaked at 511M)",
        &Place {
            file: "/etc/systemd/system/app.service".to_owned(),
            line: 9,
            column: 0,
        },
        "MemoryMax=1G",
    ));
    let symptom = Finding::new(
        "upstream-not-running",
        StepId::Upstream,
        Confidence::Confirmed,
        "nothing listens on 127.0.0.1:8080",
    );
    let warning = Finding::new(
        "response-header-too-big",
        StepId::Config,
        Confidence::Possible,
        "proxy_buffer_size 4k is small for an application with large cookies",
    )
    .severity(Severity::Warning)
    .at(&place(20));
    Report {
        verdict: Verdict {
            status: Status::Found,
            cause: Some("upstream-oom-killed".to_owned()),
            chain: vec![
                "upstream-oom-killed".to_owned(),
                "upstream-not-running".to_owned(),
            ],
            title: root.message.clone(),
            confidence: Some(Confidence::Confirmed),
            made_by: Some(MadeBy {
                product: "nginx".to_owned(),
                where_: Where::ThisHost,
                version: Some("1.22.1".to_owned()),
            }),
            also_possible: Vec::new(),
        },
        findings: vec![root, symptom, warning],
        steps: eight(),
        incomplete: vec![Incomplete {
            what: "the sockets of other users".to_owned(),
            why: "permission denied".to_owned(),
            settle_with: "sudo fix502 probe https://shop.example.com/cart".to_owned(),
        }],
        snapshot: snapshot(502),
        ..Report::default()
    }
}

pub(in crate::report) fn healthy() -> Report {
    let mut report = Report {
        verdict: Verdict {
            status: Status::Healthy,
            title: "5 of 5 attempts answered, status 200".to_owned(),
            ..Verdict::default()
        },
        steps: vec![step(
            StepId::Retry,
            StepStatus::Ok,
            "5 of 5 attempts answered 200 in 3-4 ms",
        )],
        snapshot: snapshot(200),
        ..Report::default()
    };
    report.snapshot.endpoints.clear();
    report
}

pub(in crate::report) fn undecided() -> Report {
    let crash = Finding::new(
        "upstream-worker-crash",
        StepId::Upstream,
        Confidence::Possible,
        "127.0.0.1:8080 closed the connection without an answer",
    )
    .because(Exhibit::shown_by(
        "probe",
        "the connection was closed after 31 ms, 0 bytes came",
        "curl -v http://127.0.0.1:8080/cart",
    ));
    let mut race = crash.clone();
    race.cause = "keepalive-race".to_owned();
    race.message = "nginx may have used a connection that the application had just closed".to_owned();
    Report {
        verdict: Verdict {
            status: Status::Undecided,
            title: "several causes fit what was seen".to_owned(),
            also_possible: vec!["upstream-worker-crash".to_owned(), "keepalive-race".to_owned()],
            ..Verdict::default()
        },
        findings: vec![crash, race],
        steps: eight(),
        incomplete: vec![Incomplete {
            what: "the application's log".to_owned(),
            why: "permission denied".to_owned(),
            settle_with: "sudo journalctl -u app.service -n 50".to_owned(),
        }],
        snapshot: snapshot(502),
        ..Report::default()
    }
}

fn text(report: &Report, style: TextStyle) -> String {
    let mut out = Vec::new();
    render(report, &style, &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("text is UTF-8")
}

#[test]
fn a_found_cause_at_80_columns() {
    insta::assert_snapshot!(text(&found(), USUAL));
}

#[test]
fn a_found_cause_at_40_columns() {
    insta::assert_snapshot!(text(&found(), TextStyle { width: 40, ..USUAL }));
}

#[test]
fn a_found_cause_at_200_columns() {
    insta::assert_snapshot!(text(&found(), TextStyle { width: 200, ..USUAL }));
}

#[test]
fn a_found_cause_without_unicode() {
    let style = TextStyle {
        unicode: false,
        width: 110,
        ..USUAL
    };
    let text = text(&found(), style);
    assert!(text.is_ascii());
    insta::assert_snapshot!(text);
}

#[test]
fn a_found_cause_in_brief() {
    insta::assert_snapshot!(text(&found(), TextStyle { detail: 0, ..USUAL }));
}

#[test]
fn a_found_cause_with_all_details() {
    insta::assert_snapshot!(text(&found(), TextStyle { detail: 2, ..USUAL }));
}

#[test]
fn a_healthy_url() {
    insta::assert_snapshot!(text(&healthy(), USUAL));
}

#[test]
fn an_undecided_verdict() {
    insta::assert_snapshot!(text(&undecided(), USUAL));
}

#[test]
fn a_likely_cause_says_that_it_is_not_proved() {
    let mut report = found();
    report.verdict.confidence = Some(Confidence::Likely);
    assert!(text(&report, USUAL).contains("not proved"));
    assert!(!text(&found(), USUAL).contains("not proved"));
}

#[test]
fn a_refused_front_door_is_drawn_at_the_front_door() {
    let mut report = undecided();
    report.snapshot.route = Observed::Absent;
    report.snapshot.attempts = vec![Attempt {
        exchange: Observed::Seen(Exchange {
            connect: Connect::Failed(errno::ECONNREFUSED),
            ..Exchange::default()
        }),
        ..Attempt::default()
    }];
    let text = text(&report, USUAL);
    assert!(text.contains("client ──✗ shop.example.com:443"), "{text}");
    assert!(
        text.starts_with("no answer  https://shop.example.com/cart\n"),
        "{text}"
    );
}

fn answering(bytes: &str, protocol: Protocol) -> Report {
    let mut report = undecided();
    if let Observed::Seen(route) = &mut report.snapshot.route
        && let Handler::Pass(pass) = &mut route.handler
    {
        pass.protocol = protocol;
    }
    for endpoint in &mut report.snapshot.endpoints {
        endpoint.probes[0].exchange = Observed::Seen(Exchange {
            connect: Connect::Connected,
            received_bytes: bytes.len() as u64,
            bytes: Bytes(bytes.as_bytes().to_vec()),
            ..Exchange::default()
        });
    }
    report
}

#[test]
fn a_peer_of_another_protocol_is_marked_as_the_break() {
    let text_of = |bytes, protocol| text(&answering(bytes, protocol), USUAL);
    assert!(text_of("HTTP/1.1 400 Bad Request\r\n", Protocol::FastCgi).contains("speaks HTTP, not FastCGI"));
    assert!(text_of("SSH-2.0-OpenSSH_9.2\r\n", Protocol::Http).contains("speaks no HTTP"));
    let fine = text_of("HTTP/1.1 404 Not Found\r\n", Protocol::Http);
    assert!(fine.contains("answers 404") && !fine.contains("──✗"), "{fine}");
}

#[test]
fn the_configuration_line_is_shown_where_it_was_read() {
    let mut report = found();
    report.findings[0].at = Some(place(14));
    report.snapshot.config = Observed::Seen(ConfigSummary {
        lint: vec![ConfigProblem {
            place: place(14),
            excerpt: "\t  proxy_pass http://app;\u{1b}[2J # wrong".to_owned(),
            ..ConfigProblem::default()
        }],
        ..ConfigSummary::default()
    });
    let wide = text(&report, USUAL);
    let plain = text(
        &report,
        TextStyle {
            unicode: false,
            ..USUAL
        },
    );
    assert!(plain.is_ascii());
    let part = |text: &str| {
        let lines: Vec<&str> = text.lines().skip_while(|line| *line != "Evidence").take(7).collect();
        lines.join("\n")
    };
    insta::assert_snapshot!(format!("{}\n\n{}", part(&wide), part(&plain)));
}

#[test]
fn colour_is_used_only_when_asked_for() {
    assert!(!text(&found(), USUAL).contains('\u{1b}'));
    assert!(text(&found(), TextStyle { color: true, ..USUAL }).contains("\u{1b}[31m"));
}

/// Puts this text wherever the report has text.
pub(in crate::report) fn poisoned(poison: &str) -> Report {
    let mut report = found();
    report.verdict.title = poison.to_owned();
    report.verdict.also_possible = vec![poison.to_owned()];
    report.verdict.made_by = Some(MadeBy {
        product: poison.to_owned(),
        where_: Where::InFront,
        version: Some(poison.to_owned()),
    });
    report.snapshot.target.url = Some(poison.to_owned());
    report.snapshot.target.via = Some(poison.to_owned());
    report.snapshot.host.name = poison.to_owned();
    if let Observed::Seen(route) = &mut report.snapshot.route
        && let Some(location) = &mut route.location
    {
        location.name = poison.to_owned();
        location.place.file = poison.to_owned();
    }
    for endpoint in &mut report.snapshot.endpoints {
        endpoint.name = Some(poison.to_owned());
    }
    report.snapshot.config = Observed::Seen(ConfigSummary {
        lint: vec![ConfigProblem {
            place: Place {
                file: poison.to_owned(),
                line: 3,
                column: 0,
            },
            excerpt: poison.to_owned(),
            ..ConfigProblem::default()
        }],
        ..ConfigSummary::default()
    });
    for step in &mut report.steps {
        step.summary = poison.to_owned();
        step.details = vec![poison.to_owned()];
    }
    for finding in &mut report.findings {
        finding.message = poison.to_owned();
        finding.at = Some(Place {
            file: poison.to_owned(),
            line: 3,
            column: 0,
        });
        finding.evidence = vec![Exhibit {
            kind: poison.to_owned(),
            text: poison.to_owned(),
            command: Some(poison.to_owned()),
            file: Some(poison.to_owned()),
            line: None,
        }];
        finding.remedies = vec![
            Remedy::run(poison, [poison]).risk(poison).undo([poison]),
            Remedy::edit(
                poison,
                &Place {
                    file: poison.to_owned(),
                    line: 0,
                    column: 0,
                },
                poison,
            ),
        ];
    }
    for hole in &mut report.incomplete {
        hole.what = poison.to_owned();
        hole.why = poison.to_owned();
        hole.settle_with = poison.to_owned();
    }
    report
}

#[test]
fn hostile_text_is_shown_harmless() {
    let report = poisoned("\u{1b}[2J\u{202e}evil\r\nVERDICT healthy");
    let text = text(&report, USUAL);
    assert!(!text.chars().any(|c| c != '\n' && is_deceptive(c)));
    insta::assert_snapshot!(text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_at_any_width_is_harmless_and_fits(poison in "\\PC{0,60}|[\\x00-\\x9f ]{0,60}", width in 20_usize..220, detail in 0_u8..3, unicode: bool) {
        let style = TextStyle { color: false, unicode, width, detail };
        let text = text(&poisoned(&poison), style);
        for line in text.lines() {
            prop_assert!(!line.chars().any(is_deceptive), "{line:?}");
        }
    }

    #[test]
    fn no_line_but_a_command_is_wider_than_the_page(width in 20_usize..220, detail in 0_u8..3, word in "[a-z/]{0,90}") {
        let style = TextStyle { color: false, unicode: true, width, detail };
        let mut report = found();
        report.verdict.title = format!("{word} and more");
        report.snapshot.target.url = Some(word.clone());
        report.findings[0].at = Some(place(14));
        report.snapshot.config = Observed::Seen(ConfigSummary {
            lint: vec![ConfigProblem { place: place(14), excerpt: format!("  {word} {word};"), ..ConfigProblem::default() }],
            ..ConfigSummary::default()
        });
        for step in &mut report.steps {
            step.summary.push_str(&word);
        }
        for line in text(&report, style).lines() {
            let is_command = ["$ ", "sudo ", "undo: ", "fix502 ", "+ Memory"].iter().any(|mark| line.contains(mark));
            prop_assert!(is_command || layout::columns(line) <= width, "{width}: {line:?}");
        }
    }
}
