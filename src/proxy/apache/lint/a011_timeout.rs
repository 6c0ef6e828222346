//! Apache gives up on an application that is still at work.

use super::super::{Config, settings, target::Url};
use super::{Check, Need, Rule, backends, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A011-timeout",
        proxy: ProxyKind::Apache,
        title: "the application may take longer than the proxy waits",
        level: ProblemLevel::Warning,
        cause: Some("upstream-too-slow"),
        needs: Some(Need::Processes),
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    if around.applications.is_empty() {
        return;
    }
    let applications = backends::Applications::of(around);
    let mut told = std::collections::HashSet::new();
    for backend in super::all_backends(config) {
        let Some(url) = Url::parse(&backend.url) else {
            continue;
        };
        let Some(application) = applications.behind(&url) else {
            continue;
        };
        let Some(works_s) = application.worker_timeout_s.filter(|seconds| *seconds > 0) else {
            continue;
        };
        let server = config.server_of(backend.statement);
        let directive = |name: &str| {
            let id = config.server_setting(server, name)?;
            Some((config.statement(id).argument(0), id, name.to_owned()))
        };
        let set = backend
            .parameter("timeout")
            .map(|(value, id)| (value, id, "timeout".to_owned()))
            .or_else(|| directive("ProxyTimeout"))
            .or_else(|| directive("Timeout"));
        let waits_ms = match &set {
            Some((value, ..)) => settings::time_ms(value, 1000),
            None => Some(60_000),
        };
        let Some(waits_ms) = waits_ms.filter(|ms| *ms < works_s.saturating_mul(1000)) else {
            continue;
        };
        let place = set.as_ref().map_or(backend.statement, |(_, id, _)| *id);
        if !told.insert((place, application.pid)) {
            continue;
        }
        let name = set.as_ref().map_or("Timeout", |(_, _, name)| name.as_str());
        let message = format!(
            "{} may work for {works_s} s on a request, and {name} is {} s",
            application.kind,
            waits_ms / 1000
        );
        let mut found = problem(config, &CHECK.rule, place, message);
        let status = if url.scheme == "fcgi" {
            "504"
        } else {
            "502, not 504,"
        };
        found.effect = format!(
            "{status} for requests that take longer than {} s",
            waits_ms / 1000
        );
        let more = works_s.saturating_add(5);
        found.repair = Some(if name == "timeout" {
            format!("timeout={more}")
        } else {
            format!("ProxyTimeout {more}")
        });
        problems.push(found);
    }
}
