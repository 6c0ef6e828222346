//! The lines of all logs among the pieces, each with the product that wrote it.

use super::kind::Kind;
use super::split::Piece;
use crate::evidence::{AccessEntry, ErrorEntry, ErrorEntryText, JournalLine, LogAccount, Symptom, Zone};
use crate::proxy::logs::{LogKind, LogReader};
use crate::proxy::{apache, caddy, envoy, haproxy, nginx, squid, traefik};
use crate::system::{log_time, syslog};

/// A failure with the product that logged it.
pub(super) struct Failure {
    pub(super) product: &'static str,
    pub(super) entry: ErrorEntry,
}

/// What the logs hold.
#[derive(Default)]
pub(super) struct Logs {
    /// Lines that name a symptom, in the order in which they were sent.
    pub(super) failures: Vec<Failure>,
    /// Requests, with the product.
    pub(super) requests: Vec<(&'static str, AccessEntry)>,
    /// Lines of application servers: kind, line.
    pub(super) application: Vec<(String, ErrorEntryText)>,
    /// Lines of the journal that belong to no proxy and no application server: who, line.
    pub(super) journal: Vec<(String, JournalLine)>,
    /// Kernel lines, as they were.
    pub(super) kernel: Vec<(Option<i64>, String)>,
    /// Whether a kernel log was sent.
    pub(super) has_kernel: bool,
    /// All lines of the logs that the counting reader knows.
    pub(super) account: LogAccount,
}

impl Logs {
    /// The times of all lines that have one.
    fn times(&self) -> impl Iterator<Item = i64> {
        let failures = self.failures.iter().filter_map(|failure| failure.entry.at_ms);
        let requests = self.requests.iter().filter_map(|(_, request)| request.at_ms);
        let application = self.application.iter().filter_map(|(_, line)| line.at_ms);
        let journal = self.journal.iter().map(|(_, line)| line.at_ms);
        let kernel = self.kernel.iter().filter_map(|(at_ms, _)| *at_ms);
        failures
            .chain(requests)
            .chain(application)
            .chain(journal)
            .chain(kernel)
            .chain(self.account.last_ms)
    }

    /// The newest time on any line.
    pub(super) fn newest_ms(&self) -> Option<i64> {
        self.times().filter(|at_ms| *at_ms > 0).max()
    }

    /// Leaves out what is older; a line without a time stays.
    pub(super) fn keep_since(&mut self, pieces: &[Piece], zone: Zone, since_ms: i64) {
        self.account = account(pieces, zone, Some(since_ms));
        let young = |at_ms: Option<i64>| at_ms.is_none_or(|at_ms| at_ms >= since_ms);
        self.failures.retain(|failure| young(failure.entry.at_ms));
        self.requests.retain(|(_, request)| young(request.at_ms));
        self.application.retain(|(_, line)| young(line.at_ms));
        // A line of the journal without a year has the time 0.
        self.journal
            .retain(|(_, line)| line.at_ms == 0 || line.at_ms >= since_ms);
        self.kernel.retain(|(at_ms, _)| young(*at_ms));
    }
}

/// Of a long log so much of the end is read line by line; all of it is counted.
const TAIL_BYTES: usize = 4 << 20;

/// The end of a text, from the beginning of a line.
pub(super) fn tail(text: &str) -> &str {
    let from = text.ceil_char_boundary(text.len().saturating_sub(TAIL_BYTES));
    let tail = text.get(from..).unwrap_or(text);
    if from == 0 {
        return tail;
    }
    tail.split_once('\n').map_or(tail, |(_, rest)| rest)
}

/// The kind of a piece as the counting reader has it.
fn counted(kind: Kind) -> Option<LogKind> {
    Some(match kind {
        Kind::NginxError => LogKind::NginxError,
        Kind::ApacheError => LogKind::ApacheError,
        Kind::SquidCache => LogKind::SquidCache,
        Kind::SquidAccess => LogKind::SquidAccess,
        Kind::Access => LogKind::ApacheAccess(String::new()),
        Kind::Application => LogKind::Application,
        _ => return None,
    })
}

/// Counts what is counted; of lines from `since_ms` on alone, where it is given.
fn account(pieces: &[Piece], zone: Zone, since_ms: Option<i64>) -> LogAccount {
    let mut reader = LogReader::between(since_ms, None);
    for piece in pieces {
        if let Some(kind) = counted(piece.kind) {
            reader.begin(&kind, &piece.name, zone);
            reader.feed(piece.text.as_bytes());
            reader.end(None);
        }
    }
    reader.account()
}

/// Reads the logs. `zone` is that of times that name none.
pub(super) fn read(pieces: &[Piece], zone: Zone) -> Logs {
    let mut logs = Logs {
        account: account(pieces, zone, None),
        ..Logs::default()
    };
    let year = pieces.iter().find_map(year_of);
    for piece in pieces {
        let text = tail(&piece.text);
        let bytes = text.as_bytes();
        let name = &piece.name;
        let mut errors = |product: &'static str, entries: Vec<ErrorEntry>| {
            logs.failures
                .extend(entries.into_iter().map(|entry| Failure { product, entry }));
        };
        match piece.kind {
            Kind::NginxError => errors("nginx", nginx::error_log::entries(bytes, name, zone)),
            Kind::ApacheError => errors("apache", apache::error_log::entries(bytes, name, zone)),
            Kind::SquidCache => errors("squid", squid::cache_log::entries(bytes, name, zone)),
            Kind::SquidAccess => {
                logs.requests.extend(
                    squid::access_log::entries(bytes)
                        .into_iter()
                        .map(|entry| ("squid", entry)),
                );
            }
            Kind::Access => {
                let format = nginx::access_log::AccessFormat::new(nginx::access_log::COMBINED);
                for line in text.lines() {
                    let entry = format.entry(line).or_else(|| {
                        apache::access_log::entries(line.as_bytes(), "common")
                            .into_iter()
                            .next()
                    });
                    logs.requests.extend(entry.map(|entry| ("", entry)));
                }
            }
            Kind::ConfigTest => {
                for line in text.lines() {
                    logs.failures.extend(config_test(line, name));
                }
            }
            Kind::Application => {
                for line in text.lines() {
                    logs.application.push((
                        server_of(line).to_owned(),
                        application_line(line, name, None, zone),
                    ));
                }
            }
            Kind::Kernel => {
                logs.has_kernel = true;
                logs.kernel.extend(piece.text.lines().map(|line| {
                    (
                        syslog::line(line, year, zone).and_then(|read| read.at_ms),
                        line.to_owned(),
                    )
                }));
            }
            Kind::HaproxyLog | Kind::CaddyLog | Kind::TraefikLog | Kind::EnvoyLog => {
                for line in text.lines() {
                    one(&mut logs, line, name);
                }
            }
            Kind::Journal => {
                logs.has_kernel |= piece
                    .command
                    .as_deref()
                    .is_some_and(|command| command.contains(" -k"));
                for line in text.lines() {
                    journal(&mut logs, line, name, year, zone);
                }
            }
            _ => {}
        }
    }
    logs
}

/// The year that lines of other kinds name, for those that have none.
fn year_of(piece: &Piece) -> Option<i16> {
    let line = piece.text.lines().next()?;
    let digits = match piece.kind {
        Kind::NginxError | Kind::SquidCache => line.get(..4)?,
        Kind::ApacheError => line.split(']').next()?.rsplit(' ').next()?,
        Kind::Access => line.split_once('[')?.1.get(7..11)?,
        Kind::HaproxyLog => line.split_once(" [")?.1.get(7..11)?,
        Kind::UnitStatus => {
            let (_, rest) = piece.text.split_once(" since ")?;
            rest.split(' ').nth(1)?.get(..4)?
        }
        _ => return None,
    };
    digits.parse().ok().filter(|year| (1990..2100).contains(year))
}

/// A line of a proxy whose logs are read line by line.
fn one(logs: &mut Logs, line: &str, name: &str) -> bool {
    let (product, error, access) = if let Some(read) = haproxy::log::line(line, name) {
        ("haproxy", read.error, read.access)
    } else if let Some((error, access)) = caddy::line(line, name) {
        ("caddy", error, access)
    } else if let Some((error, access)) = envoy::line(line, name) {
        ("envoy", error, Some(access))
    } else if let Some((error, access)) = traefik::line(line, name) {
        ("traefik", error, access)
    } else {
        return false;
    };
    logs.failures.extend(error.map(|entry| Failure { product, entry }));
    logs.requests.extend(access.map(|access| (product, access)));
    true
}

/// A line of the journal: what it carries may be any log.
fn journal(logs: &mut Logs, line: &str, name: &str, year: Option<i16>, zone: Zone) {
    let Some(read) = syslog::line(line, year, zone) else {
        return;
    };
    if read.from == "kernel" {
        logs.has_kernel = true;
        logs.kernel.push((read.at_ms, line.to_owned()));
        return;
    }
    let message = read.message.as_str();
    if let Some(entry) = nginx::error_log::entry(message, name, zone) {
        logs.failures.push(Failure {
            product: "nginx",
            entry,
        });
        return;
    }
    if read.from == "nginx" || message.starts_with("nginx: [") {
        let mut found: Vec<Failure> = config_test(message, name).into_iter().collect();
        for failure in &mut found {
            failure.entry.at_ms = read.at_ms;
        }
        if !found.is_empty() {
            logs.failures.extend(found);
            return;
        }
    }
    if one(logs, message, name) || (read.from.contains("haproxy") && one(logs, line, name)) {
        return;
    }
    let server = server_of(&read.from);
    let server = if server == "application" {
        server_of(message)
    } else {
        server
    };
    if server != "application" {
        logs.application.push((
            server.to_owned(),
            application_line(message, name, read.at_ms, zone),
        ));
        return;
    }
    logs.journal.push((
        read.from,
        JournalLine {
            at_ms: read.at_ms.unwrap_or_default(),
            from: String::new(),
            message: read.message.chars().take(500).collect(),
        },
    ));
}

/// `nginx: [emerg] host not found in upstream "app" in /etc/nginx/…:12`.
fn config_test(line: &str, name: &str) -> Option<Failure> {
    let (level, message) = line.strip_prefix("nginx: [")?.split_once("] ")?;
    let symptom = nginx::error_log::symptom(level, message)?;
    Some(Failure {
        product: "nginx",
        entry: ErrorEntry {
            level: level.to_owned(),
            message: message.chars().take(1_000).collect(),
            symptom: Some(symptom),
            file: name.to_owned(),
            text: line.chars().take(1_000).collect(),
            ..ErrorEntry::default()
        },
    })
}

fn application_line(line: &str, name: &str, at_ms: Option<i64>, zone: Zone) -> ErrorEntryText {
    ErrorEntryText {
        file: name.to_owned(),
        at_ms: log_time::line_ms(line, zone).or(at_ms),
        text: line.chars().take(500).collect(),
    }
}

/// Which application server writes so.
fn server_of(text: &str) -> &'static str {
    let has = |word: &str| text.contains(word);
    if has("[pool ") || has("php-fpm") || has("fpm is running") {
        "php-fpm"
    } else if has("WORKER TIMEOUT") || has("gunicorn") || has("Booting worker") || has("Worker (pid:") {
        "gunicorn"
    } else if has("HARAKIRI")
        || has("uWSGI")
        || has("uwsgi")
        || has("request block size")
        || has("DAMN ! worker")
    {
        "uwsgi"
    } else if has("puma startup") || has("Terminating timed out worker") || has("] - Gracefully stopping") {
        "puma"
    } else if has("JavaScript heap") {
        "node"
    } else if has("org.apache.catalina") || has("org.apache.coyote") || has("java.lang.") {
        "java"
    } else {
        "application"
    }
}

/// True for what only follows from another failure.
pub(super) fn is_consequence(symptom: Symptom) -> bool {
    matches!(
        symptom,
        Symptom::NoLiveUpstreams
            | Symptom::PeerMarkedDown
            | Symptom::BodyBuffered
            | Symptom::BackendStderr
            | Symptom::TlsFailed
            | Symptom::RefusedAnswer
    )
}
