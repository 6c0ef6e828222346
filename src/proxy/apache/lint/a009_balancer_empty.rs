//! A balancer that no member belongs to, often for its name is written in two ways.

use super::super::{Config, workers};
use super::{Check, Need, Rule, backends, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A009-balancer-empty",
        proxy: ProxyKind::Apache,
        title: "a balancer has no members",
        level: ProblemLevel::Error,
        cause: Some("upstreams-all-disabled"),
        needs: Some(Need::Whole),
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    // Members that were added at run time are not in the files.
    let persists = config.statements().any(|(_, statement)| {
        statement.is("BalancerPersist") && statement.argument(0).eq_ignore_ascii_case("on")
    });
    if persists || config.tree.files.is_empty() {
        return;
    }
    let mut with_members: std::collections::HashSet<(usize, &str)> = std::collections::HashSet::new();
    let mut names: std::collections::HashMap<usize, Vec<&str>> = std::collections::HashMap::new();
    for balancer in config
        .balancers()
        .iter()
        .filter(|balancer| !balancer.members.is_empty())
    {
        if with_members.insert((balancer.server, balancer.name.as_str())) {
            names.entry(balancer.server).or_default().push(&balancer.name);
        }
    }
    let mut judged = std::collections::HashSet::new();
    for target in backends::targets(config) {
        if !target.is_balancer() {
            continue;
        }
        let name = workers::balancer_name(target.url);
        let has = |server: usize| with_members.contains(&(server, name.as_str()));
        if backends::is_dynamic(&name)
            || has(0)
            || has(target.server)
            || !judged.insert((target.server, name.clone()))
        {
            continue;
        }
        let message = format!("{name} has no members");
        let mut found = problem(config, &CHECK.rule, target.statement, message);
        "503 always: No workers in balancer".clone_into(&mut found.effect);
        let visible = [0, target.server]
            .into_iter()
            .filter_map(|server| names.get(&server))
            .flatten();
        let near: Vec<&&str> = visible.take(50).filter(|known| nearly(known, &name)).collect();
        if let Some(known) = near.first() {
            found.repair = Some((**known).to_owned());
            let tail = target.url.get(name.len()..).filter(|_| {
                target
                    .url
                    .get(..name.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(&name))
            });
            if let (Some(tail), false) = (tail, target.word.quoted) {
                found.edit =
                    edits::replace(config, target.statement, &target.word, &format!("{known}{tail}"));
            }
        } else {
            found.repair = Some(format!("<Proxy {name}> with a BalancerMember in this server"));
        }
        problems.push(found);
    }
}

/// One letter is another, too much, missing, or two are swapped.
fn nearly(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let start = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let (one, other) = (
        one.get(start..).unwrap_or_default(),
        other.get(start..).unwrap_or_default(),
    );
    let end = one
        .iter()
        .rev()
        .zip(other.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (one, other) = (one.len().saturating_sub(end), other.len().saturating_sub(end));
    one.max(other) <= 2
}
