//! `SELinux` keeps nginx from connecting to ports that are not those of web servers.

use foldhash::HashSet;

use super::super::{Config, pass};
use super::{Check, Need, Rule};
use crate::evidence::{ConfigProblem, PeerAddress, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N074-selinux",
        proxy: ProxyKind::Nginx,
        title: "SELinux does not let nginx connect to this port",
        level: ProblemLevel::Error,
        cause: Some("selinux-denied"),
        needs: Some(Need::Machine),
    },
    find,
};

/// Ports of type `http_port_t` in the reference policy.
const HTTP_PORTS: [u16; 8] = [80, 81, 443, 488, 8008, 8009, 8443, 9000];

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let limits = &around.limits;
    let is = |name: &str, wanted: bool| {
        limits
            .selinux_booleans
            .iter()
            .any(|(known, value)| known == name && *value == wanted)
    };
    let confined = limits
        .proxy_label
        .as_deref()
        .is_some_and(|label| label.split(':').nth(2) == Some("httpd_t"));
    let closed = limits.selinux_enforcing == Some(true)
        && is("httpd_can_network_connect", false)
        && !is("httpd_can_network_relay", true)
        && !is("nis_enabled", true);
    if !confined || !closed {
        return;
    }
    let mut told = HashSet::default();
    for peer in pass::all_peers(config) {
        let port = match &peer.address {
            PeerAddress::Ip(address) => address.port(),
            PeerAddress::Name(name) => name.port,
            PeerAddress::Unix(_) => continue,
        };
        if HTTP_PORTS.contains(&port) || !told.insert(port) {
            continue;
        }
        let message = format!(
            "SELinux is enforcing and httpd_can_network_connect is off: nginx may not connect to port {port}"
        );
        problems.push(ConfigProblem {
            rule: CHECK.rule.id.to_owned(),
            level: CHECK.rule.level,
            message,
            excerpt: config.tree.excerpt(&peer.place),
            place: peer.place,
            effect: "502 always".to_owned(),
            repair: Some("setsebool -P httpd_can_network_connect 1".to_owned()),
            edit: None,
        });
    }
}
