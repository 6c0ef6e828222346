//! A location's name is compared with the decoded path: `%20` in it never matches.

use super::super::location_select::{self, Kind};
use super::super::{Config, uri};
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N011-enc-location",
        proxy: ProxyKind::Nginx,
        title: "the name of a location holds an escape, which is never in a path",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for node in tree.every("location").filter(|node| tree.in_http(*node)) {
        let (kind, name) = location_select::kind(tree, node);
        if !matches!(kind, Kind::Exact | Kind::Prefix | Kind::PrefixNoRegex) || !has_escape(name) {
            continue;
        }
        let message =
            format!("location \"{name}\" never gets a request: nginx compares it with the decoded path");
        let mut found = problem(config, &CHECK.rule, node, message);
        "requests get the answer of another location".clone_into(&mut found.effect);
        let decoded = uri::parse(name, false).map(|target| target.uri);
        if let Some(decoded) = decoded.filter(|text| {
            !text.contains(['"', '\\', '\u{fffd}', '%', '$']) && !text.contains(char::is_control)
        }) {
            let glued = tree.argument_count(node) == 1 && kind != Kind::Prefix;
            let last = tree.argument_count(node).saturating_sub(1);
            found.repair = Some(format!("\"{decoded}\""));
            if !glued {
                found.edit = edits::replace_argument(config, node, last, &format!("\"{decoded}\""));
            }
        }
        problems.push(found);
    }
}

/// `%` and two digits that stand for something else than `%` itself.
fn has_escape(name: &str) -> bool {
    name.as_bytes().windows(3).any(|three| match three {
        [b'%', rest @ ..] => rest.iter().all(u8::is_ascii_hexdigit) && rest != b"25",
        _ => false,
    })
}
