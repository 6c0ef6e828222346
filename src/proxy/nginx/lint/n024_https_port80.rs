//! A server without a port is on port 80, also under `https://`.

use super::super::Config;
use super::upstreams::{self, Around, Line};
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, PeerAddress, ProbeKind, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N024-https-port80",
        proxy: ProxyKind::Nginx,
        title: "TLS is spoken to a server of a group that has no port, which means port 80",
        level: ProblemLevel::Error,
        cause: Some("tls-to-plaintext-port"),
        needs: None,
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let around = Around::new(around);
    let mut told = foldhash::HashSet::default();
    let lines: Vec<_> = upstreams::lines(config).collect();
    // Groups in which another server can take the request.
    let saved: foldhash::HashSet<_> = lines
        .iter()
        .filter(|line| line.port_written)
        .filter_map(|line| line.hop.group)
        .collect();
    for line in &lines {
        if line.hop.group.is_some()
            && line.hop.tls
            && !line.port_written
            && !matches!(line.address, PeerAddress::Unix(_))
            && told.insert(line.node)
        {
            let alone = line.hop.group.is_some_and(|group| !saved.contains(&group));
            tls_to_port_80(config, &around, line, alone, problems);
        }
    }
}

fn tls_to_port_80(
    config: &Config,
    around: &Around<'_>,
    line: &Line<'_>,
    alone: bool,
    problems: &mut Vec<ConfigProblem>,
) {
    let tree = &config.tree;
    // The port of `service=` comes from the name server.
    let by_service = tree.arguments(line.node).any(|word| word.starts_with("service="));
    let speaks_tls = around.endpoints(line.address).iter().any(|evidence| {
        [ProbeKind::TlsWithName, ProbeKind::TlsWithoutName]
            .iter()
            .any(|kind| upstreams::shook_hands(evidence, *kind) == Some(true))
    });
    if by_service || speaks_tls {
        return;
    }
    let address = tree.argument(line.node, 0);
    let message = format!(
        "{address} has no port, so it is port 80, but {} at {} speaks TLS to it",
        line.hop.written,
        config.place(line.hop.node)
    );
    let mut found = problem(config, &CHECK.rule, line.node, message);
    "502 always".clone_into(&mut found.effect);
    if !alone {
        found.level = ProblemLevel::Warning;
        "502 whenever it is this server's turn and no other answers in its place"
            .clone_into(&mut found.effect);
    }
    let mut words: Vec<String> = vec![format!("{address}:443")];
    words.extend(tree.arguments(line.node).skip(1).map(edits::word));
    found.repair = Some(format!("server {};", words.join(" ")));
    found.edit = edits::replace_argument(config, line.node, 0, &format!("{address}:443"));
    problems.push(found);
}
