//! Who made the answer, and what could not be looked at.

use super::facts::{attempt_failed, failing};
use crate::evidence::{Attempt, Observed, Obstacle, Snapshot};
use crate::verdict::{Incomplete, MadeBy, Where};

/// Marks of products in a response: header, what it holds, the product. First match wins.
const PRODUCTS: [(&str, &str, &str); 14] = [
    ("x-squid-error", "", "squid"),
    ("cf-ray", "", "cloudflare"),
    ("x-amz-cf-id", "", "cloudfront"),
    ("server", "cloudflare", "cloudflare"),
    ("server", "CloudFront", "cloudfront"),
    ("server", "awselb", "aws-alb"),
    ("server", "Microsoft-Azure-Application-Gateway", "azure-appgw"),
    ("server", "Google Frontend", "gcp-alb"),
    ("server", "AkamaiGHost", "akamai"),
    ("server", "squid", "squid"),
    ("server", "Apache", "apache"),
    ("server", "nginx", "nginx"),
    ("server", "Caddy", "caddy"),
    ("server", "envoy", "envoy"),
];

/// Products that stand in front of a host, never on it.
const EDGES: [&str; 6] = [
    "cloudflare",
    "cloudfront",
    "aws-alb",
    "azure-appgw",
    "gcp-alb",
    "akamai",
];

fn product(attempt: &Attempt) -> Option<(&'static str, Option<String>)> {
    let (header, _, product) = PRODUCTS.iter().find(|(header, mark, _)| {
        attempt
            .header(header)
            .is_some_and(|value| value.to_lowercase().contains(&mark.to_lowercase()))
    })?;
    let version = attempt
        .header(header)
        .and_then(|value| value.split_once('/'))
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .filter(|version| version.starts_with(|character: char| character.is_ascii_digit()))
        .map(str::to_owned);
    Some((product, version))
}

/// Who made the answer that the client saw.
pub(crate) fn made_by(snapshot: &Snapshot) -> Option<MadeBy> {
    let attempt = snapshot
        .attempts
        .iter()
        .find(|attempt| attempt_failed(attempt))
        .or_else(|| snapshot.attempts.first())?;
    let here = snapshot.front_listener.seen().is_some() || snapshot.proxy.is_some();
    let (product, version) = match product(attempt) {
        Some((product, version)) => (product.to_owned(), version),
        None => {
            let proxy = snapshot.proxy.as_ref().filter(|_| {
                attempt
                    .exchange
                    .seen()
                    .is_some_and(crate::evidence::Exchange::connected)
            })?;
            (proxy.kind.name().to_owned(), proxy.version.clone())
        }
    };
    let where_ = if EDGES.contains(&product.as_str()) {
        Where::InFront
    } else if here && relayed(snapshot, attempt) {
        Where::Behind
    } else if here {
        Where::ThisHost
    } else {
        Where::Unknown
    };
    Some(MadeBy {
        product,
        where_,
        version,
    })
}

/// True when the application sent the failing status itself and the proxy only handed it on.
fn relayed(snapshot: &Snapshot, attempt: &Attempt) -> bool {
    let status = attempt.status.filter(|status| *status >= 500);
    status.is_some()
        && snapshot.log.during.iter().all(|entry| entry.symptom.is_none())
        && snapshot
            .endpoints
            .iter()
            .filter_map(|evidence| evidence.as_proxy())
            .any(|exchange| {
                crate::system::http::head(&exchange.bytes.0).and_then(|head| head.status) == status
            })
}

/// What could not be looked at, with the one thing that would settle it.
pub(crate) fn incomplete(snapshot: &Snapshot) -> Vec<Incomplete> {
    let mut list = Vec::new();
    let mut add = |what: &str, obstacle: &Obstacle, settle_with: &str| {
        // What nobody asked for on purpose is no gap.
        if *obstacle != Obstacle::NotAsked {
            list.push(Incomplete {
                what: what.to_owned(),
                why: obstacle.to_string(),
                settle_with: settle_with.to_owned(),
            });
        }
    };
    let failing = failing(snapshot);
    if let Some(obstacle) = snapshot.config.obstacle() {
        add("the proxy's configuration", obstacle, "sudo nginx -T");
    }
    if let Some(obstacle) = snapshot.config_test.obstacle() {
        add("the configuration test", obstacle, "sudo nginx -t");
    }
    if let Some(obstacle) = snapshot.firewall.obstacle() {
        add(
            "the packet filters",
            obstacle,
            "sudo nft list ruleset; sudo iptables-save",
        );
    }
    for (name, why) in snapshot
        .firewall
        .seen()
        .map(|answer| answer.unread.clone())
        .unwrap_or_default()
    {
        add(
            &format!("the packet filters of {name}"),
            &Obstacle::Failed(why),
            "run fix502 as root",
        );
    }
    if let Some(obstacle) = snapshot.kernel.obstacle() {
        add("the kernel log", obstacle, "sudo dmesg");
    }
    if let Some(obstacle) = snapshot.units.obstacle() {
        add("the services", obstacle, "systemctl --failed");
    }
    if let Some(obstacle) = snapshot.processes.obstacle() {
        add("the process table", obstacle, "ps axu");
    }
    if let Some(obstacle) = snapshot.listeners.obstacle() {
        add("the listening sockets", obstacle, "sudo ss -ltnp");
    }
    for file in &snapshot.log.files {
        if let Some(obstacle) = file.read.obstacle() {
            add(
                &format!("the log {}", file.path),
                obstacle,
                &format!("sudo tail -n 50 {}", crate::finding::quoted(&file.path)),
            );
        }
    }
    if failing && !snapshot.host.root && !snapshot.host.name.is_empty() {
        let nameless = |listener: &crate::evidence::Listener| listener.processes.is_empty();
        if matches!(&snapshot.listeners, Observed::Seen(listeners) if listeners.iter().any(nameless)) {
            add(
                "the owners of the listening sockets",
                &Obstacle::Denied,
                "run fix502 as root",
            );
        }
    }
    for evidence in &snapshot.endpoints {
        for probe in &evidence.probes {
            if let Some(obstacle) = probe.exchange.obstacle() {
                add(
                    &format!("the endpoint {}", evidence.endpoint),
                    obstacle,
                    &probe.command,
                );
            }
        }
    }
    if let Some(obstacle) = snapshot.resolver.obstacle() {
        add("/etc/resolv.conf", obstacle, "cat /etc/resolv.conf");
    }
    list
}
