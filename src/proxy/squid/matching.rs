//! Does a list match this request? Yes, no, or: only the running server knows.

use std::net::IpAddr;

use super::acl::{Acl, Acls, Term};
use super::address::{Fault, Range};

/// Lists of lists that were asked for one line.
type Memo = std::collections::HashMap<usize, Truth>;
/// No sound configuration nests more of them; more would be a deep recursion.
const MAX_NESTED: usize = 64;

/// An answer that may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    Open,
}

impl Truth {
    fn of(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Open => Self::Open,
        }
    }

    /// Both must hold.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Open,
        }
    }

    /// One of them is enough.
    pub(super) fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }
}

/// What the lists are asked about.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// `http`, `https`, `ftp`; empty for CONNECT.
    pub(super) scheme: String,
    /// Lower case, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query; empty for CONNECT.
    pub(super) path: String,
    /// The URL as Squid writes it.
    pub(super) url: String,
    pub(super) method: String,
    pub(super) client: Option<IpAddr>,
    pub(super) local: Option<IpAddr>,
    pub(super) local_port: u16,
    /// The name of the `http_port`.
    pub(super) port_name: String,
    /// The address that an intercepted connection went to is not known.
    pub(super) intercepted: bool,
    /// The URL says who the user is.
    pub(super) names_user: bool,
}

impl Acls {
    /// The lists of a line together.
    pub(super) fn line_matches(&self, terms: &[Term], asked: &Asked) -> Truth {
        self.line_at(terms, asked, &mut Memo::new())
    }

    fn line_at(&self, terms: &[Term], asked: &Asked, memo: &mut Memo) -> Truth {
        let mut truth = Truth::Yes;
        for term in terms {
            let one = self
                .get(term.acl())
                .map_or(Truth::Open, |acl| self.remembered(term.acl(), acl, asked, memo));
            truth = truth.and(if term.negated() { one.not() } else { one });
            if truth == Truth::No {
                break;
            }
        }
        truth
    }

    /// A list that names itself over others is open; each is asked once for a line.
    fn remembered(&self, index: usize, acl: Acl<'_>, asked: &Asked, memo: &mut Memo) -> Truth {
        if !matches!(acl.kind(), "any-of" | "all-of") {
            return self.one(acl, asked, memo);
        }
        if let Some(known) = memo.get(&index) {
            return *known;
        }
        memo.insert(index, Truth::Open);
        let truth = if memo.len() > MAX_NESTED {
            Truth::Open
        } else {
            self.one(acl, asked, memo)
        };
        memo.insert(index, truth);
        truth
    }

    fn one(&self, acl: Acl<'_>, asked: &Asked, memo: &mut Memo) -> Truth {
        let known = match acl.kind() {
            "src" => addresses(acl, asked.client),
            "localip" | "localport" if asked.intercepted => Truth::Open,
            "localip" => addresses(acl, asked.local),
            "localport" => ports(acl, asked.local_port),
            "dst" => destination(acl, asked),
            "dstdomain" => domain(acl, asked),
            "dstdom_regex" => match patterns(acl, &asked.host) {
                Truth::No if !acl.no_lookups() && asked.host.parse::<IpAddr>().is_ok() => Truth::Open,
                truth => truth,
            },
            "url_regex" => patterns(acl, &unescape(&asked.url)),
            "urlpath_regex" if asked.path.is_empty() => Truth::No,
            "urlpath_regex" => patterns(acl, &unescape(&asked.path)),
            "port" => ports(acl, asked.port),
            "proto" => Truth::of(acl.values().any(|value| value.eq_ignore_ascii_case(&asked.scheme))),
            // Squid takes a method of the configuration that is written small for the one it knows.
            "method" => Truth::of(acl.values().any(|value| value.eq_ignore_ascii_case(&asked.method))),
            "myportname" => Truth::of(acl.values().any(|value| value == asked.port_name)),
            "any-of" => acl.lines().flatten().fold(Truth::No, |truth, term| {
                if truth == Truth::Yes {
                    return truth;
                }
                truth.or(self.line_at(std::slice::from_ref(term), asked, memo))
            }),
            "all-of" => acl.lines().fold(Truth::No, |truth, line| {
                if truth == Truth::Yes {
                    return truth;
                }
                truth.or(self.line_at(line, asked, memo))
            }),
            _ => Truth::Open,
        };
        if acl.incomplete() && known == Truth::No {
            Truth::Open
        } else {
            known
        }
    }

    /// The names of the lists of a line that are open.
    pub(super) fn open_names(&self, terms: &[Term], asked: &Asked) -> Vec<String> {
        let lists = terms.iter().filter_map(|term| self.get(term.acl()));
        lists
            .filter(|acl| self.one(*acl, asked, &mut Memo::new()) == Truth::Open)
            .map(|acl| format!("{} ({})", acl.name(), acl.kind()))
            .collect()
    }
}

fn addresses(acl: Acl<'_>, address: Option<IpAddr>) -> Truth {
    let mut truth = Truth::No;
    for value in acl.values() {
        truth = truth.or(match (Range::read(value), address) {
            (Ok(range), _) if range.holds_all() => Truth::Yes,
            (Ok(range), Some(address)) => Truth::of(range.holds(address)),
            (Ok(_), None) | (Err(Fault::Name), _) => Truth::Open,
            (Err(_), _) => Truth::No,
        });
    }
    truth
}

fn destination(acl: Acl<'_>, asked: &Asked) -> Truth {
    if let Ok(address) = asked.host.parse() {
        return addresses(acl, Some(address));
    }
    if acl.no_lookups() || acl.values().next().is_none() {
        return Truth::No;
    }
    // Even a range of all addresses does not match a name that cannot be resolved.
    Truth::Open
}

fn domain(acl: Acl<'_>, asked: &Asked) -> Truth {
    let host = asked.host.as_str();
    let matched = acl.values().any(|value| {
        let value = value.to_ascii_lowercase();
        match value.strip_prefix('.') {
            Some(suffix) => {
                host == suffix || host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'))
            }
            None => host == value,
        }
    });
    if matched {
        Truth::Yes
    } else if !acl.no_lookups() && acl.values().next().is_some() && host.parse::<IpAddr>().is_ok() {
        Truth::Open
    } else {
        Truth::No
    }
}

fn ports(acl: Acl<'_>, port: u16) -> Truth {
    Truth::of(acl.values().any(|value| {
        let (low, high) = value.split_once('-').unwrap_or((value, value));
        let bounds = super::words::integer(low).zip(super::words::integer(high));
        bounds.is_some_and(|(low, high)| (low..=high).contains(&i64::from(port)))
    }))
}

fn patterns(acl: Acl<'_>, text: &str) -> Truth {
    let mut truth = Truth::No;
    for (pattern, caseless) in acl.patterns() {
        if pattern == ".*" || pattern == "." && !text.is_empty() {
            return Truth::Yes;
        }
        truth = truth.or(match super::pattern::matches(pattern, caseless, text) {
            Some(found) => Truth::of(found),
            None => Truth::Open,
        });
        if truth == Truth::Yes {
            break;
        }
    }
    truth
}

/// `%XX` as bytes, as lists of patterns see a URL; a NUL ends the text.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = |byte: &u8| char::from(*byte).to_digit(16);
        let decoded = match (first, tail.first().and_then(hex), tail.get(1).and_then(hex)) {
            (b'%', Some(high), Some(low)) => u8::try_from(high.saturating_mul(16).saturating_add(low)).ok(),
            _ => None,
        };
        match decoded {
            Some(0) => break,
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
