//! `*_cache_valid any` keeps a 502 after the backend has recovered.

use super::super::{Config, units};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N081-cached-502",
        proxy: ProxyKind::Nginx,
        title: "a 502 of the backend is kept in the cache",
        level: ProblemLevel::Warning,
        cause: Some("cached-502"),
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let wanted = [
        "proxy_cache_valid",
        "fastcgi_cache_valid",
        "uwsgi_cache_valid",
        "scgi_cache_valid",
    ];
    for id in tree.every_of(|name| wanted.contains(&name)) {
        let words: Vec<&str> = tree.arguments(id).collect();
        let Some((time, statuses)) = words.split_last() else {
            continue;
        };
        let keeps = statuses.iter().any(|status| matches!(*status, "any" | "502"));
        if keeps && tree.in_http(id) && units::seconds_as_milliseconds(time).is_some_and(|time| time > 0) {
            let message = format!(
                "\"{}\" also keeps a 502 of the backend for {time}",
                tree.written(id)
            );
            problems.push(problem(config, &CHECK.rule, id, message));
        }
    }
}
