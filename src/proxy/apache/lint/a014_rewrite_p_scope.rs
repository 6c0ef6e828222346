//! Rewrite rules of the main server are not those of a virtual host, unless it inherits them.

use super::super::{Config, Host, ROOT, Server, StatementId};
use super::{Check, Rule, backends, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A014-rewrite-p-scope",
        proxy: ProxyKind::Apache,
        title: "a proxying RewriteRule of the main server does not run in virtual hosts",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let hosts = config.servers().get(1..).unwrap_or_default();
    let on = |section| {
        last(config, section, "RewriteEngine")
            .is_some_and(|id| config.statement(id).argument(0).eq_ignore_ascii_case("on"))
    };
    if hosts.is_empty() || !on(ROOT) {
        return;
    }
    // The main server itself answers where no virtual host listens.
    let everywhere: std::collections::HashSet<u16> = hosts
        .iter()
        .flat_map(|host| &host.addresses)
        .filter(|address| address.host == Host::Any)
        .map(|address| address.port)
        .collect();
    let covered = |port: u16| everywhere.contains(&port) || everywhere.contains(&0);
    if everywhere.is_empty() || !config.listeners().iter().all(|listener| covered(listener.port)) {
        return;
    }
    let down = has_option(config, ROOT, &["InheritDown", "InheritDownBefore"]);
    let inherits = |host: &Server| {
        let own_options = last(config, host.section, "RewriteOptions").is_some();
        let section = if own_options { host.section } else { ROOT };
        // A host without any directive of the module has no rules at all, not even inherited ones.
        let has_rules = config.children(host.section).any(|id| {
            config
                .statement(id)
                .name()
                .get(..7)
                .is_some_and(|start| start.eq_ignore_ascii_case("rewrite"))
        });
        has_rules && (down || has_option(config, section, &["Inherit", "InheritBefore"]))
    };
    if hosts.iter().any(inherits) {
        return;
    }
    for id in config.children(ROOT).filter(|id| backends::proxies(config, *id)) {
        let message = "this rule of the main server does not run in any virtual host".to_owned();
        let mut found = problem(config, &CHECK.rule, id, message);
        "its paths are not proxied: 404, or a file of the server".clone_into(&mut found.effect);
        found.repair = Some("RewriteEngine on and RewriteOptions Inherit in the virtual host".to_owned());
        problems.push(found);
    }
}

fn last(config: &Config, section: StatementId, name: &str) -> Option<StatementId> {
    config
        .children(section)
        .filter(|id| config.statement(*id).is(name))
        .last()
}

fn has_option(config: &Config, section: StatementId, names: &[&str]) -> bool {
    config
        .children(section)
        .filter(|id| config.statement(*id).is("RewriteOptions"))
        .flat_map(|id| config.statement(id).arguments().iter())
        .any(|word| names.iter().any(|name| word.text.eq_ignore_ascii_case(name)))
}
