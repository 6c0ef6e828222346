//! PHP needs `SCRIPT_FILENAME`.

use super::super::tree::NodeId;
use super::super::{Config, pass};
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, Protocol, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N043-fcgi-script",
        proxy: ProxyKind::Nginx,
        title: "no SCRIPT_FILENAME is among the parameters in force",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    if super::upstreams::some_unread(config) {
        // The parameter may stand in the file that could not be read.
        return;
    }
    for node in pass::all_passes(config) {
        if pass::protocol(config.tree.name(node)) == Protocol::FastCgi {
            script_file_name(config, node, config.tree.parent(node), problems);
        }
    }
}

/// PHP needs `SCRIPT_FILENAME`. Quiet for applications that are not PHP (no `php` in sight).
fn script_file_name(config: &Config, node: NodeId, block: NodeId, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let parameters: Vec<NodeId> = tree.nearest_all(block, "fastcgi_param").collect();
    if parameters
        .iter()
        .any(|parameter| tree.argument(*parameter, 0) == "SCRIPT_FILENAME")
    {
        return;
    }
    let looks_like_php = tree.argument(node, 0).contains("php")
        || tree.around(block).any(|level| {
            tree.name(level) == "location" && tree.arguments(level).any(|word| word.contains("php"))
        });
    if !looks_like_php {
        return;
    }
    let message = if parameters.is_empty() {
        "fastcgi_pass without fastcgi_param SCRIPT_FILENAME: PHP finds no script".to_owned()
    } else {
        let place = parameters
            .first()
            .map(|first| config.place(*first).to_string())
            .unwrap_or_default();
        format!("the fastcgi_param list in force (from {place}) has no SCRIPT_FILENAME: PHP finds no script")
    };
    let mut found = problem(config, &CHECK.rule, node, message);
    "an empty page with status 200, or 404 \"File not found.\"".clone_into(&mut found.effect);
    found.repair = Some("fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;".to_owned());
    if let Some(repair) = found.repair.clone() {
        // Beside the parameters in force at this level, or it would hide those from around it.
        let own = tree.first(block, "fastcgi_param").is_some() || parameters.is_empty();
        found.edit = own.then(|| edits::insert_before(config, node, &[repair])).flatten();
    }
    problems.push(found);
}
