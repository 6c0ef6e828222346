//! THE CATALOGUE: one file for each root cause, each a pure function of the snapshot.
//!
//! A cause may name evidence and findings and nothing else; it never touches the host. It answers
//! [`Answer::Found`] with the proof, [`Answer::RuledOut`], or [`Answer::Undecided`] with what kept it from
//! knowing. To add one: `causes/<id>.rs`, two lines here, and `docs/causes/<id>.md` whose example and
//! counter-example are executed as tests.

use crate::evidence::{Attempt, Snapshot};
use crate::finding::StepId;
use crate::verdict::{Answer, Incomplete, MadeBy};

/// One root cause.
pub struct Cause {
    /// Its id, the same in JSON, in the pages and for `fix502 explain`.
    pub id: &'static str,
    /// What it is, one line.
    pub title: &'static str,
    /// The step of the guide it belongs to.
    pub step: StepId,
    /// The error type of RFC 9209 (Proxy-Status).
    pub proxy_error: &'static str,
    /// Causes that it leads to: they stand behind it in the chain.
    pub explains: &'static [&'static str],
    /// The judgement.
    pub diagnose: fn(&Snapshot) -> Answer,
}

/// All causes, in order of precedence.
pub static CAUSES: &[&Cause] = &[];

/// True when an attempt gave an error that a proxy makes for a failed upstream, or no usable answer.
pub fn attempt_failed(_attempt: &Attempt) -> bool {
    false
}

/// Who made the answer that the client saw.
pub fn made_by(_snapshot: &Snapshot) -> Option<MadeBy> {
    None
}

/// What could not be looked at.
pub fn incomplete(_snapshot: &Snapshot) -> Vec<Incomplete> {
    Vec::new()
}
