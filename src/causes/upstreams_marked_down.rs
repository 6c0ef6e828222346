//! `upstreams-marked-down`: the proxy remembers failures that are over.

use super::dial::server_line;
use super::facts::{
    Contact, all_work, contact, failing, log_line, logged_before, logged_now, passing_route, probe_line,
    proxy_kind,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{ProxyKind, Setting, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/upstreams-marked-down.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstreams-marked-down",
    title: "all peers are marked as failed, although they work again",
    step: StepId::Retry,
    proxy_error: "connection_limit_reached",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::upstreams_all_disabled::CAUSE,
            &super::proxy_capacity_limit::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (_, pass) = passing_route(snapshot)?;
    // An answer that the proxy was told to count as a failure is one all the same.
    let counted = counted_status(snapshot);
    if !failing(snapshot) || !all_work(snapshot) && counted.is_none() {
        return None;
    }
    let logged = logged_now(snapshot, &[Symptom::NoLiveUpstreams]);
    let entry = logged.last()?;
    let group = pass.group.as_ref();
    let longest_s = pass
        .peers
        .iter()
        .map(|peer| peer.fail_timeout_ms)
        .max()
        .unwrap_or(10_000)
        / 1_000;
    let place = group.map_or(&pass.place, |group| &group.place);
    let name = group.map_or("the upstream", |group| group.name.as_str());
    let earlier = logged_before(
        snapshot,
        &[
            Symptom::ConnectionRefused,
            Symptom::ConnectTimeout,
            Symptom::HeaderTimeout,
            Symptom::ClosedBeforeHeader,
            Symptom::ResetBeforeHeader,
        ],
    );
    let although = match counted {
        Some((status, _)) => format!("because of the {status} that they answer"),
        None => "although all of them answer".to_owned(),
    };
    let kind = proxy_kind(snapshot);
    let command: Vec<&str> = kind.reload_command().split(' ').collect();
    let finding =
        CAUSE
            .finding(Confidence::Confirmed, format!("the proxy counts every peer of {name} as failed for up to {longest_s} s, {although}"))
            .at(place)
            .because(log_line(entry))
            .because_all(snapshot.endpoints.iter().filter_map(probe_line).take(3))
            .because_all(earlier.last().map(|entry| log_line(entry)))
            .remedy(
                Remedy::run(format!("clear the marks now ({} first)", kind.test_command()), command)
                    .risk("applies every other pending edit of the configuration as well; without it the marks end by themselves"),
            );
    if let Some((status, setting)) = counted {
        let place = setting.place.clone().unwrap_or_else(|| place.clone());
        return Some(
            finding
                .because(Exhibit::in_file("config", format!("failonstatus={}", setting.value), &place))
                .remedy(Remedy::advise(format!(
                    "find out in the application's log why it answers {status}, and leave {status} out of failonstatus unless a peer that answers it is of no use at all"
                ))),
        );
    }
    if kind != ProxyKind::Nginx {
        return Some(finding);
    }
    // Only where one slip is enough, or the mark lasts: more than that is not the proxy's fault.
    let strict = pass
        .peers
        .iter()
        .find(|peer| peer.place != pass.place && (peer.max_fails == 1 || peer.fail_timeout_ms > 10_000));
    Some(match strict {
        Some(peer) => finding.remedy(Remedy::edit(
            "so that one slip does not take a peer out for long, for each of them (keep the other parameters of the line)",
            &peer.place,
            server_line(peer, "max_fails=3 fail_timeout=10s"),
        )),
        None => finding,
    })
}

/// The status that every peer answers, when `failonstatus` of Apache makes it a failure.
fn counted_status(snapshot: &Snapshot) -> Option<(u16, &Setting<String>)> {
    let (route, _) = passing_route(snapshot)?;
    let setting = route.settings.apache.as_ref()?.fail_on_status.as_ref()?;
    let counts = |status: u16| {
        let mut listed = setting.value.split(',');
        listed.any(|word| word.trim().parse() == Ok(status))
    };
    let mut answers = snapshot.endpoints.iter().map(|evidence| match contact(evidence) {
        Some(Contact::Answered(status)) if counts(status) => Some(status),
        _ => None,
    });
    let first = answers.next()??;
    answers.all(|status| status.is_some()).then_some((first, setting))
}
