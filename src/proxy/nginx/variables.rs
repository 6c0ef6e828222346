//! The state of one request on its way, and the variables as far as they are known before it is sent.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::pattern::{self, Captures};
use super::tree::NodeId;
use super::uri::{self, Target};
use super::{Config, RouteRequest, map};
use crate::evidence::PossibleReturn;

/// Maps that use each other are followed this deep.
const DEEPEST_MAP: usize = 16;

/// One request on its way through the configuration.
#[derive(Clone, Debug)]
pub(super) struct State<'a> {
    pub(super) config: &'a Config,
    pub(super) request: &'a RouteRequest,
    /// Lower-case, without port.
    pub(super) host: String,
    /// Decoded path; changes on rewrites.
    pub(super) uri: String,
    pub(super) arguments: String,
    /// The target as sent.
    pub(super) raw: String,
    request_uri: String,
    pub(super) quoted: bool,
    pub(super) plus: bool,
    /// Captures in a `set` are escaped as in a query, until a `rewrite` of the same run changes the URI.
    pub(super) escapes_captures: bool,
    /// The raw target may still be sent upstream.
    pub(super) valid_raw: bool,
    /// The location's name may still be cut off.
    pub(super) valid_location: bool,
    /// An internal redirect or a rewrite happened.
    pub(super) internal: bool,
    pub(super) method: String,
    pub(super) server: NodeId,
    /// The block whose settings are in force: the server, a location, an `if`.
    pub(super) block: NodeId,
    pub(super) proxy_host: Option<String>,
    pub(super) proxy_port: Option<String>,
    captures: RefCell<Vec<Option<String>>>,
    /// Named captures and `set`; `Err`: set to something that is not known.
    named: RefCell<BTreeMap<String, Value>>,
    /// `map`, `geo` and `split_clients` are evaluated once for a request.
    mapped: RefCell<BTreeMap<String, Value>>,
    pub(super) undetermined: Vec<String>,
    /// Answers behind conditions that are not known.
    pub(super) possible_returns: Vec<PossibleReturn>,
}

/// A value, or the variable that is not known.
pub(super) type Value = Result<String, String>;

impl<'a> State<'a> {
    pub(super) fn new(
        config: &'a Config,
        request: &'a RouteRequest,
        server: NodeId,
        host: &str,
        target: &Target,
    ) -> Self {
        Self {
            config,
            request,
            host: host.to_owned(),
            uri: target.uri.clone(),
            arguments: target.arguments.clone(),
            raw: target.raw.clone(),
            request_uri: target.request_uri.clone(),
            quoted: target.quoted,
            plus: target.plus,
            escapes_captures: true,
            // `http://h?x` has no path to be sent on as it is.
            valid_raw: target.request_uri.starts_with('/'),
            valid_location: true,
            internal: false,
            method: request.method.clone(),
            server,
            block: server,
            proxy_host: None,
            proxy_port: None,
            captures: RefCell::default(),
            named: RefCell::default(),
            mapped: RefCell::default(),
            undetermined: Vec::new(),
            possible_returns: Vec::new(),
        }
    }

    /// Notes something that only the running server knows, once.
    pub(super) fn unknown(&mut self, what: String) {
        if !self.undetermined.contains(&what) {
            self.undetermined.push(what);
        }
    }

    /// A regular expression matched: `$1` and named captures are replaced.
    ///
    /// This also happens in the middle of an evaluation, by a `map`.
    pub(super) fn caught(&self, captures: Captures) {
        self.captures.replace(captures.numbered);
        let named = captures.named.into_iter().map(|(name, value)| (name, Ok(value)));
        self.named.borrow_mut().extend(named);
    }

    /// A `rewrite` or `if` did not match: `$1` is empty from here on.
    pub(super) fn forget_captures(&self) {
        self.captures.borrow_mut().clear();
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.named.borrow_mut().insert(name.to_owned(), value);
    }

    /// The variables of a text that were set on the way are not certain any more.
    pub(super) fn forget_assigned(&mut self, text: &str, why: &str) {
        for part in parts(text) {
            if let Part::Variable(name) = part
                && let Some(value) = self.named.borrow_mut().get_mut(&name.to_ascii_lowercase())
            {
                *value = Err(format!("{name} ({why})"));
            }
        }
    }

    /// The text with its variables replaced, or the name of the first that is not known.
    pub(super) fn evaluate(&self, text: &str) -> Value {
        self.evaluate_parts(text, 0, None)
    }

    /// As [`Self::evaluate`], captures escaped where they stand in a query.
    pub(super) fn evaluate_escaped(&self, text: &str, redirect: bool) -> Value {
        self.evaluate_parts(text, 0, Some(redirect))
    }

    pub(super) fn evaluate_parts(&self, text: &str, depth: usize, escaping: Option<bool>) -> Value {
        let mut out = String::with_capacity(text.len());
        let mut in_query = false;
        for part in parts(text) {
            match part {
                Part::Text(text) => {
                    in_query |= text.contains('?');
                    out.push_str(text);
                }
                Part::Variable(name) => {
                    if let Ok(group) = name.parse::<usize>() {
                        let value = self
                            .captures
                            .borrow()
                            .get(group)
                            .cloned()
                            .flatten()
                            .unwrap_or_default();
                        let escape = escaping.is_some_and(|redirect| redirect || in_query);
                        if escape && (self.quoted || self.plus) {
                            out.push_str(&uri::escape_argument(&value));
                        } else {
                            out.push_str(&value);
                        }
                    } else {
                        out.push_str(&self.variable(name, depth)?);
                    }
                }
            }
        }
        Ok(out)
    }

    fn variable(&self, name: &str, depth: usize) -> Value {
        let name = name.to_ascii_lowercase();
        let set = self.named.borrow().get(&name).cloned();
        if let Some(value) = set {
            return value;
        }
        let request = self.request;
        let known = |text: &str| Ok(text.to_owned());
        match name.as_str() {
            "host" => {
                if self.host.is_empty() {
                    Ok(self.server_name())
                } else {
                    known(&self.host)
                }
            }
            "http_host" => known(&request.host),
            "uri" | "document_uri" => known(&self.uri),
            "request_uri" => known(&self.request_uri),
            "args" | "query_string" => known(&self.arguments),
            "is_args" => known(if self.arguments.is_empty() { "" } else { "?" }),
            "scheme" => known(if request.tls { "https" } else { "http" }),
            "https" => known(if request.tls { "on" } else { "" }),
            "server_port" if request.unix_socket.is_some() => known(""),
            "server_port" => Ok(request.port.to_string()),
            "remote_addr" if request.unix_socket.is_some() => known("unix:"),
            "remote_addr" => request.client_address.map(|address| address.to_string()).ok_or(name),
            "server_addr" => request.local_address.map(|address| address.to_string()).ok_or(name),
            "server_name" => Ok(self.server_name()),
            "request_method" => known(&self.method),
            "hostname" => known(&self.config.environment.hostname),
            "server_protocol" => known("HTTP/1.1"),
            "nginx_version" => self
                .config
                .environment
                .version
                .map(|(a, b, c)| format!("{a}.{b}.{c}"))
                .ok_or(name),
            "proxy_host" => self.proxy_host.clone().ok_or(name),
            "proxy_port" => self.proxy_port.clone().ok_or(name),
            "document_root" | "realpath_root" => Ok(self.root()),
            "request_filename" => Ok(self.file_name()),
            "fastcgi_script_name" => Ok(self.script().0),
            "fastcgi_path_info" => Ok(self.script().1),
            "ssl_server_name" if request.tls => known(&self.host),
            "remote_user" | "request_completion" | "limit_rate" => known(""),
            "content_length" | "content_type" if matches!(self.method.as_str(), "GET" | "HEAD") => known(""),
            _ => {
                if let Some(argument) = name.strip_prefix("arg_") {
                    return Ok(self.argument(argument));
                }
                self.mapped(&name, depth)
            }
        }
    }

    fn server_name(&self) -> String {
        let server = self.config.servers.iter().find(|server| server.node == self.server);
        server
            .and_then(|server| server.names.first())
            .map(|name| {
                let text = name.text.as_str();
                let bare = text.strip_prefix('.').unwrap_or(text);
                bare.to_owned()
            })
            .unwrap_or_default()
    }

    fn argument(&self, name: &str) -> String {
        self.arguments
            .split('&')
            .find_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                key.eq_ignore_ascii_case(name).then(|| value.to_owned())
            })
            .unwrap_or_default()
    }

    /// A path made absolute with the prefix.
    pub(super) fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{}/{path}", self.config.environment.prefix.trim_end_matches('/'))
        }
    }

    /// `root` (or `alias`) in force.
    pub(super) fn root(&self) -> String {
        let tree = &self.config.tree;
        if let Some(alias) = tree.first(self.block, "alias") {
            return self.absolute(tree.argument(alias, 0));
        }
        let written = tree
            .nearest(self.block, "root")
            .map_or("html", |root| tree.argument(root, 0));
        self.absolute(&self.evaluate(written).unwrap_or_else(|_| written.to_owned()))
    }

    /// The file the URI stands for.
    fn file_name(&self) -> String {
        let tree = &self.config.tree;
        if tree.first(self.block, "alias").is_some() && tree.name(self.block) == "location" {
            let (_, name) = super::location_select::kind(tree, self.block);
            let rest = self.uri.strip_prefix(name).unwrap_or_default();
            return format!("{}{rest}", self.root());
        }
        format!("{}{}", self.root(), self.uri)
    }

    /// `$fastcgi_script_name` and `$fastcgi_path_info`.
    fn script(&self) -> (String, String) {
        let tree = &self.config.tree;
        if let Some(split) = tree.nearest(self.block, "fastcgi_split_path_info")
            && let Ok(Some(captures)) = pattern::matches(tree.argument(split, 0), false, &self.uri)
        {
            let group = |index: usize| captures.numbered.get(index).cloned().flatten().unwrap_or_default();
            return (group(1), group(2));
        }
        if self.uri.ends_with('/') {
            let index = tree
                .nearest(self.block, "fastcgi_index")
                .map_or("", |index| tree.argument(index, 0));
            return (format!("{}{index}", self.uri), String::new());
        }
        (self.uri.clone(), String::new())
    }

    fn mapped(&self, name: &str, depth: usize) -> Value {
        if depth >= DEEPEST_MAP {
            return Err(name.to_owned());
        }
        let cached = self.mapped.borrow().get(name).cloned();
        if let Some(value) = cached {
            return value;
        }
        match map::find(self.config, name) {
            Some(block) => {
                let value = map::value(self, block, depth.saturating_add(1));
                let volatile = self.config.tree.first(block, "volatile").is_some();
                if !volatile {
                    self.mapped.borrow_mut().insert(name.to_owned(), value.clone());
                }
                value
            }
            None if self.is_assigned_somewhere(name) => Ok(String::new()),
            None => Err(name.to_owned()),
        }
    }

    /// A variable that some `set` or named group gives a value, but not on this way, is empty.
    fn is_assigned_somewhere(&self, name: &str) -> bool {
        let tree = &self.config.tree;
        let groups = [
            format!("(?<{name}>"),
            format!("(?P<{name}>"),
            format!("(?'{name}'"),
        ];
        tree.all().any(|node| {
            let first = tree.argument(node, 0);
            (tree.name(node) == "set"
                && first
                    .strip_prefix('$')
                    .is_some_and(|target| target.eq_ignore_ascii_case(name)))
                || std::iter::once(tree.name(node))
                    .chain(tree.arguments(node))
                    .any(|text| groups.iter().any(|group| text.contains(group.as_str())))
        })
    }
}

/// A piece of a text with variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    Text(&'t str),
    Variable(&'t str),
}

/// Cuts a text into plain pieces and variables (`$name`, `${name}`, `$1`).
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let (before, from) = rest.split_at(dollar);
        let after = from.get(1..).unwrap_or_default();
        let (name, tail) = if let Some(braced) = after.strip_prefix('{') {
            braced.split_once('}').unwrap_or(("", after))
        } else if after.starts_with(|first: char| first.is_ascii_digit()) {
            after.split_at(1)
        } else {
            let end = after
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(after.len());
            after.split_at(end)
        };
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        if name.is_empty() {
            parts.push(Part::Text("$"));
            rest = after;
        } else {
            parts.push(Part::Variable(name));
            rest = tail;
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// True when a text uses a variable.
pub(super) fn has_variables(text: &str) -> bool {
    // Most texts have no dollar sign, and need not be taken apart.
    text.bytes().any(|byte| byte == b'$') && parts(text).iter().any(|part| matches!(part, Part::Variable(_)))
}
