//! `proxy-path-mismatch`: the path mapping loses or doubles a part.

use super::facts::{CUT_BEFORE_HEADER, cut_before_header, log_line, logged_now, passing_route, probe_line};
use super::{Answer, Cause, found};
use crate::evidence::Snapshot;
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/proxy-path-mismatch.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "proxy-path-mismatch",
    title: "the proxy asks the upstream for another path than it serves",
    step: StepId::Config,
    proxy_error: "http_request_error",
    explains: &["upstream-worker-crash"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (route, pass) = passing_route(snapshot)?;
    let target = route.request_target.as_deref()?;
    let doubled = target.split('?').next().is_some_and(|path| path.contains("//"))
        && !snapshot.target.path.contains("//");
    if !doubled || !cut_before_header(snapshot) {
        return None;
    }
    Some(
        CAUSE
            .finding(Confidence::Likely, format!("the proxy asks the upstream for {target}: the path mapping doubles a slash"))
            .at(&pass.place)
            .because(Exhibit::in_file("config", pass.written.clone(), &pass.place))
            .because_all(snapshot.endpoints.first().and_then(probe_line))
            .because_all(logged_now(snapshot, &CUT_BEFORE_HEADER).last().map(|entry| log_line(entry)))
            .remedy(Remedy::advise("make location and proxy_pass agree on the slash at the end, then nginx -t && nginx -s reload").risk("changes every path below that location")),
    )
}
