//! `proxy_ssl_name` is the name of the group unless it is set.

use super::super::Config;
use super::upstreams::{self, Around};
use super::{Check, Rule, edits, problem};
use crate::evidence::{
    ConfigProblem, NameAndPort, PeerAddress, ProbeKind, ProblemLevel, ProxyKind, Snapshot,
};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N051-sni-is-upstream-name",
        proxy: ProxyKind::Nginx,
        title: "the name of an upstream group is sent as the server name of TLS",
        level: ProblemLevel::Error,
        cause: Some("tls-sni-missing"),
        needs: None,
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    if upstreams::some_unread(config) {
        // The name may stand in the file that could not be read.
        return;
    }
    let groups = upstreams::group_names(config);
    let around = Around::new(around);
    for hop in upstreams::hops(config) {
        if !hop.tls || !hop.is_on(config, "ssl_server_name") {
            continue;
        }
        let by_default = hop
            .setting(config, "ssl_name")
            .is_none_or(|name| name == "$proxy_host");
        let Some(names) = hop.group.and_then(|group| groups.get(&group)).filter(|_| by_default) else {
            continue;
        };
        let host = hop.host();
        let Some(name) = names.first_public.as_ref() else {
            continue;
        };
        // A group may well be named after what it serves.
        if names.public.contains(&host.to_ascii_lowercase()) || upstreams::is_public_name(host) {
            continue;
        }
        let endpoint = PeerAddress::Name(NameAndPort {
            name: name.clone(),
            port: 443,
        });
        let refused = around.endpoints(&endpoint).iter().any(|evidence| {
            let asked = evidence
                .probes
                .iter()
                .filter(|probe| matches!(probe.kind, ProbeKind::TlsWithName | ProbeKind::AsProxy));
            asked
                .filter_map(|probe| probe.exchange.seen()?.tls.as_ref())
                .any(|tls| {
                    !tls.done
                        && tls
                            .server_name
                            .as_deref()
                            .is_some_and(|sent| sent.eq_ignore_ascii_case(host))
                })
        });
        let prefix = hop.protocol.directive_prefix();
        let message = format!("TLS to {name} asks for the name \"{host}\", which is the upstream group's");
        let mut found = problem(config, &CHECK.rule, hop.node, message);
        if refused {
            "502 always".clone_into(&mut found.effect);
        } else {
            found.level = ProblemLevel::Warning;
            "502 (handshake failure) or an answer of the wrong site, where the host serves by name; 502 always with verification"
                .clone_into(&mut found.effect);
        }
        if names.only_one {
            let repair = format!("{prefix}_ssl_name {name};");
            found.edit = match config.tree.first(hop.block, &format!("{prefix}_ssl_name")) {
                Some(own) => edits::replace_argument(config, own, 0, name),
                None => edits::insert_before(config, hop.node, std::slice::from_ref(&repair)),
            };
            found.repair = Some(repair);
        }
        problems.push(found);
    }
}
