//! A name server on the Internet cannot know names of the inside; one that is not there knows nothing.

use std::net::IpAddr;

use foldhash::{HashMap, HashSet};

use super::super::tree::NodeId;
use super::super::{Config, pass};
use super::run_time_names::RunTimeNames;
use super::upstreams::{self, Around};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, NameOutcome, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N028-resolver-public",
        proxy: ProxyKind::Nginx,
        title: "the resolver cannot know the name, or does not answer",
        level: ProblemLevel::Error,
        cause: Some("dns-nxdomain"),
        needs: None,
    },
    find,
};

/// Name servers that anybody may ask.
const PUBLIC: [&str; 16] = [
    "8.8.8.8",
    "8.8.4.4",
    "1.1.1.1",
    "1.0.0.1",
    "9.9.9.9",
    "149.112.112.112",
    "208.67.222.222",
    "208.67.220.220",
    "94.140.14.14",
    "94.140.15.15",
    "64.6.64.6",
    "77.88.8.8",
    "2001:4860:4860::8888",
    "2001:4860:4860::8844",
    "2606:4700:4700::1111",
    "2620:fe::fe",
];

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let names = RunTimeNames::new(config);
    let answers = Around::new(around);
    let mut told: HashSet<(NodeId, String)> = HashSet::default();
    let mut servers: HashMap<NodeId, Servers> = HashMap::default();
    for hop in upstreams::hops(config).iter().filter(|hop| hop.variables) {
        let Some(resolver) = tree.nearest(hop.block, "resolver") else {
            continue;
        };
        let servers = servers
            .entry(resolver)
            .or_insert_with(|| Servers::of(config, resolver));
        if servers.public == 0 {
            continue;
        }
        for value in names.values(hop.block, &hop.written) {
            let destination = pass::destination(hop.protocol, &value);
            let (host, port) = pass::host_and_port(destination.authority);
            let group = tree.upstream(host).is_some() && port.is_none();
            if group
                || !destination.scheme_ok
                || destination.authority.starts_with("unix:")
                || !upstreams::is_internal_name(host)
                || is_answered(&answers, host)
                || !told.insert((resolver, host.to_ascii_lowercase()))
            {
                continue;
            }
            let message = format!(
                "{host} at {} is a name of the inside, and {} cannot know it",
                config.place(hop.node),
                servers.shown
            );
            let mut found = problem(config, &CHECK.rule, resolver, message);
            if servers.others {
                found.level = ProblemLevel::Warning;
                "502 for as long as the answer of the wrong server is kept, and for each question that goes to it".clone_into(&mut found.effect);
            } else {
                found.effect = format!("502 always for {host}: could not be resolved");
            }
            found.repair = around
                .resolver
                .seen()
                .and_then(|own| own.nameservers.first())
                .map(|address| {
                    if address.is_ipv6() {
                        format!("resolver [{address}];")
                    } else {
                        format!("resolver {address};")
                    }
                });
            problems.push(found);
        }
    }
    silent_servers(config, around, problems);
}

/// The addresses of a `resolver`.
struct Servers {
    /// How many of them are public.
    public: usize,
    /// There are others.
    others: bool,
    /// The public ones, as written.
    shown: String,
}

impl Servers {
    fn of(config: &Config, resolver: NodeId) -> Self {
        let addresses = written_addresses(config, resolver);
        let is_public = |word: &&String| PUBLIC.iter().any(|public| public == word);
        let public: Vec<String> = addresses.iter().filter(is_public).cloned().collect();
        Self {
            public: public.len(),
            others: public.len() < addresses.len(),
            shown: public.join(", "),
        }
    }
}

/// The addresses of a `resolver`, without ports.
fn written_addresses(config: &Config, resolver: NodeId) -> Vec<String> {
    config
        .tree
        .arguments(resolver)
        .filter(|word| !word.contains('='))
        .map(|word| {
            let host = if word.parse::<IpAddr>().is_ok() {
                word
            } else {
                pass::host_and_port(word).0
            };
            upstreams::bare(host).to_owned()
        })
        .collect()
}

/// The proxy's own name servers know the name after all.
fn is_answered(around: &Around<'_>, host: &str) -> bool {
    around.name(host).iter().any(|name| {
        name.servers
            .iter()
            .any(|server| server.used_by == "nginx" && matches!(server.outcome, NameOutcome::Addresses(_)))
    })
}

/// Name servers that were asked and gave no answer to anything.
fn silent_servers(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let mut answers: HashMap<&str, (bool, &NameOutcome)> = HashMap::default();
    for server in around.names.iter().flat_map(|name| &name.servers) {
        if server.used_by != "nginx" {
            continue;
        }
        let silent = matches!(server.outcome, NameOutcome::NotListening | NameOutcome::TimedOut);
        let entry = answers
            .entry(server.server.as_str())
            .or_insert((true, &server.outcome));
        entry.0 &= silent;
    }
    if answers.values().all(|(silent, _)| !silent) {
        return;
    }
    let tree = &config.tree;
    for resolver in tree.every("resolver").filter(|id| tree.in_http(*id)) {
        let addresses = written_addresses(config, resolver);
        for address in &addresses {
            let shown = if address.contains(':') {
                format!("[{address}]:53")
            } else {
                format!("{address}:53")
            };
            let Some((true, outcome)) = answers.get(shown.as_str()) else {
                continue;
            };
            let what = if matches!(outcome, NameOutcome::NotListening) {
                "nothing listens there"
            } else {
                "it does not answer"
            };
            let message = format!("the resolver {shown} is of no use: {what}");
            let mut found = problem(config, &CHECK.rule, resolver, message);
            if addresses.len() > 1 {
                found.level = ProblemLevel::Warning;
                "requests wait for the next resolver whenever this one is asked"
                    .clone_into(&mut found.effect);
            } else {
                "502 after resolver_timeout (30s unless set) for every name that is resolved at run time"
                    .clone_into(&mut found.effect);
            }
            problems.push(found);
        }
    }
}
