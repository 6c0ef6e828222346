//! `cache_peer`: the servers that Squid may hand requests to.

use super::access::AccessLine;
use super::source::Statement;
use super::words;

/// What a peer is to Squid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Asked for everything.
    #[default]
    Parent,
    /// Asked only for what it has.
    Sibling,
    /// A group that is asked with one packet.
    Multicast,
}

impl Kind {
    /// In the configuration's word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Parent => "parent",
            Self::Sibling => "sibling",
            Self::Multicast => "multicast",
        }
    }
}

/// How a parent is picked before the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Picked {
    pub(super) sourcehash: bool,
    pub(super) userhash: bool,
    pub(super) carp: bool,
    pub(super) round_robin: bool,
    pub(super) weighted_round_robin: bool,
    pub(super) default: bool,
}

/// One peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Peer {
    pub(super) statement: usize,
    pub(super) name: String,
    /// Lower case.
    pub(super) host: String,
    pub(super) kind: Kind,
    pub(super) port: u16,
    pub(super) icp_port: u16,
    pub(super) no_query: bool,
    pub(super) picked: Picked,
    pub(super) weight: u32,
    pub(super) origin_server: bool,
    pub(super) forced_domain: Option<Box<str>>,
    pub(super) login: Option<Box<str>>,
    pub(super) connect_timeout_s: Option<u64>,
    pub(super) connect_fail_limit: u32,
    pub(super) max_conn: u32,
    pub(super) tls: bool,
    pub(super) tls_domain: Option<Box<str>>,
    pub(super) tls_ca: Option<Box<str>>,
    pub(super) tls_certificate: Option<Box<str>>,
    pub(super) tls_flags: Option<Box<str>>,
    /// `cache_peer_access` lines.
    pub(super) access: Vec<AccessLine>,
    /// `cache_peer_domain` values, where the version has it.
    pub(super) domains: Vec<(bool, Box<str>)>,
}

const PLAIN_OPTIONS: &[&str] = &[
    "proxy-only",
    "background-ping",
    "no-digest",
    "no-tproxy",
    "multicast-responder",
    "multicast-siblings",
    "closest-only",
    "htcp",
    "no-netdb-exchange",
    "no-delay",
    "allow-miss",
    "auth-no-keytab",
    "front-end-https",
    "connection-auth",
    "connection-auth=on",
    "connection-auth=off",
    "connection-auth=auto",
    "front-end-https=on",
    "front-end-https=auto",
    "front-end-https=off",
];
const VALUED_OPTIONS: &[&str] = &[
    "ttl=",
    "htcp=",
    "htcp-",
    "carp-key=",
    "digest-url=",
    "tls-",
    "ssl",
    "no-vary",
    "urlgroup=",
];

/// Reads a peer line. Problems: (number of the word, message, Squid stops at it).
pub(super) fn read(statement: &Statement, number: usize) -> (Option<Peer>, Vec<(usize, String, bool)>) {
    let mut problems = Vec::new();
    let host = statement.word(0);
    if statement.count() < 4 {
        let missing = match statement.count() {
            0 => "a host, a type and two ports",
            1 => "a type and two ports",
            2 => "two ports",
            _ => "an ICP port (0: none)",
        };
        problems.push((0, format!("cache_peer lacks {missing}"), true));
        return (None, problems);
    }
    let kind = match statement.word(1).to_ascii_lowercase().as_str() {
        "parent" => Kind::Parent,
        "neighbor" | "neighbour" | "sibling" => Kind::Sibling,
        "multicast" => Kind::Multicast,
        _ => {
            let message = format!(
                "\"{}\" is no type of peer, Squid takes it as a sibling",
                statement.word(1)
            );
            problems.push((1, message, false));
            Kind::Sibling
        }
    };
    let Some(port) = words::port(statement.word(2)).filter(|port| *port > 0) else {
        problems.push((2, format!("\"{}\" is no port", statement.word(2)), true));
        return (None, problems);
    };
    let Some(icp_port) = words::port(statement.word(3)) else {
        problems.push((3, format!("\"{}\" is no port", statement.word(3)), true));
        return (None, problems);
    };
    let mut peer = Peer {
        statement: number,
        name: host.to_owned(),
        host: host.to_ascii_lowercase(),
        kind,
        port,
        icp_port,
        weight: 1,
        connect_fail_limit: 10,
        ..Peer::default()
    };
    let mut standby = 0;
    for (index, word) in statement.words().enumerate().skip(4) {
        option(&mut peer, word, index, &mut standby, &mut problems);
    }
    if kind != Kind::Parent && (peer.picked.carp || peer.picked.sourcehash || peer.picked.userhash) {
        problems.push((
            1,
            "carp, sourcehash and userhash are for parents only".to_owned(),
            true,
        ));
    }
    if peer.max_conn > 0 && peer.max_conn < standby {
        problems.push((
            0,
            format!("max-conn={} is lower than standby={standby}", peer.max_conn),
            true,
        ));
    }
    peer.weight = peer.weight.max(1);
    if peer.connect_fail_limit == 0 {
        peer.connect_fail_limit = 10;
    }
    (Some(peer), problems)
}

fn option(
    peer: &mut Peer,
    option: &str,
    index: usize,
    standby: &mut u32,
    problems: &mut Vec<(usize, String, bool)>,
) {
    let mut count = |text: &str| {
        let number = words::integer(text);
        if number.is_none() {
            problems.push((index, format!("\"{text}\" is no number"), true));
        }
        u32::try_from(number.unwrap_or(0).max(0)).unwrap_or(u32::MAX)
    };
    if let Some((name, value)) = option.split_once('=') {
        let text = || Some(value.into());
        match name {
            "weight" => peer.weight = count(value),
            "connect-timeout" => peer.connect_timeout_s = Some(u64::from(count(value))),
            "connect-fail-limit" => peer.connect_fail_limit = count(value),
            "max-conn" => peer.max_conn = count(value),
            "standby" => *standby = count(value),
            "basetime" | "ttl" => _ = count(value),
            "name" => value.clone_into(&mut peer.name),
            "forceddomain" => peer.forced_domain = (!value.is_empty()).then(|| value.into()),
            "login" => peer.login = text(),
            "ssldomain" | "tls-domain" => peer.tls_domain = text(),
            "sslcafile" | "tls-cafile" => peer.tls_ca = text(),
            "sslcert" | "tls-cert" => peer.tls_certificate = text(),
            "sslflags" | "tls-flags" => peer.tls_flags = text(),
            _ if PLAIN_OPTIONS.contains(&option) => {}
            _ if VALUED_OPTIONS.iter().any(|known| option.starts_with(known)) => {}
            _ => problems.push((
                index,
                format!("cache_peer has no option \"{option}\", Squid ignores it"),
                false,
            )),
        }
        return;
    }
    match option {
        "no-query" => peer.no_query = true,
        "default" => peer.picked.default = true,
        "round-robin" => peer.picked.round_robin = true,
        "weighted-round-robin" => peer.picked.weighted_round_robin = true,
        "carp" => peer.picked.carp = true,
        "userhash" => peer.picked.userhash = true,
        "sourcehash" => peer.picked.sourcehash = true,
        "originserver" => peer.origin_server = true,
        "tls" | "ssl" => peer.tls = true,
        _ if PLAIN_OPTIONS.contains(&option) => {}
        _ if option.starts_with("login") => peer.login = Some(Box::default()),
        _ if VALUED_OPTIONS.iter().any(|known| option.starts_with(known)) => {}
        _ => problems.push((
            index,
            format!("cache_peer has no option \"{option}\", Squid ignores it"),
            false,
        )),
    }
}
