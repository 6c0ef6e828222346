//! Without the module that speaks to it, a handler `proxy:fcgi://` is nobody's, and the file itself is sent.

use super::super::{Config, target};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A016-sethandler-source",
        proxy: ProxyKind::Apache,
        title: "a handler hands scripts to a proxy module that is not there, so their source is served",
        level: ProblemLevel::Error,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let modules = config.modules();
    // Of a part of a configuration nobody knows the modules.
    if config.loaded_modules().is_empty() && !modules.has("proxy_module") {
        return;
    }
    for (id, statement) in config.statements() {
        if !statement.is("SetHandler") {
            continue;
        }
        let written = statement.argument(0);
        let Some(rest) = written
            .get(..6)
            .filter(|start| start.eq_ignore_ascii_case("proxy:"))
            .and_then(|_| written.get(6..))
        else {
            continue;
        };
        let rest = rest.split_once('|').map_or(rest, |(_, rest)| rest);
        let scheme = rest
            .split_once(':')
            .map_or("", |(scheme, _)| scheme)
            .to_ascii_lowercase();
        let Some((_, _, module)) = target::protocol(&scheme) else {
            continue;
        };
        let Some(missing) = ["proxy_module", module]
            .into_iter()
            .find(|module| !modules.has(module))
        else {
            continue;
        };
        let message = format!("{missing} is not loaded, so the files are sent as they are");
        let mut found = problem(config, &CHECK.rule, id, message);
        "200 with the source of the script, passwords in it included".clone_into(&mut found.effect);
        found.repair = Some(format!(
            "a2enmod {}",
            missing.strip_suffix("_module").unwrap_or(missing)
        ));
        problems.push(found);
    }
}
