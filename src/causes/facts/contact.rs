//! How the contact with an endpoint ended, and what that says of the failing requests.

use super::{failed_status, failing, logged_now, passing_route};
use crate::evidence::{
    Connect, End, EndpointEvidence, Exchange, Pass, Protocol, Snapshot, Speaks, Symptom, errno,
};
use crate::system::http;

/// How the contact with an endpoint ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::causes) enum Contact {
    Answered(u16),
    Closed,
    Denied,
    NoAnswer,
    NoLocalAddress,
    OtherAnswer(Speaks),
    QueueFull,
    Refused,
    Reset,
    Silent,
    SocketMissing,
    TlsFailed,
    Unreachable(i32),
}

/// How the exchange that imitates the proxy ended; `None`: it was not made.
pub(in crate::causes) fn contact(evidence: &EndpointEvidence) -> Option<Contact> {
    evidence.as_proxy().map(contact_of)
}

/// How an exchange ended.
pub(in crate::causes) fn contact_of(exchange: &Exchange) -> Contact {
    match &exchange.connect {
        Connect::TimedOut => return Contact::Silent,
        Connect::Failed(number) => {
            return match *number {
                errno::ECONNREFUSED => Contact::Refused,
                errno::ENOENT => Contact::SocketMissing,
                errno::EACCES | errno::EPERM => Contact::Denied,
                errno::EAGAIN => Contact::QueueFull,
                errno::EADDRNOTAVAIL => Contact::NoLocalAddress,
                other => Contact::Unreachable(other),
            };
        }
        Connect::Connected => {}
    }
    if exchange.tls.as_ref().is_some_and(|tls| !tls.done) {
        return Contact::TlsFailed;
    }
    if let Some(head) = http::head(&exchange.bytes.0)
        && head.length_bytes.is_some()
        && let Some(status) = head.status
    {
        return Contact::Answered(status);
    }
    if exchange.received_bytes == 0 || http::head(&exchange.bytes.0).is_some() {
        return match exchange.end {
            End::TimedOut => Contact::NoAnswer,
            End::Reset => Contact::Reset,
            _ => Contact::Closed,
        };
    }
    Contact::OtherAnswer(http::speaks(&exchange.bytes.0))
}

/// True when an endpoint gives the proxy what it wants.
pub(in crate::causes) fn works(evidence: &EndpointEvidence, pass: &Pass) -> bool {
    match (contact(evidence), pass.protocol) {
        (Some(Contact::Answered(status)), _) => (200..500).contains(&status),
        (Some(Contact::OtherAnswer(Speaks::FastCgi)), Protocol::FastCgi)
        | (Some(Contact::OtherAnswer(Speaks::Http2)), Protocol::Grpc)
        | (Some(Contact::OtherAnswer(_)), Protocol::Memcached) => true,
        _ => false,
    }
}

/// True when every endpoint that is known works.
pub(in crate::causes) fn all_work(snapshot: &Snapshot) -> bool {
    passing_route(snapshot).is_some_and(|(_, pass)| {
        !snapshot.endpoints.is_empty() && snapshot.endpoints.iter().all(|evidence| works(evidence, pass))
    })
}

/// Endpoints whose contact ended in this way.
pub(in crate::causes) fn endpoints_with(
    snapshot: &Snapshot,
    wanted: impl Fn(Contact) -> bool,
) -> Vec<&EndpointEvidence> {
    snapshot
        .endpoints
        .iter()
        .filter(|evidence| contact(evidence).is_some_and(&wanted))
        .collect()
}

/// Symptoms of a connection that ended before the answer's header.
pub(in crate::causes) const CUT_BEFORE_HEADER: [Symptom; 2] =
    [Symptom::ClosedBeforeHeader, Symptom::ResetBeforeHeader];

/// True when our own requests were cut before an answer: by the log, or by our own exchange where the log
/// is silent.
pub(in crate::causes) fn cut_before_header(snapshot: &Snapshot) -> bool {
    if !failing(snapshot) {
        return false;
    }
    if !logged_now(snapshot, &CUT_BEFORE_HEADER).is_empty() {
        return true;
    }
    snapshot.log.during.iter().all(|entry| entry.symptom.is_none())
        && !endpoints_with(snapshot, |contact| {
            matches!(contact, Contact::Closed | Contact::Reset)
        })
        .is_empty()
}

/// True when our own requests waited in vain for the header.
pub(in crate::causes) fn header_timed_out(snapshot: &Snapshot) -> bool {
    if !failing(snapshot) {
        return false;
    }
    let waited = !logged_now(snapshot, &[Symptom::HeaderTimeout, Symptom::SendTimeout]).is_empty();
    // Where others are cut off, and we are too when we ask directly, the one that waited only came too early.
    let cut = !logged_now(snapshot, &CUT_BEFORE_HEADER).is_empty()
        && !endpoints_with(snapshot, |contact| {
            matches!(contact, Contact::Closed | Contact::Reset)
        })
        .is_empty();
    waited && !cut
        || ((failed_status(snapshot) == Some(504) || still_waiting(snapshot))
            && snapshot.log.during.iter().all(|entry| entry.symptom.is_none())
            && !endpoints_with(snapshot, |contact| contact == Contact::NoAnswer).is_empty())
}

/// True when every peer is taken out by hand: then the proxy dials none, and how they are does not matter.
pub(in crate::causes) fn all_disabled(snapshot: &Snapshot) -> bool {
    passing_route(snapshot)
        .is_some_and(|(_, pass)| !pass.peers.is_empty() && pass.peers.iter().all(|peer| peer.down))
}

/// True when the proxy took our requests and had given no answer when our own patience ended: its limits are
/// longer than the deadline of this run.
pub(in crate::causes) fn still_waiting(snapshot: &Snapshot) -> bool {
    snapshot
        .attempts
        .iter()
        .filter_map(|attempt| attempt.exchange.seen())
        .any(|exchange| exchange.connected() && exchange.received_bytes == 0 && exchange.end == End::TimedOut)
}

/// An endpoint that the proxy cannot connect to, with how.
pub(in crate::causes) fn unconnectable(
    snapshot: &Snapshot,
    wanted: impl Fn(Contact) -> bool,
) -> Option<&EndpointEvidence> {
    if !failing(snapshot) || all_disabled(snapshot) {
        return None;
    }
    endpoints_with(snapshot, wanted).into_iter().next()
}

/// The refused TCP endpoint, when refusal is what fails.
pub(in crate::causes) fn refused_tcp(snapshot: &Snapshot) -> Option<&EndpointEvidence> {
    let refused = |evidence: &&EndpointEvidence| evidence.endpoint.tcp().is_some();
    if !failing(snapshot) || all_disabled(snapshot) {
        return None;
    }
    endpoints_with(snapshot, |contact| contact == Contact::Refused)
        .into_iter()
        .find(refused)
}
