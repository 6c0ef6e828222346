//! nginx was upgraded over a version that changed what users get from the same configuration.

use super::super::{Config, pass};
use super::{Check, Need, Rule, problem};
use crate::evidence::{ConfigProblem, PackageChange, ProblemLevel, Protocol, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N070-upgrade-delta",
        proxy: ProxyKind::Nginx,
        title: "nginx was upgraded lately over a version that changed how this configuration behaves",
        level: ProblemLevel::Warning,
        cause: Some("upgrade-mismatch"),
        needs: Some(Need::Packages),
    },
    find,
};

/// An older upgrade than this is no news, in milliseconds.
const LATELY_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// A version that changed behaviour.
struct Delta {
    version: (u32, u32, u32),
    what: &'static str,
    effect: &'static str,
}

const STRICT_HEADERS: Delta = Delta {
    version: (1, 23, 0),
    what: "since 1.23.0 a response with a repeated or contradictory Content-Length or Transfer-Encoding is refused",
    effect: "502 for responses that the version before passed on",
};

const KEEPALIVE: Delta = Delta {
    version: (1, 29, 7),
    what: "since 1.29.7 connections to the servers of an upstream are kept and used again without being told to",
    effect: "502 sometimes, for POST requests on a connection that the application has just closed",
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let lately: Vec<&PackageChange> = around
        .package_changes
        .seen()
        .into_iter()
        .flatten()
        .filter(|change| change.package == "nginx" || change.package.starts_with("nginx-"))
        .filter(|change| {
            change
                .at_ms
                .is_some_and(|at_ms| (0..LATELY_MS).contains(&around.host.now_ms.saturating_sub(at_ms)))
        })
        .collect();
    if lately.is_empty() {
        return;
    }
    let tree = &config.tree;
    if let Some(change) = over(&lately, &STRICT_HEADERS) {
        let first = pass::all_passes(config).find(|node| pass::protocol(tree.name(*node)) == Protocol::Http);
        if let Some(node) = first {
            problems.push(told(config, node, change, &STRICT_HEADERS));
        }
    }
    if let Some(change) = over(&lately, &KEEPALIVE) {
        let first = super::passes_to_groups(config)
            .filter(|(hop, _)| hop.protocol == Protocol::Http)
            .map(|(_, group)| group)
            .find(|group| tree.first(*group, "keepalive").is_none());
        if let Some(group) = first {
            let mut found = told(config, group, change, &KEEPALIVE);
            found.repair = Some("keepalive_timeout 4s;".to_owned());
            problems.push(found);
        }
    }
}

/// The change that went over a version.
fn over<'a>(changes: &[&'a PackageChange], delta: &Delta) -> Option<&'a PackageChange> {
    changes.iter().copied().find(|change| {
        let old = change.old.as_deref().and_then(numbers);
        let new = change.new.as_deref().and_then(numbers);
        old.zip(new)
            .is_some_and(|(old, new)| old < delta.version && new >= delta.version)
    })
}

/// The upstream's own version in a packager's: `1:1.20.1-14.el9` → `(1, 20, 1)`.
fn numbers(version: &str) -> Option<(u32, u32, u32)> {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let mut parts = version
        .split(|character: char| !character.is_ascii_digit())
        .map(str::parse::<u32>);
    Some((parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?))
}

fn told(config: &Config, node: usize, change: &PackageChange, delta: &Delta) -> ConfigProblem {
    let message = format!(
        "{} was upgraded from {} to {}: {}",
        change.package,
        change.old.as_deref().unwrap_or_default(),
        change.new.as_deref().unwrap_or_default(),
        delta.what
    );
    let mut found = problem(config, &CHECK.rule, node, message);
    delta.effect.clone_into(&mut found.effect);
    found
}
