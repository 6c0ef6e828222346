//! A pass and the program that listens there speak different protocols.

use std::net::IpAddr;

use foldhash::{HashMap, HashSet};

use super::super::Config;
use super::upstreams::{self, Around, Line};
use super::{Check, Need, Rule, problem};
use crate::evidence::{ConfigProblem, Listener, PeerAddress, ProblemLevel, Protocol, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N040-wrong-protocol",
        proxy: ProxyKind::Nginx,
        title: "the service behind a pass speaks another protocol",
        level: ProblemLevel::Error,
        cause: Some("fastcgi-protocol-mismatch"),
        needs: Some(Need::Listeners),
    },
    find,
};

/// What a program speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    /// HTTP/1.1, perhaps HTTP/2 without TLS too.
    Http,
    /// HTTP/1.1 and nothing else.
    OnlyHttp1,
    FastCgi,
    Uwsgi,
    Memcached,
    /// No protocol that nginx passes requests on with.
    Other,
}

/// Programs that speak one protocol, by the start of the process's name.
const PROGRAMS: [(&str, Spoken); 20] = [
    ("php-fpm", Spoken::FastCgi),
    ("gunicorn", Spoken::OnlyHttp1),
    ("uvicorn", Spoken::OnlyHttp1),
    ("waitress", Spoken::OnlyHttp1),
    ("daphne", Spoken::OnlyHttp1),
    ("puma", Spoken::OnlyHttp1),
    ("unicorn", Spoken::OnlyHttp1),
    ("thin", Spoken::OnlyHttp1),
    ("hypercorn", Spoken::Http),
    ("apache2", Spoken::Http),
    ("httpd", Spoken::Http),
    ("nginx", Spoken::Http),
    ("caddy", Spoken::Http),
    ("memcached", Spoken::Memcached),
    ("redis-server", Spoken::Other),
    ("mysqld", Spoken::Other),
    ("mariadbd", Spoken::Other),
    ("postgres", Spoken::Other),
    ("mongod", Spoken::Other),
    ("sshd", Spoken::Other),
];

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let Some(listeners) = around.listeners.seen() else {
        return;
    };
    let services = Services::new(around, listeners);
    let seen = Around::new(around);
    for line in upstreams::lines(config) {
        let Some((name, spoken)) = services.at(line.address) else {
            continue;
        };
        let Some(effect) = mismatch(line.hop.protocol, spoken) else {
            continue;
        };
        // What answers as it should is right, whatever its name.
        let answers = line.hop.protocol == Protocol::Http
            && seen.endpoints(line.address).iter().any(|evidence| {
                evidence
                    .probes
                    .iter()
                    .filter_map(|probe| probe.exchange.seen())
                    .any(|exchange| exchange.bytes.0.starts_with(b"HTTP/"))
            });
        if answers {
            continue;
        }
        tell(config, &line, name, spoken, effect, problems);
    }
}

fn tell(
    config: &Config,
    line: &Line<'_>,
    name: &str,
    spoken: Spoken,
    effect: &str,
    problems: &mut Vec<ConfigProblem>,
) {
    let directive = config.tree.name(line.hop.node);
    let speaks = match spoken {
        Spoken::Http | Spoken::OnlyHttp1 => "HTTP",
        Spoken::FastCgi => "FastCGI",
        Spoken::Uwsgi => "uwsgi",
        Spoken::Memcached => "the memcached protocol",
        Spoken::Other => "a protocol of its own",
    };
    let message = format!(
        "{name} listens on {} and speaks {speaks}, not what {directive} speaks",
        upstreams::shown(line.address)
    );
    let mut found = problem(config, &CHECK.rule, line.node, message);
    effect.clone_into(&mut found.effect);
    if line.others {
        found.level = ProblemLevel::Warning;
    }
    let authority = &line.hop.destination().authority;
    found.repair = match spoken {
        Spoken::Http | Spoken::OnlyHttp1 => Some(format!("proxy_pass http://{authority};")),
        Spoken::FastCgi => Some(format!("include fastcgi.conf; fastcgi_pass {authority};")),
        Spoken::Uwsgi => Some(format!("include uwsgi_params; uwsgi_pass {authority};")),
        Spoken::Memcached | Spoken::Other => None,
    };
    problems.push(found);
}

/// What users get when a pass of this protocol meets that program; `None`: it fits, or may fit.
fn mismatch(protocol: Protocol, spoken: Spoken) -> Option<&'static str> {
    let http = matches!(spoken, Spoken::Http | Spoken::OnlyHttp1);
    match (protocol, spoken) {
        (Protocol::Http, Spoken::Http | Spoken::OnlyHttp1)
        | (Protocol::FastCgi, Spoken::FastCgi)
        | (Protocol::Uwsgi, Spoken::Uwsgi)
        | (Protocol::Memcached, Spoken::Memcached)
        | (Protocol::Grpc, Spoken::Http) => None,
        (Protocol::Uwsgi | Protocol::Scgi, _) if http => Some("400 always, from the service"),
        (Protocol::Http, Spoken::Memcached | Spoken::Other) => {
            Some("502, or the service's own words with status 200")
        }
        _ => Some("502 always"),
    }
}

/// Who listens where, by port and by path.
struct Services<'s> {
    ports: HashMap<u16, Vec<(&'s Listener, &'s str, Spoken)>>,
    paths: HashMap<&'s str, (&'s str, Spoken)>,
    own: HashSet<IpAddr>,
}

impl<'s> Services<'s> {
    fn new(around: &'s Snapshot, listeners: &'s [Listener]) -> Self {
        let declared: HashMap<u32, Spoken> = around
            .applications
            .iter()
            .filter_map(|application| {
                let spoken = match application.protocol.as_deref()? {
                    "http" => Spoken::Http,
                    "fastcgi" => Spoken::FastCgi,
                    "uwsgi" => Spoken::Uwsgi,
                    _ => return None,
                };
                Some((application.pid, spoken))
            })
            .collect();
        let mut services = Self {
            ports: HashMap::default(),
            paths: HashMap::default(),
            own: around.limits.addresses.iter().map(|(address, _)| *address).collect(),
        };
        for listener in listeners {
            let known = listener.processes.iter().find_map(|owner| {
                let by_name = || {
                    PROGRAMS
                        .iter()
                        .find(|(name, _)| owner.name.starts_with(name))
                        .map(|(_, spoken)| *spoken)
                };
                Some((
                    owner.name.as_str(),
                    declared.get(&owner.pid).copied().or_else(by_name)?,
                ))
            });
            let Some((name, spoken)) = known else {
                continue;
            };
            if let Some(address) = listener.endpoint.tcp() {
                services
                    .ports
                    .entry(address.port())
                    .or_default()
                    .push((listener, name, spoken));
            } else if let Some(path) = listener.endpoint.unix() {
                services.paths.insert(path, (name, spoken));
            }
        }
        services
    }

    /// The program at an address of this host.
    fn at(&self, address: &PeerAddress) -> Option<(&'s str, Spoken)> {
        let (wanted, port) = match address {
            PeerAddress::Unix(path) => return self.paths.get(path.as_str()).copied(),
            PeerAddress::Ip(address) => (Some(address.ip()), address.port()),
            PeerAddress::Name(name) if name.name.eq_ignore_ascii_case("localhost") => (None, name.port),
            PeerAddress::Name(_) => return None,
        };
        if wanted.is_some_and(|wanted| !wanted.is_loopback() && !self.own.contains(&wanted)) {
            return None;
        }
        self.ports.get(&port)?.iter().find_map(|(listener, name, spoken)| {
            let at = listener.endpoint.tcp()?.ip();
            let takes = match wanted {
                None => at.is_loopback() || at.is_unspecified(),
                Some(wanted) => {
                    at == wanted
                        || at.is_unspecified() && (at.is_ipv4() == wanted.is_ipv4() || listener.dual_stack)
                }
            };
            takes.then_some((*name, *spoken))
        })
    }
}
