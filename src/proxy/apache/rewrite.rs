//! `mod_rewrite`, as far as the files and the request decide it. A condition on what only the running server
//! knows (files, maps, the environment) leaves its rule out and is told.

use super::layers::Layers;
use super::passes::substitute;
use super::route::{Proxied, State};
use super::tree::{ROOT, StatementId};
use crate::proxy::nginx::pattern;

/// Rounds of `[N]` before this gives up.
const MOST_ROUNDS: usize = 100;

/// What the rules of one level did.
pub(super) enum Outcome {
    /// The request goes on, maybe with another path.
    Continue,
    /// It is answered with this status.
    Status(u16, StatementId),
    /// It is handed on.
    Proxy(Proxied),
}

/// A rule's flags.
struct Flags {
    list: Vec<(String, String)>,
}

impl Flags {
    fn read(word: &str) -> Self {
        let inner = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let list = inner
            .unwrap_or_default()
            .split(',')
            .map(|flag| {
                let (name, value) = flag.trim().split_once('=').unwrap_or((flag.trim(), ""));
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect();
        Self { list }
    }

    fn has(&self, names: &[&str]) -> bool {
        self.list.iter().any(|(name, _)| names.contains(&name.as_str()))
    }

    fn value(&self, names: &[&str]) -> Option<&str> {
        let found = self.list.iter().find(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, value)| value.as_str())
    }
}

/// A rule with its conditions.
struct Rule {
    statement: StatementId,
    conditions: Vec<StatementId>,
}

fn rules(state: &State<'_>, section: StatementId) -> Vec<Rule> {
    let mut found = Vec::new();
    let mut conditions = Vec::new();
    for id in state.config.tree.children(section) {
        let statement = state.config.statement(id);
        if statement.is("RewriteCond") {
            conditions.push(id);
        } else if statement.is("RewriteRule") {
            found.push(Rule {
                statement: id,
                conditions: std::mem::take(&mut conditions),
            });
        }
    }
    found
}

fn is_on(state: &State<'_>, section: StatementId) -> Option<bool> {
    let id = state.config.tree.last(section, "RewriteEngine")?;
    Some(state.config.statement(id).argument(0).eq_ignore_ascii_case("on"))
}

/// A directive of `mod_rewrite`.
fn is_own(name: &str) -> bool {
    name.get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("rewrite"))
}

/// The rules of the server, main server's only where they are inherited.
pub(super) fn server_rules(state: &mut State<'_>) -> Outcome {
    let config = state.config;
    if !config.modules.has("rewrite_module") {
        return Outcome::Continue;
    }
    let section = config.servers.get(state.server).map_or(ROOT, |server| server.section);
    let on = is_on(state, section).or_else(|| is_on(state, ROOT)).unwrap_or(false);
    if !on {
        return Outcome::Continue;
    }
    let mut all = rules(state, section);
    if section != ROOT {
        // A host without a word of this module shares the main server's settings, which are not for it.
        let has_word = config.statements().any(|(id, statement)| {
            is_own(statement.name()) && config.tree.around(id).any(|around| around == section)
        });
        if !has_word {
            return Outcome::Continue;
        }
        let option = |section: StatementId, name: &str| {
            config.tree.named(section, "RewriteOptions").any(|id| {
                let mut words = config.statement(id).arguments().iter();
                words.any(|word| word.text.eq_ignore_ascii_case(name))
            })
        };
        // A server that sets no options has those of the main server.
        let has_own = config.tree.named(section, "RewriteOptions").next().is_some();
        let own = if has_own { section } else { ROOT };
        let taken = |name: &str| !option(own, "IgnoreInherit") && option(ROOT, name);
        if option(own, "Inherit") || taken("InheritDown") {
            all.extend(rules(state, ROOT));
        } else if option(own, "InheritBefore") || taken("InheritDownBefore") {
            let after = std::mem::replace(&mut all, rules(state, ROOT));
            all.extend(after);
        }
    }
    run(state, &all, None)
}

/// The rules of the innermost `<Directory>` or `<Location>` that has the engine on; `None` without one.
pub(super) fn section_rules(state: &mut State<'_>, layers: &Layers) -> Option<Outcome> {
    let config = state.config;
    if !config.modules.has("rewrite_module") {
        return None;
    }
    let section = layers.sections.iter().rev().copied().find(|section| {
        *section != ROOT && !config.statement(*section).is("VirtualHost") && is_on(state, *section).is_some()
    })?;
    if is_on(state, section) != Some(true) {
        return None;
    }
    let all = rules(state, section);
    if all.is_empty() {
        return None;
    }
    // The pattern sees what follows the directory.
    let statement = config.statement(section);
    let cut = if statement.is("Directory") {
        let (file, _) = super::aliases::file(config, layers, &state.path);
        let prefix = format!("{}/", statement.argument(0).trim_end_matches('/'));
        file.strip_prefix(&prefix).map(|rest| file_rest(state, rest))
    } else {
        state.unknown(format!(
            "what the RewriteRule in <{}> at {} does",
            statement.name(),
            config.place(section)
        ));
        return None;
    };
    Some(run(state, &all, cut))
}

/// How many bytes of the path come before the part below the directory.
fn file_rest(state: &State<'_>, rest: &str) -> usize {
    state.path.len().saturating_sub(rest.len())
}

/// Tells of rules in sections that could still change a request that is handed on.
pub(super) fn note_sections(state: &mut State<'_>, layers: &Layers) {
    let config = state.config;
    for section in layers.sections.clone() {
        let statement = config.statement(section);
        if section == ROOT || statement.is("VirtualHost") || is_on(state, section) != Some(true) {
            continue;
        }
        if !rules(state, section).is_empty() {
            let place = config.place(section);
            state.unknown(format!(
                "what the RewriteRule in <{}> at {place} does",
                statement.name()
            ));
        }
    }
}

/// Runs rules over the path. `below`: they stand in a directory, and see the path from that byte on.
fn run(state: &mut State<'_>, all: &[Rule], below: Option<usize>) -> Outcome {
    let mut index = 0;
    let mut rounds = 0;
    let mut passes_through = below.is_some();
    let mut changed_by: Option<StatementId> = None;
    let mut skipping_chain = false;
    while let Some(rule) = all.get(index) {
        index += 1;
        let statement = state.config.statement(rule.statement);
        let (written, target) = (statement.argument(0).to_owned(), statement.argument(1).to_owned());
        let flags = Flags::read(statement.argument(2));
        let chained = flags.has(&["c", "chain"]);
        if skipping_chain {
            skipping_chain = chained;
            continue;
        }
        let Some(captures) = matches(state, rule, &written, &flags, below) else {
            skipping_chain = chained;
            continue;
        };
        if flags.has(&["f", "forbidden"]) {
            return Outcome::Status(403, rule.statement);
        }
        if flags.has(&["g", "gone"]) {
            return Outcome::Status(410, rule.statement);
        }
        // A status that is no redirection ends the request; what would take the path's place does not count.
        if let Some(status) = flags
            .value(&["r", "redirect"])
            .and_then(|status| status.parse::<u16>().ok())
            .filter(|status| !(300..400).contains(status))
        {
            return Outcome::Status(status, rule.statement);
        }
        if target != "-" {
            let Some(text) = expand(state, &target, &captures) else {
                let place = state.config.place(rule.statement);
                state.unknown(format!(
                    "what RewriteRule {written} at {place} puts in place of the path"
                ));
                skipping_chain = chained;
                continue;
            };
            // Since 2.4.60 a `?` that was sent as %3F may not begin a query.
            let more = text.matches('?').count() > target.matches('?').count();
            let strict = state.config.environment.version_or_default() >= (2, 4, 60);
            if more && strict && state.path.contains('?') && !flags.has(&["unsafeallow3f"]) {
                return Outcome::Status(403, rule.statement);
            }
            let old_query = state.query.clone();
            let (path, query) = match text.split_once('?') {
                Some((path, query)) if !flags.has(&["qsl", "qslast"]) => {
                    (path.to_owned(), Some(query.to_owned()))
                }
                _ => (text.clone(), None),
            };
            if flags.has(&["qsd", "qsdiscard"]) {
                state.query = None;
            }
            if let Some(query) = query {
                state.query = match old_query.filter(|_| flags.has(&["qsa", "qsappend"])) {
                    Some(old) if !old.is_empty() => Some(if query.is_empty() {
                        old
                    } else {
                        format!("{query}&{old}")
                    }),
                    _ => Some(query).filter(|query| !query.is_empty()),
                };
            }
            if let Some(status) = flags.value(&["r", "redirect"]) {
                let status = match status {
                    "" | "temp" => 302,
                    "permanent" => 301,
                    "seeother" => 303,
                    number => number.parse().unwrap_or(302),
                };
                return Outcome::Status(status, rule.statement);
            }
            if flags.has(&["p", "proxy"]) {
                return Outcome::Proxy(Proxied {
                    url: path,
                    statement: rule.statement,
                    written: target,
                    as_is: false,
                });
            }
            if path.contains("://") {
                return Outcome::Status(302, rule.statement);
            }
            state.path = if path.starts_with('/') {
                path
            } else {
                format!("/{path}")
            };
            changed_by = Some(rule.statement);
        } else if flags.has(&["p", "proxy"]) {
            return Outcome::Proxy(Proxied {
                url: state.path.clone(),
                statement: rule.statement,
                written: target,
                as_is: false,
            });
        }
        if flags.has(&["pt", "passthrough"]) {
            passes_through = true;
            break;
        }
        if flags.has(&["l", "last", "end"]) {
            break;
        }
        if flags.has(&["n", "next"]) {
            rounds += 1;
            if rounds > MOST_ROUNDS {
                return Outcome::Status(500, rule.statement);
            }
            index = 0;
        }
        if let Some(count) = flags.value(&["s", "skip"]) {
            index = index.saturating_add(count.parse().unwrap_or(0));
        }
    }
    if let Some(id) = changed_by.filter(|_| !passes_through) {
        let place = state.config.place(id);
        state.unknown(format!(
            "whether a file is at {} (RewriteRule at {place} without [PT])",
            state.path
        ));
        return Outcome::Status(404, id);
    }
    Outcome::Continue
}

/// The groups of a rule whose pattern and conditions hold: those of the rule, then of the last condition.
fn matches(
    state: &mut State<'_>,
    rule: &Rule,
    written: &str,
    flags: &Flags,
    below: Option<usize>,
) -> Option<Groups> {
    let path = state.path.get(below.unwrap_or(0)..).unwrap_or_default().to_owned();
    let (negated, expression) = match written.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, written),
    };
    let caseless = flags.has(&["nc", "nocase"]);
    let found = match pattern::matches(expression, caseless, &path) {
        Ok(found) => found,
        Err(reason) => {
            state.unknown(reason);
            return None;
        }
    };
    if found.is_some() == negated {
        return None;
    }
    let mut groups = Groups {
        rule: found.map(|found| found.numbered).unwrap_or_default(),
        condition: Vec::new(),
    };
    let mut open_or = None;
    for condition in &rule.conditions {
        let statement = state.config.statement(*condition);
        let flags = Flags::read(statement.argument(2));
        // The first that holds of those joined by [OR] decides.
        if open_or == Some(true) {
            if !flags.has(&["or", "ornext"]) {
                open_or = None;
            }
            continue;
        }
        let holds = holds(state, *condition, &flags, &mut groups)?;
        if flags.has(&["or", "ornext"]) {
            open_or = Some(holds);
        } else if holds {
            open_or = None;
        } else {
            return None;
        }
    }
    // An [OR] on the last condition is as good as a condition that holds.
    Some(groups)
}

#[derive(Clone, Debug, Default)]
struct Groups {
    rule: Vec<Option<String>>,
    condition: Vec<Option<String>>,
}

/// Whether a condition holds; `None`, and told, when only the running server knows.
fn holds(state: &mut State<'_>, id: StatementId, flags: &Flags, groups: &mut Groups) -> Option<bool> {
    let statement = state.config.statement(id);
    let (test, written) = (statement.argument(0).to_owned(), statement.argument(1).to_owned());
    let tell = |state: &mut State<'_>| {
        let place = state.config.place(id);
        state.unknown(format!("RewriteCond {test} {written} at {place}"));
    };
    let (negated, wanted) = match written.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, written.as_str()),
    };
    let is_test = wanted.starts_with('-') && wanted.len() <= 3;
    if is_test || test.eq_ignore_ascii_case("expr") {
        tell(state);
        return None;
    }
    let Some(value) = expand(state, &test, groups) else {
        tell(state);
        return None;
    };
    let caseless = flags.has(&["nc", "nocase"]);
    let found = if let Some(text) = wanted.strip_prefix('=').filter(|_| !wanted.starts_with("==")) {
        let text = if text == "\"\"" { "" } else { text };
        if caseless {
            text.eq_ignore_ascii_case(&value)
        } else {
            text == value
        }
    } else if let Some(text) = wanted.strip_prefix('<').filter(|text| !text.starts_with('=')) {
        value.as_str() < text
    } else if let Some(text) = wanted.strip_prefix('>').filter(|text| !text.starts_with('=')) {
        value.as_str() > text
    } else {
        match pattern::matches(wanted, caseless, &value) {
            Ok(Some(captures)) => {
                if !negated {
                    groups.condition = captures.numbered;
                }
                true
            }
            Ok(None) => false,
            Err(reason) => {
                state.unknown(reason);
                return None;
            }
        }
    };
    Some(found != negated)
}

/// Puts groups and variables in place. `None`: one of them is not known here.
fn expand(state: &State<'_>, text: &str, groups: &Groups) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '%', '\\']) {
        out.push_str(rest.get(..at)?);
        let tail = rest.get(at..)?;
        let mut characters = tail.chars();
        let sign = characters.next()?;
        let next = characters.next();
        match (sign, next) {
            ('\\', Some(next)) => {
                out.push(next);
                rest = tail.get(1_usize.saturating_add(next.len_utf8())..)?;
            }
            ('%', Some('{')) => {
                let end = tail.find('}')?;
                out.push_str(&variable(state, tail.get(2..end)?)?);
                rest = tail.get(end.saturating_add(1)..)?;
            }
            // A map's answer is not known.
            ('$', Some('{')) => return None,
            ('$' | '%', Some(digit)) if digit.is_ascii_digit() => {
                let caught = if sign == '$' {
                    &groups.rule
                } else {
                    &groups.condition
                };
                out.push_str(&substitute(&format!("${digit}"), caught));
                rest = tail.get(2..)?;
            }
            (other, _) => {
                out.push(other);
                rest = tail.get(1..)?;
            }
        }
    }
    out.push_str(rest);
    Some(out)
}

/// A variable of the request.
fn variable(state: &State<'_>, name: &str) -> Option<String> {
    let request = state.request;
    Some(match name.to_ascii_uppercase().as_str() {
        "HTTP_HOST" | "HTTP:HOST" => request.host.clone(),
        // Before the file is looked for, its name is the path.
        "REQUEST_URI" | "REQUEST_FILENAME" | "SCRIPT_FILENAME" => state.path.clone(),
        "REQUEST_METHOD" => request.method.clone(),
        "QUERY_STRING" => state.query.clone().unwrap_or_default(),
        "HTTPS" => if request.tls { "on" } else { "off" }.to_owned(),
        "REQUEST_SCHEME" => if request.tls { "https" } else { "http" }.to_owned(),
        "SERVER_PORT" => request.port.to_string(),
        "THE_REQUEST" => format!("{} {} HTTP/1.1", request.method, request.target),
        "SERVER_PROTOCOL" => "HTTP/1.1".to_owned(),
        "REMOTE_ADDR" => request.client_address?.to_string(),
        "SERVER_ADDR" => request.local_address?.to_string(),
        "SERVER_NAME" => {
            let server = state.config.servers.get(state.server)?;
            server.name.clone()?
        }
        _ => return None,
    })
}
