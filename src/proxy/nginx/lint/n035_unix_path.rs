//! The path of a unix socket: it has to be absolute, to be there, and to let the worker in.

use foldhash::HashSet;

use super::super::Config;
use super::super::tree::ROOT;
use super::upstreams::{self, Around, Line};
use super::{Check, Rule, problem, unix_sockets};
use crate::evidence::{
    ConfigProblem, EndpointEvidence, Observed, PeerAddress, ProblemLevel, ProxyKind, Snapshot,
};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N035-unix-path",
        proxy: ProxyKind::Nginx,
        title: "a unix socket cannot be reached",
        level: ProblemLevel::Error,
        cause: Some("unix-socket-path-mismatch"),
        needs: None,
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let seen = Around::new(around);
    let private_tmp = unix_sockets::private_tmp(around).is_some();
    let directory = config.tree.first(ROOT, "working_directory").is_some();
    let mut told = HashSet::default();
    for line in upstreams::lines(config) {
        let PeerAddress::Unix(path) = line.address else {
            continue;
        };
        if path.is_empty() || !told.insert(line.node) {
            continue;
        }
        if !path.starts_with('/') && !directory {
            relative(config, &line, path, problems);
        }
        // What the unit hides is the subject of another rule.
        if private_tmp && unix_sockets::is_in_tmp(path) {
            continue;
        }
        for evidence in seen.endpoints(line.address) {
            unreachable(config, &line, path, evidence, problems);
        }
    }
}

fn relative(config: &Config, line: &Line<'_>, path: &str, problems: &mut Vec<ConfigProblem>) {
    let message = format!("unix:{path} is looked for in the directory that nginx was started in");
    let mut found = problem(config, &CHECK.rule, line.node, message);
    found.level = ProblemLevel::Warning;
    "502 always, unless nginx was started in the directory of the socket; systemd starts it in /"
        .clone_into(&mut found.effect);
    let written = config.tree.argument(line.node, 0);
    let absolute = written.replacen(&format!("unix:{path}"), &format!("unix:/run/{path}"), 1);
    found.repair = Some(format!("{} {absolute};", config.tree.name(line.node)));
    problems.push(found);
}

fn unreachable(
    config: &Config,
    line: &Line<'_>,
    path: &str,
    evidence: &EndpointEvidence,
    problems: &mut Vec<ConfigProblem>,
) {
    let message = match &evidence.socket_file {
        Observed::Absent => format!("{path} does not exist"),
        Observed::Unavailable(_) => return,
        Observed::Seen(file) if file.kind != "socket" => format!("{path} is no socket but a {}", file.kind),
        Observed::Seen(file) => {
            let Some(barrier) = &file.barrier else {
                return;
            };
            let what = if barrier.path == path {
                "connect to"
            } else {
                "pass"
            };
            format!(
                "{} cannot {what} {} (mode {:04o}, {}:{})",
                barrier.user,
                barrier.path,
                barrier.mode & 0o7777,
                barrier.owner,
                barrier.group
            )
        }
    };
    let mut found = problem(config, &CHECK.rule, line.node, message);
    if line.others {
        found.level = ProblemLevel::Warning;
        "502 when no other server of the group answers in its place".clone_into(&mut found.effect);
    } else {
        "502 always".clone_into(&mut found.effect);
    }
    problems.push(found);
}
