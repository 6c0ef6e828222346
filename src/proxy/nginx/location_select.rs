//! Which location takes a URI: the algorithm of `ngx_http_core_find_location`.

use super::Config;
use super::pattern::{self, Captures};
use super::tree::{NodeId, Tree};

/// How a location is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Exact,
    Prefix,
    /// `^~`
    PrefixNoRegex,
    Regex,
    RegexCaseless,
    Named,
}

/// Kind and name of a location, the modifier cut off.
pub(super) fn kind(tree: &Tree, node: NodeId) -> (Kind, &str) {
    let (first, count) = (tree.argument(node, 0), tree.argument_count(node));
    if count > 1 {
        let kind = match first {
            "=" => Kind::Exact,
            "^~" => Kind::PrefixNoRegex,
            "~" => Kind::Regex,
            "~*" => Kind::RegexCaseless,
            _ => Kind::Prefix,
        };
        return (kind, tree.argument(node, 1));
    }
    let (kind, modifier) = match first.as_bytes() {
        [b'=', ..] => (Kind::Exact, "="),
        [b'^', b'~', ..] => (Kind::PrefixNoRegex, "^~"),
        [b'~', b'*', ..] => (Kind::RegexCaseless, "~*"),
        [b'~', ..] => (Kind::Regex, "~"),
        [b'@', ..] => (Kind::Named, ""),
        _ => (Kind::Prefix, ""),
    };
    (kind, first.get(modifier.len()..).unwrap_or_default())
}

/// The location as it is shown: `~ \.php$`, `/`.
pub(super) fn shown(tree: &Tree, node: NodeId) -> String {
    tree.arguments(node).collect::<Vec<_>>().join(" ")
}

/// The outcome of a search.
#[derive(Clone, Debug)]
pub(super) enum Found {
    Location(NodeId),
    /// `/app` for `/app/`: nginx answers 301.
    Redirect(NodeId),
    Nothing,
}

/// A search and what it left behind.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) found: Found,
    /// Of each regular expression that matched, outermost first.
    pub(super) captures: Vec<Captures>,
    pub(super) undetermined: Vec<String>,
}

/// Finds the location of a URI under a server.
pub(super) fn find(config: &Config, server: NodeId, uri: &str) -> Search {
    let mut search = Search {
        found: Found::Nothing,
        captures: Vec::new(),
        undetermined: Vec::new(),
    };
    level(&config.tree, server, uri, false, &mut search);
    search
}

enum Certainty {
    Final,
    Candidate,
    Nothing,
}

/// One level. In a regex location (`below_regex`) nginx builds no table of prefixes.
fn level(tree: &Tree, block: NodeId, uri: &str, below_regex: bool, search: &mut Search) -> Certainty {
    let locations: Vec<(NodeId, Kind, &str)> = tree
        .named(block, "location")
        .filter(|node| tree.is_block(*node))
        .map(|node| {
            let (kind, name) = kind(tree, node);
            (node, kind, name)
        })
        .collect();
    let is_prefix = |kind: Kind| matches!(kind, Kind::Prefix | Kind::PrefixNoRegex);
    let mut result = Certainty::Nothing;
    let mut regexes_wanted = true;
    if !below_regex {
        if let Some((node, _, _)) = locations
            .iter()
            .find(|(_, kind, name)| *kind == Kind::Exact && *name == uri)
        {
            search.found = Found::Location(*node);
            return Certainty::Final;
        }
        // The longest wins; of two equal names (an error) the first.
        let mut longest: Option<&(NodeId, Kind, &str)> = None;
        for location in locations
            .iter()
            .filter(|(_, kind, name)| is_prefix(*kind) && uri.starts_with(*name))
        {
            if longest.is_none_or(|known| location.2.len() > known.2.len()) {
                longest = Some(location);
            }
        }
        let full = longest.is_some_and(|(_, _, name)| name.len() == uri.len());
        if !full {
            let slashed = format!("{uri}/");
            let mut same: Vec<_> = locations
                .iter()
                .filter(|(_, kind, name)| (*kind == Kind::Exact || is_prefix(*kind)) && *name == slashed)
                .collect();
            same.sort_by_key(|(_, kind, _)| *kind != Kind::Exact);
            if same.iter().any(|(node, _, _)| has_pass(tree, *node))
                && let Some((node, _, _)) = same.first()
            {
                search.found = Found::Redirect(*node);
                return Certainty::Final;
            }
        }
        if let Some((node, kind, _)) = longest {
            search.found = Found::Location(*node);
            result = Certainty::Candidate;
            regexes_wanted = *kind != Kind::PrefixNoRegex;
            if matches!(level(tree, *node, uri, false, search), Certainty::Final) {
                return Certainty::Final;
            }
        }
    }
    if regexes_wanted {
        for (node, kind, name) in &locations {
            let caseless = match kind {
                Kind::Regex => false,
                Kind::RegexCaseless => true,
                _ => continue,
            };
            match pattern::matches(name, caseless, uri) {
                Ok(Some(captures)) => {
                    search.found = Found::Location(*node);
                    search.captures.push(captures);
                    level(tree, *node, uri, true, search);
                    return Certainty::Final;
                }
                Ok(None) => {}
                Err(reason) => search.undetermined.push(reason),
            }
        }
    }
    result
}

/// The `*_pass` directives.
pub(super) const PASSES: [&str; 6] = [
    "proxy_pass",
    "fastcgi_pass",
    "uwsgi_pass",
    "scgi_pass",
    "grpc_pass",
    "memcached_pass",
];

/// True when the location itself hands requests to an upstream.
pub(super) fn has_pass(tree: &Tree, location: NodeId) -> bool {
    PASSES.iter().any(|pass| tree.first(location, pass).is_some())
}

/// Directives of scripts that may change variables before the request is passed on.
const SCRIPTS: [&str; 8] = [
    "rewrite_by_lua_block",
    "rewrite_by_lua",
    "rewrite_by_lua_file",
    "access_by_lua_block",
    "access_by_lua",
    "access_by_lua_file",
    "server_rewrite_by_lua_block",
    "server_rewrite_by_lua_file",
];

/// A script in force in a block that may change the request.
pub(super) fn script(tree: &Tree, block: NodeId) -> Option<NodeId> {
    SCRIPTS.iter().find_map(|name| tree.nearest(block, name))
}
