//! Step 5, timeouts: the limits of the route against what was measured.

use crate::evidence::{RouteSettings, Snapshot};

/// The three limits of a route in words, with where each is set.
pub(super) fn limits(settings: &RouteSettings) -> Vec<String> {
    [
        ("connect", &settings.connect_timeout),
        ("send", &settings.send_timeout),
        ("read", &settings.read_timeout),
    ]
    .into_iter()
    .filter_map(|(name, setting)| {
        let setting = setting.as_ref()?;
        let place = setting
            .place
            .as_ref()
            .map_or_else(|| "default".to_owned(), ToString::to_string);
        Some(format!("{name} {} ({place})", seconds(setting.value)))
    })
    .collect()
}

/// Milliseconds as a person says them.
pub(super) fn seconds(milliseconds: u64) -> String {
    if milliseconds < 1_000 {
        format!("{milliseconds} ms")
    } else if milliseconds % 1_000 == 0 {
        format!("{} s", milliseconds / 1_000)
    } else {
        format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100)
    }
}

/// The slowest and the fastest attempt, in milliseconds.
pub(super) fn attempt_range(snapshot: &Snapshot) -> Option<(u64, u64)> {
    let times = || {
        snapshot
            .attempts
            .iter()
            .filter_map(|attempt| attempt.exchange.seen())
            .map(|exchange| exchange.total_us / 1_000)
    };
    times().min().zip(times().max())
}
