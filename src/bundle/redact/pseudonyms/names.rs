//! Host names → other host names, label by label, so that what was a suffix stays a suffix.
//!
//! The last two labels of a name (`shop.de`) become one name under `.example`, every other label becomes a
//! label of its own: `api.shop.de` is `host-1.host-2.example`, and `*.shop.de` is `*.host-2.example`.
//! Numbers go by the alphabet and have the same width: files that are named after hosts are included in
//! the order of their names, and which one is the first decides which server is the default.
//!
//! To add a name that may stay: a line in [`LEFT`] or [`SUFFIXES`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::tokens::Sought;

/// Names that say nothing about anybody, with all names below them: documentation, and who wrote the software.
const LEFT: &[&str] = &[
    "example",
    "test",
    "invalid",
    "localhost",
    "localdomain",
    "localdomain4",
    "localdomain6",
    "example.com",
    "example.net",
    "example.org",
    "nginx.org",
    "nginx.com",
    "apache.org",
    "squid-cache.org",
    "debian.org",
    "ubuntu.com",
    "redhat.com",
    "fedoraproject.org",
    "almalinux.org",
    "rockylinux.org",
    "archlinux.org",
    "alpinelinux.org",
    "opensuse.org",
    "kernel.org",
    "freedesktop.org",
    "gnu.org",
    "ietf.org",
    "rfc-editor.org",
    "w3.org",
    "mozilla.org",
    "letsencrypt.org",
    "lencr.org",
    "php.net",
    "python.org",
    "nodejs.org",
    "openssl.org",
    "haproxy.org",
    "docker.com",
    "kubernetes.io",
    "systemd.io",
    "schema.org",
    "gunicorn.org",
    "man7.org",
];

/// Suffixes of services that anybody may use, and which a diagnosis knows: the labels before them go.
const SUFFIXES: &[&str] = &[
    "svc.cluster.local",
    "pod.cluster.local",
    "cluster.local",
    "amazonaws.com",
    "elb.amazonaws.com",
    "cloudfront.net",
    "execute-api.amazonaws.com",
    "awsglobalaccelerator.com",
    "azurewebsites.net",
    "azurefd.net",
    "trafficmanager.net",
    "herokuapp.com",
    "herokudns.com",
    "run.app",
    "fly.dev",
    "onrender.com",
    "in-addr.arpa",
    "ip6.arpa",
];

/// Last labels by which a name is taken for one of a host wherever it stands. Endings of files are not among
/// them (`sh`, `py`, `pl`, `rs`, `so`, `md`, `conf`): such a name has to stand in the place of a host.
const TOP: &[&str] = &[
    "com", "net", "org", "edu", "gov", "mil", "biz", "eu", "de", "at", "ch", "fr", "nl", "be", "lu", "uk",
    "ie", "es", "pt", "dk", "no", "fi", "ee", "lv", "lt", "cz", "sk", "hu", "si", "hr", "ba", "bg", "ro",
    "gr", "tr", "ua", "ru", "us", "ca", "mx", "br", "ar", "cl", "co", "uy", "pe", "za", "ng", "ke", "eg",
    "il", "sa", "ae", "pk", "bd", "lk", "cn", "hk", "tw", "jp", "kr", "sg", "th", "vn", "ph", "au", "nz",
    "io", "ai", "dev", "shop", "tech", "xyz", "berlin", "wien", "local", "lan", "internal", "intra",
    "intranet", "corp", "arpa", "onion", "gmbh",
];

/// Endings of files and units: `shop.conf:3` is a line of a file, whatever stands around it.
const FILES: &[&str] = &[
    "conf",
    "cfg",
    "log",
    "sock",
    "pid",
    "php",
    "html",
    "htm",
    "js",
    "mjs",
    "py",
    "rb",
    "json",
    "yml",
    "yaml",
    "service",
    "socket",
    "timer",
    "target",
    "slice",
    "scope",
    "mount",
    "so",
    "key",
    "pem",
    "crt",
    "csr",
    "cer",
    "ini",
    "txt",
    "xml",
    "list",
    "tar",
    "gz",
    "zip",
    "lua",
    "pl",
    "cgi",
    "css",
    "png",
    "jpg",
    "svg",
    "ico",
    "gif",
    "map",
    "go",
    "java",
    "jar",
    "rs",
    "cpp",
    "toml",
    "env",
    "sql",
    "md",
    "tpl",
    "inc",
    "lock",
    "tmp",
    "bak",
    "old",
    "orig",
    "default",
    "cache",
    "vhost",
    "site",
    "sh",
    "htpasswd",
    "jsonl",
    "rules",
    "local-only",
    "d",
];

/// Words that a machine may be called and that stand everywhere: such a name says nothing.
const COMMON: &[&str] = &[
    "localhost",
    "nginx",
    "apache",
    "apache2",
    "httpd",
    "squid",
    "proxy",
    "server",
    "host",
    "linux",
    "debian",
    "ubuntu",
    "centos",
    "web",
    "app",
    "kernel",
    "systemd",
    "http",
    "https",
    "root",
    "www",
    "db",
    "error",
    "test",
    "php",
    "gunicorn",
    "node",
    "docker",
    "main",
    "unknown",
    "none",
    "client",
    "upstream",
    "default",
    "local",
    "true",
    "false",
    "null",
    "demo",
    "vm",
    "box",
];

/// The host names of one bundle.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Last two labels of names, and single labels.
    domains: BTreeSet<String>,
    labels: BTreeSet<String>,
    singles: BTreeSet<String>,
    /// What finds the single names in a text.
    pub(super) sought: Vec<Sought>,
    given: BTreeMap<String, String>,
    seen: BTreeMap<String, String>,
    last_number: u32,
    settled: bool,
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.bytes().all(|byte| byte == b'*')
}

fn ends_with(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// True for a name that needs no pseudonym.
pub(super) fn is_left(name: &str) -> bool {
    LEFT.iter().any(|left| ends_with(name, left))
}

impl Names {
    /// Takes note of a name; `host`: does it stand where only a host can? False when the name may be one of a
    /// host if it stands elsewhere, so that it has to be looked at again.
    pub(super) fn meet(&mut self, name: &str, host: impl FnOnce() -> bool) -> bool {
        let name = name.trim_matches('.').to_ascii_lowercase();
        if let Some(number) = own_number(&name) {
            self.last_number = self.last_number.max(number);
        }
        if is_left(&name) || name.len() > 253 {
            return true;
        }
        let labels: Vec<&str> = name.split('.').collect();
        let [.., second, top] = labels[..] else {
            return true;
        };
        let known = TOP.contains(&top)
            && second
                .bytes()
                .any(|byte| byte.is_ascii_alphabetic() || byte >= 0x80 || second.len() > 2);
        let possible = top.len() >= 2
            && top
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte >= 0x80 || top.starts_with("xn--"));
        let file = FILES.contains(&top);
        if file || !(known || possible) || !labels.iter().all(|label| is_label(label)) {
            return true;
        }
        if !known && !host() {
            return false;
        }
        let suffix = SUFFIXES
            .iter()
            .filter(|suffix| ends_with(&name, suffix))
            .map(|suffix| suffix.split('.').count())
            .max();
        if suffix.is_none() {
            self.domains.insert(format!("{second}.{top}"));
        }
        let rest = labels.len().saturating_sub(suffix.unwrap_or(2));
        for label in labels.iter().take(rest) {
            self.labels.insert((*label).to_owned());
        }
        true
    }

    /// Takes note of a name of a host that stands without a domain in many places.
    pub(super) fn meet_single(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        let short = name.split('.').next().unwrap_or_default();
        let plain = short.len() >= 3
            && !COMMON.contains(&short)
            && own_number(short).is_none()
            && !is_left(&name)
            && short.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && short.bytes().any(|byte| byte.is_ascii_alphabetic());
        if plain {
            self.labels.insert(short.to_owned());
            if self.singles.insert(short.to_owned()) {
                self.sought.push(Sought::new(short));
            }
        }
        self.meet(&name, || true);
    }

    fn settle(&mut self) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        // A dot sorts behind a hyphen, as in the names themselves.
        let mut all: Vec<(String, bool)> =
            self.labels.iter().map(|label| (format!("{label}."), false)).collect();
        all.extend(self.domains.iter().map(|domain| (domain.clone(), true)));
        all.sort();
        let width = (all.len() + usize::try_from(self.last_number).unwrap_or(0))
            .to_string()
            .len();
        for (name, domain) in all {
            self.last_number = self.last_number.saturating_add(1);
            let number = self.last_number;
            if domain {
                self.given.insert(name, format!("host-{number:0width$}.example"));
            } else {
                self.given.insert(
                    name.trim_end_matches('.').to_owned(),
                    format!("host-{number:0width$}"),
                );
            }
        }
    }

    /// True when this single word is such a name.
    pub(super) fn is_single(&self, word: &str) -> bool {
        !self.singles.is_empty() && self.singles.iter().any(|single| single.eq_ignore_ascii_case(word))
    }

    /// What stands for a single label.
    pub(super) fn label(&mut self, label: &str) -> String {
        self.settle();
        let key = label.to_ascii_lowercase();
        if let Some(given) = self.given.get(&key) {
            let given = given.clone();
            self.seen.insert(given.clone(), key);
            return given;
        }
        if label.is_empty() || label == "*" {
            return label.to_owned();
        }
        self.last_number = self.last_number.saturating_add(1);
        let given = format!("host-{}", self.last_number);
        self.given.insert(key.clone(), given.clone());
        self.seen.insert(given.clone(), key);
        given
    }

    /// What stands for the labels of a name that has dots, given as places in `text`; `None`: it may stay.
    /// Only as many labels are replaced as belong to a host: an ending of a file stays.
    pub(super) fn replace(
        &mut self,
        text: &str,
        labels: &[Range<usize>],
    ) -> Option<Vec<(Range<usize>, String)>> {
        self.settle();
        let label = |index: usize| {
            labels
                .get(index)
                .and_then(|range| text.get(range.clone()))
                .unwrap_or_default()
        };
        // The last pair that is known: `www.shop.de.access.log` belongs to `shop.de`.
        for first in (0..labels.len().saturating_sub(1)).rev() {
            let (second, top) = (label(first), label(first + 1));
            let (short, _) = top.split_once('-').unwrap_or((top, ""));
            for end in [top, short] {
                let pair = format!("{second}.{end}").to_ascii_lowercase();
                let domain = self
                    .given
                    .get(&pair)
                    .filter(|_| self.domains.contains(&pair))
                    .cloned();
                let suffix = SUFFIXES.contains(&pair.as_str());
                if domain.is_none() && !suffix {
                    continue;
                }
                let mut out = Vec::new();
                let mut before = first;
                if let Some(domain) = domain {
                    let (head, tail) = domain.split_once('.').unwrap_or((&domain, ""));
                    self.seen.insert(domain.clone(), pair.clone());
                    let place = labels.get(first + 1)?;
                    out.push((place.start..place.start + end.len(), tail.to_owned()));
                    out.push((labels.get(first)?.clone(), head.to_owned()));
                } else {
                    // The longest suffix stays as a whole.
                    let whole = |from: usize| {
                        (from..=first + 1)
                            .map(label)
                            .collect::<Vec<_>>()
                            .join(".")
                            .to_ascii_lowercase()
                    };
                    before = (0..=first)
                        .find(|from| SUFFIXES.contains(&whole(*from).as_str()))
                        .unwrap_or(first);
                }
                for index in (0..before).rev() {
                    out.push((labels.get(index)?.clone(), self.label(label(index))));
                }
                out.reverse();
                return Some(out);
            }
        }
        None
    }

    /// Every pseudonym with what it stands for.
    pub(super) fn given(&self) -> impl Iterator<Item = (String, String)> {
        self.seen.iter().map(|(given, name)| (given.clone(), name.clone()))
    }
}

/// The number of a pseudonym that was given by an earlier run.
fn own_number(name: &str) -> Option<u32> {
    let name = name.strip_suffix(".example").unwrap_or(name);
    name.rsplit('.')
        .filter_map(|label| label.strip_prefix("host-")?.parse().ok())
        .max()
}
