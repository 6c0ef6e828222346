//! The way of one request: server, location, rewrites, handler.

use super::location_select::{self, Found};
use super::rewrite::{self, Outcome};
use super::server_select::{self, Chosen};
use super::tree::NodeId;
use super::variables::State;
use super::{Config, RouteRequest, pass, settings, units, uri};
use crate::evidence::{Handler, Listen, Named, Place, ProxyKind, Route};

/// nginx gives up after this many changes of the URI.
const MOST_REWRITES: usize = 10;

/// Follows a request. `None`: nothing listens on that address and port.
pub(super) fn route(config: &Config, request: &RouteRequest) -> Option<Route> {
    // An absolute target's authority wins over the Host header.
    let authority = uri::parse(&request.target, true).and_then(|target| target.authority);
    let header = authority.as_deref().unwrap_or(&request.host);
    let host = server_select::plain_host(header);
    let chosen = server_select::choose(config, request, host.as_deref().unwrap_or_default())?;
    let server = config.servers.get(chosen.server)?;
    let merge = default_server_flag(config, &chosen, "merge_slashes", true);
    let mut route = Route {
        proxy: ProxyKind::Nginx,
        listener: Some(Listen {
            address: chosen.listen.shown(),
            tls: chosen.listen.tls,
            proxy_protocol: chosen.listen.proxy_protocol,
            place: chosen.listen.place.clone(),
        }),
        server: Some(Named {
            name: server.names.first().map(|name| name.text.clone()).unwrap_or_default(),
            place: config.place(server.node),
        }),
        ..Route::default()
    };
    let (Some(target), Some(host)) = (uri::parse(&request.target, merge), host) else {
        route.handler = Handler::Return {
            status: 400,
            place: config.place(server.node),
        };
        return Some(route);
    };
    let mut state = State::new(config, request, server.node, &host, &target);
    server_select::apply(&chosen, &mut state);
    let mut walk = Walk {
        internal_redirects: 0,
        tried: Vec::new(),
        location: None,
        status: None,
    };
    let handler = walk.enter_server(&mut state);
    route.location = walk.location.map(|location| Named {
        name: location_select::shown(&config.tree, location),
        place: config.place(location),
    });
    match handler {
        End::Pass(node) => {
            if let Some((pass, target)) = pass::resolve(&mut state, node) {
                route.settings = settings::collect(&state, Some(&pass));
                route.handler = Handler::Pass(Box::new(pass));
                route.request_target = target;
            } else {
                route.settings = settings::collect(&state, None);
                route.handler = Handler::Return {
                    status: 500,
                    place: config.place(node),
                };
            }
        }
        End::Return(status, place) => {
            route.settings = settings::collect(&state, None);
            route.handler = Handler::Return { status, place };
        }
        End::Local(name) => {
            route.settings = settings::collect(&state, None);
            route.handler = Handler::Local(name);
        }
    }
    route.undetermined = state.undetermined;
    route.possible_returns = state.possible_returns;
    Some(route)
}

/// A flag that nginx takes from the default server of the address, whatever server is chosen later.
fn default_server_flag(config: &Config, chosen: &Chosen, name: &str, default: bool) -> bool {
    let servers = server_select::servers_on(config, &chosen.listen.socket);
    let index = servers
        .iter()
        .find(|(_, listen)| listen.default_server)
        .or(servers.first())
        .map_or(chosen.server, |(index, _)| *index);
    let tree = &config.tree;
    config
        .servers
        .get(index)
        .and_then(|server| tree.nearest(server.node, name))
        .and_then(|node| units::flag(tree.argument(node, 0)))
        .unwrap_or(default)
}

/// Where the way ends.
enum End {
    Pass(NodeId),
    Return(u16, Place),
    Local(String),
}

struct Walk {
    internal_redirects: usize,
    /// `try_files` whose last argument was taken already: then a file must exist.
    tried: Vec<NodeId>,
    location: Option<NodeId>,
    /// The status an `error_page` put in place of another, and where.
    status: Option<(u16, Place)>,
}

impl Walk {
    /// The server rewrite phase and all after it.
    fn enter_server(&mut self, state: &mut State<'_>) -> End {
        state.block = state.server;
        state.valid_location = true;
        match rewrite::run(state, state.server) {
            Outcome::Return(status, node) => {
                self.location = None;
                self.answered(state, status, node)
            }
            Outcome::Continue { .. } => self.find(state),
        }
    }

    fn find(&mut self, state: &mut State<'_>) -> End {
        for _ in 0..=MOST_REWRITES {
            state.block = state.server;
            let search = location_select::find(state.config, state.server, &state.uri);
            for reason in search.undetermined {
                state.unknown(reason);
            }
            if let Some(captures) = search.captures {
                state.caught(captures);
            }
            match search.found {
                Found::Nothing => {
                    self.location = None;
                    return self.content(state);
                }
                Found::Redirect(node) => {
                    self.location = Some(node);
                    if Self::refused_as_internal(state, node) {
                        return self.answered(state, 404, node);
                    }
                    return End::Return(301, state.config.place(node));
                }
                Found::Location(node) => {
                    self.location = Some(node);
                    state.block = node;
                    if Self::refused_as_internal(state, node) {
                        return self.answered(state, 404, node);
                    }
                    match rewrite::run(state, node) {
                        Outcome::Return(status, at) => return self.answered(state, status, at),
                        Outcome::Continue { changed: true } => {}
                        Outcome::Continue { changed: false } => return self.content(state),
                    }
                }
            }
        }
        let place = self.location.map_or_else(
            || state.config.place(state.server),
            |node| state.config.place(node),
        );
        End::Return(500, place)
    }

    fn refused_as_internal(state: &State<'_>, location: NodeId) -> bool {
        !state.internal && state.config.tree.nearest(location, "internal").is_some()
    }

    /// A named location: the URI stays, the server's rewrites are not run again.
    fn named(&mut self, state: &mut State<'_>, name: &str) -> Option<End> {
        let tree = &state.config.tree;
        let location = tree
            .named(state.server, "location")
            .find(|location| tree.argument(*location, 0) == name)?;
        state.internal = true;
        state.block = location;
        self.location = Some(location);
        Some(match rewrite::run(state, location) {
            Outcome::Return(status, node) => self.answered(state, status, node),
            Outcome::Continue { changed: true } => self.find(state),
            Outcome::Continue { changed: false } => self.content(state),
        })
    }

    /// An internal redirect to a URI or a named location.
    fn redirect(&mut self, state: &mut State<'_>, target: &str, at: NodeId) -> End {
        self.internal_redirects = self.internal_redirects.saturating_add(1);
        if self.internal_redirects > MOST_REWRITES {
            return End::Return(500, state.config.place(at));
        }
        if target.starts_with('@') {
            return self
                .named(state, target)
                .unwrap_or_else(|| End::Return(500, state.config.place(at)));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        path.clone_into(&mut state.uri);
        query.clone_into(&mut state.arguments);
        state.internal = true;
        state.valid_raw = false;
        self.enter_server(state)
    }

    /// A status made here: `error_page` may lead on to another place.
    fn answered(&mut self, state: &mut State<'_>, status: u16, node: NodeId) -> End {
        let config = state.config;
        let tree = &config.tree;
        let place = config.place(node);
        let written = status.to_string();
        let pages = tree.nearest_all(state.block, "error_page");
        let page = pages.into_iter().find(|page| {
            let words: Vec<&str> = tree.arguments(*page).collect();
            words
                .split_last()
                .is_some_and(|(_, codes)| codes.contains(&written.as_str()))
        });
        let follow = status >= 300 && status != 444 && self.status.is_none();
        let Some(page) = page.filter(|_| follow) else {
            return self.finished(status, place);
        };
        let words: Vec<&str> = tree.arguments(page).collect();
        let target = words.last().copied().unwrap_or_default();
        let replaced = words.iter().find_map(|word| word.strip_prefix('='));
        match replaced {
            // `=` alone: the status of what is found there.
            Some("") => {}
            Some(code) => self.status = code.parse().ok().map(|code| (code, config.place(page))),
            None => self.status = Some((status, place.clone())),
        }
        let Ok(target) = state.evaluate(target) else {
            return self.finished(status, place);
        };
        if target.starts_with('/') {
            "GET".clone_into(&mut state.method);
            return match self.redirect(state, &target, page) {
                // A page served from a file keeps the status of the error.
                End::Local(name) => self.kept(End::Local(name)),
                other => other,
            };
        }
        if target.starts_with('@') {
            return match self.redirect(state, &target, page) {
                End::Local(name) => self.kept(End::Local(name)),
                other => other,
            };
        }
        self.finished(status, place)
    }

    fn finished(&self, status: u16, place: Place) -> End {
        match &self.status {
            Some((kept, place)) => End::Return(*kept, place.clone()),
            None => End::Return(status, place),
        }
    }

    fn kept(&self, end: End) -> End {
        match &self.status {
            Some((status, place)) => End::Return(*status, place.clone()),
            None => end,
        }
    }

    /// `try_files`, then the handler of the location.
    fn content(&mut self, state: &mut State<'_>) -> End {
        let config = state.config;
        let tree = &config.tree;
        // A `limit_except` takes the methods it does not name.
        let except = tree
            .named(state.block, "limit_except")
            .find(|node| tree.node(*node).is_block);
        if let Some(except) = except {
            let method = state.method.as_str();
            let named = tree
                .arguments(except)
                .any(|word| word == method || (word == "GET" && method == "HEAD"));
            if !named {
                state.block = except;
            }
        }
        let holder = self.location.unwrap_or(state.server);
        // An `if` or `limit_except` that is in force has no `try_files`, whatever the location has.
        if let Some(node) = tree.first(state.block, "try_files")
            && let Some(end) = self.try_files(state, node)
        {
            return end;
        }
        if let Some(node) = pass::in_force(tree, state.block) {
            if let Some(script) = location_select::script(tree, state.block) {
                let place = config.place(script);
                let name = tree.name(script);
                state.unknown(format!("{name} at {place} may change the request"));
                state.forget_assigned(
                    tree.argument(node, 0),
                    &format!("may be set by {name} at {place}"),
                );
            }
            return End::Pass(node);
        }
        for handler in [
            "stub_status",
            "content_by_lua_block",
            "content_by_lua_file",
            "content_by_lua",
            "js_content",
            "perl",
            "empty_gif",
            "api",
            "status",
            "proxy",
            "flv",
            "mp4",
        ] {
            if tree.first(holder, handler).is_some() {
                if handler.contains("lua") || handler.starts_with("js_") {
                    state.unknown(format!("{handler} at {} makes the answer", config.place(holder)));
                }
                return End::Local(handler.to_owned());
            }
        }
        self.index(state, holder)
    }

    /// Whether files exist is not known here: the last argument is taken, unless it is only a status.
    fn try_files(&mut self, state: &mut State<'_>, node: NodeId) -> Option<End> {
        let config = state.config;
        let tree = &config.tree;
        let words: Vec<String> = tree.arguments(node).map(str::to_owned).collect();
        let (last, candidates) = words.split_last()?;
        let place = config.place(node);
        let tested: Vec<String> = candidates
            .iter()
            .map(|word| state.evaluate(word).unwrap_or_else(|_| word.clone()))
            .collect();
        if last.starts_with('=') {
            let list = tested.join(", ");
            state.unknown(format!(
                "whether {list} exists below {} (try_files at {place}); taken as there",
                state.root()
            ));
            return None;
        }
        let again = self.tried.contains(&node);
        let Ok(target) = state.evaluate(last) else {
            state.unknown(format!(
                "the last argument of try_files at {place} is only known at run time"
            ));
            return None;
        };
        let path = target.split('?').next().unwrap_or_default();
        let list = tested.join(", ");
        if again || (tested.iter().any(|word| word == path) && state.internal) {
            // Without the file nginx would go round in circles and answer 500.
            state.unknown(format!(
                "whether {list} exists below {} (try_files at {place}); taken as there",
                state.root()
            ));
            return None;
        }
        self.tried.push(node);
        state.unknown(format!(
            "whether {list} exists below {} (try_files at {place}); taken as missing",
            state.root()
        ));
        Some(self.redirect(state, &target, node))
    }

    /// A directory: `index` may lead to a script that is handed on.
    fn index(&mut self, state: &mut State<'_>, holder: NodeId) -> End {
        let config = state.config;
        let tree = &config.tree;
        if state.uri.ends_with('/')
            && let Some(index) = tree.nearest(holder, "index")
        {
            let names: Vec<String> = tree.arguments(index).map(str::to_owned).collect();
            for name in names {
                let Ok(name) = state.evaluate(&name) else { continue };
                let mut ahead = state.clone();
                let target = if name.starts_with('/') {
                    name.clone()
                } else {
                    format!("{}{name}", state.uri)
                };
                let search = location_select::find(config, state.server, &target);
                let passes =
                    matches!(search.found, Found::Location(node) if location_select::has_pass(tree, node));
                if passes && self.internal_redirects < MOST_REWRITES {
                    let query = ahead.arguments.clone();
                    ahead.unknown(format!(
                        "which index file exists in {}; taken as {name}",
                        state.root()
                    ));
                    let full = if query.is_empty() {
                        target
                    } else {
                        format!("{target}?{query}")
                    };
                    let end = self.redirect(&mut ahead, &full, index);
                    *state = ahead;
                    return end;
                }
            }
        }
        End::Local("files".to_owned())
    }
}
