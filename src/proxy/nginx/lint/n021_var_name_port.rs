//! `name:80` is not the upstream `name`: nginx looks for a resolver and answers 502.

use super::super::tree::NodeId;
use super::super::variables::{Part, parts};
use super::super::{Config, pass};
use super::run_time_names::RunTimeNames;
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N021-var-name-port",
        proxy: ProxyKind::Nginx,
        title: "a variable holds the name of an upstream group with a port",
        level: ProblemLevel::Error,
        cause: Some("dns-no-resolver"),
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let names = RunTimeNames::new(config);
    for name in names.unresolvable().iter().filter(|name| name.shadowed_group) {
        let written = config.tree.argument(name.node, 0);
        let who = if name.always {
            "every request"
        } else {
            "a request for it"
        };
        let message = format!(
            "{written} gives {0} with a port, which is not the upstream \"{0}\", and no resolver is set: {who} gets 502",
            name.host
        );
        let mut found = problem(config, &CHECK.rule, name.node, message);
        if name.always {
            "502 always".clone_into(&mut found.effect);
        } else {
            found.level = ProblemLevel::Warning;
            found.effect = format!("502 whenever the variable yields {} with its port", name.host);
        }
        if let Some((node, index, value)) = origin(config, &names, name.node, &name.host) {
            let tree = &config.tree;
            let mut words: Vec<String> = tree.arguments(node).map(edits::word).collect();
            if let Some(word) = words.get_mut(index) {
                *word = edits::word(&value);
            }
            found.repair = Some(format!("{} {};", tree.name(node), words.join(" ")));
            found.edit = edits::replace_argument(config, node, index, &edits::word(&value));
        }
        problems.push(found);
    }
}

/// The word that holds the port, and what it is without: of a `set`, or of the pass itself.
fn origin(
    config: &Config,
    names: &RunTimeNames<'_>,
    node: NodeId,
    host: &str,
) -> Option<(NodeId, usize, String)> {
    let tree = &config.tree;
    let written = tree.argument(node, 0);
    let block = tree.parent(node);
    let variables: Vec<&str> = parts(written)
        .into_iter()
        .filter_map(|part| match part {
            Part::Variable(name) => Some(name),
            Part::Text(_) => None,
        })
        .collect();
    let [variable] = variables.as_slice() else {
        return None;
    };
    let sets = names.sets(block, variable);
    let [set] = sets.as_slice() else {
        return None;
    };
    let value = tree.argument(*set, 1);
    let (rest, scheme) = value
        .strip_prefix("http://")
        .map(|rest| (rest, "http://"))
        .or_else(|| value.strip_prefix("https://").map(|rest| (rest, "https://")))
        .unwrap_or((value, ""));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, uri) = rest.split_at(end);
    let (name, port) = pass::host_and_port(authority);
    if name.eq_ignore_ascii_case(host) && port.is_some() {
        return Some((*set, 1, format!("{scheme}{name}{uri}")));
    }
    // The port stands in the pass, after the variable.
    let (before, after) = written.split_once(&format!("${variable}:"))?;
    if !rest.eq_ignore_ascii_case(host) {
        return None;
    }
    let tail = after.trim_start_matches(|c: char| c.is_ascii_digit());
    Some((node, 0, format!("{before}${variable}{tail}")))
}
