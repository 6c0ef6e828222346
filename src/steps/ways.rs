//! Step 7 with many proxies: what became of the request on each way, as a table for a program and for a person.
//!
//! To tell one more kind apart: a variant of [`WayOutcome`] and an arm in [`outcome`].

use super::alternate_proxy::DIRECT;
use crate::evidence::{OtherRoute, ProxyHeaderSays, RouteStage, Snapshot, proxy_header};
use crate::report::{Answerer, Way, WayOutcome};

/// With more proxies than this, they are counted and grouped.
pub(super) const MANY: usize = 8;
/// Rows of a group that is as it should be, and of another.
const MOST_GOOD_ROWS: usize = 4;
const MOST_ROWS: usize = 10;
/// A way this much slower than the median of those that work is slow, when it is also three times as slow.
const SLOWER_US: u64 = 500_000;

/// Every way that was tried in this step, sorted by what became of it.
pub(super) fn ways(snapshot: &Snapshot) -> Vec<Way> {
    let routes: Vec<&OtherRoute> = snapshot.other_routes.iter().filter(|route| proxied(route)).collect();
    if routes.is_empty() {
        return Vec::new();
    }
    let mut working: Vec<u64> = routes
        .iter()
        .filter(|route| outcome(route) == WayOutcome::Works)
        .map(|route| route.took_us)
        .collect();
    working.sort_unstable();
    let median = working.get(working.len() / 2).copied().unwrap_or_default();
    let slow = |took_us: u64| took_us > median.saturating_mul(3) && took_us - median > SLOWER_US;
    let direct = snapshot.other_routes.iter().filter(|route| route.way == DIRECT);
    let mut ways: Vec<Way> = direct
        .chain(routes)
        .map(|route| {
            let outcome = match outcome(route) {
                WayOutcome::Works if proxied(route) && slow(route.took_us) => WayOutcome::Slow,
                outcome => outcome,
            };
            way(route, outcome)
        })
        .collect();
    ways.sort_by_key(|way| (way.way != DIRECT, way.outcome));
    ways
}

/// True for the way through a proxy.
fn proxied(route: &OtherRoute) -> bool {
    route.way != DIRECT && !route.way.starts_with("straight")
}

/// What became of the request on one way, for itself.
pub(super) fn outcome(route: &OtherRoute) -> WayOutcome {
    let stage = route.failed_at;
    match (route.status, route.proxy_status) {
        (Some(403 | 429 | 451), _) => WayOutcome::TargetRefuses,
        (Some(status), _) if status < 500 => WayOutcome::Works,
        (Some(_), _) => WayOutcome::TargetFails,
        (None, _) if route.wants_credentials => WayOutcome::ProxyRefuses,
        (None, Some(300..=499)) => WayOutcome::ProxyRefuses,
        (None, Some(500..)) => WayOutcome::ProxyFails,
        (None, _) if stage == Some(RouteStage::TargetTls) => WayOutcome::TargetFails,
        // Through a tunnel that stands it is the target that does not answer.
        (None, tunnel) if stage == Some(RouteStage::Answer) => {
            if tunnel.is_some() || route.way.starts_with("socks") || !proxied(route) {
                WayOutcome::TargetFails
            } else {
                WayOutcome::Dead
            }
        }
        _ if !proxied(route) => WayOutcome::TargetFails,
        _ => {
            let refused = |error: &String| error.starts_with("the SOCKS proxy");
            if stage == Some(RouteStage::Tunnel) && route.error.as_ref().is_some_and(refused) {
                WayOutcome::ProxyFails
            } else {
                WayOutcome::Dead
            }
        }
    }
}

fn way(route: &OtherRoute, outcome: WayOutcome) -> Way {
    let own_error = route
        .markers
        .iter()
        .find_map(|(name, _)| proxy_header(name).filter(|header| header.says == ProxyHeaderSays::Error));
    Way {
        way: route.way.clone(),
        label: route.label.clone(),
        outcome,
        connected: route.connected(),
        connect_us: route.connect_us,
        proxy_status: route.proxy_status,
        status: route.status,
        took_us: route.took_us,
        answered_by: if route.status.is_some() {
            Some(Answerer::Target)
        } else if route.proxy_status.is_some_and(|status| status >= 300) || route.wants_credentials {
            Some(Answerer::Proxy)
        } else {
            None
        },
        server: route.server.clone(),
        provider: own_error.map(|header| header.of.to_owned()),
        headers: route.markers.clone(),
        error: route.error.clone(),
    }
}

/// What a person calls an outcome, after "proxies that".
fn words(outcome: WayOutcome) -> &'static str {
    match outcome {
        WayOutcome::Works => "work",
        WayOutcome::Slow => "work and are slow",
        WayOutcome::TargetRefuses => "the target refuses",
        WayOutcome::TargetFails => "get an error or nothing from the target",
        WayOutcome::ProxyRefuses => "refuse the request",
        WayOutcome::ProxyFails => "cannot reach the target",
        WayOutcome::Dead => "are dead",
    }
}

/// The ways in groups, those through proxies only.
fn groups(ways: &[Way]) -> Vec<(WayOutcome, Vec<&Way>)> {
    let mut groups: Vec<(WayOutcome, Vec<&Way>)> = Vec::new();
    for way in ways.iter().filter(|way| way.way != DIRECT) {
        match groups.last_mut() {
            Some((outcome, members)) if *outcome == way.outcome => members.push(way),
            _ => groups.push((way.outcome, vec![way])),
        }
    }
    groups
}

/// `of 40 proxies 20 work, 4 are dead`.
pub(super) fn counts(ways: &[Way]) -> String {
    let groups = groups(ways);
    let all: usize = groups.iter().map(|(_, members)| members.len()).sum();
    let parts: Vec<String> = groups
        .iter()
        .map(|(outcome, members)| format!("{} {}", members.len(), words(*outcome)))
        .collect();
    format!("of {all} proxies {}", parts.join(", "))
}

/// The table for a person; `line` says all about one way.
pub(super) fn table(ways: &[Way], line: impl Fn(&Way) -> String) -> Vec<String> {
    let mut lines: Vec<String> = ways.iter().filter(|way| way.way == DIRECT).map(&line).collect();
    for (outcome, members) in groups(ways) {
        let times = members.iter().map(|way| way.took_us / 1_000);
        let (least, most) = (
            times.clone().min().unwrap_or_default(),
            times.max().unwrap_or_default(),
        );
        lines.push(format!(
            "{} {} ({least} to {most} ms):",
            members.len(),
            words(outcome)
        ));
        let rows = if outcome == WayOutcome::Works {
            MOST_GOOD_ROWS
        } else {
            MOST_ROWS
        };
        lines.extend(members.iter().take(rows).map(|way| format!("  {}", line(way))));
        if members.len() > rows {
            lines.push(format!(
                "  and {} more, all of them with --format json",
                members.len() - rows
            ));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(
        way: &str,
        status: Option<u16>,
        proxy_status: Option<u16>,
        stage: Option<RouteStage>,
    ) -> OtherRoute {
        OtherRoute {
            way: way.to_owned(),
            status,
            proxy_status,
            failed_at: stage,
            ..OtherRoute::default()
        }
    }

    #[test]
    fn every_end_of_a_request_has_its_outcome() {
        let http = "http://a:1";
        for (route, wanted) in [
            (route(http, Some(200), None, None), WayOutcome::Works),
            (route(http, Some(403), None, None), WayOutcome::TargetRefuses),
            (route(http, Some(502), Some(200), None), WayOutcome::TargetFails),
            (
                route(http, None, Some(200), Some(RouteStage::Answer)),
                WayOutcome::TargetFails,
            ),
            (
                route("socks5://a:1", None, None, Some(RouteStage::Answer)),
                WayOutcome::TargetFails,
            ),
            (
                route(http, None, Some(407), Some(RouteStage::Tunnel)),
                WayOutcome::ProxyRefuses,
            ),
            (
                route(http, None, Some(502), Some(RouteStage::Tunnel)),
                WayOutcome::ProxyFails,
            ),
            (
                route(http, None, None, Some(RouteStage::Answer)),
                WayOutcome::Dead,
            ),
            (
                route(http, None, None, Some(RouteStage::Connect)),
                WayOutcome::Dead,
            ),
        ] {
            assert_eq!(outcome(&route), wanted, "{route:?}");
        }
    }

    #[test]
    fn a_way_is_slow_only_against_the_others_and_by_something_that_is_felt() {
        let took = |way: &str, took_us: u64| OtherRoute {
            took_us,
            ..route(way, Some(200), None, None)
        };
        let snapshot = Snapshot {
            other_routes: vec![
                took("direct", 1_000),
                took("http://a:1", 10_000),
                took("http://b:1", 12_000),
                took("http://c:1", 90_000),
                took("http://d:1", 900_000),
            ],
            ..Snapshot::default()
        };
        let ways = ways(&snapshot);
        let slow: Vec<&str> = ways
            .iter()
            .filter(|way| way.outcome == WayOutcome::Slow)
            .map(|way| way.way.as_str())
            .collect();
        assert_eq!(slow, ["http://d:1"]);
        assert_eq!(counts(&ways), "of 4 proxies 3 work, 1 work and are slow");
    }
}
