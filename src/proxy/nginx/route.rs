//! The way of one request: server, location, rewrites, handler.

use super::location_select::{self, Found};
use super::rewrite::{self, Outcome};
use super::server_select::{self, Chosen};
use super::tree::NodeId;
use super::variables::State;
use super::{Config, RouteRequest, access, pass, settings, units, uri};
use crate::evidence::{Handler, Listen, Named, Place, ProxyKind, Route, Setting};

/// nginx gives up when this many changes of the URI and internal redirects are reached.
const MOST_CHANGES: usize = 11;

/// Follows a request. `None`: nothing listens on that address and port.
pub(super) fn route(config: &Config, request: &RouteRequest) -> Option<Route> {
    // An absolute target's authority wins over the Host header.
    let authority = uri::parse(&request.target, true).and_then(|target| target.authority);
    let header = authority.as_deref().unwrap_or(&request.host);
    // A bad Host header is refused also when the target's authority wins over it.
    let host = server_select::plain_host(header)
        .filter(|_| server_select::plain_host(&request.host).is_some() && authority.as_deref() != Some(""));
    let chosen = server_select::choose(config, request, host.as_deref().unwrap_or_default())?;
    let server = config.servers.get(chosen.server)?;
    let merge = default_server_flag(config, &chosen, "merge_slashes", true);
    let mut route = Route {
        proxy: ProxyKind::Nginx,
        listener: Some(Listen {
            address: chosen.listen.shown(),
            tls: chosen.listen.tls,
            proxy_protocol: chosen.listen.proxy_protocol,
            place: chosen.listen.place(config),
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
        changes_left: MOST_CHANGES,
        pages_done: false,
        tried: Vec::new(),
        location: None,
        shown: None,
    };
    let mut end = walk.enter_server(&mut state);
    let resolved = loop {
        let End::Pass(node) = end else { break None };
        if let Some(resolved) = pass::resolve(&mut state, node) {
            break Some(resolved);
        }
        // The value is known and is no destination.
        end = walk.answered(&mut state, 500, node);
    };
    route.location = walk.location.map(|location| Named {
        name: location_select::shown(&config.tree, location),
        place: config.place(location),
    });
    if let Some((pass, target)) = resolved {
        route.settings = settings::collect(&state, Some(&pass));
        route.handler = Handler::Pass(Box::new(pass));
        route.request_target = target;
        route.shown_status = walk.shown.map(|(value, place)| Setting {
            value,
            place: Some(place),
        });
    } else {
        route.settings = settings::collect(&state, None);
        route.handler = match end {
            End::Pass(_) => Handler::Unknown,
            End::Return(status, place) => Handler::Return { status, place },
            End::Local(name) => Handler::Local(name),
        };
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
    /// Rewrites, internal redirects and jumps to named locations have one limit together.
    changes_left: usize,
    /// An `error_page` level was reached already: only one is followed, unless they are recursive.
    pages_done: bool,
    /// `try_files` whose last argument was taken already: then a file must exist.
    tried: Vec<NodeId>,
    location: Option<NodeId>,
    /// The status an `error_page` put in place of the one to come, and where.
    shown: Option<(u16, Place)>,
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

    /// Counts one more change of the URI; false when it is one too many.
    fn may_change(&mut self) -> bool {
        self.changes_left = self.changes_left.saturating_sub(1);
        self.changes_left > 0
    }

    fn find(&mut self, state: &mut State<'_>) -> End {
        loop {
            state.block = state.server;
            let search = location_select::find(state.config, state.server, &state.uri);
            for reason in search.undetermined {
                state.unknown(reason);
            }
            for captures in search.captures {
                state.caught(captures);
            }
            let node = match search.found {
                Found::Nothing => {
                    self.location = None;
                    return self.content(state);
                }
                Found::Redirect(node) | Found::Location(node) => node,
            };
            self.location = Some(node);
            state.block = node;
            if !state.internal && state.config.tree.nearest(node, "internal").is_some() {
                return self.answered(state, 404, node);
            }
            if matches!(search.found, Found::Redirect(_)) {
                return self.answered(state, 301, node);
            }
            state.block = excepted(state, node);
            match rewrite::run(state, state.block) {
                Outcome::Return(status, at) => return self.answered(state, status, at),
                Outcome::Continue { changed: false } => return self.content(state),
                Outcome::Continue { changed: true } if self.may_change() => {}
                Outcome::Continue { changed: true } => return End::Return(500, state.config.place(node)),
            }
        }
    }

    /// A named location: the URI stays, the server's rewrites are not run again.
    fn named(&mut self, state: &mut State<'_>, name: &str, at: NodeId) -> End {
        let tree = &state.config.tree;
        let found = tree
            .named(state.server, "location")
            .find(|location| tree.argument(*location, 0) == name);
        // A rewrite may have left nothing of the URI: nginx enters no named location without one.
        let Some(location) = found.filter(|_| !state.uri.is_empty()) else {
            return self.answered(state, 500, at);
        };
        state.internal = true;
        self.location = Some(location);
        state.block = excepted(state, location);
        match rewrite::run(state, state.block) {
            Outcome::Return(status, node) => self.answered(state, status, node),
            Outcome::Continue { changed: false } => self.content(state),
            Outcome::Continue { changed: true } if self.may_change() => self.find(state),
            Outcome::Continue { changed: true } => End::Return(500, state.config.place(location)),
        }
    }

    /// An internal redirect to a URI or a named location.
    fn redirect(&mut self, state: &mut State<'_>, target: &str, at: NodeId) -> End {
        if !self.may_change() {
            return End::Return(500, state.config.place(at));
        }
        if target.starts_with('@') {
            return self.named(state, target, at);
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
        let text = tree.name(node) == "return" && !tree.argument(node, 1).is_empty();
        let redirects = matches!(status, 301 | 302 | 303 | 307 | 308);
        if (status < 400 || text) && !redirects && tree.name(node) == "return" {
            // The answer is sent as it is; a status put in its place before stays.
            let (status, place) = self.shown.take().unwrap_or((status, place));
            return End::Return(status, place);
        }
        if matches!(status, 408 | 444 | 499) {
            return End::Return(status, place);
        }
        self.shown = None;
        let pages: Vec<NodeId> = tree.nearest_all(state.block, "error_page").collect();
        if self.pages_done || self.changes_left == 0 || pages.is_empty() {
            return End::Return(status, place);
        }
        let recursive = tree
            .nearest(state.block, "recursive_error_pages")
            .is_some_and(|node| units::flag(tree.argument(node, 0)) == Some(true));
        self.pages_done = !recursive;
        let written = status.to_string();
        let page = pages.into_iter().find(|page| {
            let words: Vec<&str> = tree.arguments(*page).collect();
            words
                .split_last()
                .is_some_and(|(_, codes)| codes.contains(&written.as_str()))
        });
        let Some(page) = page else {
            return End::Return(status, place);
        };
        let target = tree.arguments(page).last().unwrap_or_default();
        let replaced = tree.arguments(page).find_map(|word| word.strip_prefix('='));
        self.shown = match replaced {
            // `=` alone: the status of what is found there.
            Some("") => None,
            Some(code) => code.parse().ok().map(|code| (code, config.place(page))),
            None if matches!(status, 495..=497) => Some((400, place.clone())),
            None => Some((status, place.clone())),
        };
        let target = match state.evaluate(target) {
            Ok(target) => target,
            Err(variable) => {
                state.unknown(format!(
                    "the target of error_page at {} depends on ${variable}",
                    config.place(page)
                ));
                return End::Return(status, place);
            }
        };
        if target.starts_with('/') && state.method != "HEAD" {
            "GET".clone_into(&mut state.method);
        }
        if target.starts_with(['/', '@']) {
            return self.redirect(state, &target, page);
        }
        // A URL: the client is sent there.
        self.shown = None;
        let written = replaced.and_then(|code| code.parse().ok());
        let status = written.filter(|code| matches!(code, 301 | 302 | 303 | 307 | 308));
        End::Return(status.unwrap_or(302), config.place(page))
    }

    /// Files are served here, as far as the configuration says.
    fn files(&mut self, state: &mut State<'_>) -> End {
        let config = state.config;
        let tree = &config.tree;
        if tree.nearest(state.block, "dav_methods").is_some() {
            return End::Local("dav".to_owned());
        }
        let post = state.method == "POST";
        let holder = self.location.unwrap_or(state.server);
        if !post && !matches!(state.method.as_str(), "GET" | "HEAD") {
            return self.answered(state, 405, holder);
        }
        let leads = |word: &str| matches!(word, "404" | "403") || (post && word == "405");
        let missing = tree
            .nearest_all(state.block, "error_page")
            .into_iter()
            .find(|page| tree.arguments(*page).any(leads));
        let page = missing.filter(|_| !self.pages_done);
        if page.is_some() || self.shown.is_some() {
            let without = page.map(|page| format!(" (otherwise error_page at {})", config.place(page)));
            state.unknown(format!(
                "whether {} exists below {}{}; taken as there",
                state.uri,
                state.root(),
                without.unwrap_or_default()
            ));
            if post {
                return self.answered(state, 405, holder);
            }
        }
        match self.shown.take() {
            Some((status, place)) => End::Return(status, place),
            None => End::Local("files".to_owned()),
        }
    }

    /// `try_files`, then the handler of the location.
    fn content(&mut self, state: &mut State<'_>) -> End {
        match access::check(state) {
            access::Verdict::Refused(node) => return self.answered(state, 403, node),
            access::Verdict::Allowed => {}
        }
        let config = state.config;
        let tree = &config.tree;
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
            take_first(state, &tested);
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
            take_first(state, &tested);
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
                if passes && self.changes_left > 1 {
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
        self.files(state)
    }
}

/// The block that is in force in a location: its `limit_except`, when that takes the method.
fn excepted(state: &State<'_>, location: NodeId) -> NodeId {
    let tree = &state.config.tree;
    let except = tree.named(location, "limit_except").find(|node| tree.is_block(*node));
    let method = state.method.as_str();
    except
        .filter(|except| {
            !tree
                .arguments(*except)
                .any(|word| word == method || (word == "GET" && method == "HEAD"))
        })
        .unwrap_or(location)
}

/// The file of a `try_files` that is taken as there becomes the URI.
fn take_first(state: &mut State<'_>, tested: &[String]) {
    if let Some(first) = tested.first().filter(|first| first.starts_with('/')) {
        first.clone_into(&mut state.uri);
    }
}
