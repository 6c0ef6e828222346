//! `.name` is dropped as a whole when `name` is taken: the subdomains go elsewhere.

use foldhash::HashSet;

use super::super::Config;
use super::super::tree::NodeId;
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N003-dot-conflict",
        proxy: ProxyKind::Nginx,
        title: "the subdomains of a name with a leading dot are not served",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    for (node, name) in dropped(config) {
        let bare = name.trim_start_matches('.');
        let message = format!(
            "\"{name}\" is dropped as a whole because \"{bare}\" is there before it: no subdomain comes here"
        );
        let mut found = problem(config, &CHECK.rule, node, message);
        format!("requests for subdomains of {bare} get the answer of another server")
            .clone_into(&mut found.effect);
        found.repair = Some(format!("server_name *.{bare};"));
        let index = config
            .tree
            .arguments(node)
            .position(|word| word.eq_ignore_ascii_case(&name));
        found.edit =
            index.and_then(|index| edits::replace_argument(config, node, index, &format!("*.{bare}")));
        problems.push(found);
    }
}

/// Names with a leading dot that nginx drops because of an exact name, each once.
pub(super) fn dropped(config: &Config) -> Vec<(NodeId, String)> {
    let mut found: Vec<(NodeId, String)> = Vec::new();
    let mut names = config.servers.iter().flat_map(|server| &server.names);
    if !names.any(|name| name.text.starts_with('.')) {
        return found;
    }
    let mut told = HashSet::default();
    for (_, servers) in edits::by_socket(config) {
        if servers.len() < 2 {
            // No table of names is built for one server.
            continue;
        }
        let names = || servers.iter().flat_map(|server| &server.names);
        // Whoever else takes the subdomains.
        let wildcards: HashSet<&str> = names().filter_map(|name| name.text.strip_prefix("*.")).collect();
        let mut exact: HashSet<&str> = HashSet::default();
        let mut dotted: HashSet<&str> = HashSet::default();
        for name in names() {
            let Some(bare) = name.text.strip_prefix('.') else {
                exact.insert(&name.text);
                continue;
            };
            if let Some(node) = name.node
                && exact.contains(bare)
                && !dotted.contains(bare)
                && !wildcards.contains(bare)
                && told.insert((node, bare))
            {
                found.push((node, name.text.clone()));
            }
            dotted.insert(bare);
        }
    }
    found
}
