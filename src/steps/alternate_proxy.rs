//! Step 7, other route: the same request straight and through every proxy that is known.
//!
//! However many proxies there are, [`MOST_IN_FLIGHT`] are asked at a time, and all of them within the time that the
//! run has for one answer: with several rounds each has its part of it.

use std::net::IpAddr;

use super::plan::Plan;
use super::pool;
use crate::evidence::{Observed, OtherRoute, ProbeKind, ProxyHeaderSays, RouteStage, Snapshot, proxy_header};
use crate::finding::StepId;
use crate::host::{Fetch, Host, RunCommand};
use crate::system::network;

/// The way without a proxy.
pub(super) const DIRECT: &str = "direct";
/// How many ways are tried at a time.
pub(super) const MOST_IN_FLIGHT: usize = 32;
/// How long one way may take.
const LONGEST_MS: u64 = 15_000;
/// Less than this says nothing about a proxy far away.
const SHORTEST_MS: u64 = 1_000;

/// The same request through each proxy, all at the same time.
pub(super) fn ask(host: &Host, plan: &Plan) -> Vec<OtherRoute> {
    let Some(url) = plan.target.url.clone() else {
        return Vec::new();
    };
    if !plan.wants(StepId::Route) || plan.proxies.is_empty() {
        return Vec::new();
    }
    let ways: Vec<Option<&String>> = std::iter::once(None).chain(plan.proxies.iter().map(Some)).collect();
    let rounds = u64::try_from(ways.len().div_ceil(MOST_IN_FLIGHT))
        .unwrap_or(u64::MAX)
        .max(1);
    let limit_ms = (plan.patience_ms() / rounds)
        .max(SHORTEST_MS)
        .min(plan.patience_ms())
        .min(LONGEST_MS);
    let mut routes = pool::each(ways, MOST_IN_FLIGHT, |proxy| {
        let answer = host.ask(&Fetch {
            url: url.clone(),
            proxy: proxy.cloned(),
            secret: proxy.and_then(|proxy| plan.secret(proxy)),
            authorization: plan.authorization.clone(),
            limit_ms,
        });
        let way = OtherRoute {
            way: proxy.cloned().unwrap_or_else(|| DIRECT.to_owned()),
            label: proxy.and_then(|proxy| plan.labels.get(proxy)).cloned(),
            ..OtherRoute::default()
        };
        match answer {
            Observed::Seen(fetched) => OtherRoute {
                status: fetched.status,
                server: fetched.server,
                error: fetched.error,
                proxy_status: fetched.proxy_status,
                took_us: fetched.took_us,
                connect_us: fetched.connect_us,
                markers: fetched.markers,
                failed_at: fetched.failed_at,
                wants_credentials: fetched.wants_credentials,
                ..way
            },
            Observed::Absent => way,
            Observed::Unavailable(obstacle) => OtherRoute {
                error: Some(obstacle.to_string()),
                ..way
            },
        }
    });
    let direct = routes.iter().find(|route| route.way == DIRECT).cloned();
    for route in routes.iter_mut().filter(|route| route.way != DIRECT) {
        attribute(route, direct.as_ref());
    }
    routes
}

/// A proxy that gets a plain request answers its own errors in the place of the target's: by what only a
/// proxy says, and the target does not say directly, the status is that of the proxy.
fn attribute(route: &mut OtherRoute, direct: Option<&OtherRoute>) {
    let own_error = |route: &OtherRoute| {
        route.status == Some(407) || route.markers.iter().any(|(name, value)| is_own_error(name, value))
    };
    if route.proxy_status.is_none() && own_error(route) && !direct.is_some_and(own_error) {
        route.proxy_status = route.status.take();
        route.failed_at = Some(RouteStage::Tunnel);
    }
}

/// True for a header by which a proxy says that the error is its own.
fn is_own_error(name: &str, value: &str) -> bool {
    match proxy_header(name).map(|header| header.says) {
        Some(ProxyHeaderSays::Error) => true,
        // RFC 9209: a member with an error parameter had the error.
        Some(ProxyHeaderSays::Passed) => name == "proxy-status" && value.contains("error="),
        Some(ProxyHeaderSays::Wants) | None => false,
    }
}

/// The straight ways that other steps went already: to each endpoint, past the proxy.
pub(super) fn direct(snapshot: &mut Snapshot) {
    for evidence in &snapshot.endpoints {
        let Some(exchange) = evidence.probe(ProbeKind::AsProxy) else {
            continue;
        };
        let status = crate::system::http::head(&exchange.bytes.0).and_then(|head| head.status);
        let error = match (&exchange.connect, status) {
            (crate::evidence::Connect::Failed(number), _) => {
                Some(crate::evidence::errno::text(*number).to_lowercase())
            }
            (crate::evidence::Connect::TimedOut, _) => Some("no answer to the connection".to_owned()),
            (crate::evidence::Connect::Connected, None) if exchange.received_bytes == 0 => {
                Some("connected, and no answer came".to_owned())
            }
            _ => None,
        };
        snapshot.other_routes.push(OtherRoute {
            way: format!("straight to {}", evidence.endpoint),
            status,
            server: None,
            error,
            took_us: exchange.total_us,
            ..OtherRoute::default()
        });
    }
}

/// By which interface the front door is reached, where a VPN may carry that way.
pub(super) fn front_route(host: &Host, snapshot: &mut Snapshot) {
    if snapshot.host.vpn_default_route.is_none() {
        return;
    }
    let address = snapshot
        .attempts
        .iter()
        .find_map(|attempt| attempt.address.parse::<std::net::SocketAddr>().ok())
        .map(|address| address.ip());
    let own = |address: IpAddr| {
        address.is_loopback() || snapshot.limits.addresses.iter().any(|(own, _)| *own == address)
    };
    if let Some(address) = address.filter(|address| !own(*address)) {
        let text = address.to_string();
        snapshot.front_route = host
            .ask(&RunCommand::new(["ip", "route", "get", text.as_str()]))
            .map(|output| network::kernel_route(&output.stdout.0, &output.stderr.0));
    }
}
