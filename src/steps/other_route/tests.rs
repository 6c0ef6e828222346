use super::*;
use crate::evidence::{EndpointEvidence, KernelRoute, Observed};

fn snapshot(routes: Vec<OtherRoute>) -> Snapshot {
    Snapshot {
        other_routes: routes,
        ..Snapshot::default()
    }
}

fn answered(way: &str, status: u16) -> OtherRoute {
    OtherRoute {
        way: way.to_owned(),
        status: Some(status),
        ..OtherRoute::default()
    }
}

fn by_proxy(way: &str, status: u16, squid: Option<&str>) -> OtherRoute {
    OtherRoute {
        way: way.to_owned(),
        proxy_status: Some(status),
        failed_at: Some(RouteStage::Tunnel),
        wants_credentials: status == 407,
        markers: squid
            .map(|said| ("x-squid-error".to_owned(), said.to_owned()))
            .into_iter()
            .collect(),
        ..OtherRoute::default()
    }
}

#[track_caller]
fn says(routes: Vec<OtherRoute>, status: StepStatus, words: &str, advice: &str) {
    let snapshot = snapshot(routes);
    let (got, summary, _) = show(&snapshot);
    assert!(summary.contains(words), "{summary}");
    assert_eq!(got, status, "{summary}");
    let recommended = recommended(&snapshot).join("\n");
    assert!(recommended.contains(advice), "{recommended}");
    assert_eq!(advice.is_empty(), recommended.is_empty(), "{recommended}");
}

#[test]
fn the_same_error_by_every_way_is_made_by_the_target() {
    says(
        vec![
            answered(DIRECT, 502),
            answered("http://a:1", 502),
            answered("http://b:1", 502),
        ],
        StepStatus::Ok,
        "the target makes it: 502 directly and through all 2 proxies; another proxy will not help",
        "repair the target",
    );
}

#[test]
fn a_refused_address_is_told_from_a_broken_path() {
    for status in [403, 429, 451] {
        says(
            vec![answered(DIRECT, status), answered("http://a:1", 200)],
            StepStatus::Warning,
            "the target differs: it refuses this address",
            "why it answers",
        );
    }
    says(
        vec![answered(DIRECT, 502), answered("http://a:1", 200)],
        StepStatus::Warning,
        "the path differs: directly 502, but 200 through http://a:1",
        "mtr",
    );
}

#[test]
fn the_fault_of_a_proxy_is_named_with_its_repair() {
    for (status, squid, words, advice) in [
        (407, None, "wants other user and password", "USER:PASSWORD@a:1"),
        (403, None, "bans this client (403)", "rules of http://a:1"),
        (429, None, "limits the rate", "wait"),
        (
            502,
            Some("ERR_DNS_FAIL 0"),
            "cannot resolve the name of the target (X-Squid-Error: ERR_DNS_FAIL 0)",
            "name resolution",
        ),
        (
            503,
            Some("ERR_NEW 7"),
            "503: it says X-Squid-Error: ERR_NEW 7",
            "way from http://a:1",
        ),
    ] {
        says(
            vec![answered(DIRECT, 200), by_proxy("http://a:1", status, squid)],
            StepStatus::Warning,
            words,
            advice,
        );
    }
}

#[test]
fn no_difference_recommends_nothing() {
    says(
        vec![answered(DIRECT, 200), answered("http://a:1", 204)],
        StepStatus::Ok,
        "no way differs: 200 directly and through the proxy",
        "",
    );
}

#[test]
fn proxies_that_cannot_be_used_prove_nothing_about_the_target() {
    says(
        vec![answered(DIRECT, 502), by_proxy("http://a:1", 407, None)],
        StepStatus::CouldNotCheck,
        "nothing to compare with",
        "USER:PASSWORD@a:1",
    );
}

#[test]
fn what_no_way_reaches_is_the_targets_fault() {
    let direct = OtherRoute {
        way: DIRECT.to_owned(),
        failed_at: Some(RouteStage::Connect),
        error: Some("connection refused".to_owned()),
        ..OtherRoute::default()
    };
    says(
        vec![direct, by_proxy("http://a:1", 503, Some("ERR_CONNECT_FAIL 111"))],
        StepStatus::Ok,
        "the target fails by every way: directly connection refused",
        "repair the target",
    );
}

#[test]
fn the_proxy_on_the_way_of_the_failing_request_is_a_problem() {
    let mut snapshot = snapshot(vec![answered(DIRECT, 200), by_proxy("http://a:1", 503, None)]);
    snapshot.target.via = Some("http://a:1".to_owned());
    assert_eq!(show(&snapshot).0, StepStatus::Problem);
}

#[test]
fn a_vpn_is_named_only_where_it_carries_a_way() {
    let through = |device: &str| {
        Observed::Seen(KernelRoute {
            device: Some(device.to_owned()),
            ..KernelRoute::default()
        })
    };
    let mut snapshot = Snapshot::default();
    snapshot.host.vpn_default_route = Some("wg0".to_owned());
    snapshot.target.host = "shop.test".to_owned();
    assert_eq!(vpn(&snapshot), None);
    snapshot.front_route = through("eth0");
    assert_eq!(vpn(&snapshot), None);
    snapshot.front_route = through("wg0");
    assert!(vpn(&snapshot).is_some_and(|line| line.contains("wg0, a VPN") && line.contains("shop.test")));
    snapshot.front_route = Observed::Absent;
    snapshot.endpoints = vec![EndpointEvidence {
        on_this_host: true,
        kernel_route: through("wg0"),
        ..serde_json::from_str(r#"{"endpoint":"192.0.2.7:80"}"#).expect("an endpoint is enough")
    }];
    assert_eq!(vpn(&snapshot), None);
    for evidence in &mut snapshot.endpoints {
        evidence.on_this_host = false;
    }
    assert!(vpn(&snapshot).is_some_and(|line| line.contains("192.0.2.7:80")));
}
