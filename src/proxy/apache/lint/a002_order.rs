//! Of the passes of a server the first that takes a path counts, those of the main server before all.

use super::super::{Config, ProxyPass};
use super::covers::Covered;
use super::{Check, Rule, covers, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A002-order",
        proxy: ProxyKind::Apache,
        title: "a pass never gets a request, because an earlier one takes its paths",
        level: ProblemLevel::Warning,
        cause: Some("proxy-path-mismatch"),
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let passes = config.passes();
    let mut main = Covered::default();
    let mut servers: std::collections::HashMap<usize, Covered> = std::collections::HashMap::new();
    let listed = || passes.iter().enumerate().filter(|(_, pass)| pass.location.is_none());
    for (index, pass) in listed().filter(|(_, pass)| pass.server == 0) {
        tell(config, pass, main.by(pass), problems);
        main.add(index, pass);
    }
    for (index, pass) in listed().filter(|(_, pass)| pass.server != 0) {
        let own = servers.entry(pass.server).or_default();
        tell(config, pass, main.by(pass).or_else(|| own.by(pass)), problems);
        own.add(index, pass);
    }
}

fn tell(config: &Config, pass: &ProxyPass, taker: Option<usize>, problems: &mut Vec<ConfigProblem>) {
    let Some(taker) = taker.and_then(|index| config.passes().get(index)) else {
        return;
    };
    if covers::same(taker, pass) {
        return;
    }
    let place = config.place(taker.statement);
    let message = format!(
        "this never gets a request: {} at {place} comes first and takes its paths",
        covers::shown(config, taker)
    );
    let mut found = problem(config, &CHECK.rule, pass.statement, message);
    found.effect = if taker.is_exclusion() {
        "its paths are not proxied".to_owned()
    } else {
        format!("requests for its paths go to {}", taker.url)
    };
    found.repair = Some(if taker.server == pass.server {
        format!("move this line above line {}", place.line)
    } else {
        format!(
            "move the line {} of the main server into the virtual hosts it is for",
            place.line
        )
    });
    problems.push(found);
}
