//! What step 7 says: which of the ways differs, the proxy's, the target's or the path's.
//!
//! It compares what [`super::alternate_proxy`] saw and asks nothing itself. To tell one more fault of a proxy
//! apart: a row in [`SQUID_ERRORS`] or an arm in [`fault`] and its advice in [`advice`].

use super::alternate_proxy::DIRECT;
use super::summary::Line;
use super::ways;
use crate::evidence::{OtherRoute, RouteStage, Snapshot};
use crate::report::{Differs, StepStatus, Way};

/// What the names in `X-Squid-Error` mean.
const SQUID_ERRORS: &[(&str, &str)] = &[
    ("ERR_ACCESS_DENIED", "its rules forbid this target"),
    ("ERR_CACHE_ACCESS_DENIED", "it wants user and password"),
    (
        "ERR_CANNOT_FORWARD",
        "it has no parent or direct way to forward by",
    ),
    ("ERR_CONNECT_FAIL", "it cannot connect to the target"),
    ("ERR_DNS_FAIL", "it cannot resolve the name of the target"),
    ("ERR_READ_ERROR", "it lost the connection to the target"),
    ("ERR_READ_TIMEOUT", "it waited in vain for the target"),
    (
        "ERR_SECURE_CONNECT_FAIL",
        "its TLS handshake with the target failed",
    ),
    (
        "ERR_ZERO_SIZE_OBJECT",
        "the target closed without an answer to it",
    ),
];

/// How the request ended on one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The target answered what a client wants.
    Good(u16),
    /// The target refuses this client: 403, 429, 451.
    Refused(u16),
    /// The target answered an error.
    Failed(u16),
    /// The target was not reached, or gave no answer.
    NoAnswer,
    /// The proxy could not be used, or answered an error of its own.
    Proxy,
}

fn outcome(route: &OtherRoute) -> Outcome {
    let proxied = route.way != DIRECT;
    match (route.status, route.failed_at) {
        (Some(status @ (403 | 429 | 451)), _) => Outcome::Refused(status),
        (Some(status @ 100..500), _) => Outcome::Good(status),
        (Some(status), _) => Outcome::Failed(status),
        (None, Some(RouteStage::TargetTls | RouteStage::Answer)) => Outcome::NoAnswer,
        _ if proxied => Outcome::Proxy,
        _ => Outcome::NoAnswer,
    }
}

fn outcome_words(route: &OtherRoute) -> String {
    match (route.status, &route.error) {
        (Some(status), _) => status.to_string(),
        (None, _) if outcome(route) == Outcome::Proxy => fault(route),
        (None, Some(error)) => error.clone(),
        (None, None) => "no answer".to_owned(),
    }
}

/// What is wrong with a proxy, in words.
fn fault(route: &OtherRoute) -> String {
    let squid = route.marker("x-squid-error").map(|said| {
        let name = said.split_whitespace().next().unwrap_or_default();
        match SQUID_ERRORS.iter().find(|(known, _)| *known == name) {
            Some((_, meaning)) => format!("{meaning} (X-Squid-Error: {said})"),
            None => format!("it says X-Squid-Error: {said}"),
        }
    });
    let error = || route.error.clone().unwrap_or_else(|| "no answer".to_owned());
    match (route.proxy_status.filter(|status| *status >= 300), squid) {
        (Some(407), _) => "it wants other user and password than it got (407)".to_owned(),
        (Some(status), Some(squid)) => format!("{status}: {squid}"),
        (Some(403), None) => "it forbids this request or bans this client (403)".to_owned(),
        (Some(429), None) => "it limits the rate of this client (429)".to_owned(),
        (Some(status @ 500..=599), None) => format!("it answers {status}: it cannot reach the target"),
        (Some(status), None) => format!("it answers {status}"),
        (None, _) => match route.failed_at {
            Some(RouteStage::Name | RouteStage::Connect) => format!("it cannot be reached ({})", error()),
            _ => error(),
        },
    }
}

/// What helps against the fault of a proxy.
fn advice(route: &OtherRoute) -> String {
    let way = &route.way;
    let squid = route.marker("x-squid-error").unwrap_or_default();
    match (route.proxy_status, route.failed_at) {
        _ if route.wants_credentials => {
            let (scheme, place) = way.split_once("://").unwrap_or(("http", way));
            format!("correct the login of {way}: --proxy {scheme}://USER:PASSWORD@{place}")
        }
        (Some(429), _) => {
            let wait = route
                .marker("retry-after")
                .map_or_else(String::new, |wait| format!(" (Retry-After: {wait})"));
            format!("wait{wait} or send less through {way}: it limits the rate")
        }
        (Some(403), _) => {
            format!("have this target allowed in the rules of {way}, or take another proxy: this one bans it")
        }
        (Some(500..=599), _) if squid.starts_with("ERR_DNS_FAIL") => {
            format!("repair the name resolution of {way}, or take another proxy")
        }
        (Some(500..=599), _) => format!("repair the way from {way} to the target, or take another proxy"),
        (_, Some(RouteStage::Name)) => format!("correct the name of {way}: it does not resolve"),
        (_, Some(RouteStage::Connect)) => {
            format!("start {way} or correct its address: nothing takes the connection")
        }
        (_, Some(RouteStage::ProxyTls)) => {
            format!("write http:// instead of https:// if {way} speaks no TLS, or repair its certificate")
        }
        _ => format!("take another proxy than {way}"),
    }
}

struct Compared<'a> {
    direct: Option<&'a OtherRoute>,
    proxies: Vec<&'a OtherRoute>,
}

impl<'a> Compared<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        Self {
            direct: snapshot.other_routes.iter().find(|route| route.way == DIRECT),
            proxies: snapshot
                .other_routes
                .iter()
                .filter(|route| route.way != DIRECT && !route.way.starts_with("straight"))
                .collect(),
        }
    }

    fn direct(&self) -> Outcome {
        self.direct.map_or(Outcome::NoAnswer, outcome)
    }

    fn direct_words(&self) -> String {
        self.direct.map_or_else(|| "not asked".to_owned(), outcome_words)
    }

    fn good(&self) -> Option<&'a OtherRoute> {
        self.proxies
            .iter()
            .copied()
            .find(|route| matches!(outcome(route), Outcome::Good(_)))
    }

    /// The proxies by which the request failed.
    fn failing(&self) -> Vec<&'a OtherRoute> {
        self.proxies
            .iter()
            .copied()
            .filter(|route| !matches!(outcome(route), Outcome::Good(_)))
            .collect()
    }

    /// The proxies that cannot be used, whatever the target does.
    fn unusable(&self) -> Vec<&'a OtherRoute> {
        // A proxy that cannot reach what cannot be reached from here either is not to blame.
        let unreached = self.direct() == Outcome::NoAnswer;
        self.failing()
            .into_iter()
            .filter(|route| {
                outcome(route) == Outcome::Proxy
                    && !(unreached && matches!(route.proxy_status, Some(500..=599)))
            })
            .collect()
    }
}

/// The line of step 7 and its details.
pub(super) fn show(snapshot: &Snapshot) -> Line {
    let compared = Compared::of(snapshot);
    let mut details: Vec<String> = snapshot.other_routes.iter().map(detail).collect();
    if compared.proxies.is_empty() {
        let (status, summary) = match details.first() {
            None => (
                StepStatus::CouldNotCheck,
                "not checked: no --proxy given and no proxy variable set".to_owned(),
            ),
            Some(first) => (StepStatus::Ok, format!("{first}; no --proxy given")),
        };
        details.extend(vpn(snapshot));
        return (status, summary, details);
    }
    let (status, mut summary) = compare(snapshot, &compared);
    if compared.proxies.len() > ways::MANY {
        let tried = ways::ways(snapshot);
        summary = format!("{summary}; {}", ways::counts(&tried));
        let line = |way: &Way| {
            let label = way
                .label
                .as_ref()
                .map(|label| format!("{label}, "))
                .unwrap_or_default();
            let said = snapshot
                .other_routes
                .iter()
                .find(|route| route.way == way.way)
                .map(without_label)
                .unwrap_or_default();
            format!("{label}{said}")
        };
        details = ways::table(&tried, line);
        details.extend(
            snapshot
                .other_routes
                .iter()
                .filter(|route| route.way.starts_with("straight"))
                .take(ways::MANY)
                .map(detail),
        );
    }
    details.extend(vpn(snapshot));
    (status, summary, details)
}

/// Whose the difference is; `None`: there is none, or nothing to compare with.
pub(super) fn differs(snapshot: &Snapshot) -> Option<Differs> {
    let compared = Compared::of(snapshot);
    if compared.proxies.is_empty() {
        return None;
    }
    match (compared.direct(), compared.good()) {
        (Outcome::Good(_), _) => (!compared.failing().is_empty()).then_some(Differs::Proxy),
        (Outcome::Refused(_), Some(_)) => Some(Differs::Target),
        (_, Some(_)) => Some(Differs::Path),
        (_, None) => (compared.unusable().len() < compared.proxies.len()).then_some(Differs::Target),
    }
}

fn compare(snapshot: &Snapshot, compared: &Compared<'_>) -> (StepStatus, String) {
    let direct = compared.direct_words();
    let count = compared.proxies.len();
    let failing = compared.failing();
    let unusable = compared.unusable();
    match (compared.direct(), compared.good()) {
        (Outcome::Good(_), _) => match failing.first() {
            None => (
                StepStatus::Ok,
                format!("no way differs: {direct} directly and through {}", every(count)),
            ),
            Some(first) => {
                let suspect = failing
                    .iter()
                    .any(|route| Some(&route.way) == snapshot.target.via.as_ref());
                (
                    if suspect {
                        StepStatus::Problem
                    } else {
                        StepStatus::Warning
                    },
                    format!(
                        "the proxy differs: {direct} directly, but through {}{}",
                        said(first),
                        further(failing.len() - 1)
                    ),
                )
            }
        },
        (Outcome::Refused(_), Some(good)) => (
            StepStatus::Warning,
            format!(
                "the target differs: it refuses this address ({direct}) and answers {} through {}",
                outcome_words(good),
                good.way
            ),
        ),
        (_, Some(good)) => (
            StepStatus::Warning,
            format!(
                "the path differs: directly {direct}, but {} through {}",
                outcome_words(good),
                good.way
            ),
        ),
        (_, None) if unusable.len() == count => (
            StepStatus::CouldNotCheck,
            format!(
                "nothing to compare with: directly {direct}, and no proxy can be used: {}{}",
                unusable.first().map(|first| said(first)).unwrap_or_default(),
                further(count - 1)
            ),
        ),
        (_, None) => {
            let reached = count - unusable.len();
            let same = failing
                .iter()
                .filter(|route| outcome(route) == compared.direct() && route.status.is_some())
                .count();
            let through = if same == count {
                every(count)
            } else if same == reached && same > 0 {
                format!("{same} of {count} proxies, the others cannot be used")
            } else {
                return (
                    StepStatus::Ok,
                    format!(
                        "the target fails by every way: directly {direct}, through {}{}",
                        failing
                            .iter()
                            .find(|route| !unusable.contains(route))
                            .map(|first| said(first))
                            .unwrap_or_default(),
                        further(count - 1)
                    ),
                );
            };
            (
                StepStatus::Ok,
                format!(
                    "the target makes it: {direct} directly and through {through}; another proxy will not help"
                ),
            )
        }
    }
}

fn every(count: usize) -> String {
    if count == 1 {
        "the proxy".to_owned()
    } else {
        format!("all {count} proxies")
    }
}

fn said(route: &OtherRoute) -> String {
    format!("{}: {}", route.way, outcome_words(route))
}

fn further(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    }
}

/// The fix that fits what was compared.
pub(super) fn recommended(snapshot: &Snapshot) -> Vec<String> {
    let compared = Compared::of(snapshot);
    if compared.proxies.is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    match (compared.direct(), compared.good()) {
        (Outcome::Good(_), _) => {
            let mut told = Vec::new();
            for route in compared.failing() {
                let kind = (ways::outcome(route), route.proxy_status);
                // Of many that fail alike, one is enough to say what helps.
                if compared.proxies.len() > ways::MANY && told.contains(&kind) {
                    continue;
                }
                told.push(kind);
                lines.push(if outcome(route) == Outcome::Proxy {
                    advice(route)
                } else {
                    format!(
                        "go without {0}, or have its operator look: the target answers others than it",
                        route.way
                    )
                });
            }
            return lines;
        }
        (Outcome::Refused(status), Some(good)) => lines.push(format!(
            "ask whoever runs the target why it answers {status} to this address; until then go through {}, if its \
             terms allow that",
            good.way
        )),
        (_, Some(good)) => lines.push(format!(
            "go through {} until the way from here is repaired; compare the two ways: mtr {}",
            good.way, snapshot.target.host
        )),
        (_, None) if compared.unusable().len() < compared.proxies.len() => {
            lines.push("leave the proxies as they are and repair the target: step 2 on its host".to_owned());
        }
        (_, None) => {}
    }
    lines.extend(compared.unusable().into_iter().map(advice));
    lines
}

/// One way with all that came back by it.
fn detail(route: &OtherRoute) -> String {
    match &route.label {
        Some(label) => format!("{label}, {}", without_label(route)),
        None => without_label(route),
    }
}

fn without_label(route: &OtherRoute) -> String {
    let mut parts: Vec<String> = Vec::new();
    match (route.status, route.proxy_status) {
        (Some(status), tunnel) => {
            parts.push(status.to_string());
            if let Some(tunnel) = tunnel {
                parts.push(format!("CONNECT {tunnel}"));
            }
        }
        (None, Some(status)) if status >= 300 => parts.push(format!("the proxy answered {status}")),
        (None, Some(status)) => parts.push(format!("CONNECT {status}")),
        (None, None) => {}
    }
    let connects = route.failed_at.is_some() && !route.way.starts_with("straight");
    if connects && !route.connected() {
        parts.push("not connected".to_owned());
    } else if connects && route.status.is_none() {
        parts.push("connected".to_owned());
    }
    if let (None, Some(error)) = (route.status, &route.error) {
        parts.push(error.clone());
    }
    if parts.is_empty() {
        parts.push("no answer".to_owned());
    }
    if let Some(server) = &route.server {
        parts.push(format!("Server: {server}"));
    }
    parts.extend(route.markers.iter().map(|(name, value)| format!("{name}: {value}")));
    format!(
        "{}: {} ({} ms)",
        route.way,
        parts.join(", "),
        route.took_us / 1_000
    )
}

/// The VPN that carries the request or the way to an upstream.
fn vpn(snapshot: &Snapshot) -> Option<String> {
    let device = snapshot.host.vpn_default_route.as_ref()?;
    let carries = |route: &crate::evidence::Observed<crate::evidence::KernelRoute>| {
        route.seen().and_then(|route| route.device.as_ref()) == Some(device)
    };
    let upstream = snapshot
        .endpoints
        .iter()
        .find(|evidence| !evidence.on_this_host && carries(&evidence.kernel_route))
        .map(|evidence| evidence.endpoint.to_string());
    let carried = if carries(&snapshot.front_route) {
        snapshot.target.host.clone()
    } else {
        upstream?
    };
    Some(format!(
        "the default route goes through {device}, a VPN: it carries the way to {carried}; compare without it"
    ))
}

#[cfg(test)]
mod tests;
