//! With `forcerecovery=Off` a balancer whose members have all failed answers 503 until `retry` is over.

use super::super::{Config, settings};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A012-retry60",
        proxy: ProxyKind::Apache,
        title: "a balancer without a working member waits before it tries one again",
        level: ProblemLevel::Warning,
        cause: Some("upstreams-marked-down"),
        needs: None,
    },
    find,
};

/// A restart is over within so many seconds.
const RESTART_MS: u64 = 10_000;

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    for balancer in config.balancers() {
        // Otherwise all members are tried again at once when none is left.
        let mut parameters = balancer.parameters.iter().rev();
        let Some((_, value, statement)) =
            parameters.find(|(key, ..)| key.eq_ignore_ascii_case("forcerecovery"))
        else {
            continue;
        };
        if !value.eq_ignore_ascii_case("off") || balancer.members.is_empty() {
            continue;
        }
        let shortest = balancer
            .members
            .iter()
            .map(|member| match member.parameter("retry") {
                Some((value, _)) => settings::time_ms(value, 1000).unwrap_or(0),
                None => 60_000,
            })
            .min()
            .unwrap_or(0);
        if shortest <= RESTART_MS {
            continue;
        }
        let seconds = shortest / 1000;
        let message = format!(
            "when all members of {} have failed, none is tried again for {seconds} s",
            balancer.name
        );
        let mut found = problem(config, &CHECK.rule, *statement, message);
        found.effect = format!("503 for up to {seconds} s after the backends are back");
        found.repair = Some("forcerecovery=On, or retry=5 for each BalancerMember".to_owned());
        problems.push(found);
    }
}
