//! What a rule puts in place of the path: a path, or a URL of this or of another server.

use super::super::route::State;
use super::super::servers;
use super::super::{Server, StatementId};
use super::Flags;

/// Takes the query off what a rule puts in place of the path.
pub(super) fn take_query(state: &mut State<'_>, text: String, flags: &Flags) -> String {
    let old = state.query.clone();
    let (path, query) = match text.split_once('?') {
        Some((path, query)) if !flags.has(&["qsl", "qslast"]) => (path.to_owned(), Some(query.to_owned())),
        _ => (text, None),
    };
    if flags.has(&["qsd", "qsdiscard"]) {
        state.query = None;
    }
    if let Some(query) = query {
        state.query = match old.filter(|_| flags.has(&["qsa", "qsappend"])) {
            Some(old) if !old.is_empty() => Some(if query.is_empty() {
                old
            } else {
                format!("{query}&{old}")
            }),
            _ => Some(query).filter(|query| !query.is_empty()),
        };
    }
    path
}

/// True for what `mod_rewrite` takes as a URL and not as a path.
pub(super) fn is_absolute(path: &str) -> bool {
    const SCHEMES: [&str; 19] = [
        "ajp://",
        "balancer://",
        "fcgi://",
        "ftp://",
        "gopher://",
        "h2://",
        "h2c://",
        "http://",
        "https://",
        "ldap://",
        "ldaps://",
        "mailto:",
        "news:",
        "nntp://",
        "scgi://",
        "unix:",
        "uwsgi://",
        "ws://",
        "wss://",
    ];
    SCHEMES.iter().any(|scheme| {
        path.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

/// A path as a URL of this server, by the name that the client called it.
pub(super) fn qualified(state: &mut State<'_>, path: String) -> String {
    if is_absolute(&path) {
        return path;
    }
    let config = state.config;
    let by_name = config
        .server_setting(state.server, "UseCanonicalName")
        .is_some_and(|id| !config.statement(id).argument(0).eq_ignore_ascii_case("off"));
    if by_name {
        state.unknown("which name of the server UseCanonicalName puts into URLs".to_owned());
    }
    let scheme = if state.request.tls { "https" } else { "http" };
    let usual = if state.request.tls { 443 } else { 80 };
    let sent = servers::port_of(state.raw.authority.as_deref().unwrap_or(&state.request.host));
    let port = sent
        .or_else(|| servers::named_port(config, state.server))
        .unwrap_or(usual);
    let port = if port == usual {
        String::new()
    } else {
        format!(":{port}")
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let host = &state.host;
    if host.contains(':') {
        return format!("{scheme}://[{host}]{port}{slash}{path}");
    }
    format!("{scheme}://{host}{port}{slash}{path}")
}

/// A URL of this very server is made a path again, which depends on its port as well.
pub(super) fn note_own(state: &mut State<'_>, url: &str, rule: StatementId) {
    let host = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', ':']).next());
    let config = state.config;
    let named = |server: &Server| host.is_some_and(|host| server.has_name(host));
    if config.servers.get(state.server).is_some_and(named)
        && servers::named_port(config, state.server).is_some()
    {
        let place = config.place(rule);
        state.unknown(format!(
            "whether {url} (RewriteRule at {place}) is this server itself"
        ));
    }
}
