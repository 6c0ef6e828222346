//! Where the `*_pass` directives lead, and what was seen there: read once for a whole rule, so that a rule
//! stays linear in the size of the configuration.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use foldhash::{HashMap, HashSet};

use super::super::pass::{self, Destination};
use super::super::tree::NodeId;
use super::super::variables::has_variables;
use super::super::{Config, units};
use super::run_time_names::{RunTimeNames, Unresolvable};
use crate::evidence::{
    Endpoint, EndpointEvidence, Handshake, NameEvidence, PeerAddress, ProbeKind, Protocol, Snapshot,
};

/// What many rules ask of one configuration: found once, by the first that asks.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Facts {
    hops: OnceLock<Vec<Hop>>,
    lines: OnceLock<Vec<KeptLine>>,
    group_names: OnceLock<HashMap<NodeId, GroupNames>>,
    pub(super) unresolvable: OnceLock<Vec<Unresolvable>>,
}

/// One `*_pass`.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    /// The directive.
    pub(super) node: NodeId,
    /// The block it stands in.
    pub(super) block: NodeId,
    pub(super) protocol: Protocol,
    /// Its argument.
    pub(super) written: String,
    /// The argument holds variables.
    pub(super) variables: bool,
    /// The upstream is spoken to in TLS.
    pub(super) tls: bool,
    /// Where the host stands in the argument; nothing for a unix socket.
    host: Range<usize>,
    /// The group whose name it has literally, perhaps with a port, which nginx refuses.
    pub(super) named: Option<NodeId>,
    /// The group it leads to, when it names one literally.
    pub(super) group: Option<NodeId>,
}

/// Finds the facts that most rules ask for.
pub(super) fn prepare(config: &Config) {
    let _ = lines(config).next();
    let _ = RunTimeNames::new(config).unresolvable();
}

/// Every `*_pass` of the configuration.
pub(super) fn hops(config: &Config) -> &[Hop] {
    config.facts.hops.get_or_init(|| all_hops(config))
}

fn all_hops(config: &Config) -> Vec<Hop> {
    let tree = &config.tree;
    pass::all_passes(config)
        .filter(|node| !tree.argument(*node, 0).is_empty())
        .map(|node| {
            let written = tree.argument(node, 0);
            let protocol = pass::protocol(tree.name(node));
            let destination = pass::destination(protocol, written);
            let variables = has_variables(written);
            let (host, port) = pass::host_and_port(destination.authority);
            let named = tree.upstream(host).filter(|_| !variables);
            // The authority is followed by the URI alone, but for a unix socket.
            let start = written
                .len()
                .saturating_sub(destination.authority.len())
                .saturating_sub(destination.uri.len());
            let is_unix = destination.authority.starts_with("unix:");
            let end = if is_unix {
                start
            } else {
                start.saturating_add(host.len())
            };
            Hop {
                node,
                block: tree.parent(node),
                protocol,
                written: written.to_owned(),
                variables,
                tls: destination.tls,
                host: start..end,
                named,
                group: named.filter(|_| port.is_none()),
            }
        })
        .collect()
}

impl Hop {
    /// The parts of its argument.
    pub(super) fn destination(&self) -> Destination<'_> {
        pass::destination(self.protocol, &self.written)
    }

    /// The host as written, with the brackets of an IPv6 address; empty for a unix socket.
    pub(super) fn host(&self) -> &str {
        self.written.get(self.host.clone()).unwrap_or_default()
    }

    /// The directive in force for this pass, by the part of its name after `proxy_`.
    pub(super) fn directive(&self, config: &Config, suffix: &str) -> Option<NodeId> {
        let name = format!("{}_{suffix}", self.protocol.directive_prefix());
        config.tree.nearest(self.block, &name)
    }

    /// The first argument of the directive in force.
    pub(super) fn setting<'c>(&self, config: &'c Config, suffix: &str) -> Option<&'c str> {
        self.directive(config, suffix)
            .map(|node| config.tree.argument(node, 0))
    }

    /// True when the flag is on.
    pub(super) fn is_on(&self, config: &Config, suffix: &str) -> bool {
        self.setting(config, suffix).and_then(units::flag) == Some(true)
    }

    /// The directives for headers of requests in force: those of HTTP and gRPC.
    pub(super) fn header_directive(&self) -> Option<&'static str> {
        match self.protocol {
            Protocol::Http => Some("proxy_set_header"),
            Protocol::Grpc => Some("grpc_set_header"),
            _ => None,
        }
    }
}

/// A line that names an address: a `server` of a group, or a `*_pass` itself.
#[derive(Clone, Copy)]
pub(super) struct Line<'c> {
    /// The directive.
    pub(super) node: NodeId,
    pub(super) address: &'c PeerAddress,
    /// The first pass that goes there.
    pub(super) hop: &'c Hop,
    /// The group has other servers that are not marked `down`.
    pub(super) others: bool,
    /// The port is written.
    pub(super) port_written: bool,
}

/// A [`Line`] as it is kept: its pass is an index among all.
#[derive(Clone, Debug)]
struct KeptLine {
    node: NodeId,
    address: PeerAddress,
    hop: usize,
    others: bool,
    port_written: bool,
}

/// Every address that a literal `*_pass` leads to, once for each protocol; servers marked `down` are left
/// out.
pub(super) fn lines(config: &Config) -> impl Iterator<Item = Line<'_>> + Clone {
    let lines = config.facts.lines.get_or_init(|| all_lines(config));
    let hops = hops(config);
    lines.iter().filter_map(|line| {
        Some(Line {
            node: line.node,
            address: &line.address,
            hop: hops.get(line.hop)?,
            others: line.others,
            port_written: line.port_written,
        })
    })
}

fn all_lines(config: &Config) -> Vec<KeptLine> {
    let tree = &config.tree;
    let mut known: HashSet<(NodeId, &str, bool)> = HashSet::default();
    let mut lines = Vec::new();
    for (index, hop) in hops(config).iter().enumerate().filter(|(_, hop)| !hop.variables) {
        let destination = hop.destination();
        let tls = destination.tls;
        let Some(group) = hop.group else {
            if destination.scheme_ok && !destination.authority.is_empty() {
                let port = if tls { 443 } else { 80 };
                let (host, written) = pass::host_and_port(destination.authority);
                if !host.is_empty() {
                    lines.push(KeptLine {
                        node: hop.node,
                        address: pass::address(destination.authority, port),
                        hop: index,
                        others: false,
                        port_written: written.is_some(),
                    });
                }
            }
            continue;
        };
        if !known.insert((group, hop.protocol.directive_prefix(), tls)) {
            continue;
        }
        let servers: Vec<NodeId> = tree
            .named(group, "server")
            .filter(|server| {
                !tree.argument(*server, 0).is_empty() && tree.arguments(*server).all(|word| word != "down")
            })
            .collect();
        for server in &servers {
            let written = tree.argument(*server, 0);
            lines.push(KeptLine {
                node: *server,
                address: pass::address(written, 80),
                hop: index,
                others: servers.len() > 1,
                port_written: pass::host_and_port(written).1.is_some(),
            });
        }
    }
    lines
}

/// The hosts, in lower case, that nginx resolves when it loads: names, and addresses as they are written.
pub(super) fn dialled_hosts(config: &Config) -> HashSet<Cow<'_, str>> {
    let tree = &config.tree;
    let groups = tree.http_blocks().flat_map(|http| tree.named(http, "upstream"));
    let of_groups = groups
        .filter(|group| tree.is_block(*group))
        .flat_map(|group| pass::group_servers(tree, group))
        .map(|server| tree.argument(server, 0))
        .filter(|authority| !authority.starts_with("unix:"))
        .map(|authority| pass::host_and_port(authority).0);
    let of_passes = hops(config)
        .iter()
        .filter(|hop| !hop.variables && hop.named.is_none() && !hop.host().is_empty())
        .filter(|hop| hop.destination().scheme_ok)
        .map(Hop::host);
    of_groups.chain(of_passes).map(lower_case).collect()
}

fn lower_case(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// The names that the servers of a group have.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupNames {
    /// Names with a dot that are not internal, lower case.
    pub(super) public: HashSet<String>,
    /// The first of them, as written.
    pub(super) first_public: Option<String>,
    /// Its servers are that one name only.
    pub(super) only_one: bool,
}

/// The names of all groups.
pub(super) fn group_names(config: &Config) -> &HashMap<NodeId, GroupNames> {
    config.facts.group_names.get_or_init(|| all_group_names(config))
}

fn all_group_names(config: &Config) -> HashMap<NodeId, GroupNames> {
    let tree = &config.tree;
    let mut all = HashMap::default();
    for http in tree.http_blocks() {
        for group in tree.named(http, "upstream").filter(|node| tree.is_block(*node)) {
            let mut names = GroupNames::default();
            let mut others = false;
            for server in tree.named(group, "server") {
                let (host, _) = pass::host_and_port(tree.argument(server, 0));
                if is_public_name(host) {
                    names.public.insert(host.to_ascii_lowercase());
                    names.first_public.get_or_insert_with(|| host.to_owned());
                } else {
                    others = true;
                }
            }
            names.only_one = names.public.len() == 1 && !others;
            all.insert(group, names);
        }
    }
    all
}

/// A host without the brackets of an IPv6 address.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// True for an address.
pub(super) fn is_address(host: &str) -> bool {
    bare(host).parse::<std::net::IpAddr>().is_ok()
}

/// Suffixes that no public name server answers for.
const INTERNAL: [&str; 16] = [
    "local",
    "localhost",
    "localdomain",
    "internal",
    "intranet",
    "intern",
    "lan",
    "home",
    "corp",
    "private",
    "svc",
    "consul",
    "docker",
    "test",
    "invalid",
    "home.arpa",
];

/// True for a name that only a name server inside can know: a single label, or under a suffix that is not
/// public.
pub(super) fn is_internal_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host.is_empty() || is_address(&host) || host.contains('$') {
        return false;
    }
    !host.contains('.')
        || INTERNAL.iter().any(|suffix| {
            host.strip_suffix(suffix)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
}

/// True for a name with a dot that is neither an address nor internal nor a variable.
pub(super) fn is_public_name(host: &str) -> bool {
    host.contains('.')
        && !host.starts_with("unix:")
        && !host.contains(['$', '/', ':'])
        && !is_address(host)
        && !is_internal_name(host)
}

/// What the snapshot holds about endpoints and names, by address and by name.
pub(super) struct Around<'s> {
    endpoints: HashMap<&'s Endpoint, &'s EndpointEvidence>,
    named: HashMap<(String, u16), Vec<&'s EndpointEvidence>>,
    names: HashMap<String, Vec<&'s NameEvidence>>,
}

impl<'s> Around<'s> {
    pub(super) fn new(snapshot: &'s Snapshot) -> Self {
        let mut named: HashMap<(String, u16), Vec<&EndpointEvidence>> = HashMap::default();
        for evidence in &snapshot.endpoints {
            if let (Some(name), Some(address)) = (&evidence.name, evidence.endpoint.tcp()) {
                let key = (name.to_ascii_lowercase(), address.port());
                named.entry(key).or_default().push(evidence);
            }
        }
        let mut names: HashMap<String, Vec<&NameEvidence>> = HashMap::default();
        for name in &snapshot.names {
            names.entry(name.name.to_ascii_lowercase()).or_default().push(name);
        }
        Self {
            endpoints: snapshot
                .endpoints
                .iter()
                .map(|evidence| (&evidence.endpoint, evidence))
                .collect(),
            named,
            names,
        }
    }

    /// The evidence about the endpoints of an address.
    pub(super) fn endpoints(&self, address: &PeerAddress) -> Vec<&'s EndpointEvidence> {
        match address {
            PeerAddress::Ip(address) => self
                .endpoints
                .get(&Endpoint::Tcp(*address))
                .into_iter()
                .copied()
                .collect(),
            PeerAddress::Unix(path) => self
                .endpoints
                .get(&Endpoint::Unix(path.clone()))
                .into_iter()
                .copied()
                .collect(),
            PeerAddress::Name(name) => self
                .named
                .get(&(name.name.to_ascii_lowercase(), name.port))
                .cloned()
                .unwrap_or_default(),
        }
    }

    /// The evidence about a name.
    pub(super) fn name(&self, name: &str) -> &[&'s NameEvidence] {
        self.names.get(&name.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }
}

/// The handshake of a probe of this kind.
pub(super) fn handshake(evidence: &EndpointEvidence, kind: ProbeKind) -> Option<&Handshake> {
    evidence.probe(kind).and_then(|exchange| exchange.tls.as_ref())
}

/// True when the handshake of a probe of this kind was completed; `None`: it was not tried.
pub(super) fn shook_hands(evidence: &EndpointEvidence, kind: ProbeKind) -> Option<bool> {
    handshake(evidence, kind).map(|tls| tls.done)
}

/// An address as a configuration shows it.
pub(super) fn shown(address: &PeerAddress) -> String {
    match address {
        PeerAddress::Ip(address) => address.to_string(),
        PeerAddress::Name(name) => format!("{}:{}", name.name, name.port),
        PeerAddress::Unix(path) => format!("unix:{path}"),
    }
}

/// True when a file that is included could not be read: what is missing may stand there.
pub(super) fn some_unread(config: &Config) -> bool {
    config.errors.iter().any(|error| error.rule.starts_with("include-"))
}
