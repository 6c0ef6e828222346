//! Where the configuration sends requests: every URL of a backend with the directive that holds it.

use std::collections::HashMap;
use std::net::IpAddr;

use super::super::target::Url;
use super::super::{Config, StatementId, Word};
use crate::evidence::{AppServer, Snapshot};

/// One URL that requests are handed to.
pub(super) struct Target<'a> {
    /// The index of its server.
    pub(super) server: usize,
    /// The directive.
    pub(super) statement: StatementId,
    /// Where the URL stands.
    pub(super) word: Word<'a>,
    /// Without `proxy:`.
    pub(super) url: &'a str,
    /// What kind of directive it is.
    pub(super) kind: Kind,
}

/// The directives that name a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `ProxyPass`, `ProxyPassMatch`.
    Pass,
    /// `BalancerMember`.
    Member,
    /// `RewriteRule` with `[P]`.
    Rewrite,
    /// `SetHandler "proxy:..."`.
    Handler,
}

impl Target<'_> {
    /// The URL taken apart.
    pub(super) fn parsed(&self) -> Option<Url> {
        Url::parse(self.url)
    }

    /// The scheme in lower case, also where the URL is not complete (`unix:/path|fcgi:`).
    pub(super) fn scheme(&self) -> String {
        let socket = self
            .url
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case("unix:"));
        let rest = match self.url.split_once('|') {
            Some((_, rest)) if socket => rest,
            _ => self.url,
        };
        rest.split_once(':')
            .map_or("", |(scheme, _)| scheme)
            .to_ascii_lowercase()
    }

    /// It goes to a balancer.
    pub(super) fn is_balancer(&self) -> bool {
        self.scheme() == "balancer"
    }
}

/// A `RewriteRule` that hands requests on.
pub(super) fn proxies(config: &Config, id: StatementId) -> bool {
    let statement = config.statement(id);
    statement.is("RewriteRule")
        && statement.argument(2).trim_matches(['[', ']']).split(',').any(|flag| {
            let flag = flag.trim();
            flag.eq_ignore_ascii_case("p") || flag.eq_ignore_ascii_case("proxy")
        })
}

/// All of them in the order of the configuration; none where `mod_proxy` is not known to be there.
pub(super) fn targets(config: &Config) -> Vec<Target<'_>> {
    let mut found = Vec::new();
    if !config.modules().has("proxy_module") {
        return found;
    }
    let passes: HashMap<StatementId, bool> = config
        .passes()
        .iter()
        .map(|pass| (pass.statement, pass.location.is_some()))
        .collect();
    for (id, statement) in config.statements() {
        let (index, kind) = if let Some(in_location) = passes.get(&id) {
            (usize::from(!in_location), Kind::Pass)
        } else if statement.is("BalancerMember") {
            let inside = config
                .sections(id)
                .any(|section| config.statement(section).is("Proxy"));
            (usize::from(!inside), Kind::Member)
        } else if proxies(config, id) {
            (1, Kind::Rewrite)
        } else if statement.is("SetHandler") {
            (0, Kind::Handler)
        } else {
            continue;
        };
        let Some(word) = statement.arguments().get(index) else {
            continue;
        };
        let start = word
            .text
            .get(..6)
            .filter(|start| start.eq_ignore_ascii_case("proxy:"));
        if kind == Kind::Handler && start.is_none() || word.text == "!" {
            continue;
        }
        let url = start.map_or(word.text, |start| {
            word.text.get(start.len()..).unwrap_or_default()
        });
        found.push(Target {
            server: config.server_of(id),
            statement: id,
            word,
            url,
            kind,
        });
    }
    found
}

/// A text is only known when a request comes.
pub(super) fn is_dynamic(text: &str) -> bool {
    text.contains(['$', '%'])
}

/// A flag of a server, `None` where it is not set.
pub(super) fn flag(config: &Config, server: usize, name: &str) -> Option<bool> {
    let id = config.server_setting(server, name)?;
    Some(config.statement(id).argument(0).eq_ignore_ascii_case("on"))
}

/// The application servers of this host by the port or socket they listen on.
pub(super) struct Applications<'a> {
    /// `None`: several listen on that port.
    by_port: HashMap<u16, Option<&'a AppServer>>,
    by_path: HashMap<&'a str, &'a AppServer>,
    local: Vec<IpAddr>,
}

impl<'a> Applications<'a> {
    /// Those of a snapshot.
    pub(super) fn of(around: &'a Snapshot) -> Self {
        let mut found = Self {
            by_port: HashMap::new(),
            by_path: HashMap::new(),
            local: around.limits.addresses.iter().map(|(address, _)| *address).collect(),
        };
        for application in &around.applications {
            for listen in &application.listens {
                if let Some(path) = listen.strip_prefix("unix:") {
                    found.by_path.insert(path, application);
                } else if let Some(port) = listen.rsplit(':').next().and_then(|port| port.parse().ok()) {
                    found
                        .by_port
                        .entry(port)
                        .and_modify(|known: &mut Option<&AppServer>| {
                            *known = known.filter(|known| known.pid == application.pid);
                        })
                        .or_insert(Some(application));
                }
            }
        }
        found
    }

    /// The one that a URL leads to.
    pub(super) fn behind(&self, url: &Url) -> Option<&'a AppServer> {
        if let Some(path) = &url.socket {
            return self.by_path.get(path.as_str()).copied();
        }
        let local = url.host == "localhost"
            || url
                .host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback() || self.local.contains(&address));
        let port = url.port_number().filter(|_| local)?;
        self.by_port.get(&port).copied().flatten()
    }
}
