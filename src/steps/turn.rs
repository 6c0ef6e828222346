//! Taking turns: an upstream with one worker must not be slow because we ask it twice at a time.
//!
//! An attempt at the front door and the probes of the endpoints exclude each other; probes, which go to
//! different endpoints, do not. Turns are given up where they help nobody: when an endpoint does not even
//! take a connection, and when a question has waited for [`PATIENCE`]. Nothing here touches the host.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::host::Host;

/// How long a question waits for the one before it.
const PATIENCE: Duration = Duration::from_millis(1_800);

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    /// An attempt at the front door.
    Attempt,
    /// A probe of an endpoint.
    Probe,
}

/// Whose turn it is.
#[derive(Default)]
pub(super) struct Turn {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    attempts: u32,
    probes: u32,
    open: bool,
}

impl State {
    fn admits(&self, party: Party) -> bool {
        self.open || (self.attempts == 0 && (party == Party::Probe || self.probes == 0))
    }

    fn count(&mut self, party: Party) -> &mut u32 {
        match party {
            Party::Attempt => &mut self.attempts,
            Party::Probe => &mut self.probes,
        }
    }
}

/// A turn, until it is dropped.
pub(super) struct Held<'a>(Option<(&'a Turn, Party)>);

impl Turn {
    /// Waits for the turn, at the longest for [`PATIENCE`]. In a replay nobody is asked and nobody waits.
    pub(super) fn take(&self, host: &Host, party: Party) -> Held<'_> {
        if host.is_replay() {
            return Held(None);
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !state.admits(party))
            .unwrap_or_else(PoisonError::into_inner);
        *state.count(party) += 1;
        Held(Some((self, party)))
    }

    /// Nobody has to wait any more: what is asked does not answer at all.
    pub(super) fn open(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).open = true;
        self.changed.notify_all();
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some((turn, party)) = self.0 {
            let mut state = turn.state.lock().unwrap_or_else(PoisonError::into_inner);
            let count = state.count(party);
            *count = count.saturating_sub(1);
            turn.changed.notify_all();
        }
    }
}
