//! `try_files` of a server only serves requests that no location takes.

use super::super::Config;
use super::super::location_select::{self, Kind};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N010-server-tryfiles-dead",
        proxy: ProxyKind::Nginx,
        title: "try_files of a server is never used",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for server in &config.servers {
        let Some(files) = tree.first(server.node, "try_files") else {
            continue;
        };
        let all = tree.named(server.node, "location").find(|node| {
            let (kind, name) = location_select::kind(tree, *node);
            matches!(kind, Kind::Prefix | Kind::PrefixNoRegex) && matches!(name, "/" | "")
        });
        let Some(all) = all.filter(|all| tree.first(*all, "try_files").is_none()) else {
            continue;
        };
        let message = format!(
            "\"{}\" is never used: location \"{}\" at {} takes every request",
            tree.written(files),
            location_select::shown(tree, all),
            config.place(all)
        );
        let mut found = problem(config, &CHECK.rule, files, message);
        "files are not looked for, every request goes to the location".clone_into(&mut found.effect);
        problems.push(found);
    }
}
