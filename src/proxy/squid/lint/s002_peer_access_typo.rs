//! `cache_peer_access` for a peer that does not exist: Squid leaves the line out and starts.

use super::super::{Config, checks};
use super::{Check, Rule, problem, replace_word};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "S002-peer-access-typo",
        proxy: ProxyKind::Squid,
        title: "cache_peer_access names a peer that is not there",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

/// Beyond this number there is nothing new.
const MOST_PROBLEMS: usize = 500;
/// The most peers among which a misspelt name is looked for.
const MOST_NAMES: usize = 1000;

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    for number in config.lost_access.iter().take(MOST_PROBLEMS) {
        let Some(statement) = config.statement(*number) else {
            continue;
        };
        let name = statement.word(0);
        let later = config.peers.iter().find(|peer| peer.name.eq_ignore_ascii_case(name));
        let near = || {
            checks::nearest_of(
                name,
                config.peers.iter().take(MOST_NAMES).map(|peer| peer.name.as_str()),
            )
        };
        let mut found = if let Some(peer) = later {
            let message = format!(
                "cache_peer \"{name}\" comes only after this line, in line {}, so Squid leaves this line out",
                config.place_of(Some(peer.statement)).line
            );
            let mut found = problem(config, &CHECK.rule, *number, message);
            found.effect = format!("{name} gets requests as if this line were not there");
            found.repair = Some(format!("put this line below cache_peer {name}"));
            found
        } else {
            let message = format!("there is no cache_peer \"{name}\", so Squid leaves this line out");
            let mut found = problem(config, &CHECK.rule, *number, message);
            match near() {
                Some(near) => {
                    found.effect = format!("{near} gets requests as if this line were not there");
                    let rest: Vec<&str> = statement.words_from(1).collect();
                    found.repair = Some(format!("cache_peer_access {near} {}", rest.join(" ")));
                    found.edit = replace_word(config, &statement, 0, near.to_owned());
                }
                None => {
                    "every peer gets requests as if this line were not there".clone_into(&mut found.effect);
                }
            }
            found
        };
        found.place = config.source.word_place(&statement, 0);
        problems.push(found);
    }
}
