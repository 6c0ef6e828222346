//! Too few connections, or more of them than the process may open files.

use super::super::tree::ROOT;
use super::super::{Config, pass, units};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot, Symptom};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N071-worker-conns",
        proxy: ProxyKind::Nginx,
        title: "worker_connections is too small, or larger than the limit of open files",
        level: ProblemLevel::Error,
        cause: Some("proxy-connection-slots-exhausted"),
        needs: None,
    },
    find,
};

/// Fewer connections than these serve half as many clients of a proxy.
const FEW: u64 = 256;

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let Some(events) = tree.first(ROOT, "events") else {
        return;
    };
    let setting = tree.first(events, "worker_connections");
    let Some(connections) = setting.map_or(Some(512), |node| units::number(tree.argument(node, 0))) else {
        return;
    };
    let place = setting.unwrap_or(events);
    let log = &around.log;
    let exhausted = log
        .errors()
        .chain(&log.general)
        .any(|entry| entry.symptom == Some(Symptom::SlotsExhausted));
    if exhausted {
        let message = format!("the error log says that {connections} worker_connections were not enough");
        let mut found = problem(config, &CHECK.rule, place, message);
        "500 or 502, or no answer at all, while all connections are in use".clone_into(&mut found.effect);
        found.repair = Some(format!(
            "worker_connections {};",
            connections.saturating_mul(4).max(1024)
        ));
        problems.push(found);
        return;
    }
    if let Some((limit, source)) = open_files(config, around).filter(|(limit, _)| connections > *limit) {
        let message = format!("worker_connections is {connections}, but {source} allows {limit} open files");
        let mut found = config.problem(CHECK.rule.id, ProblemLevel::Warning, place, message);
        format!("500 or 502 as soon as a worker has {limit} files and connections open")
            .clone_into(&mut found.effect);
        found.repair = Some(format!("worker_rlimit_nofile {};", connections.saturating_mul(2)));
        problems.push(found);
        return;
    }
    if setting.is_some() && connections < FEW && pass::all_passes(config).next().is_some() {
        let message = format!(
            "{connections} worker_connections serve about {} clients of a worker: a proxied request takes two",
            connections / 2
        );
        let mut found = config.problem(CHECK.rule.id, ProblemLevel::Info, place, message);
        "500 or 502, or no answer at all, under load".clone_into(&mut found.effect);
        found.repair = Some("worker_connections 1024;".to_owned());
        problems.push(found);
    }
}

/// The limit of open files for a worker, and what sets it.
fn open_files(config: &Config, around: &Snapshot) -> Option<(u64, &'static str)> {
    let tree = &config.tree;
    if let Some(setting) = tree.first(ROOT, "worker_rlimit_nofile") {
        return Some((units::number(tree.argument(setting, 0))?, "worker_rlimit_nofile"));
    }
    let proxy = around.proxy.as_ref().filter(|proxy| proxy.kind == ProxyKind::Nginx)?;
    Some((proxy.descriptors.seen()?.limit, "the limit of the running worker"))
}
