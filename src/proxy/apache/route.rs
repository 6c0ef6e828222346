//! The way of one request: listener, virtual host, and what httpd's hooks make of the path, in their order:
//! `mod_rewrite`, `mod_proxy`, `mod_alias`, then the handler.

use super::aliases::{self, Redirects};
use super::handed_on::{encoded_slashes, finish};
use super::layers::Layers;
use super::passes::{self, ProxyPass, Taken};
use super::rewrite::{self, Outcome};
use super::servers::{self, Chosen};
use super::settings;
use super::tree::{ROOT, StatementId};
use super::uri;
use super::{Config, RouteRequest};
use crate::evidence::{Handler, Named, Peer, PeerAddress, ProxyKind, Route};

/// What the hooks work on.
pub(super) struct State<'a> {
    pub(super) config: &'a Config,
    pub(super) request: &'a RouteRequest,
    pub(super) server: usize,
    pub(super) host: String,
    pub(super) path: String,
    /// The path as it was before the rules that run now changed it.
    pub(super) uri: String,
    pub(super) query: Option<String>,
    pub(super) raw: uri::Target,
    pub(super) undetermined: Vec<String>,
    /// The `ErrorDocument` of the status that httpd answers with by itself.
    error_document: Option<StatementId>,
    /// The statement that made httpd answer by itself.
    answered: Option<StatementId>,
}

impl State<'_> {
    /// Goes on with another path of this server; `false` where it is none.
    fn go_to(&mut self, target: &str, merge: bool) -> bool {
        let Ok(parts) = uri::split(target) else {
            return false;
        };
        let raw = uri::with_one_slash(&parts.raw_path);
        let Ok(path) = uri::decode(raw, merge, encoded_slashes(self.config, self.server)) else {
            return false;
        };
        self.uri.clone_from(&path);
        self.path = path;
        self.query.clone_from(&parts.query);
        self.raw = parts;
        self.answered = None;
        true
    }

    pub(super) fn unknown(&mut self, reason: String) {
        if !self.undetermined.contains(&reason) {
            self.undetermined.push(reason);
        }
    }
}

/// Where a request is handed to, before the URL is taken apart.
pub(super) struct Proxied {
    /// Without `proxy:`.
    pub(super) url: String,
    /// The directive that says so.
    pub(super) statement: StatementId,
    /// As written there.
    pub(super) written: String,
    /// The path is sent as it is in the URL.
    pub(super) as_is: bool,
}

/// Follows a request. `None`: nothing listens on that address and port.
pub(super) fn route(config: &Config, request: &RouteRequest) -> Option<Route> {
    let parts = uri::split(&request.target);
    let authority = parts.as_ref().ok().and_then(|parts| parts.authority.clone());
    let header = authority.as_deref().unwrap_or(&request.host);
    let host = servers::plain_host(header);
    let chosen = servers::choose(config, request, host.as_deref().unwrap_or_default())?;
    let mut route = begin(config, &chosen);
    let refuse = |route: &mut Route, status: u16| {
        route.handler = Handler::Return {
            status,
            place: config.place(
                config
                    .servers
                    .get(chosen.server)
                    .map_or(ROOT, |server| server.section),
            ),
        };
        route.settings = settings::local(config, chosen.server);
    };
    if servers::is_tls(config, chosen.first) && !request.tls {
        refuse(&mut route, 400);
        return Some(route);
    }
    let parts = match parts {
        Ok(parts) if host.is_some() => parts,
        _ => {
            refuse(&mut route, 400);
            return Some(route);
        }
    };
    let merge = config
        .server_setting(chosen.server, "MergeSlashes")
        .is_none_or(|id| !config.statement(id).argument(0).eq_ignore_ascii_case("off"));
    let path = match uri::decode(
        uri::with_one_slash(&parts.raw_path),
        merge,
        encoded_slashes(config, chosen.server),
    ) {
        Ok(path) => path,
        Err(status) => {
            refuse(&mut route, status);
            return Some(route);
        }
    };
    let mut state = State {
        config,
        request,
        server: chosen.server,
        host: host.unwrap_or_default(),
        uri: path.clone(),
        path,
        query: parts.query.clone(),
        raw: parts,
        undetermined: Vec::new(),
        error_document: None,
        answered: None,
    };
    for name in &chosen.unresolved {
        state.unknown(format!("which addresses the name {name} in <VirtualHost> has"));
    }
    walk(&mut state, &mut route);
    follow_error_documents(&mut state, &mut route, merge);
    route.undetermined = state.undetermined;
    Some(route)
}

/// How often a request may be sent on within the server (`LimitInternalRecursion`).
const MOST_INTERNAL: usize = 10;

/// An error document of this server is a request of its own. One that is handed on brings what the upstream says,
/// its status too, and one that a `RewriteRule` answers brings that answer, for `mod_rewrite` forgets that there was an
/// error: it may have a document in turn. Whatever else becomes of it, the first status stays.
fn follow_error_documents(state: &mut State<'_>, route: &mut Route, merge: bool) {
    let config = state.config;
    let first = route.clone();
    for _ in 0..MOST_INTERNAL {
        let Some(document) = state.error_document.take() else {
            return;
        };
        let statement = config.statement(document);
        let mut second = Route {
            handler: Handler::Unknown,
            location: None,
            ..first.clone()
        };
        if !state.go_to(statement.argument(1), merge) {
            break;
        }
        walk(state, &mut second);
        let by_rule = || {
            state
                .answered
                .is_some_and(|id| config.statement(id).is("RewriteRule"))
        };
        let taken = match &second.handler {
            Handler::Pass(pass) => !pass.peers.iter().all(is_lost),
            Handler::Return { .. } => by_rule(),
            Handler::Local(_) | Handler::Unknown => false,
        };
        if !taken {
            break;
        }
        second.location = Some(Named {
            name: format!(
                "ErrorDocument {} {}",
                statement.argument(0),
                statement.argument(1)
            ),
            place: config.place(document),
        });
        *route = second;
        if state.error_document.is_none() {
            return;
        }
    }
    *route = first;
}

/// A member that nothing can be sent to, whatever the hour: disabled, or with a port that is no number.
fn is_lost(peer: &Peer) -> bool {
    peer.down || matches!(&peer.address, PeerAddress::Name(name) if name.name.contains(':'))
}

fn begin(config: &Config, chosen: &Chosen) -> Route {
    let server = config.servers.get(chosen.server);
    Route {
        proxy: ProxyKind::Apache,
        listener: Some(servers::shown(config, &chosen.listener)),
        server: server.map(|server| Named {
            name: server.name.clone().unwrap_or_default(),
            place: config.place(server.section),
        }),
        ..Route::default()
    }
}

/// From the path to the handler.
fn walk(state: &mut State<'_>, route: &mut Route) {
    let config = state.config;
    let mut layers = Layers::of_server(config, state.server);
    let forward = config
        .server_setting(state.server, "ProxyRequests")
        .is_some_and(|id| config.statement(id).argument(0).eq_ignore_ascii_case("on"));
    if forward && (state.raw.scheme.is_some() || state.request.method.eq_ignore_ascii_case("CONNECT")) {
        state.unknown("the request uses this server as a forward proxy".to_owned());
        route.handler = Handler::Local("forward proxy".to_owned());
        route.settings = settings::local(config, state.server);
        return;
    }
    // mod_rewrite's rules of the server come before everything else.
    // The sections that mod_proxy looks at are those of the path before it is rewritten.
    let mut before = layers.clone();
    before.add_locations(config, &state.path);
    let outcome = rewrite::server_rules(state);
    if matches!(outcome, Outcome::Continue) {
        state.uri.clone_from(&state.path);
    }
    layers.add_locations(config, &state.uri);
    state.undetermined.append(&mut layers.undetermined);
    let mut proxied = None;
    let mut excluded = false;
    match outcome {
        Outcome::Status(status, id) => {
            answer(state, route, status, id);
            return;
        }
        Outcome::File(id) => {
            serve_file(state, route, layers, id);
            return;
        }
        Outcome::Proxy(found) => proxied = Some(found),
        Outcome::Continue => match reverse(state, &before) {
            Reverse::To(found) => proxied = Some(found),
            Reverse::Excluded => excluded = true,
            Reverse::No => {}
        },
    }
    if let Some(proxied) = proxied {
        layers_of_proxy(state, route, layers, &proxied);
        return;
    }
    if !excluded || config.modules.has("alias_module") {
        let sections = [
            config.servers.get(state.server).map_or(ROOT, |server| server.section),
            ROOT,
        ];
        let own_first = if sections[0] == ROOT {
            &sections[..1]
        } else {
            &sections[..]
        };
        // A <Location> that redirects all that is in it is asked before the lines of the server, and is that of the
        // path before it was rewritten.
        let whole = redirect_of(state, &before, Redirects::WithoutPath);
        let by_path = || {
            let mut sections = own_first.iter();
            sections.find_map(|section| aliases::redirect(config, *section, &state.path, Redirects::WithPath))
        };
        if let Some((status, id)) = whole.or_else(by_path) {
            answer(state, route, status, id);
            return;
        }
    }
    let (file, _) = aliases::file(config, &layers, &state.path);
    serve(state, route, layers, &file);
}

/// The request is handed on: sections may still redirect it.
fn layers_of_proxy(state: &mut State<'_>, route: &mut Route, mut layers: Layers, proxied: &Proxied) {
    let config = state.config;
    layers.add_proxies(config, &proxied.url);
    if let Some(id) = denied(config, &layers) {
        answer(state, route, 403, id);
        return;
    }
    if let Some((status, id)) = redirect_of_sections(state, &layers) {
        answer(state, route, status, id);
        return;
    }
    rewrite::note_sections(state, &layers);
    finish(state, route, layers, proxied);
}

/// `Require all denied`, where it is all that the innermost section with requirements says. What else is required
/// depends on the client and is not followed.
fn denied(config: &Config, layers: &Layers) -> Option<StatementId> {
    const REQUIREMENTS: [&str; 5] = [
        "AuthMerging",
        "Require",
        "RequireAll",
        "RequireAny",
        "RequireNone",
    ];
    let of = |section: StatementId| {
        let children = config.tree.children(section);
        children.filter(|id| REQUIREMENTS.iter().any(|name| config.statement(*id).is(name)))
    };
    let sections = layers
        .sections
        .iter()
        .rev()
        .filter(|section| **section != ROOT && !config.statement(**section).is("VirtualHost"));
    let innermost = sections.copied().find(|section| of(*section).next().is_some())?;
    let mut required = of(innermost);
    let (first, further) = (required.next()?, required.next());
    let statement = config.statement(first);
    let words = [statement.argument(0), statement.argument(1)];
    let all_denied = words[0].eq_ignore_ascii_case("all") && words[1].eq_ignore_ascii_case("denied");
    (statement.is("Require") && all_denied && further.is_none()).then_some(first)
}

/// Redirects in `<Location>` and its like act on proxied requests too.
fn redirect_of_sections(state: &State<'_>, layers: &Layers) -> Option<(u16, StatementId)> {
    let of = |wanted| redirect_of(state, layers, wanted);
    of(Redirects::WithoutPath).or_else(|| of(Redirects::WithPath))
}

/// The innermost redirect of this kind.
fn redirect_of(state: &State<'_>, layers: &Layers, wanted: Redirects) -> Option<(u16, StatementId)> {
    let config = state.config;
    let inner = layers.sections.iter().rev();
    inner
        .filter(|section| **section != ROOT && !config.statement(**section).is("VirtualHost"))
        .find_map(|section| aliases::redirect(config, *section, &state.uri, wanted))
}

pub(super) fn answer(state: &mut State<'_>, route: &mut Route, status: u16, id: StatementId) {
    let config = state.config;
    route.handler = Handler::Return {
        status,
        place: config.place(id),
    };
    route.settings = settings::local(config, state.server);
    state.answered = Some(id);
    if status >= 400 {
        let mut layers = Layers::of_server(config, state.server);
        layers.add_locations(config, &state.uri);
        let code = status.to_string();
        state.error_document = layers
            .all(config, "ErrorDocument")
            .filter(|id| config.statement(*id).argument(0) == code)
            .last()
            .filter(|id| config.statement(*id).argument(1).starts_with('/'));
    }
}

/// Directories at the root of a machine: a rewritten path that begins with one of them is no path below `DocumentRoot`
/// where that directory exists.
const OF_THE_MACHINE: [&str; 19] = [
    "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root", "run",
    "sbin", "srv", "sys", "tmp", "usr", "var",
];

/// A rule made another path of the request and did not pass it through: it is a file's, and no other module is asked.
fn serve_file(state: &mut State<'_>, route: &mut Route, layers: Layers, rule: StatementId) {
    let first = state.path.trim_start_matches('/').split('/').next();
    if first.is_some_and(|first| OF_THE_MACHINE.contains(&first)) {
        let place = state.config.place(rule);
        state.unknown(format!(
            "whether {} is below DocumentRoot (RewriteRule at {place} without [PT])",
            state.path
        ));
    }
    let (file, _) = aliases::below_root(state.config, &layers, &state.path);
    serve(state, route, layers, &file);
}

enum Reverse {
    To(Proxied),
    Excluded,
    No,
}

/// `mod_proxy`: the `ProxyPass` of the merged `<Location>`s, then the main server's list, then the host's.
fn reverse(state: &mut State<'_>, layers: &Layers) -> Reverse {
    let config = state.config;
    if !config.modules.has("proxy_module") || !state.path.starts_with('/') {
        return Reverse::No;
    }
    let set = layers.sections.iter().rev().find_map(|section| {
        let mut inside = config.passes.iter().filter(|pass| pass.location == Some(*section));
        inside.next_back()
    });
    let list = |server: usize| {
        config
            .passes
            .iter()
            .filter(move |pass| pass.location.is_none() && pass.server == server)
    };
    let server = state.server;
    // ProxyPassInherit does not keep these away: httpd joins them always, and only those of ProxyRemote as it says.
    let main = list(0);
    let own = list(server).filter(move |_| server != 0);
    for pass in set.into_iter().chain(main).chain(own) {
        match passes::take(pass, &state.path) {
            Taken::No => {}
            Taken::Excluded => return Reverse::Excluded,
            Taken::To(url) => {
                // The target as it was sent, query and all, when it is taken in the same way.
                let sent = format!(
                    "{}{}",
                    state.raw.raw_path,
                    state
                        .raw
                        .query
                        .as_ref()
                        .map(|query| format!("?{query}"))
                        .unwrap_or_default()
                );
                let same = pass.regex
                    || passes::alias_match(&sent, &pass.path) == passes::alias_match(&state.path, &pass.path);
                let raw = (pass.has_flag("nocanon") && same).then(|| passes::take(pass, &sent));
                return Reverse::To(match raw {
                    Some(Taken::To(url)) => proxied(pass, url, true),
                    _ => proxied(pass, url, false),
                });
            }
            Taken::Unknown(reason) => state.unknown(reason),
        }
    }
    Reverse::No
}

fn proxied(pass: &ProxyPass, url: String, as_is: bool) -> Proxied {
    Proxied {
        url,
        statement: pass.statement,
        written: pass.url.clone(),
        as_is,
    }
}

/// The first name on the way to a file that a `<Files>` gives to a proxy: `/index.php` of `/index.php/shop`. Directories
/// rarely have such names; whether it is one, only the disk knows.
fn script_above(state: &State<'_>, layers: &Layers, file: &str) -> Option<String> {
    const MOST_NAMES: usize = 32;
    let config = state.config;
    let below = file.len().saturating_sub(state.path.len());
    let ends = file.match_indices('/').map(|(at, _)| at).filter(|at| *at > below);
    ends.take(MOST_NAMES)
        .filter_map(|at| file.get(..at))
        .find_map(|name| {
            let mut there = layers.clone();
            there.add_directories(config, name);
            let section = there.sections.last().copied()?;
            let statement = config.statement(section);
            let of_files = statement.is("Files") || statement.is("FilesMatch");
            let handler = config.tree.last(section, "SetHandler").filter(|_| of_files)?;
            let value = config.statement(handler).argument(0);
            let is_proxy = value
                .get(..6)
                .is_some_and(|start| start.eq_ignore_ascii_case("proxy:"));
            is_proxy.then(|| name.to_owned())
        })
}

/// A path that is not proxied by its name: a file, or a handler.
fn serve(state: &mut State<'_>, route: &mut Route, mut layers: Layers, file: &str) {
    let config = state.config;
    let locations = layers.sections.split_off(
        2.min(layers.sections.len()).min(
            if config
                .servers
                .get(state.server)
                .is_none_or(|server| server.section == ROOT)
            {
                1
            } else {
                2
            },
        ),
    );
    let script = script_above(state, &layers, file);
    if let Some(script) = &script {
        state.unknown(format!(
            "whether {script} is a file, and what follows it its PATH_INFO"
        ));
    }
    let file = script.as_deref().unwrap_or(file);
    layers.add_directories(config, file);
    layers.sections.extend(locations);
    layers.note_conditions(config);
    state.undetermined.append(&mut layers.undetermined);
    if let Some((status, id)) = redirect_of_sections(state, &layers) {
        answer(state, route, status, id);
        return;
    }
    if let Some(found) = rewrite::section_rules(state, &layers, file) {
        match found {
            Outcome::Status(status, id) => answer(state, route, status, id),
            Outcome::Proxy(proxied) => finish(state, route, layers.clone(), &proxied),
            Outcome::Continue | Outcome::File(_) => {}
        }
        if !matches!(route.handler, Handler::Unknown) {
            return;
        }
    }
    let handler = layers.last(config, "SetHandler");
    // httpd keeps it in lower case, but for the path of a socket.
    let name = handler.map(|id| match config.statement(id).argument(0) {
        socket if socket.starts_with("proxy:unix") => socket.to_owned(),
        other => other.to_ascii_lowercase(),
    });
    if let (Some(id), Some(name)) = (handler, name.as_deref()) {
        let is_proxy = name
            .get(..6)
            .is_some_and(|start| start.eq_ignore_ascii_case("proxy:"));
        if is_proxy && config.modules.has("proxy_module") {
            let url = name.get(6..).unwrap_or_default();
            // What comes after the first name that is not there is not handed on, but for FastCGI's script.
            let (real, _) = passes::without_socket(url);
            let below = state.path.trim_start_matches('/');
            if !real.starts_with("fcgi:") && below.contains('/') {
                state.unknown(format!("which of the directories of {file} exist"));
            }
            let proxied = Proxied {
                url: format!("{url}{file}"),
                statement: id,
                written: url.to_owned(),
                as_is: false,
            };
            finish(state, route, layers, &proxied);
            return;
        }
        if !name.eq_ignore_ascii_case("none") && !is_proxy {
            route.handler = Handler::Local(name.to_owned());
            route.settings = settings::local(config, state.server);
            return;
        }
    }
    if state.path.ends_with('/') {
        state.unknown(format!("which index of {file} exists (DirectoryIndex)"));
    }
    route.handler = Handler::Local("file".to_owned());
    route.settings = settings::local(config, state.server);
}
