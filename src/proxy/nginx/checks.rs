//! What nginx refuses although every word can be read: such a configuration neither starts nor reloads.
//!
//! Only what is certain is said: a directive that is not in the table may be a third-party module's, and
//! names that cannot be resolved are not known from the files. To add a check: one function, called from
//! [`check`], that pushes problems of level error.

mod blocks;
mod values;

use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Config;
use super::directives::{self, Symbol};
use super::tree::{NodeId, ROOT};
use super::units;
use crate::evidence::{ConfigProblem, Place, ProblemLevel};

/// Blocks whose body is a list of entries, not of directives.
const LISTS: [&str; 6] = ["types", "map", "geo", "charset_map", "split_clients", "match"];

/// More problems than this say nothing new.
const MOST_PROBLEMS: usize = 500;

/// Scalars besides all flags: the second one in a block is an error.
const SCALARS: [&str; 36] = [
    "alias",
    "client_body_buffer_size",
    "client_body_timeout",
    "client_header_buffer_size",
    "client_header_timeout",
    "client_max_body_size",
    "default_type",
    "events",
    "fastcgi_index",
    "fastcgi_pass",
    "grpc_pass",
    "gzip_comp_level",
    "gzip_min_length",
    "http",
    "keepalive_timeout",
    "large_client_header_buffers",
    "memcached_pass",
    "pid",
    "proxy_bind",
    "proxy_cache_key",
    "proxy_http_version",
    "proxy_method",
    "proxy_pass",
    "proxy_ssl_name",
    "resolver_timeout",
    "root",
    "scgi_pass",
    "send_timeout",
    "server_names_hash_bucket_size",
    "try_files",
    "types_hash_max_size",
    "user",
    "uwsgi_pass",
    "worker_connections",
    "worker_processes",
    "worker_rlimit_nofile",
];

/// A configuration of this many directives is checked by two threads.
const WORTH_A_THREAD: usize = 10_000;

/// A thread takes this many directives at once.
const SHARE: usize = 1_024;

/// What the checks need to know of a directive before they look at it.
#[derive(Clone, Copy, Debug, Default)]
struct Traits {
    /// A block may have only one.
    only_once: bool,
    /// Its value has a form.
    has_value: bool,
    /// One of the checks of `blocks` is about it.
    of_http: bool,
}

/// By the number of the name: most directives of a large configuration need no look at their text.
static TRAITS: LazyLock<Vec<Traits>> = LazyLock::new(|| {
    let names = directives::names().iter();
    names
        .map(|name| {
            let is_flag = directives::usages(name).iter().all(|usage| usage.is_flag);
            Traits {
                only_once: is_flag || SCALARS.contains(name) || values::is_scalar(name),
                has_value: values::is_judged(name),
                of_http: blocks::is_judged(name),
            }
        })
        .collect()
});

/// What is certainly wrong with the directives and blocks by themselves, and the answer to another question
/// about the same configuration, which is looked for at the same time when the configuration is large.
pub(super) fn with_directives<T>(config: &Config, other: impl FnOnce() -> T) -> (T, Vec<ConfigProblem>) {
    let all = config.tree.all();
    let contexts = Contexts::of(config);
    // Each thread takes the next directives that nobody has taken.
    let next = AtomicUsize::new(all.start);
    let take = || {
        let mut found = Vec::new();
        loop {
            let start = next.fetch_add(SHARE, Ordering::Relaxed);
            if start >= all.end {
                return found;
            }
            let mut problems = Vec::new();
            let ids = start..start.saturating_add(SHARE).min(all.end);
            directives_of(config, &contexts, ids, &mut problems);
            if !problems.is_empty() {
                found.push((start, problems));
            }
        }
    };
    let both = || (other(), duplicates(config, &contexts), take());
    let ((answer, duplicates, mut found), others) = if config.tree.len() < WORTH_A_THREAD {
        (both(), Vec::new())
    } else {
        std::thread::scope(|scope| {
            let others = scope.spawn(take);
            let own = both();
            match others.join() {
                Ok(others) => (own, others),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    };
    found.extend(others);
    found.sort_by_key(|(start, _)| *start);
    let found = found.into_iter().flat_map(|(_, problems)| problems);
    (answer, found.chain(duplicates).collect())
}

/// All certain errors: these, and what is wrong between the blocks.
pub(super) fn check(config: &Config, mut problems: Vec<ConfigProblem>) -> Vec<ConfigProblem> {
    let tree = &config.tree;
    problems.truncate(MOST_PROBLEMS);
    super::lint::buffers(config, &mut problems);
    blocks::listens(config, &mut problems);
    if tree.first(ROOT, "events").is_none() && !tree.files.is_empty() && config.errors.is_empty() {
        let main = tree.files.first().map(|file| file.path.clone()).unwrap_or_default();
        problems.push(ConfigProblem {
            rule: "events-missing".to_owned(),
            level: ProblemLevel::Error,
            message: "no \"events\" section in the configuration".to_owned(),
            place: Place {
                file: main,
                line: 1,
                column: 1,
            },
            excerpt: String::new(),
            repair: Some("events {}".to_owned()),
            ..ConfigProblem::default()
        });
    }
    problems
}

/// The letters of the contexts that blocks make, found once for all that stands in them.
struct Contexts(Vec<Option<char>>);

impl Contexts {
    fn of(config: &Config) -> Self {
        let tree = &config.tree;
        let mut known: Vec<Option<char>> = vec![None; tree.len()];
        for block in (0..tree.len()).filter(|id| tree.is_block(*id)) {
            let parent = tree.parent(block);
            let letter = if block != ROOT && parent < block {
                let around = known.get(parent).copied().flatten();
                around.and_then(|around| inner(tree.name(block), around))
            } else {
                // A block that was made up comes after what stands in it.
                context(config, block)
            };
            if let Some(known) = known.get_mut(block) {
                *known = letter;
            }
        }
        Self(known)
    }

    /// `None`: a list, or nothing that is known.
    fn inside(&self, block: NodeId) -> Option<char> {
        self.0.get(block).copied().flatten()
    }
}

/// What is wrong with each directive by itself.
fn directives_of(
    config: &Config,
    contexts: &Contexts,
    ids: Range<NodeId>,
    problems: &mut Vec<ConfigProblem>,
) {
    let tree = &config.tree;
    for id in ids {
        if problems.len() >= MOST_PROBLEMS {
            break;
        }
        let context = contexts.inside(tree.parent(id));
        let (Some(context), Some(name)) = (context, tree.symbol(id)) else {
            continue;
        };
        if !usage(config, id, name, context, problems) {
            continue;
        }
        let traits = TRAITS.get(name.index()).copied().unwrap_or_default();
        if traits.has_value {
            values::check(config, id, problems);
        }
        if traits.of_http {
            blocks::check(config, id, context, problems);
        }
    }
}

fn error(config: &Config, rule: &str, node: NodeId, message: String) -> ConfigProblem {
    config.problem(rule, ProblemLevel::Error, node, message)
}

/// True for what stands in a list block or in a block that is not nginx's own.
pub(super) fn is_list_entry(config: &Config, id: NodeId) -> bool {
    let tree = &config.tree;
    tree.around(tree.parent(id))
        .filter(|block| *block != ROOT)
        .any(|block| {
            let name = tree.name(block);
            LISTS.contains(&name) || tree.symbol(block).is_none()
        })
}

/// The letter of a block's context in the table.
pub(super) fn context(config: &Config, block: NodeId) -> Option<char> {
    let tree = &config.tree;
    if block == ROOT {
        return Some('m');
    }
    let parent = context(config, tree.parent(block))?;
    inner(tree.name(block), parent)
}

/// The letter of the context that a block of this name makes inside another one.
pub(super) fn inner(block: &str, parent: char) -> Option<char> {
    Some(match (block, parent) {
        ("events", 'm') => 'e',
        ("http", 'm') => 'H',
        ("stream", 'm') => 'T',
        ("mail", 'm') => 'M',
        ("server", 'H') => 'S',
        ("server", 'T') => 'V',
        ("server", 'M') => 'N',
        ("upstream", 'H') => 'U',
        ("upstream", 'T') => 'W',
        ("location", 'S' | 'L') => 'L',
        ("if", 'S') => 's',
        ("if", 'L') => 'l',
        ("limit_except", 'L') => 't',
        _ => return None,
    })
}

/// Context, terminator and number of arguments. False when the directive is wrong or not known.
fn usage(
    config: &Config,
    id: NodeId,
    symbol: Symbol,
    context: char,
    problems: &mut Vec<ConfigProblem>,
) -> bool {
    let tree = &config.tree;
    let (name, is_block) = (symbol.text(), tree.is_block(id));
    let here = || {
        let usages = symbol.usages().iter();
        usages.filter(|usage| usage.is_allowed_in(context))
    };
    if here().next().is_none() {
        let message = format!("\"{name}\" directive is not allowed here");
        problems.push(error(config, "not-allowed-here", id, message));
        return false;
    }
    if !is_block && here().all(|usage| usage.is_block) {
        problems.push(error(
            config,
            "syntax",
            id,
            format!("directive \"{name}\" has no opening \"{{\""),
        ));
        return false;
    }
    if is_block && !here().any(|usage| usage.is_block) {
        problems.push(error(
            config,
            "syntax",
            id,
            format!("directive \"{name}\" is not terminated by \";\""),
        ));
        return false;
    }
    let count = tree.argument_count(id);
    if !here().any(|usage| usage.takes(count)) {
        let message = format!("invalid number of arguments in \"{name}\" directive");
        problems.push(error(config, "argument-count", id, message));
        return false;
    }
    if here().all(|usage| usage.is_flag) && units::flag(tree.argument(id, 0)).is_none() {
        let value = tree.argument(id, 0);
        let message =
            format!("invalid value \"{value}\" in \"{name}\" directive, it must be \"on\" or \"off\"");
        problems.push(error(config, "invalid-value", id, message));
    }
    true
}

/// Directives that a block may have only once, the second time.
fn duplicates(config: &Config, contexts: &Contexts) -> Vec<ConfigProblem> {
    let tree = &config.tree;
    let mut problems = Vec::new();
    // The block in which a name was seen last, by the number of the name.
    let mut seen = vec![None; TRAITS.len()];
    let alias = directives::symbol("alias").map(Symbol::index);
    let root = directives::symbol("root").map(Symbol::index);
    for block in (0..tree.len()).filter(|id| tree.is_block(*id)) {
        if problems.len() >= MOST_PROBLEMS {
            break;
        }
        // No list has a context.
        let is_list = contexts.inside(block).is_none()
            && (LISTS.contains(&tree.name(block)) || is_list_entry(config, block));
        if is_list {
            continue;
        }
        for id in tree.children(block) {
            let Some(symbol) = tree.symbol(id) else {
                continue;
            };
            if !TRAITS.get(symbol.index()).is_some_and(|traits| traits.only_once) {
                continue;
            }
            // `root` and `alias` are two names of one setting.
            let setting = root
                .filter(|_| alias == Some(symbol.index()))
                .unwrap_or(symbol.index());
            let Some(last) = seen.get_mut(setting) else {
                continue;
            };
            if last.replace(block) == Some(block) {
                let message = format!("\"{}\" directive is duplicate", symbol.text());
                problems.push(error(config, "duplicate", id, message));
            }
        }
    }
    problems
}
