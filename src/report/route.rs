//! The answer of `fix502 route`: the way of one URL through the configuration, for a person and for a
//! program. A setting is shown by one row of [`settings`].

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::json;
use super::text::TextStyle;
use super::text::layout::{Page, Tone};
use crate::evidence::{
    Handler, Pass, Peer, PeerAddress, Place, PossibleReturn, ProxyKind, Route, RouteSettings, Setting,
};

/// What is known of the way of one URL.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// The URL, without user information.
    pub url: String,
    /// The main files that were read.
    pub files: Vec<String>,
    /// The way; `None`: nothing serves the URL, unless `not_known` says why it could not be told.
    pub route: Option<Route>,
    /// Why it could not be told.
    pub not_known: Option<String>,
}

/// Writes one JSON object and a line end: the `route` object of a report with `matched` before it.
///
/// # Errors
/// When `out` cannot be written.
pub fn render_json(way: &Way, out: &mut dyn Write) -> io::Result<()> {
    let mut object = Map::new();
    object.insert("url".to_owned(), json!(way.url));
    object.insert(
        "matched".to_owned(),
        match (&way.route, &way.not_known) {
            (Some(_), _) => json!(true),
            (None, None) => json!(false),
            (None, Some(_)) => Value::Null,
        },
    );
    object.insert("why".to_owned(), json!(way.not_known));
    object.insert("files".to_owned(), json!(way.files));
    if let Some(Value::Object(fields)) = way.route.as_ref().map(json::route) {
        object.extend(fields);
    }
    serde_json::to_writer_pretty(&mut *out, &Value::Object(object)).map_err(io::Error::from)?;
    writeln!(out)
}

/// Writes the way for a person.
///
/// # Errors
/// When `out` cannot be written.
pub fn render_text(way: &Way, style: &TextStyle, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(style);
    page.labelled(&[], 0, &way.url, Tone::Strong);
    page.blank();
    let Some(route) = &way.route else {
        let read = way.files.join(", ");
        match &way.not_known {
            Some(why) => page.prose(2, &format!("it could not be told: {why}"), Tone::Warning),
            None => page.prose(2, &format!("nothing in {read} serves this URL"), Tone::Bad),
        }
        return page.write(out);
    };
    hops(&mut page, route);
    if style.detail > 0 {
        effective(&mut page, route);
    }
    for (rank, answer) in route.possible_returns.iter().enumerate() {
        if rank == 0 {
            heading(&mut page, "Answers of its own, if a condition holds");
        }
        let PossibleReturn {
            status,
            depends_on,
            place,
        } = answer;
        row(&mut page, &status.to_string(), depends_on, Some(place));
    }
    for (rank, open) in route.undetermined.iter().enumerate() {
        if rank == 0 {
            heading(&mut page, "Only the running server knows");
        }
        page.prose(2, open, Tone::Plain);
    }
    page.write(out)
}

fn heading(page: &mut Page<'_>, text: &str) {
    page.blank();
    page.labelled(&[], 0, text, Tone::Strong);
}

fn row(page: &mut Page<'_>, label: &str, value: &str, place: Option<&Place>) {
    let at = place.filter(|place| place.line > 0).map(Place::to_string);
    page.opposed(
        (&format!("  {label}"), Tone::Faint),
        page.hanging(13),
        (value, Tone::Plain),
        (at.as_deref().unwrap_or("default"), Tone::Faint),
    );
}

/// Listener, server, location, upstream, peers: what hands the request to whom.
fn hops(page: &mut Page<'_>, route: &Route) {
    page.labelled(&[("  proxy", Tone::Faint)], 13, route.proxy.name(), Tone::Plain);
    if let Some(listen) = &route.listener {
        let mut words = listen.address.clone();
        if listen.tls {
            words.push_str(", TLS");
        }
        if listen.proxy_protocol {
            words.push_str(", PROXY protocol");
        }
        row(page, "listener", &words, Some(&listen.place));
    }
    if let Some(server) = &route.server {
        let name = if server.name.is_empty() {
            "(no name)"
        } else {
            &server.name
        };
        row(page, "server", name, Some(&server.place));
    }
    if let Some(location) = &route.location {
        row(page, "location", &location.name, Some(&location.place));
    }
    match &route.handler {
        Handler::Pass(pass) => passed(page, pass),
        Handler::Return { status, place } => {
            row(page, "answers", &format!("{status} by itself"), Some(place));
        }
        Handler::Local(what) => page.labelled(&[("  serves", Tone::Faint)], 13, what, Tone::Plain),
        Handler::Unknown => page.labelled(
            &[("  then", Tone::Faint)],
            13,
            "not known from the files",
            Tone::Warning,
        ),
    }
    if let (Handler::Pass(_), Some(target)) = (&route.handler, &route.request_target) {
        page.labelled(&[("  sends", Tone::Faint)], 13, target, Tone::Plain);
    }
}

fn passed(page: &mut Page<'_>, pass: &Pass) {
    let protocol = pass.protocol.directive_prefix();
    let tls = if pass.tls { " over TLS" } else { "" };
    let spoken = if protocol == "proxy" { "http" } else { protocol };
    row(
        page,
        "passes to",
        &format!("{} ({spoken}{tls})", pass.written),
        Some(&pass.place),
    );
    if let Some(group) = &pass.group {
        let mut words = group.name.clone();
        if let Some(keepalive) = group.keepalive {
            // Writing to a string cannot fail.
            let _ = write!(words, ", keepalive {keepalive}");
        }
        if group.zone {
            words.push_str(", zone");
        }
        row(page, "upstream", &words, Some(&group.place));
    }
    for peer in &pass.peers {
        row(page, "peer", &peer_words(peer), Some(&peer.place));
    }
    if let Some(name) = &pass.runtime_name {
        let words = format!("{}:{}, resolved for each request", name.name, name.port);
        row(page, "peer", &words, Some(&pass.place));
    } else if pass.peers.is_empty() {
        page.labelled(
            &[("  peer", Tone::Faint)],
            13,
            "known at run time only",
            Tone::Warning,
        );
    }
}

fn peer_words(peer: &Peer) -> String {
    let mut words = match &peer.address {
        PeerAddress::Ip(address) => address.to_string(),
        PeerAddress::Name(name) => format!("{}:{}", name.name, name.port),
        PeerAddress::Unix(path) => format!("unix:{path}"),
    };
    for (set, word) in [
        (peer.down, ", down"),
        (peer.backup, ", backup"),
        (peer.resolve, ", resolve"),
    ] {
        if set {
            words.push_str(word);
        }
    }
    if peer.max_fails > 0 && peer.fail_timeout_ms > 0 {
        let failures = match peer.max_fails {
            1 => "a failure".to_owned(),
            count => format!("{count} failures"),
        };
        // Writing to a string cannot fail.
        let _ = write!(words, ", out for {} after {failures}", time(peer.fail_timeout_ms));
    }
    words
}

fn effective(page: &mut Page<'_>, route: &Route) {
    let rows = settings(&route.settings);
    let Some(widest) = rows.iter().map(|row| shown_name(route, &row.0).len()).max() else {
        return;
    };
    heading(page, "Settings in force");
    for (name, value, place) in rows {
        let label = format!("  {:widest$}  ", shown_name(route, &name));
        let at = place.as_ref().map_or_else(|| "default".to_owned(), Place::to_string);
        let indent = page.hanging(label.len());
        page.opposed(
            (&label, Tone::Faint),
            indent,
            (&value.1, Tone::Plain),
            (&at, Tone::Faint),
        );
    }
    for (title, logs) in [
        ("error_log", &route.settings.error_logs),
        ("access_log", &route.settings.access_logs),
    ] {
        for log in logs {
            if title == "error_log" && log.target.is_empty() {
                continue;
            }
            let at = log
                .place
                .as_ref()
                .map_or_else(|| "default".to_owned(), Place::to_string);
            let label = format!("  {title:widest$}  ");
            let indent = page.hanging(label.len());
            page.opposed(
                (&label, Tone::Faint),
                indent,
                (&log.target, Tone::Plain),
                (&at, Tone::Faint),
            );
        }
    }
    for (title, pairs) in [
        ("Request headers set", &route.settings.request_headers),
        ("Parameters sent", &route.settings.parameters),
    ] {
        if pairs.is_empty() {
            continue;
        }
        heading(page, title);
        for (name, value) in pairs {
            page.prose(2, &format!("{name}: {value}"), Tone::Plain);
        }
    }
}

/// `proxy_read_timeout` for a setting of nginx, words for the others.
fn shown_name(route: &Route, name: &str) -> String {
    let bare = name.trim_end_matches("_ms").trim_end_matches("_bytes");
    let (ProxyKind::Nginx, Handler::Pass(pass)) = (route.proxy, &route.handler) else {
        return match route.proxy {
            ProxyKind::Nginx => bare.to_owned(),
            ProxyKind::Apache | ProxyKind::Haproxy | ProxyKind::Squid => bare.replace('_', " "),
        };
    };
    let prefix = pass.protocol.directive_prefix();
    let directive = match bare {
        "resolver"
        | "resolver_timeout"
        | "worker_connections"
        | "worker_rlimit_nofile"
        | "user"
        | "client_max_body_size" => return bare.to_owned(),
        "error_page_502" => return "error_page for 502".to_owned(),
        "cache_valid_502" => "cache_valid for 502",
        "tls_server_name" => "ssl_server_name",
        "tls_name" => "ssl_name",
        "tls_verify" => "ssl_verify",
        "tls_trusted_certificate" => "ssl_trusted_certificate",
        "tls_verify_depth" => "ssl_verify_depth",
        "tls_certificate" => "ssl_certificate",
        "tls_protocols" => "ssl_protocols",
        "tls_ciphers" => "ssl_ciphers",
        other => other,
    };
    format!("{prefix}_{directive}")
}

fn time(milliseconds: u64) -> String {
    if milliseconds.is_multiple_of(1_000) {
        format!("{} s", milliseconds / 1_000)
    } else {
        format!("{milliseconds} ms")
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0 => "0 (no limit)".to_owned(),
        bytes if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        bytes if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        bytes => format!("{bytes} bytes"),
    }
}

/// Name with its unit, value for a program and for a person, and where it is set.
type Row = (String, (Value, String), Option<Place>);

/// The settings that are known, in a fixed order.
pub(super) fn settings(settings: &RouteSettings) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut times = |name: &str, setting: &Option<Setting<u64>>| {
        put(&mut rows, name, setting.as_ref(), |value| {
            (json!(value), time(*value))
        });
    };
    times("connect_timeout_ms", &settings.connect_timeout);
    times("send_timeout_ms", &settings.send_timeout);
    times("read_timeout_ms", &settings.read_timeout);
    times("resolver_timeout_ms", &settings.resolver_timeout);
    times("cache_valid_502_ms", &settings.cache_valid_502);
    let mut sizes = |name: &str, setting: &Option<Setting<u64>>| {
        put(&mut rows, name, setting.as_ref(), |value| {
            (json!(value), size(*value))
        });
    };
    sizes("buffer_size_bytes", &settings.buffer_size);
    sizes("client_max_body_size_bytes", &settings.client_max_body_size);
    let mut numbers = |name: &str, setting: &Option<Setting<u64>>| {
        put(&mut rows, name, setting.as_ref(), |value| {
            (json!(value), value.to_string())
        });
    };
    numbers("tls_verify_depth", &settings.tls_verify_depth);
    numbers("worker_connections", &settings.worker_connections);
    numbers("worker_rlimit_nofile", &settings.worker_rlimit_nofile);
    let mut flags = |name: &str, setting: &Option<Setting<bool>>| {
        put(&mut rows, name, setting.as_ref(), |value| {
            (json!(value), if *value { "on" } else { "off" }.to_owned())
        });
    };
    flags("tls_server_name", &settings.tls_server_name);
    flags("tls_verify", &settings.tls_verify);
    flags("intercept_errors", &settings.intercept_errors);
    let mut texts = |name: &str, setting: &Option<Setting<String>>| {
        put(&mut rows, name, setting.as_ref(), |value| {
            (json!(value), value.clone())
        });
    };
    texts("http_version", &settings.http_version);
    texts("tls_name", &settings.tls_name);
    texts("tls_trusted_certificate", &settings.tls_trusted_certificate);
    texts("tls_certificate", &settings.tls_certificate);
    texts("tls_ciphers", &settings.tls_ciphers);
    texts("bind", &settings.bind);
    texts("error_page_502", &settings.error_page_502);
    texts("cache", &settings.cache);
    texts("user", &settings.user);
    let mut lists = |name: &str, setting: &Option<Setting<Vec<String>>>| {
        put(&mut rows, name, setting.as_ref(), |value| {
            (json!(value), value.join(" "))
        });
    };
    lists("tls_protocols", &settings.tls_protocols);
    lists("next_upstream", &settings.next_upstream);
    lists("resolver", &settings.resolver);
    rows
}

fn put<T>(
    rows: &mut Vec<Row>,
    name: &str,
    setting: Option<&Setting<T>>,
    shown: impl Fn(&T) -> (Value, String),
) {
    if let Some(setting) = setting {
        rows.push((name.to_owned(), shown(&setting.value), setting.place.clone()));
    }
}
