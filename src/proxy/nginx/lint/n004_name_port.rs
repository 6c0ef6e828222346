//! A name with a port, a scheme or a slash never matches.

use super::super::Config;
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N004-name-port",
        proxy: ProxyKind::Nginx,
        title: "a server name holds a port, a scheme or a slash",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    for name in config.servers.iter().flat_map(|server| &server.names) {
        let Some(node) = name.node else { continue };
        if !name.text.starts_with('~') && name.text.contains([':', '/']) {
            let message = format!(
                "server_name \"{}\" never matches: a name has no port, scheme or slash",
                name.text
            );
            problems.push(problem(config, &CHECK.rule, node, message));
        }
    }
}
