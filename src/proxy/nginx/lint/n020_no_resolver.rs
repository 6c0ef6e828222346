//! A name in a variable needs a `resolver`, or nginx answers 502 "no resolver defined".

use super::super::Config;
use super::run_time_names::RunTimeNames;
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N020-no-resolver",
        proxy: ProxyKind::Nginx,
        title: "a name is resolved at run time and no resolver is set",
        level: ProblemLevel::Error,
        cause: Some("dns-no-resolver"),
        needs: None,
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let known = around
        .resolver
        .seen()
        .and_then(|resolver| resolver.nameservers.first());
    let names = RunTimeNames::new(config).unresolvable();
    for name in names.iter().filter(|name| !name.shadowed_group) {
        let written = config.tree.argument(name.node, 0);
        let who = if name.always {
            "every request"
        } else {
            "a request for it"
        };
        let message = format!(
            "{written} holds a variable, so {} is resolved at run time, and no resolver is set: {who} gets 502",
            name.host
        );
        let mut found = problem(config, &CHECK.rule, name.node, message);
        if name.always {
            "502 always".clone_into(&mut found.effect);
        } else {
            found.level = ProblemLevel::Warning;
            found.effect = format!("502 whenever the variable yields {}", name.host);
        }
        let server = known.map_or_else(
            || "127.0.0.53".to_owned(),
            |address| {
                if address.is_ipv6() {
                    format!("[{address}]")
                } else {
                    address.to_string()
                }
            },
        );
        let repair = format!("resolver {server};");
        // Which name server to ask is certain only where the host's own is known.
        if known.is_some() {
            found.edit = edits::insert_before(config, name.node, std::slice::from_ref(&repair));
        }
        found.repair = Some(repair);
        problems.push(found);
    }
}
