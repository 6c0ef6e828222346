//! A host that is nearly the name of a group is looked up as a host name when nginx loads.

use std::cell::LazyCell;

use super::super::{Config, directives};
use super::upstreams::{self, Around};
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N023-upstream-typo",
        proxy: ProxyKind::Nginx,
        title: "a host is nearly the name of an upstream group",
        level: ProblemLevel::Error,
        cause: Some("dns-startup-unresolvable"),
        needs: None,
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    // Most configurations have no name that could be one.
    let near = LazyCell::new(|| Near::new(config));
    let around = Around::new(around);
    for hop in upstreams::hops(config) {
        let host = hop.host();
        let written_with_port = hop.destination().authority != host;
        if hop.variables
            || hop.group.is_some()
            || written_with_port
            || host.contains(['.', '$', '['])
            || host.eq_ignore_ascii_case("localhost")
        {
            continue;
        }
        let evidence = around.name(host);
        let exists = evidence.iter().any(|name| {
            !name.hosts_file.is_empty() || name.system.seen().is_some_and(|found| !found.is_empty())
        });
        let Some(group) = near.find(host).filter(|_| !exists) else {
            continue;
        };
        let message = format!(
            "{} leads to no upstream; perhaps \"{group}\" is meant",
            hop.written
        );
        let mut found = problem(config, &CHECK.rule, hop.node, message);
        "nginx neither starts nor reloads: host not found in upstream; where a search domain has such a name, requests go there"
            .clone_into(&mut found.effect);
        let missing = evidence.iter().any(|name| name.system.is_absent());
        if !missing {
            found.level = ProblemLevel::Warning;
        }
        let repaired = hop.written.replacen(host, group, 1);
        found.repair = Some(format!(
            "{} {};",
            config.tree.name(hop.node),
            edits::word(&repaired)
        ));
        found.edit = edits::replace_argument(config, hop.node, 0, &edits::word(&repaired));
        problems.push(found);
    }
}

/// Group names by everything that one slip of the finger leaves of them.
struct Near<'c> {
    left: foldhash::HashMap<u64, Vec<&'c str>>,
}

impl<'c> Near<'c> {
    fn new(config: &'c Config) -> Self {
        let tree = &config.tree;
        let mut left: foldhash::HashMap<u64, Vec<&str>> = foldhash::HashMap::default();
        for http in tree.http_blocks() {
            for group in tree.named(http, "upstream") {
                let name = tree.argument(group, 0);
                for key in keys(name) {
                    left.entry(key).or_default().push(name);
                }
            }
        }
        Self { left }
    }

    fn find(&self, host: &str) -> Option<&'c str> {
        keys(host)
            .into_iter()
            .filter_map(|key| self.left.get(&key))
            .flat_map(|names| names.iter().take(8))
            .copied()
            .find(|name| is_near(host, name))
    }
}

/// Numbers of the name without each one of its letters, of the whole name, and of the name without its
/// separators. Short names are near to everything.
fn keys(name: &str) -> Vec<u64> {
    if !(4..=64).contains(&name.len()) || !name.is_ascii() {
        return Vec::new();
    }
    let bytes = name.as_bytes();
    let mut keys: Vec<u64> = (0..bytes.len())
        .map(|gone| {
            number_of(
                bytes
                    .iter()
                    .take(gone)
                    .chain(bytes.iter().skip(gone.saturating_add(1))),
            )
        })
        .collect();
    keys.push(number_of(bytes.iter()));
    keys.push(number_of(
        bytes.iter().filter(|byte| byte.is_ascii_alphanumeric()),
    ));
    keys
}

/// FNV-1a, without a difference between upper and lower case; what has the same number is compared in full.
fn number_of<'b>(bytes: impl Iterator<Item = &'b u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |number: u64, byte| {
        (number ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

fn without_separators(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Names that differ in their numbers are two names.
fn is_near(host: &str, group: &str) -> bool {
    let (host, group) = (host.to_ascii_lowercase(), group.to_ascii_lowercase());
    let numbers = |name: &str| name.chars().filter(char::is_ascii_digit).collect::<String>();
    numbers(&host) == numbers(&group)
        && (directives::one_slip(host.as_bytes(), group.as_bytes())
            || without_separators(&host) == without_separators(&group))
}
