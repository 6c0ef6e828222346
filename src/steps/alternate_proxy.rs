//! Step 7, other route: the same request straight and through every proxy that is known.

use std::net::IpAddr;

use super::plan::Plan;
use crate::evidence::{Observed, OtherRoute, ProbeKind, RouteStage, Snapshot};
use crate::finding::StepId;
use crate::host::{Fetch, Host, RunCommand};
use crate::system::network;

/// The way without a proxy.
pub(super) const DIRECT: &str = "direct";

/// The same request through each proxy, all at the same time.
pub(super) fn ask(host: &Host, plan: &Plan) -> Vec<OtherRoute> {
    let Some(url) = plan.target.url.clone() else {
        return Vec::new();
    };
    if !plan.wants(StepId::Route) || plan.proxies.is_empty() {
        return Vec::new();
    }
    let ways = std::iter::once(None).chain(plan.proxies.iter().map(Some));
    let mut routes: Vec<OtherRoute> = std::thread::scope(|scope| {
        let threads: Vec<_> = ways
            .map(|proxy| {
                let url = url.clone();
                scope.spawn(move || {
                    let answer = host.ask(&Fetch {
                        url,
                        proxy: proxy.cloned(),
                        secret: proxy.and_then(|proxy| plan.secret(proxy)),
                        authorization: plan.authorization.clone(),
                        limit_ms: plan.patience_ms().min(15_000),
                    });
                    let way = proxy.cloned().unwrap_or_else(|| DIRECT.to_owned());
                    match answer {
                        Observed::Seen(fetched) => OtherRoute {
                            way,
                            status: fetched.status,
                            server: fetched.server,
                            error: fetched.error,
                            proxy_status: fetched.proxy_status,
                            took_us: fetched.took_us,
                            markers: fetched.markers,
                            failed_at: fetched.failed_at,
                            wants_credentials: fetched.wants_credentials,
                        },
                        Observed::Absent => OtherRoute {
                            way,
                            ..OtherRoute::default()
                        },
                        Observed::Unavailable(obstacle) => OtherRoute {
                            way,
                            error: Some(obstacle.to_string()),
                            ..OtherRoute::default()
                        },
                    }
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
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
        route.status == Some(407)
            || ["x-squid-error", "x-proxy-error"]
                .iter()
                .any(|name| route.marker(name).is_some())
    };
    if route.proxy_status.is_none() && own_error(route) && !direct.is_some_and(own_error) {
        route.proxy_status = route.status.take();
        route.failed_at = Some(RouteStage::Tunnel);
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
