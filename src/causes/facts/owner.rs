//! Which unit or listener belongs to an endpoint.

use super::passing_route;
use crate::evidence::{Endpoint, EndpointEvidence, Listener, Platform, Snapshot, Unit};

/// How closely a unit belongs to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::causes) enum Link {
    /// The only service of the administrator that is not well.
    OnlyCandidate,
    /// Its name is that of the upstream group or of the socket.
    Name,
    /// Its command line or socket unit names the port or path.
    Address,
}

/// Units of the proxies themselves. Apache may be an upstream, but then its listener or its command line says
/// so.
const PROXIES: [&str; 2] = ["nginx.service", "squid.service"];

/// The unit that should serve an endpoint, and how closely it belongs to it.
pub(in crate::causes) fn unit_of<'a>(
    snapshot: &'a Snapshot,
    evidence: &EndpointEvidence,
) -> Option<(&'a Unit, Link)> {
    let units = snapshot.units.seen()?;
    let proxy = snapshot
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.master.unit.clone())
        .unwrap_or_default();
    let services = || {
        units.iter().filter(|unit| {
            unit.name.ends_with(".service") && unit.name != proxy && !PROXIES.contains(&unit.name.as_str())
        })
    };
    if let Some(owner) = evidence
        .listener
        .seen()
        .and_then(|listener| listener.processes.iter().find_map(|owner| owner.unit.clone()))
        && let Some(unit) = services().find(|unit| unit.name == owner)
    {
        return Some((unit, Link::Address));
    }
    let mark = match &evidence.endpoint {
        Endpoint::Tcp(address) => address.port().to_string(),
        Endpoint::Unix(path) => path.clone(),
    };
    if let Some(socket) = units
        .iter()
        .find(|unit| unit.listens.iter().any(|listen| has_word(listen, &mark)))
    {
        let name = socket.name.replace(".socket", ".service");
        if let Some(unit) = services().find(|unit| unit.name == name) {
            return Some((unit, Link::Address));
        }
    }
    if let Some(unit) = services().find(|unit| has_word(&unit.exec_start, &mark)) {
        return Some((unit, Link::Address));
    }
    let group = passing_route(snapshot)
        .and_then(|(_, pass)| pass.group.as_ref())
        .map(|group| group.name.to_lowercase());
    let stem = |unit: &Unit| unit.name.trim_end_matches(".service").to_lowercase();
    let of_path = evidence
        .endpoint
        .unix()
        .and_then(|path| path.rsplit('/').next())
        .map(|name| {
            name.trim_end_matches(".sock")
                .trim_end_matches(".socket")
                .to_lowercase()
        });
    let named = services().find(|unit| {
        let stem = stem(unit);
        group.as_deref() == Some(stem.as_str()) || of_path.as_deref() == Some(stem.as_str())
    });
    if let Some(unit) = named {
        return Some((unit, Link::Name));
    }
    let mut own = services().filter(|unit| {
        let by_hand = match snapshot.host.platform {
            // What Apple or Homebrew did not bring is not even listed.
            Platform::Macos => true,
            // Installed by somebody, and meant to run.
            Platform::Windows => !unit.fragment.is_empty() && unit.file_state == "enabled",
            _ => {
                unit.fragment.starts_with("/etc/systemd/system/")
                    || unit.fragment.starts_with("/run/systemd/")
            }
        };
        by_hand && unit.active != "active" && !unit.name.contains('@')
    });
    match (own.next(), own.next()) {
        (Some(unit), None) => Some((unit, Link::OnlyCandidate)),
        _ => None,
    }
}

/// True when `text` holds `word` with nothing like a word around it: 80 is not in 8080.
pub(in crate::causes) fn has_word(text: &str, word: &str) -> bool {
    let mut from = 0;
    while let Some(position) = text.get(from..).and_then(|rest| rest.find(word)) {
        let start = from + position;
        let end = start + word.len();
        let before = text.get(..start).and_then(|part| part.chars().next_back());
        let after = text.get(end..).and_then(|part| part.chars().next());
        let apart =
            |character: Option<char>| character.is_none_or(|character| !character.is_ascii_alphanumeric());
        if apart(before) && apart(after) {
            return true;
        }
        from = end;
    }
    false
}

/// True when a unit is down because it failed: it ended by itself, again and again, or gave up.
pub(in crate::causes) fn unit_failed(unit: &Unit) -> bool {
    let starting_anew = unit.active == "activating" && unit.sub == "auto-restart";
    unit.active == "failed" || starting_anew
}

/// The listener of another program on the port of an endpoint, under another address.
pub(in crate::causes) fn same_port_elsewhere<'a>(
    snapshot: &'a Snapshot,
    evidence: &EndpointEvidence,
) -> Option<&'a Listener> {
    let wanted = evidence.endpoint.tcp()?;
    // The proxy's own port is not the service: to dial it would be a loop.
    let of_the_proxy = |listener: &Listener| {
        snapshot.proxy.as_ref().is_some_and(|proxy| {
            listener.processes.iter().any(|owner| {
                owner.pid == proxy.master.pid || proxy.workers.iter().any(|worker| worker.pid == owner.pid)
            })
        })
    };
    snapshot.listeners.seen()?.iter().find(|listener| {
        !of_the_proxy(listener)
            && listener
                .endpoint
                .tcp()
                .is_some_and(|address| address.port() == wanted.port() && address != wanted)
    })
}

/// True for a unit that is meant to keep running: by its type, or because systemd starts it again. A job that a
/// timer starts is not.
pub(in crate::causes) fn lasting(unit: &Unit) -> bool {
    const TYPES: [&str; 6] = ["simple", "exec", "notify", "notify-reload", "forking", "dbus"];
    let by_type = TYPES.contains(&unit.service_type.as_str()) && !unit.triggered_by_timer;
    by_type || unit.restarts > 0 || unit.sub == "auto-restart"
}
