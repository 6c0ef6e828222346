//! `mod_rewrite`, as far as the files and the request decide it. A condition on what only the running server
//! knows (files, maps, the environment) leaves its rule out and is told.

mod conditions;
mod urls;

use super::layers::Layers;
use super::route::{Proxied, State};
use super::tree::{ROOT, StatementId};
use conditions::{expand, matches};
use urls::{is_absolute, note_own, qualified, take_query};

/// Rounds of `[N]` before this gives up.
const MOST_ROUNDS: usize = 100;

/// What the rules of one level did.
pub(super) enum Outcome {
    /// The request goes on, maybe with another path.
    Continue,
    /// It is answered with this status.
    Status(u16, StatementId),
    /// The path is that of a file now, and no other module is asked for it.
    File(StatementId),
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

    /// The status of `[R]`.
    fn status(&self) -> Option<u16> {
        Some(match self.value(&["r", "redirect"])? {
            "" | "temp" => 302,
            "permanent" => 301,
            "seeother" => 303,
            number => number.parse().unwrap_or(302),
        })
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
pub(super) fn section_rules(state: &mut State<'_>, layers: &Layers, file: &str) -> Option<Outcome> {
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
    // What becomes of a URL that no later rule makes a path of again.
    let mut redirection = 302;
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
        let below = below.filter(|_| !is_absolute(&state.path));
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
        let redirects = flags.status();
        // A status that is no redirection ends the request; what would take the path's place does not count.
        if let Some(status) = redirects.filter(|status| !(300..400).contains(status)) {
            return Outcome::Status(status, rule.statement);
        }
        let hands_on = flags.has(&["p", "proxy"]);
        if target != "-" {
            let Some(text) = expand(state, &target, &captures, Some(&flags)) else {
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
            let path = take_query(state, text, &flags);
            if hands_on {
                let mut url = qualified(state, path);
                let as_is = flags.has(&["ne", "noescape"]);
                if let Some(query) = state.query.as_deref().filter(|_| as_is) {
                    url = format!("{url}?{query}");
                }
                return Outcome::Proxy(Proxied {
                    url,
                    statement: rule.statement,
                    written: target,
                    as_is,
                });
            }
            // The rules after it see the URL, and may make something else of it, but for [L].
            state.path = if let Some(status) = redirects {
                redirection = status;
                qualified(state, path)
            } else if is_absolute(&path) {
                redirection = 302;
                note_own(state, &path, rule.statement);
                path
            } else if path.starts_with('/') {
                path
            } else {
                format!("/{path}")
            };
            changed_by = Some(rule.statement);
        }
        if flags.has(&["pt", "passthrough"]) {
            if is_absolute(&state.path) {
                return Outcome::Status(400, rule.statement);
            }
            passes_through = true;
            break;
        }
        // Without anything in place of the path, [P] is as good as [L].
        if hands_on || flags.has(&["l", "last", "end"]) {
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
    let Some(id) = changed_by else {
        return Outcome::Continue;
    };
    if is_absolute(&state.path) {
        return Outcome::Status(redirection, id);
    }
    if passes_through {
        Outcome::Continue
    } else {
        Outcome::File(id)
    }
}
