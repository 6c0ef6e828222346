//! `http_access`: what no line matches gets the opposite of the last line, and what stands below a line for
//! all is never asked.

use super::super::{Config, source::Statement};
use super::{Check, Rule, is_for_all, problem};
use crate::evidence::{ConfigProblem, Place, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "S006-http-access-inversion",
        proxy: ProxyKind::Squid,
        title: "who may send requests is decided by the wrong line of http_access",
        level: ProblemLevel::Error,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let lines = config.list("http_access");
    let Some(last) = lines.last() else {
        nobody(config, problems);
        return;
    };
    let written = |number: usize| config.statement(number).as_ref().map(written).unwrap_or_default();
    if let Some(index) = lines.iter().position(|line| is_for_all(config, line)) {
        let (above, below) = lines.split_at(index.saturating_add(1));
        let Some(all) = above.last() else { return };
        let dead = below.iter().find(|line| line.allow != all.allow);
        let (Some(dead), Place { line: number, .. }) = (dead, config.place_of(Some(all.statement))) else {
            return;
        };
        let message = format!(
            "this line is never reached: {} in line {number} matches every request",
            written(all.statement)
        );
        let mut found = problem(config, &CHECK.rule, dead.statement, message);
        if all.allow {
            "requests that this line should deny are let in".clone_into(&mut found.effect);
        } else {
            "403 for the requests that this line should let in, unless a line further up lets them in"
                .clone_into(&mut found.effect);
        }
        found.level = ProblemLevel::Warning;
        found.repair = Some(format!("put {} above line {number}", written(dead.statement)));
        problems.push(found);
        return;
    }
    let message = if last.allow {
        "no line is for all, and the last one allows: every request that no line matches is denied"
    } else {
        "no line is for all, and the last one denies: every request that no line matches is let in"
    };
    let mut found = problem(config, &CHECK.rule, last.statement, message.to_owned());
    // To deny all but one's own sites, and so to let in those, is a known idiom.
    let is_idiom = last.terms.iter().all(|term| term.negated());
    if last.allow || is_idiom {
        found.level = ProblemLevel::Info;
    } else {
        found.level = ProblemLevel::Warning;
    }
    if last.allow {
        "403 for every request that no line matches".clone_into(&mut found.effect);
        found.repair = Some("http_access deny all".to_owned());
    } else {
        "requests that no line matches are let in".clone_into(&mut found.effect);
        found.repair = Some("http_access deny all".to_owned()).filter(|_| !is_idiom);
    }
    problems.push(found);
}

/// No line is left that could let anybody in.
fn nobody(config: &Config, problems: &mut Vec<ConfigProblem>) {
    // What could not be read may hold the lines.
    let is_whole = !config.errors.iter().any(|error| error.rule.starts_with("include"));
    let Some(port) = config.ports.first().filter(|_| is_whole) else {
        return;
    };
    let message = "there is no http_access line, so every request is denied".to_owned();
    let mut found = problem(config, &CHECK.rule, port.statement, message);
    "403 always".clone_into(&mut found.effect);
    problems.push(found);
}

fn written(statement: &Statement) -> String {
    let words: Vec<&str> = statement.words().collect();
    format!("{} {}", statement.name(), words.join(" "))
}
