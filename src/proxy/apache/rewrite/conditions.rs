//! Whether a rule and its conditions hold, and what their groups and variables are.

use std::fmt::Write as _;

use super::super::passes::substitute;
use super::super::route::State;
use super::{Flags, Rule, StatementId};
use crate::proxy::nginx::pattern;
use crate::proxy::nginx::uri::bytes_of;

/// The groups of a rule whose pattern and conditions hold: those of the rule, then of the last condition.
pub(super) fn matches(
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
pub(super) struct Groups {
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
    let Some(value) = expand(state, &test, groups, None) else {
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

/// Puts groups and variables in place, groups as these flags want them escaped. `None`: one of them is not known here.
pub(super) fn expand(
    state: &State<'_>,
    text: &str,
    groups: &Groups,
    flags: Option<&Flags>,
) -> Option<String> {
    let flags = flags.filter(|flags| flags.has(&["b", "backrefescape", "bctls"]));
    // Only control characters and spaces: not followed.
    if flags.is_some_and(|flags| flags.has(&["bctls"])) {
        return None;
    }
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
                let text = substitute(&format!("${digit}"), caught);
                match flags {
                    Some(flags) => escape(&text, flags, &mut out),
                    None => out.push_str(&text),
                }
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

/// `[B]`: everything but letters, digits and `_`, or what `B=` lists, and never what `BNE=` lists.
fn escape(text: &str, flags: &Flags, out: &mut String) {
    let listed = flags.value(&["b", "backrefescape"]).filter(|list| !list.is_empty());
    let spared = flags.value(&["bne"]).unwrap_or_default();
    let plus = !flags.has(&["bnp", "backrefescapenoplus"]);
    for character in text.chars() {
        let wanted = listed.is_none_or(|list| list.contains(character)) && !spared.contains(character);
        if !wanted || character.is_ascii_alphanumeric() || character == '_' {
            out.push(character);
        } else if character == ' ' && plus {
            out.push('+');
        } else {
            for byte in bytes_of(character.encode_utf8(&mut [0; 4])) {
                let _ = write!(out, "%{byte:02x}");
            }
        }
    }
}

/// A variable of the request.
fn variable(state: &State<'_>, name: &str) -> Option<String> {
    let request = state.request;
    Some(match name.to_ascii_uppercase().as_str() {
        "HTTP_HOST" | "HTTP:HOST" => request.host.clone(),
        "REQUEST_URI" => state.uri.clone(),
        // Before the file is looked for, its name is the path.
        "REQUEST_FILENAME" | "SCRIPT_FILENAME" => state.path.clone(),
        "REQUEST_METHOD" => request.method.clone(),
        "QUERY_STRING" => state.query.clone().unwrap_or_default(),
        "HTTPS" => if request.tls { "on" } else { "off" }.to_owned(),
        "REQUEST_SCHEME" => if request.tls { "https" } else { "http" }.to_owned(),
        "SERVER_PORT" => request.port.to_string(),
        "THE_REQUEST" => format!("{} {} HTTP/1.1", request.method, request.target),
        "SERVER_PROTOCOL" => "HTTP/1.1".to_owned(),
        "REMOTE_ADDR" => request.client_address?.to_string(),
        "SERVER_ADDR" => request.local_address?.to_string(),
        // The name that the client called it, unless the configuration wants another.
        "SERVER_NAME" => match state.config.server_setting(state.server, "UseCanonicalName") {
            Some(id) if state.config.statement(id).argument(0).eq_ignore_ascii_case("on") => {
                state.config.servers.get(state.server)?.name.clone()?
            }
            Some(id) if !state.config.statement(id).argument(0).eq_ignore_ascii_case("off") => return None,
            _ => state.host.clone(),
        },
        _ => return None,
    })
}
