//! Of the `<Location>` sections that take a path, the last counts, however short its path is.

use super::super::Config;
use super::covers::Covered;
use super::{Check, Rule, covers, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A004-location-order",
        proxy: ProxyKind::Apache,
        title: "a later Location takes the paths of an earlier, more exact one",
        level: ProblemLevel::Warning,
        cause: Some("proxy-path-mismatch"),
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let passes = config.passes();
    let mut later: std::collections::HashMap<usize, Covered> = std::collections::HashMap::new();
    let mut told = Vec::new();
    for (index, pass) in passes.iter().enumerate().rev() {
        let Some(location) = pass.location else { continue };
        let own = later.entry(pass.server).or_default();
        let taker = own.by(pass).and_then(|index| passes.get(index));
        if let Some(taker) = taker
            && taker.location != Some(location)
            && !covers::same(taker, pass)
        {
            let place = taker
                .location
                .map(|section| config.place(section))
                .unwrap_or_default();
            let message = format!(
                "the pass of this section never counts: <{} {}> at {place} comes later and takes its paths",
                taker
                    .location
                    .map_or("Location", |section| config.statement(section).name()),
                taker.path
            );
            let mut found = problem(config, &CHECK.rule, pass.statement, message);
            found.effect = if taker.is_exclusion() {
                "its paths are not proxied".to_owned()
            } else {
                format!("requests for {} go to {}", pass.path, taker.url)
            };
            found.repair = Some(format!("move this section below that of line {}", place.line));
            told.push(found);
        }
        own.add(index, pass);
    }
    problems.extend(told.into_iter().rev());
}
