//! A connection that the application has closed is used again, and the request fails.

use super::super::{Config, settings};
use super::{Check, Need, Rule, backends, edits, problem};
use crate::evidence::{AppServer, ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A010-stale-pool",
        proxy: ProxyKind::Apache,
        title: "idle connections are kept for longer than the application keeps them",
        level: ProblemLevel::Warning,
        cause: Some("keepalive-race"),
        needs: Some(Need::Processes),
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    if around.applications.is_empty() {
        return;
    }
    // These keep connections from being used again, for all requests or for some.
    let never = config.statements().any(|(_, statement)| {
        (statement.is("SetEnv") || statement.is("SetEnvIf") || statement.is("BrowserMatch"))
            && statement
                .arguments()
                .iter()
                .any(|word| matches!(word.text, "proxy-initial-not-pooled" | "proxy-nokeepalive"))
    });
    if never {
        return;
    }
    let applications = backends::Applications::of(around);
    for backend in super::all_backends(config) {
        let Some(url) = super::super::target::Url::parse(&backend.url) else {
            continue;
        };
        let is = |key: &str, value: &str| {
            backend
                .parameter(key)
                .is_some_and(|(set, _)| set.eq_ignore_ascii_case(value))
        };
        let reuses = match url.scheme.as_str() {
            "fcgi" => is("enablereuse", "on"),
            "http" | "https" | "ajp" => !is("disablereuse", "on") && !is("enablereuse", "off"),
            _ => false,
        };
        if !reuses || backend.parameter("ping").is_some() {
            continue;
        }
        let Some((application, idle_s)) = applications
            .behind(&url)
            .and_then(|found| Some((found, idle_s(found)?)))
        else {
            continue;
        };
        let ttl = backend.parameter("ttl");
        let ttl_ms = ttl.and_then(|(value, _)| settings::time_ms(value, 1000));
        if ttl.is_some() && ttl_ms.is_none_or(|ms| ms < idle_s.saturating_mul(1000)) {
            continue;
        }
        let kept = ttl_ms.map_or_else(|| "without end".to_owned(), |ms| format!("for {} s", ms / 1000));
        let message = format!(
            "idle connections are kept {kept}, but {} closes them after {idle_s} s",
            application.kind
        );
        let mut found = problem(config, &CHECK.rule, backend.statement, message);
        "502 sometimes after a pause, for GET as well as for POST".clone_into(&mut found.effect);
        if idle_s > 1 {
            let repair = format!("ttl={}", idle_s.saturating_sub(1));
            let statement = config.statement(backend.statement);
            if ttl.is_none() && !statement.is_section() && !statement.is("ProxySet") {
                found.edit = edits::append(config, backend.statement, &repair);
            }
            found.repair = Some(repair);
        } else {
            found.repair = Some("disablereuse=on".to_owned());
        }
        problems.push(found);
    }
}

/// For how many seconds an application keeps an idle connection; `None`: not known, or it keeps none.
fn idle_s(application: &AppServer) -> Option<u64> {
    let default = (application.kind == "node").then_some(5);
    application.keepalive_s.or(default).filter(|seconds| *seconds > 0)
}
