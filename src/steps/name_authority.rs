//! Step 6, the last word: what the nameservers of a name's own zone say, where the answers that this host gets lead
//! to nobody. Asked in that case alone: a name that works needs no further proof, and a network that lets no
//! question out but to its own nameservers would make every walk wait.

use std::net::IpAddr;

use super::plan::Plan;
use crate::evidence::{AuthorityAnswer, NameEvidence, NameOutcome, Observed, Snapshot};
use crate::finding::StepId;
use crate::host::{AuthorityLookup, Host};

/// Limit for all questions about one name.
const LIMIT_MS: u64 = 1_000;

/// What is to be asked: which name of the snapshot, and how.
pub(super) fn questions(plan: &Plan, snapshot: &Snapshot) -> Vec<(String, AuthorityLookup)> {
    if !plan.wants(StepId::Dns) {
        return Vec::new();
    }
    let names = snapshot.names.iter();
    names
        .filter_map(|name| Some((name.name.clone(), question(snapshot, name)?)))
        .take(2)
        .collect()
}

fn question(snapshot: &Snapshot, name: &NameEvidence) -> Option<AuthorityLookup> {
    let asked = name.completed.as_ref().unwrap_or(&name.name);
    // `.local` is asked by multicast, of no server.
    let top = asked.trim_end_matches('.').rsplit_once('.').map(|(_, top)| top);
    let has_zone =
        top.is_some_and(|top| !top.eq_ignore_ascii_case("local")) && asked.parse::<IpAddr>().is_err();
    if name.role == "url" || !has_zone || !(unknown(name) || leads_to_nobody(snapshot, name)) {
        return None;
    }
    // Who told the proxy is asked who is responsible, if it says anything at all.
    let through = name.servers.iter().find(|server| {
        matches!(
            server.outcome,
            NameOutcome::Addresses(_) | NameOutcome::NxDomain | NameOutcome::NoAddress
        )
    })?;
    Some(AuthorityLookup {
        name: asked.clone(),
        through: through.server.clone(),
        limit_ms: LIMIT_MS,
        identity: super::machine::network_of(snapshot),
    })
}

/// A nameserver says that there is no such name, or no address.
fn unknown(name: &NameEvidence) -> bool {
    let none = |outcome: &NameOutcome| matches!(outcome, NameOutcome::NxDomain | NameOutcome::NoAddress);
    name.servers.iter().any(|server| none(&server.outcome))
}

/// Nobody takes a connection at any address of this name.
fn leads_to_nobody(snapshot: &Snapshot, name: &NameEvidence) -> bool {
    let mut exchanges = snapshot
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.name.as_ref() == Some(&name.name))
        .filter_map(|endpoint| endpoint.as_proxy())
        .peekable();
    exchanges.peek().is_some() && exchanges.all(|exchange| !exchange.connected())
}

/// Asks all of them at the same time.
pub(super) fn ask(
    host: &Host,
    questions: Vec<(String, AuthorityLookup)>,
) -> Vec<(String, Observed<AuthorityAnswer>)> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = questions
            .into_iter()
            .map(|(name, question)| (name, scope.spawn(move || host.ask(&question))))
            .collect();
        asked
            .into_iter()
            .map(|(name, thread)| (name, thread.join().unwrap_or_default()))
            .collect()
    })
}

/// Puts the answers to their names.
pub(super) fn keep(snapshot: &mut Snapshot, answers: Vec<(String, Observed<AuthorityAnswer>)>) {
    for (asked, answer) in answers {
        let name = snapshot
            .names
            .iter_mut()
            .find(|name| name.name == asked && name.role != "url");
        if let Some(name) = name {
            name.authority = answer;
        }
    }
}

/// The lines that the step shows of it.
pub(super) fn show(name: &NameEvidence) -> Option<String> {
    match &name.authority {
        Observed::Seen(answer) => Some(format!(
            "    {} (responsible for {}): {}",
            answer.nameserver,
            answer.zone,
            super::dns_flush::outcome_words(&answer.outcome)
        )),
        Observed::Unavailable(obstacle) if !name.authority.is_not_asked() => Some(format!(
            "    the nameservers of its zone: could not ask ({obstacle})"
        )),
        _ => None,
    }
}
