//! From statements to lists, ports and peers, in the order in which Squid takes them in: what is named must
//! have been defined on a line before.

use foldhash::HashMap;

use super::access::AccessLine;
use super::acl::Acls;
use super::source::{MOST_PROBLEMS, Source, Statement};
use super::words;
use super::{Config, Environment, checks, directives, peers, ports};
use crate::evidence::{ConfigProblem, ProblemLevel};
use crate::proxy::Files;

pub(super) fn build(mut source: Source, files: &dyn Files, environment: &Environment) -> Config {
    let major = environment.major();
    let mut builder = Builder {
        acls: Acls::built_in(major),
        lists: HashMap::default(),
        ports: Vec::new(),
        peers: Vec::new(),
        peer_names: HashMap::default(),
        lost_access: Vec::new(),
        numbers: HashMap::default(),
        too_many: source.too_many,
        pem: false,
        errors: std::mem::take(&mut source.errors),
    };
    for number in 0..source.count() {
        if let Some(statement) = source.statement(number) {
            builder.take(&source, number, &statement, environment, files);
        }
    }
    if builder.too_many {
        let message = format!("more than {MOST_PROBLEMS} problems: the rest is not listed");
        let place = source
            .statement(0)
            .map(|first| source.place(&first))
            .unwrap_or_default();
        let problem = source.problem("too-many-problems", ProblemLevel::Warning, place, message);
        builder.errors.push(problem);
    }
    Config {
        source,
        environment: environment.clone(),
        errors: builder.errors,
        acls: builder.acls,
        lists: builder.lists,
        ports: builder.ports,
        peers: builder.peers,
        lost_access: builder.lost_access,
        numbers: builder.numbers,
    }
}

/// No sound configuration opens more ports.
const MOST_PORTS: usize = 4096;

struct Builder {
    acls: Acls,
    lists: HashMap<&'static str, Vec<AccessLine>>,
    ports: Vec<ports::Port>,
    peers: Vec<peers::Peer>,
    peer_names: HashMap<String, usize>,
    lost_access: Vec<usize>,
    /// Problems were left out.
    too_many: bool,
    /// Within a key or a certificate.
    pem: bool,
    numbers: HashMap<&'static str, Vec<u32>>,
    errors: Vec<ConfigProblem>,
}

impl Builder {
    fn take(
        &mut self,
        source: &Source,
        number: usize,
        statement: &Statement,
        environment: &Environment,
        files: &dyn Files,
    ) {
        let major = environment.major();
        let name = statement.name();
        // The lines of a key that somebody pasted are no directives, and nobody may read them in a message.
        let pem = name.starts_with("-----BEGIN") || self.pem && !name.starts_with("-----END");
        if std::mem::replace(&mut self.pem, pem) {
            return;
        }
        let Some(directive) = directives::find(name).filter(|directive| directive.exists_in(major)) else {
            let known = directives::find(name).is_some();
            // Without the version, a directive of another release is no error.
            if !known || environment.version.is_some() {
                let message = if known {
                    format!("Squid {major} has no directive \"{name}\"")
                } else {
                    format!("there is no directive \"{name}\"")
                };
                let rule = "unknown-directive";
                if self.note(source, statement, None, rule, ProblemLevel::Error, message)
                    && let (Some(problem), Some(near)) = (self.errors.last_mut(), checks::nearest(name))
                {
                    problem.repair = Some(format!("{near}{}", statement.rest()));
                }
            }
            return;
        };
        if directive.is_obsolete(major) {
            let stops = major >= 4
                && (name.starts_with("log_access")
                    || name.starts_with("log_icap")
                    || name.starts_with("sslproxy_"));
            let level = if stops {
                ProblemLevel::Error
            } else {
                ProblemLevel::Warning
            };
            let message = format!("\"{name}\" is obsolete in Squid {major} and does nothing");
            self.note(source, statement, None, "obsolete-directive", level, message);
            return;
        }
        self.numbers
            .entry(directive.name)
            .or_default()
            .push(words::number(number));
        match directive.kind {
            "acl" => self.acls.read(
                source,
                (number, statement),
                major,
                files,
                &environment.working_directory,
                (&mut self.errors, &mut self.too_many),
            ),
            "PortCfg" => {
                let (port, problems) = ports::read(statement, number, name == "https_port");
                let port = port.filter(|_| matches!(name, "http_port" | "https_port"));
                if port.is_some() && self.ports.len() >= MOST_PORTS {
                    let message = format!("more than {MOST_PORTS} ports: the rest is not looked at");
                    self.note(source, statement, None, "port", ProblemLevel::Warning, message);
                } else {
                    self.ports.extend(port);
                }
                self.notes(source, statement, "port", problems);
            }
            "peer" => {
                let (peer, problems) = peers::read(statement, number);
                self.notes(source, statement, "peer", problems);
                if let Some(peer) = peer {
                    let key = peer.name.to_ascii_lowercase();
                    if self.peer_names.contains_key(&key) {
                        let message = format!(
                            "cache_peer {} is there twice: give one of them a name=",
                            peer.name
                        );
                        self.note(source, statement, Some(0), "peer", ProblemLevel::Error, message);
                    } else {
                        self.peer_names.insert(key, self.peers.len());
                        self.peers.push(peer);
                    }
                }
            }
            "peer_access" => match self.peer_names.get(&statement.word(0).to_ascii_lowercase()).copied() {
                Some(index) => {
                    let line = self.access_line(source, statement, number, 1);
                    if let Some(peer) = self.peers.get_mut(index) {
                        peer.access.extend(line);
                    }
                }
                None if statement.count() == 0 => {
                    let message = "cache_peer_access names no peer".to_owned();
                    self.note(source, statement, None, "peer", ProblemLevel::Error, message);
                }
                // Squid leaves the line out: what the rule S002 is about.
                None => self.lost_access.push(number),
            },
            "hostdomaintype" => {}
            "obsolete" if name == "cache_peer_domain" => {
                let index = self.peer_names.get(&statement.word(0).to_ascii_lowercase()).copied();
                if let Some(peer) = index.and_then(|index| self.peers.get_mut(index)) {
                    let written = statement.words_from(1);
                    peer.domains.extend(written.map(|word| match word.strip_prefix('!') {
                        Some(domain) => (false, domain.into()),
                        None => (true, word.into()),
                    }));
                }
            }
            "acl_access" => {
                let line = self.access_line(source, statement, number, 0);
                self.lists.entry(directive.name).or_default().extend(line);
            }
            "acl_address" | "access_log" => {
                for (rule, word, level, message) in checks::value(directive.kind, statement) {
                    self.note(source, statement, word, rule, level, message);
                }
                let from = checks::acl_words(directive.kind, statement);
                self.unknown_acls(source, statement, from);
            }
            kind => {
                for (rule, word, level, message) in checks::value(kind, statement) {
                    self.note(source, statement, word, rule, level, message);
                }
            }
        }
    }

    /// Keeps a problem; false: there are enough of them.
    fn note(
        &mut self,
        source: &Source,
        statement: &Statement,
        word: Option<usize>,
        rule: &str,
        level: ProblemLevel,
        message: String,
    ) -> bool {
        if self.errors.len() >= MOST_PROBLEMS {
            self.too_many = true;
            return false;
        }
        let place = match word {
            Some(word) => source.word_place(statement, word),
            None => source.place(statement),
        };
        self.errors.push(source.problem(rule, level, place, message));
        true
    }

    fn notes(
        &mut self,
        source: &Source,
        statement: &Statement,
        rule: &str,
        problems: Vec<(usize, String, bool)>,
    ) {
        for (word, message, stops) in problems {
            let level = if stops {
                ProblemLevel::Error
            } else {
                ProblemLevel::Warning
            };
            self.note(source, statement, Some(word), rule, level, message);
        }
    }

    /// One `allow` or `deny` line, from the word `from` on; `None` where Squid leaves the line out.
    fn access_line(
        &mut self,
        source: &Source,
        statement: &Statement,
        number: usize,
        from: usize,
    ) -> Option<AccessLine> {
        let allow = match statement.word(from) {
            "allow" => true,
            "deny" => false,
            other => {
                let message = if other.is_empty() {
                    "there is no \"allow\" or \"deny\", so Squid leaves the line out".to_owned()
                } else {
                    format!("\"{other}\" is neither \"allow\" nor \"deny\", so Squid leaves the line out")
                };
                self.note(
                    source,
                    statement,
                    Some(from),
                    "access",
                    ProblemLevel::Warning,
                    message,
                );
                return None;
            }
        };
        let start = from.saturating_add(1);
        if start >= statement.count() {
            let message = "the line names no acl, so Squid leaves it out".to_owned();
            self.note(source, statement, None, "access", ProblemLevel::Warning, message);
            return None;
        }
        let (terms, unknown) = self.acls.terms(statement.words_from(start));
        for index in &unknown {
            self.unknown_acl(source, statement, start.saturating_add(*index));
        }
        unknown.is_empty().then_some(AccessLine {
            allow,
            statement: number,
            terms,
        })
    }

    fn unknown_acls(&mut self, source: &Source, statement: &Statement, from: usize) {
        for index in self.acls.terms(statement.words_from(from)).1 {
            self.unknown_acl(source, statement, from.saturating_add(index));
        }
    }

    fn unknown_acl(&mut self, source: &Source, statement: &Statement, word: usize) {
        let name = statement.word(word).trim_start_matches('!');
        let message = format!("there is no acl \"{name}\" before this line");
        self.note(
            source,
            statement,
            Some(word),
            "unknown-acl",
            ProblemLevel::Error,
            message,
        );
    }
}
