//! TLS to a backend has to be switched on in the server, or in a `<Proxy>` section.

use super::super::{Config, target};
use super::{Check, Need, Rule, backends, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A006-sslproxyengine",
        proxy: ProxyKind::Apache,
        title: "TLS is spoken to a backend and SSLProxyEngine is off",
        level: ProblemLevel::Error,
        cause: Some("proxy-tls-not-enabled"),
        needs: Some(Need::Whole),
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    if !config.modules().has("ssl_module") {
        return;
    }
    // Servers that switch it on themselves; in `<Proxy>` it may be for any backend.
    let on: std::collections::HashSet<usize> = config
        .statements()
        .filter(|(_, statement)| statement.is("SSLProxyEngine"))
        .filter(|(_, statement)| statement.argument(0).eq_ignore_ascii_case("on"))
        .map(|(id, _)| config.server_of(id))
        .collect();
    let mut judged = std::collections::HashSet::new();
    for target in backends::targets(config) {
        let tls = target::protocol(&target.scheme()).is_some_and(|(_, tls, _)| tls);
        // What the main server passes on is passed on by its virtual hosts as well.
        let may_be_on = on.contains(&target.server)
            || on.contains(&0) && !off(config, target.server)
            || target.server == 0 && !on.is_empty();
        if !tls || may_be_on || !judged.insert(target.server) {
            continue;
        }
        let message = format!(
            "{} is reached over TLS, and SSLProxyEngine is not on in this server",
            target.url
        );
        let mut found = problem(config, &CHECK.rule, target.statement, message);
        "500 always: failed to enable ssl support".clone_into(&mut found.effect);
        found.repair = Some("SSLProxyEngine on".to_owned());
        if !off(config, target.server) {
            found.edit = edits::insert_in_server(config, target.statement, "SSLProxyEngine on");
        }
        problems.push(found);
    }
}

/// It is switched off by a directive.
fn off(config: &Config, server: usize) -> bool {
    backends::flag(config, server, "SSLProxyEngine") == Some(false)
}
