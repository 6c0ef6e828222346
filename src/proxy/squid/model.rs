//! From statements to lists, ports and peers, in the order in which Squid takes them in: what is named must
//! have been defined on a line before.

use std::collections::HashMap;

use super::access::AccessLine;
use super::acl::Acls;
use super::source::{MOST_PROBLEMS, Source, Statement};
use super::words::Word;
use super::{Config, Environment, checks, directives, peers, ports};
use crate::evidence::{ConfigProblem, ProblemLevel};
use crate::proxy::Files;

pub(super) fn build(mut source: Source, files: &dyn Files, environment: &Environment) -> Config {
    let major = environment.major();
    let mut builder = Builder {
        acls: Acls::built_in(major),
        lists: HashMap::new(),
        ports: Vec::new(),
        peers: Vec::new(),
        peer_names: HashMap::new(),
        lost_access: Vec::new(),
        last: HashMap::new(),
        errors: std::mem::take(&mut source.errors),
    };
    for (number, statement) in source.statements.iter().enumerate() {
        builder.take(&source, number, statement, environment, files);
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
        last: builder.last,
    }
}

struct Builder {
    acls: Acls,
    lists: HashMap<String, Vec<AccessLine>>,
    ports: Vec<ports::Port>,
    peers: Vec<peers::Peer>,
    peer_names: HashMap<String, usize>,
    lost_access: Vec<usize>,
    last: HashMap<String, usize>,
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
        let name = statement.name.as_str();
        let Some(directive) = directives::find(name).filter(|directive| directive.exists_in(major)) else {
            let known = directives::find(name).is_some();
            // Without the version, a directive of another release is no error.
            if !known || environment.version.is_some() {
                let message = if known {
                    format!("Squid {major} has no directive \"{name}\"")
                } else {
                    format!("there is no directive \"{name}\"")
                };
                self.note(
                    source,
                    statement,
                    None,
                    "unknown-directive",
                    ProblemLevel::Error,
                    message,
                );
                if let (Some(problem), Some(near)) = (self.errors.last_mut(), checks::nearest(name)) {
                    problem.repair = Some(format!("{near}{}", statement.rest));
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
        self.last.insert(name.to_owned(), number);
        match directive.kind {
            "acl" => self.acls.read(
                source,
                statement,
                major,
                files,
                &environment.working_directory,
                &mut self.errors,
            ),
            "PortCfg" => {
                let (port, problems) = ports::read(statement, number, name == "https_port");
                self.ports
                    .extend(port.filter(|_| matches!(name, "http_port" | "https_port")));
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
                None if statement.words.is_empty() => {
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
                    peer.domains.extend(statement.words.iter().skip(1).map(|word| {
                        match word.text.strip_prefix('!') {
                            Some(domain) => (false, domain.to_owned()),
                            None => (true, word.text.clone()),
                        }
                    }));
                }
            }
            "acl_access" => {
                let line = self.access_line(source, statement, number, 0);
                self.lists.entry(name.to_owned()).or_default().extend(line);
            }
            "acl_address" | "access_log" => {
                for (rule, word, level, message) in checks::value(directive.kind, statement) {
                    self.note(source, statement, word, rule, level, message);
                }
                let words = checks::acl_words(directive.kind, statement);
                self.unknown_acls(source, statement, words);
            }
            kind => {
                for (rule, word, level, message) in checks::value(kind, statement) {
                    self.note(source, statement, word, rule, level, message);
                }
            }
        }
    }

    fn note(
        &mut self,
        source: &Source,
        statement: &Statement,
        word: Option<usize>,
        rule: &str,
        level: ProblemLevel,
        message: String,
    ) {
        let place = match word {
            Some(word) => source.word_place(statement, word),
            None => source.place(statement),
        };
        if self.errors.len() < MOST_PROBLEMS {
            self.errors.push(source.problem(rule, level, place, message));
        }
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
        let words = statement.words.get(start..).unwrap_or_default();
        if words.is_empty() {
            let message = "the line names no acl, so Squid leaves it out".to_owned();
            self.note(source, statement, None, "access", ProblemLevel::Warning, message);
            return None;
        }
        let (terms, unknown) = self.acls.terms(words);
        for index in &unknown {
            self.unknown_acl(source, statement, start.saturating_add(*index));
        }
        unknown.is_empty().then_some(AccessLine {
            allow,
            statement: number,
            terms,
        })
    }

    fn unknown_acls(&mut self, source: &Source, statement: &Statement, words: &[Word]) {
        let first = statement.words.len().saturating_sub(words.len());
        for index in self.acls.terms(words).1 {
            self.unknown_acl(source, statement, first.saturating_add(index));
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
