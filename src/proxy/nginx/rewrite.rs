//! The rewrite phase: `set`, `if`, `return`, `rewrite`, `break`.

use super::pattern;
use super::tree::NodeId;
use super::variables::{Part, State, Value, has_variables, parts};
use crate::evidence::PossibleReturn;

/// How a rewrite phase ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Goes on; the location is looked for again when the URI changed.
    Continue {
        /// A `rewrite` changed the URI.
        changed: bool,
    },
    /// The answer is made here.
    Return(u16, NodeId),
}

enum Flow {
    Next,
    Stop,
    Return(u16, NodeId),
}

/// Runs the directives of a server or location block.
pub(super) fn run(state: &mut State<'_>, block: NodeId) -> Outcome {
    let mut changed = false;
    state.escapes_captures = true;
    match run_block(state, block, &mut changed) {
        Flow::Return(status, node) => Outcome::Return(status, node),
        Flow::Next | Flow::Stop => Outcome::Continue { changed },
    }
}

fn run_block(state: &mut State<'_>, block: NodeId, changed: &mut bool) -> Flow {
    let config = state.config;
    let tree = &config.tree;
    for node in tree.children(block) {
        let flow = match tree.name(node) {
            "set" => {
                if let Some(name) = tree.argument(node, 0).strip_prefix('$') {
                    let value = if state.escapes_captures {
                        state.evaluate_escaped(tree.argument(node, 1), true)
                    } else {
                        state.evaluate(tree.argument(node, 1))
                    };
                    state.set(&name.to_ascii_lowercase(), value);
                }
                Flow::Next
            }
            "return" => returned(state, node),
            "break" => {
                // After a `rewrite` it has the effect of that directive's own flag.
                if *changed {
                    state.valid_location = false;
                    *changed = false;
                }
                Flow::Stop
            }
            "rewrite" => rewrite(state, node, changed),
            "if" if tree.is_block(node) => match condition(state, node) {
                Ok(true) => {
                    if tree.name(block) != "server" {
                        state.block = node;
                    }
                    run_block(state, node, changed)
                }
                Ok(false) => Flow::Next,
                Err(variable) => {
                    let place = config.place(node);
                    state.unknown(format!(
                        "whether the condition at {place} is true depends on {variable}; taken as false"
                    ));
                    note_returns(state, node, &variable);
                    Flow::Next
                }
            },
            "set_by_lua_block" | "set_by_lua" | "set_by_lua_file" | "js_set" | "perl_set" => {
                if let Some(name) = tree.argument(node, 0).strip_prefix('$') {
                    let reason = format!("{name} (set by a script)");
                    state.set(&name.to_ascii_lowercase(), Err(reason));
                }
                Flow::Next
            }
            "auth_request_set" => {
                if let Some(name) = tree.argument(node, 0).strip_prefix('$') {
                    let reason = format!("{name} (set by auth_request_set)");
                    state.set(&name.to_ascii_lowercase(), Err(reason));
                }
                Flow::Next
            }
            _ => Flow::Next,
        };
        if !matches!(flow, Flow::Next) {
            return flow;
        }
    }
    Flow::Next
}

/// Remembers what an `if` would answer whose condition is not known.
fn note_returns(state: &mut State<'_>, block: NodeId, depends_on: &str) {
    let config = state.config;
    for node in config.tree.children(block) {
        let status = config.tree.argument(node, 0).parse::<u16>();
        if let ("return", Ok(status)) = (config.tree.name(node), status) {
            state.possible_returns.push(PossibleReturn {
                status,
                depends_on: depends_on.to_owned(),
                place: config.place(node),
            });
        }
    }
}

fn returned(state: &State<'_>, node: NodeId) -> Flow {
    let tree = &state.config.tree;
    let first = tree.argument(node, 0);
    let is_url =
        first.starts_with("http://") || first.starts_with("https://") || first.starts_with("$scheme");
    if tree.argument_count(node) == 1 && is_url {
        return Flow::Return(302, node);
    }
    first.parse().map_or(Flow::Next, |status| Flow::Return(status, node))
}

fn rewrite(state: &mut State<'_>, node: NodeId, changed: &mut bool) -> Flow {
    let config = state.config;
    let tree = &config.tree;
    let (expression, written) = (tree.argument(node, 0), tree.argument(node, 1));
    let captures = match pattern::matches(expression, false, &state.uri) {
        Ok(Some(captures)) => captures,
        Ok(None) => {
            state.forget_captures();
            return Flow::Next;
        }
        Err(reason) => {
            state.unknown(reason);
            return Flow::Next;
        }
    };
    state.caught(captures);
    let absolute = ["http://", "https://", "$scheme"]
        .iter()
        .any(|prefix| written.starts_with(prefix));
    let flag = tree.argument(node, 2);
    // Also where it sends the client away: an error_page for that status finds the request so.
    state.internal = true;
    state.valid_raw = false;
    match flag {
        "permanent" => return Flow::Return(301, node),
        "redirect" => return Flow::Return(302, node),
        _ if absolute => return Flow::Return(302, node),
        _ => {}
    }
    let keeps_arguments = !written.ends_with('?');
    let replacement = written.strip_suffix('?').unwrap_or(written);
    state.escapes_captures = false;
    if flag == "break" {
        state.valid_location = false;
        *changed = false;
    } else {
        *changed = true;
    }
    match split_query(state, replacement) {
        Ok((uri, query)) => {
            if let Some(mut query) = query {
                if keeps_arguments && !state.arguments.is_empty() {
                    query.push('&');
                    query.push_str(&state.arguments);
                }
                state.arguments = query;
            } else if !keeps_arguments {
                state.arguments.clear();
            }
            state.uri = uri;
            if state.uri.is_empty() {
                return Flow::Return(500, node);
            }
        }
        Err(variable) => {
            let text = format!(
                "the URI that the rewrite at {} makes depends on ${variable}",
                config.place(node)
            );
            state.unknown(text);
        }
    }
    if matches!(flag, "last" | "break") {
        Flow::Stop
    } else {
        Flow::Next
    }
}

/// Evaluates a replacement; a `?` written in it begins the query, one from a capture does not.
fn split_query(state: &State<'_>, replacement: &str) -> Result<(String, Option<String>), String> {
    let Some((path, query)) = replacement.split_once('?') else {
        return Ok((state.evaluate(replacement)?, None));
    };
    Ok((state.evaluate(path)?, Some(state.evaluate_escaped(query, true)?)))
}

/// The truth of an `if`, or why it cannot be known.
fn condition(state: &mut State<'_>, node: NodeId) -> Result<bool, String> {
    let words = condition_words(state, node);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let shown = |value: Value| value.map_err(|variable| format!("${variable}"));
    match words.as_slice() {
        [variable] => {
            let value = shown(state.evaluate(variable))?;
            Ok(!value.is_empty() && value != "0")
        }
        [test, file] if test.starts_with('-') || test.starts_with("!-") => Err(format!(
            "the file {}",
            state.evaluate(file).unwrap_or_else(|_| (*file).to_owned())
        )),
        [variable, operator @ ("=" | "!="), value] => {
            let left = shown(state.evaluate(variable))?;
            let right = shown(state.evaluate(value))?;
            Ok((left == right) == (*operator == "="))
        }
        [variable, operator, expression] => {
            let negated = operator.starts_with('!');
            let caseless = operator.ends_with('*');
            let text = shown(state.evaluate(variable))?;
            if let Some(captures) = pattern::matches(expression, caseless, &text)? {
                state.caught(captures);
                Ok(!negated)
            } else {
                state.forget_captures();
                Ok(negated)
            }
        }
        _ => Err("a condition that cannot be read".to_owned()),
    }
}

/// The words between the parentheses.
pub(super) fn condition_words(state: &State<'_>, node: NodeId) -> Vec<String> {
    let mut words: Vec<String> = state.config.tree.arguments(node).map(str::to_owned).collect();
    // Only a word that was nothing but a parenthesis goes; an empty quoted word is a value.
    if let Some(first) = words.first_mut()
        && let Some(rest) = first.strip_prefix('(')
    {
        *first = rest.to_owned();
        if first.is_empty() {
            words.remove(0);
        }
    }
    if let Some(last) = words.last_mut()
        && let Some(rest) = last.strip_suffix(')')
    {
        *last = rest.to_owned();
        if last.is_empty() {
            words.pop();
        }
    }
    words
}

/// The variables of a text that cannot be known, for a message.
pub(super) fn unknown_variables(state: &State<'_>, text: &str) -> Vec<String> {
    if !has_variables(text) {
        return Vec::new();
    }
    parts(text)
        .into_iter()
        .filter_map(|part| match part {
            Part::Variable(name) => state.evaluate(&format!("${{{name}}}")).err(),
            Part::Text(_) => None,
        })
        .map(|name| format!("${name}"))
        .collect()
}
