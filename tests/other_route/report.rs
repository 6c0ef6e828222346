//! What the report says about the ways, and that all of them are asked at the same time.

use std::sync::{Arc, Barrier};

use fix502::evidence::{Observed, Snapshot};
use fix502::finding::StepId;
use fix502::host::{Host, Secret};
use fix502::options::parse_target;
use fix502::report::{StepStatus, StepSummary};
use fix502::steps::{self, Plan, ProxySecret};
use fix502::verdict;
use std::time::Duration;

use super::servers::{self, Server, answer, fixed, forward, head, header, socks5, target};

fn plan(url: &str, proxies: Vec<String>) -> Plan {
    Plan {
        target: parse_target(url).expect("a URL"),
        attempts: 1,
        attempts_fixed: true,
        deadline_ms: 20_000,
        proxies,
        skipped: StepId::ALL
            .into_iter()
            .filter(|step| !matches!(step, StepId::Retry | StepId::Route))
            .collect(),
        ..Plan::default()
    }
}

fn seen(plan: &Plan) -> (Snapshot, Host) {
    let host = Host::live(None, Duration::from_millis(plan.deadline_ms));
    let snapshot = steps::collect(&host, plan, &|_, _| {});
    (snapshot, host)
}

fn said(snapshot: &Snapshot) -> StepSummary {
    steps::summarise(StepId::Route, snapshot, &verdict::decide(snapshot))
}

#[track_caller]
fn compare(target: &Server, proxies: Vec<String>, status: StepStatus, words: &str, advice: &str) {
    let (snapshot, host) = seen(&plan(&format!("http://{}/", target.address), proxies));
    let line = said(&snapshot);
    let all = format!("{line:#?}");
    assert_eq!(line.status, status, "{all}");
    assert!(line.summary.contains(words), "{all}");
    assert!(line.recommended.iter().any(|line| line.contains(advice)), "{all}");
    // The recording says the same.
    let plan = steps::recorded(&Host::Replay(host.transcript())).expect("the plan is recorded");
    let again = steps::collect(&Host::Replay(host.transcript()), &plan, &|_, _| {});
    assert_eq!(again.other_routes, snapshot.other_routes);
    assert_eq!(again.attempts, snapshot.attempts);
}

/// A target that tells the proxy's requests by a header and refuses all others with this status.
fn picky(status: u16) -> (Server, Server) {
    let good = target(false, 200);
    (target(false, status), good)
}

#[test]
fn an_error_by_every_way_is_the_targets() {
    let target = target(false, 502);
    let proxies = vec![
        format!("http://{}", forward(false, None).address),
        format!("socks5://{}", socks5(None).address),
    ];
    compare(
        &target,
        proxies,
        StepStatus::Ok,
        "the target makes it: 502 directly and through all 2 proxies; another proxy will not help",
        "repair the target",
    );
}

#[test]
fn an_address_that_is_refused_here_and_served_through_a_proxy_is_the_targets_choice() {
    for status in [403, 429] {
        let (refusing, good) = picky(status);
        // The exit of this proxy is served by another machine than we are.
        let place = good.address;
        let proxy = servers::serve(false, move |stream, _| {
            if head(stream).is_some() {
                answer(stream, 200, &format!("Via: 1.1 exit\r\nX-Cache: {place}\r\n"), "");
            }
        });
        compare(
            &refusing,
            vec![format!("http://{}", proxy.address)],
            StepStatus::Warning,
            "the target differs: it refuses this address",
            "ask whoever runs the target",
        );
    }
}

#[test]
fn an_error_of_one_proxy_is_that_proxys() {
    let good = target(false, 200);
    for (status, headers, words, advice) in [
        (
            407,
            "",
            "wants other user and password",
            "USER:PASSWORD@127.0.0.1",
        ),
        (
            403,
            "X-Squid-Error: ERR_ACCESS_DENIED 0\r\n",
            "its rules forbid this target",
            "rules of",
        ),
        (429, "X-Proxy-Error: rate\r\n", "limits the rate", "send less"),
        (
            503,
            "X-Squid-Error: ERR_DNS_FAIL app\r\n",
            "cannot resolve the name",
            "name resolution",
        ),
    ] {
        let proxy = fixed(status, headers);
        compare(
            &good,
            vec![
                format!("http://{}", proxy.address),
                format!("http://{}", forward(false, None).address),
            ],
            StepStatus::Warning,
            words,
            advice,
        );
    }
}

#[test]
fn each_way_is_told_with_status_server_markers_and_connection() {
    let target = target(false, 200);
    let relay = forward(false, None).address;
    let busy = fixed(429, "Retry-After: 30\r\nServer: guard\r\nX-Proxy-Error: rate\r\n").address;
    let plan = plan(
        &format!("http://{}/", target.address),
        vec![
            format!("http://{relay}"),
            format!("http://{busy}"),
            "http://no-such-proxy.invalid:1".to_owned(),
        ],
    );
    let (snapshot, _) = seen(&plan);
    let details = said(&snapshot).details.join("\n");
    for words in [
        "direct: 200, Server: target/1.0",
        &format!("http://{relay}: 200, Server: target/1.0, via: 1.1 relay.test (relay/2.0)"),
        &format!("http://{busy}: the proxy answered 429, connected, Server: guard, retry-after: 30"),
        "http://no-such-proxy.invalid:1: not connected, no-such-proxy.invalid does not resolve here",
        " ms)",
    ] {
        assert!(details.contains(words), "{words}\n{details}");
    }
}

#[test]
fn all_proxies_are_asked_at_the_same_time() {
    let target = target(false, 200);
    let barrier = Arc::new(Barrier::new(3));
    let proxies = (0..3)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            let server = servers::serve(false, move |stream, _| {
                let head = head(stream);
                // Nobody answers before all were asked.
                barrier.wait();
                if head.is_some() {
                    answer(stream, 200, "", "");
                }
            });
            format!("http://{}", server.address)
        })
        .collect();
    let (snapshot, _) = seen(&plan(&format!("http://{}/", target.address), proxies));
    let answered: Vec<_> = snapshot.other_routes.iter().map(|way| way.status).collect();
    assert_eq!(answered, [Some(200); 4], "{:#?}", snapshot.other_routes);
}

#[test]
fn the_failing_request_goes_through_the_proxy_it_is_said_to_go_through() {
    for tls in [false, true] {
        let target = target(tls, 502);
        let scheme = if tls { "https" } else { "http" };
        for (kind, server) in [
            ("http", forward(false, Some("ann:pw"))),
            ("https", forward(true, Some("ann:pw"))),
            ("socks5h", socks5(Some("ann:pw"))),
        ] {
            let via = format!("{kind}://{}", server.address);
            let mut plan = plan(
                &format!("{scheme}://localhost:{}/x", target.address.port()),
                vec![via.clone()],
            );
            plan.target.via = Some(via.clone());
            plan.secrets = vec![ProxySecret {
                proxy: via.clone(),
                secret: Secret::new("ann", "pw"),
            }];
            plan.authorization = Some(Secret::new("joe", "s3cret"));
            let (snapshot, host) = seen(&plan);
            let attempt = snapshot.attempts.first().expect("one attempt is made");
            let case = format!("{via} to {scheme}: {attempt:#?}");
            assert_eq!(attempt.status, Some(502), "{case}");
            assert_eq!(attempt.address, server.address.to_string(), "{case}");
            let Observed::Seen(exchange) = &attempt.exchange else {
                panic!("{case}")
            };
            let tunnel = (tls && kind != "socks5h").then_some(200);
            assert_eq!(exchange.tunnel_status, tunnel, "{case}");
            assert_eq!(exchange.tls.as_ref().is_some_and(|tls| tls.done), tls, "{case}");
            // Once for the attempt, once directly, once through the same proxy: each as joe.
            let arrived = target.arrived();
            assert!(
                arrived
                    .iter()
                    .all(|head| header(head, "authorization") == Some("Basic am9lOnMzY3JldA=="))
            );
            let again = Host::Replay(host.transcript());
            let replayed = steps::collect(&again, &steps::recorded(&again).expect("recorded"), &|_, _| {});
            assert_eq!(replayed.attempts, snapshot.attempts);
        }
    }
}

#[test]
fn a_refused_tunnel_is_the_answer_of_the_attempt() {
    let proxy = fixed(502, "X-Squid-Error: ERR_DNS_FAIL 0\r\n");
    let mut plan = plan("https://shop.test/", Vec::new());
    plan.target.via = Some(format!("http://{}", proxy.address));
    let (snapshot, _) = seen(&plan);
    let attempt = snapshot.attempts.first().expect("one attempt is made");
    assert_eq!(attempt.status, Some(502));
    assert_eq!(attempt.header("x-squid-error"), Some("ERR_DNS_FAIL 0"));
    assert_eq!(attempt.body, "what the proxy says");
    let exchange = attempt.exchange.seen().expect("an exchange took place");
    assert_eq!(exchange.tunnel_status, Some(502));
}

#[test]
fn the_login_of_the_url_goes_to_the_upstream_where_the_proxy_hands_it_on() {
    for (line, handed_on) in [
        ("", true),
        ("proxy_set_header Authorization \"\";", false),
        ("proxy_set_header Authorization \"Bearer own\";", false),
    ] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (front, upstream) = (target(false, 502), target(false, 200));
        let config = directory.path().join("nginx.conf");
        let text = format!(
            "events {{}}\nhttp {{ server {{ listen {}; location / {{ {line} proxy_pass http://{}; }} }} }}\n",
            front.address, upstream.address
        );
        std::fs::write(&config, text).expect("the directory is ours");
        let mut plan = plan(&format!("http://{}/", front.address), Vec::new());
        plan.config_files = vec![config.to_string_lossy().into_owned()];
        plan.skipped = vec![StepId::Firewall];
        plan.authorization = Some(Secret::new("joe", "s3cret"));
        let (_, host) = seen(&plan);
        let arrived = upstream.arrived();
        let login = "Basic am9lOnMzY3JldA==";
        let with = arrived
            .iter()
            .filter(|head| header(head, "authorization") == Some(login))
            .count();
        assert!(!arrived.is_empty(), "{line}: the upstream is asked");
        assert_eq!(with > 0, handed_on, "{line}: {arrived:#?}");
        let recorded = String::from_utf8(host.transcript().to_lines()).expect("a transcript is text");
        assert!(!recorded.contains("am9lOnMzY3JldA") && !recorded.contains("joe:s3cret"));
    }
}
