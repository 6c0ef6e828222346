//! Without `proxy_ssl_server_name on` the upstream is not told which name is wanted.

use super::super::Config;
use super::run_time_names::RunTimeNames;
use super::upstreams::{self, Around, Hop};
use super::{Check, Rule, edits, problem};
use crate::evidence::{
    ConfigProblem, NameAndPort, PeerAddress, ProbeKind, ProblemLevel, Protocol, ProxyKind, Snapshot,
};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N050-no-sni",
        proxy: ProxyKind::Nginx,
        title: "TLS to a host with a name is spoken without the name",
        level: ProblemLevel::Error,
        cause: Some("tls-sni-missing"),
        needs: None,
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    if upstreams::some_unread(config) {
        // The switch may stand in the file that could not be read.
        return;
    }
    let run_time = RunTimeNames::new(config);
    let groups = upstreams::group_names(config);
    let around = Around::new(around);
    for hop in upstreams::hops(config) {
        let tls = hop.tls && matches!(hop.protocol, Protocol::Http | Protocol::Grpc | Protocol::Uwsgi);
        if !tls || hop.is_on(config, "ssl_server_name") {
            continue;
        }
        if let Some(name) = name(config, &run_time, groups, hop) {
            judge(config, &around, hop, &name, problems);
        }
    }
}

/// The public name that a pass leads to, with its port.
fn name(
    config: &Config,
    run_time: &RunTimeNames<'_>,
    groups: &foldhash::HashMap<super::super::tree::NodeId, upstreams::GroupNames>,
    hop: &Hop,
) -> Option<NameAndPort> {
    let of = |authority: &str| {
        let (host, port) = super::super::pass::host_and_port(authority);
        upstreams::is_public_name(host).then(|| NameAndPort {
            name: host.to_owned(),
            port: port.unwrap_or(443),
        })
    };
    if let Some(group) = hop.group {
        let name = groups.get(&group)?.first_public.clone()?;
        return Some(NameAndPort { name, port: 443 });
    }
    if !hop.variables {
        return of(hop.destination().authority);
    }
    run_time.values(hop.block, &hop.written).iter().find_map(|value| {
        let destination = super::super::pass::destination(hop.protocol, value);
        let (host, port) = super::super::pass::host_and_port(destination.authority);
        let group = config.tree.upstream(host).is_some() && port.is_none();
        of(destination.authority).filter(|_| !group)
    })
}

fn judge(
    config: &Config,
    around: &Around<'_>,
    hop: &Hop,
    name: &NameAndPort,
    problems: &mut Vec<ConfigProblem>,
) {
    let evidence = around.endpoints(&PeerAddress::Name(name.clone()));
    let says = |kind: ProbeKind, done: bool| {
        evidence
            .iter()
            .any(|evidence| upstreams::shook_hands(evidence, kind) == Some(done))
    };
    let needs_it = says(ProbeKind::TlsWithoutName, false) && says(ProbeKind::TlsWithName, true);
    if says(ProbeKind::TlsWithoutName, true) && !needs_it {
        return;
    }
    let prefix = hop.protocol.directive_prefix();
    let message = format!(
        "TLS to {} is begun without its name: {prefix}_ssl_server_name is off",
        name.name
    );
    let mut found = problem(config, &CHECK.rule, hop.node, message);
    if needs_it {
        "502 always".clone_into(&mut found.effect);
    } else {
        found.level = ProblemLevel::Warning;
        "502 (handshake failure) or an answer of the wrong site, where one address serves several names, as CDNs do"
            .clone_into(&mut found.effect);
    }
    let mut words = vec![format!("{prefix}_ssl_server_name on;")];
    // The name of the group would be sent otherwise.
    if hop.group.is_some() && hop.directive(config, "ssl_name").is_none() {
        words.push(format!("{prefix}_ssl_name {};", name.name));
    }
    let own = config.tree.first(hop.block, &format!("{prefix}_ssl_server_name"));
    found.edit = match own {
        Some(own) => edits::replace_argument(config, own, 0, "on"),
        None => edits::insert_before(config, hop.node, &words),
    };
    found.repair = Some(words.join(" "));
    problems.push(found);
}
