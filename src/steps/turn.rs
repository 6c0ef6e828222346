//! Taking turns: an upstream with one worker must not be slow because we ask it twice at a time.
//!
//! Nobody waits for ever: after [`PATIENCE`] a question is asked all the same, so an upstream that hangs
//! costs that much once. Nothing here touches the host.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::host::Host;

/// How long a question waits for the one before it.
const PATIENCE: Duration = Duration::from_millis(1_800);

/// Whose turn it is.
#[derive(Default)]
pub(super) struct Turn {
    taken: Mutex<bool>,
    free: Condvar,
}

/// A turn, until it is dropped; `None` for one that was not granted in time.
pub(super) struct Held<'a>(Option<&'a Turn>);

impl Turn {
    /// Waits for the turn. In a replay nobody is asked and nobody waits.
    pub(super) fn take(&self, host: &Host) -> Held<'_> {
        if host.is_replay() {
            return Held(None);
        }
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut taken, _) = self
            .free
            .wait_timeout_while(taken, PATIENCE, |taken| *taken)
            .unwrap_or_else(PoisonError::into_inner);
        if *taken {
            return Held(None);
        }
        *taken = true;
        Held(Some(self))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(turn) = self.0 {
            *turn.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
            turn.free.notify_one();
        }
    }
}
