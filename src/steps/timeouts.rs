//! Step 5, timeouts: the limits of the route against what was measured.

use super::summary::Line;
use crate::evidence::{Handler, Snapshot, Symptom};
use crate::report::StepStatus;

/// Milliseconds as a person says them.
pub(super) fn seconds(milliseconds: u64) -> String {
    if milliseconds < 1_000 {
        format!("{milliseconds} ms")
    } else if milliseconds.is_multiple_of(1_000) {
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

/// What this step says about itself.
pub(super) fn show(snapshot: &Snapshot) -> Line {
    let Some(route) = snapshot.inner_routes.last().or(snapshot.route.seen()) else {
        return (
            StepStatus::CouldNotCheck,
            "no route, so no limits are known".to_owned(),
            Vec::new(),
        );
    };
    let Handler::Pass(pass) = &route.handler else {
        return (
            StepStatus::Skipped,
            "no upstream to wait for".to_owned(),
            Vec::new(),
        );
    };
    let details = match &snapshot.timeline {
        Some(timeline) => super::timeline::table(timeline),
        None => super::timeline::table(&super::timeline::timeline(snapshot)),
    };
    let read = route
        .settings
        .read_timeout
        .as_ref()
        .map_or(60_000, |setting| setting.value);
    let name = format!("{}_read_timeout", pass.protocol.directive_prefix());
    let name = format!(
        "{} {}",
        crate::causes::wording::text(route.proxy, &name),
        seconds(read)
    );
    let measured = snapshot
        .endpoints
        .iter()
        .filter_map(|evidence| evidence.as_proxy())
        .filter_map(|exchange| exchange.first_byte_us)
        .max();
    match measured {
        Some(micro) if micro / 1_000 > read => (
            StepStatus::Problem,
            format!(
                "the upstream needs {}, the limit is {name}",
                seconds(micro / 1_000)
            ),
            details,
        ),
        Some(micro) => (
            StepStatus::Ok,
            format!("first byte after {} ms, long before {name}", micro / 1_000),
            details,
        ),
        None => match attempt_range(snapshot) {
            Some((low, _)) => {
                let gave_up = who_gave_up(snapshot);
                (
                    StepStatus::Ok,
                    format!("{gave_up} after {low} ms; {name}"),
                    details,
                )
            }
            None => (
                StepStatus::CouldNotCheck,
                format!("nothing was measured; {name}"),
                details,
            ),
        },
    }
}

/// Whose patience, or whose connection, ended first.
fn who_gave_up(snapshot: &Snapshot) -> &'static str {
    let symptom = snapshot.log.during.iter().rev().find_map(|entry| entry.symptom);
    match symptom {
        Some(Symptom::HeaderTimeout | Symptom::ConnectTimeout | Symptom::SendTimeout) => {
            "the proxy gave up first,"
        }
        Some(Symptom::ClosedBeforeHeader | Symptom::ResetBeforeHeader | Symptom::BodyCut) => {
            "the upstream ended it first,"
        }
        _ => "the failure came",
    }
}
