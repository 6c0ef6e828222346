//! Names in a `*_pass` that are only resolved at run time, as far as the files tell what they can be.

use std::cell::LazyCell;
use std::net::IpAddr;

use foldhash::HashMap;

use super::super::tree::NodeId;
use super::super::variables::{Part, has_variables, parts};
use super::super::{Config, location_select, pass};

/// A name that a `*_pass` with a variable yields where no `resolver` is in force.
#[derive(Clone, Debug)]
pub(super) struct Unresolvable {
    /// The `*_pass`.
    pub(super) node: NodeId,
    /// The name.
    pub(super) host: String,
    /// An `upstream` has that name, but the value also holds a port, so it is not meant.
    pub(super) shadowed_group: bool,
    /// Every value that the argument can have is such a name.
    pub(super) always: bool,
}

/// What variables in a `*_pass` can be, as far as the files tell.
pub(super) struct RunTimeNames<'c> {
    config: &'c Config,
    /// The `map` blocks by the variable they set, lower case.
    maps: HashMap<String, Vec<NodeId>>,
}

impl<'c> RunTimeNames<'c> {
    pub(super) fn new(config: &'c Config) -> Self {
        let tree = &config.tree;
        let mut maps: HashMap<String, Vec<NodeId>> = HashMap::default();
        for http in tree.http_blocks() {
            for map in tree.named(http, "map") {
                if let Some(name) = tree.argument(map, 1).strip_prefix('$') {
                    maps.entry(name.to_ascii_lowercase()).or_default().push(map);
                }
            }
        }
        Self { config, maps }
    }

    /// The first such name of each `*_pass`. An address, a name that is the name of a group, a name that
    /// another `*_pass` has resolved at load, and a variable whose values are not all known are none.
    pub(super) fn unresolvable(&self) -> &'c [Unresolvable] {
        let facts = &self.config.facts.unresolvable;
        facts.get_or_init(|| self.find_unresolvable())
    }

    fn find_unresolvable(&self) -> Vec<Unresolvable> {
        if super::upstreams::some_unread(self.config) {
            // The resolver may stand in the file that could not be read.
            return Vec::new();
        }
        // Most configurations have no such name, and need no list of the others.
        let resolved = LazyCell::new(|| super::upstreams::dialled_hosts(self.config));
        let is_resolved = |name: &str| resolved.contains(name.to_ascii_lowercase().as_str());
        pass::all_passes(self.config)
            .filter_map(|node| self.without_resolver(&is_resolved, node))
            .collect()
    }

    fn without_resolver(&self, is_resolved: &dyn Fn(&str) -> bool, node: NodeId) -> Option<Unresolvable> {
        let tree = &self.config.tree;
        let block = tree.parent(node);
        let written = tree.argument(node, 0);
        if !has_variables(written)
            || location_select::script(tree, block).is_some()
            || tree.nearest(block, "resolver").is_some()
        {
            return None;
        }
        let protocol = pass::protocol(tree.name(node));
        let mut found: Option<Unresolvable> = None;
        let mut always = true;
        for value in self.values(block, written) {
            let destination = pass::destination(protocol, &value);
            let (host, port) = pass::host_and_port(destination.authority);
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let group = tree.upstream(host);
            if host.is_empty()
                || has_variables(host)
                || !destination.scheme_ok
                || destination.authority.starts_with("unix:")
                || bare.parse::<IpAddr>().is_ok()
                || (group.is_some() && port.is_none())
                || is_resolved(host)
            {
                always = false;
                continue;
            }
            found.get_or_insert_with(|| Unresolvable {
                node,
                host: host.to_owned(),
                shadowed_group: group.is_some(),
                always: false,
            });
        }
        found.map(|found| Unresolvable { always, ..found })
    }

    /// The values a text can have, as far as `set` in the same block or around it and the values of a `map`
    /// tell. A variable of unknown value stays in the text.
    pub(super) fn values(&self, block: NodeId, text: &str) -> Vec<String> {
        self.values_at(block, text, 0)
    }

    fn values_at(&self, block: NodeId, text: &str, depth: usize) -> Vec<String> {
        let mut values = vec![String::new()];
        for part in parts(text) {
            let choices = match part {
                Part::Text(piece) => vec![piece.to_owned()],
                Part::Variable(name) => {
                    let known = if depth < 4 {
                        self.assigned(block, name)
                    } else {
                        Vec::new()
                    };
                    let mut choices: Vec<String> = known
                        .iter()
                        .take(if depth == 0 { 50 } else { 5 })
                        .flat_map(|value| self.values_at(block, value, depth.saturating_add(1)))
                        .collect();
                    choices.truncate(50);
                    if choices.is_empty() {
                        vec![format!("${{{name}}}")]
                    } else {
                        choices
                    }
                }
            };
            values = values
                .iter()
                .flat_map(|value| choices.iter().map(move |choice| format!("{value}{choice}")))
                .take(100)
                .collect();
        }
        values
    }

    /// The `set` directives of a variable that are run on the way to a block: those of the block itself and
    /// of its server; those of locations around it are not run.
    pub(super) fn sets(&self, block: NodeId, name: &str) -> Vec<NodeId> {
        let tree = &self.config.tree;
        tree.around(block)
            .filter(|level| *level == block || matches!(tree.name(*level), "server" | "if"))
            .flat_map(|level| tree.named(level, "set"))
            .filter(|set| {
                tree.argument(*set, 0)
                    .strip_prefix('$')
                    .is_some_and(|target| target.eq_ignore_ascii_case(name))
            })
            .collect()
    }

    /// The `map` blocks that give a variable its value.
    pub(super) fn maps(&self, name: &str) -> &[NodeId] {
        self.maps.get(&name.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    fn assigned(&self, block: NodeId, name: &str) -> Vec<String> {
        let tree = &self.config.tree;
        let sets = self.sets(block, name);
        if !sets.is_empty() {
            return sets.into_iter().map(|set| tree.argument(set, 1).to_owned()).collect();
        }
        self.maps(name)
            .iter()
            .flat_map(|map| tree.children(*map))
            .filter(|entry| tree.argument_count(*entry) == 1 && tree.name(*entry) != "include")
            .take(100)
            .map(|entry| tree.argument(entry, 0).to_owned())
            .collect()
    }
}
