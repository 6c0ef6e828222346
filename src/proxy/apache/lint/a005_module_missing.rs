//! Each scheme of a backend is spoken by a module of its own; a balancer needs three.

use super::super::{Config, meant_by, target};
use super::backends::Kind;
use super::{Check, Rule, backends, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A005-module-missing",
        proxy: ProxyKind::Apache,
        title: "a module that the configuration needs is not loaded",
        level: ProblemLevel::Error,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let modules = config.modules();
    if !modules.has("proxy_module") {
        return;
    }
    let mut told = std::collections::HashSet::new();
    for target in backends::targets(config) {
        let scheme = target.scheme();
        // What a handler without its module does has a rule of its own.
        if target.kind == Kind::Handler {
            continue;
        }
        let needed = if scheme == "balancer" {
            "proxy_balancer_module"
        } else {
            match target::protocol(&scheme) {
                Some((_, true, _)) if !modules.has("ssl_module") => "ssl_module",
                Some((_, _, module)) => module,
                None => continue,
            }
        };
        if modules.has(needed) || !told.insert(needed) {
            continue;
        }
        let message = format!("{scheme}:// needs {needed}, which is not loaded");
        tell(
            config,
            target.statement,
            needed,
            message,
            "500 for every request that goes this way",
            problems,
        );
    }
    balancers(config, problems);
    for (section, asked, place) in config.skipped_sections() {
        if !section.eq_ignore_ascii_case("IfModule") {
            continue;
        }
        let Some(meant) = meant_by(asked.trim_matches('"')).filter(|meant| modules.has(meant)) else {
            continue;
        };
        let message = format!("<IfModule {asked}> never holds: the module is called {meant}");
        let mut found = config.problem(CHECK.rule.id, ProblemLevel::Warning, super::super::ROOT, message);
        found.place = place.clone();
        found.excerpt = config.tree.excerpt(place);
        "everything in this section is left out".clone_into(&mut found.effect);
        found.repair = Some(format!("<IfModule {meant}>"));
        problems.push(found);
    }
}

/// What the server misses only when it starts.
fn balancers(config: &Config, problems: &mut Vec<ConfigProblem>) {
    let modules = config.modules();
    let Some(balancer) = config
        .balancers()
        .first()
        .filter(|_| modules.has("proxy_balancer_module"))
    else {
        return;
    };
    let refused = "the server does not start, although configtest says nothing";
    let plain = config.balancers().iter().find(|balancer| {
        !balancer
            .parameters
            .iter()
            .any(|(key, ..)| key.eq_ignore_ascii_case("lbmethod"))
    });
    if !(modules.has("slotmem_shm_module") || modules.has("slotmem_plain_module")) {
        let message = "a balancer needs slotmem_shm_module, which is not loaded".to_owned();
        tell(
            config,
            balancer.statement,
            "slotmem_shm_module",
            message,
            refused,
            problems,
        );
    }
    if let Some(balancer) = plain
        && !modules.has("lbmethod_byrequests_module")
    {
        let message = format!(
            "{} needs lbmethod_byrequests_module, which is not loaded",
            balancer.name
        );
        tell(
            config,
            balancer.statement,
            "lbmethod_byrequests_module",
            message,
            refused,
            problems,
        );
    }
}

fn tell(
    config: &Config,
    statement: super::super::StatementId,
    module: &str,
    message: String,
    effect: &str,
    problems: &mut Vec<ConfigProblem>,
) {
    let mut found = problem(config, &CHECK.rule, statement, message);
    effect.clone_into(&mut found.effect);
    found.repair = Some(format!(
        "a2enmod {}",
        module.strip_suffix("_module").unwrap_or(module)
    ));
    problems.push(found);
}
