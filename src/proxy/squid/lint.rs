//! Rules about configurations that Squid accepts, and that then make or hide a 502.
//!
//! One file for each rule, named after its id (see [`crate::proxy::lint`]). To add one: the file, its `mod`
//! line and its line in [`CHECKS`], and its page `docs/rules/<id>.md`. What several rules share stands here.

mod s001_peer_acl_gap;
mod s002_peer_access_typo;
mod s003_not_originserver;
mod s004_dns;
mod s006_http_access_inversion;

use super::access::AccessLine;
use super::{Config, ports, source::Statement};
use crate::evidence::{ConfigFile, ConfigProblem, Route, TextEdit};
use crate::proxy::RouteRequest;
use crate::proxy::lint::{Check, Need, Rule, Source};

/// All rules about Squid, by id.
pub static CHECKS: &[Check<Config>] = &[
    s001_peer_acl_gap::CHECK,
    s002_peer_access_typo::CHECK,
    s003_not_originserver::CHECK,
    s004_dns::CHECK,
    s006_http_access_inversion::CHECK,
];

/// The most names that the rules send through a configuration on each port.
const MAX_NAMES: usize = 200;
/// The most ports that the rules ask.
const MAX_PORTS: usize = 16;

impl Source for Config {
    fn files(&self) -> Vec<ConfigFile> {
        self.config_files()
    }

    fn contents(&self) -> Vec<(&str, &[u8])> {
        self.source.contents()
    }
}

/// A problem at a statement.
fn problem(config: &Config, rule: &Rule, statement: usize, message: String) -> ConfigProblem {
    config.problem(rule.id, rule.level, config.place_of(Some(statement)), message)
}

/// The line matches every request: it names nothing but the list `all`.
fn is_for_all(config: &Config, line: &AccessLine) -> bool {
    !line.terms.is_empty()
        && line.terms.iter().all(|term| {
            let acl = config.acls.get(term.acl());
            !term.negated() && acl.is_some_and(|acl| acl.name().eq_ignore_ascii_case("all"))
        })
}

/// The way of a GET for a site that comes to a port.
fn route(config: &Config, port: &ports::Port, site: &str, path: &str) -> Option<Route> {
    let is_forward = port.mode == ports::Mode::Forward;
    config.route(&RouteRequest {
        local_address: port.address,
        port: port.number,
        host: site.to_owned(),
        method: "GET".to_owned(),
        target: if is_forward {
            format!("http://{site}{path}")
        } else {
            path.to_owned()
        },
        ..RouteRequest::default()
    })
}

/// Another word in place of one of a statement, counted from 0 after the directive.
fn replace_word(
    config: &Config,
    statement: &Statement,
    index: usize,
    replacement: String,
) -> Option<TextEdit> {
    if statement.is_quoted(index) || index >= statement.count() {
        return None;
    }
    let place = config.source.word_place(statement, index);
    let width = u32::try_from(statement.word(index).len()).ok()?;
    (place.line > 0).then(|| TextEdit {
        end: (place.line, place.column.saturating_add(width)),
        start: (place.line, place.column),
        file: place.file,
        replacement,
    })
}
