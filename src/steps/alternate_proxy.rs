//! Step 7, other route: the same request straight and through every proxy that is known.

use super::plan::Plan;
use super::summary::Line;
use crate::evidence::{Observed, OtherRoute, ProbeKind, Snapshot};
use crate::finding::StepId;
use crate::host::{Fetch, Host};
use crate::report::StepStatus;

/// The same request through each proxy, all at the same time.
pub(super) fn ask(host: &Host, plan: &Plan) -> Vec<OtherRoute> {
    let Some(url) = plan.target.url.clone() else {
        return Vec::new();
    };
    if !plan.wants(StepId::Route) || plan.proxies.is_empty() {
        return Vec::new();
    }
    let ways = std::iter::once(None).chain(plan.proxies.iter().map(Some));
    std::thread::scope(|scope| {
        let threads: Vec<_> = ways
            .map(|proxy| {
                let url = url.clone();
                scope.spawn(move || {
                    let answer = host.ask(&Fetch {
                        url,
                        proxy: proxy.cloned(),
                        secret: proxy.and_then(|proxy| plan.secret(proxy)),
                        limit_ms: plan.patience_ms().min(15_000),
                    });
                    let way = proxy.cloned().unwrap_or_else(|| "direct".to_owned());
                    match answer {
                        Observed::Seen(fetched) => OtherRoute {
                            way,
                            status: fetched.status,
                            server: fetched.server,
                            error: fetched.error,
                            proxy_status: fetched.proxy_status,
                            took_us: fetched.took_us,
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
    })
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
            proxy_status: None,
            took_us: exchange.total_us,
        });
    }
}

/// What this step says about itself.
pub(super) fn show(snapshot: &Snapshot) -> Line {
    let lines: Vec<String> = snapshot
        .other_routes
        .iter()
        .map(|way| {
            let said = match (way.status, way.proxy_status, &way.error) {
                (Some(status), _, _) => format!(
                    "{status}{}",
                    way.server
                        .as_ref()
                        .map_or_else(String::new, |server| format!(" from {server}"))
                ),
                (None, Some(status), _) => format!("the proxy answered {status}"),
                (None, None, Some(error)) => error.clone(),
                (None, None, None) => "no answer".to_owned(),
            };
            format!("{}: {said} ({} ms)", way.way, way.took_us / 1_000)
        })
        .collect();
    let through: Vec<_> = snapshot
        .other_routes
        .iter()
        .filter(|way| !way.way.starts_with("straight"))
        .collect();
    if through.is_empty() {
        let mut summary = "not checked: no --proxy given and no proxy variable set".to_owned();
        if let Some(first) = lines.first() {
            summary = format!("{first}; no --proxy given");
        }
        let status = if lines.is_empty() {
            StepStatus::CouldNotCheck
        } else {
            StepStatus::Ok
        };
        return (status, summary, lines);
    }
    let direct = through
        .iter()
        .find(|way| way.way == "direct")
        .and_then(|way| way.status);
    let differ = through
        .iter()
        .filter(|way| way.way != "direct" && way.status != direct)
        .count();
    let proxies = through.len().saturating_sub(1);
    let said =
        |status: Option<u16>| status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let summary = if differ == 0 {
        format!(
            "the same answer ({}) directly and through {proxies} proxies: the target makes it",
            said(direct)
        )
    } else {
        format!(
            "{differ} of {proxies} proxies get another answer than directly ({})",
            said(direct)
        )
    };
    (
        if differ == 0 {
            StepStatus::Ok
        } else {
            StepStatus::Warning
        },
        summary,
        lines,
    )
}
