//! Files that are only a part of a configuration: one `server {}`, a few locations, an `upstream`.
//!
//! Such a file is read where it could be included from: the place in which most of its directives are
//! allowed. The blocks around it are made up, and stand at line 0. Files of one directory are read together,
//! so that an `upstream` in one is known to the others.

use super::super::Files;
use super::checks;
use super::directives;
use super::include::Reader;
use super::tree::{NodeId, ROOT, Tree, index};
use crate::evidence::{ConfigProblem, Place, ProblemLevel};

/// Places where a file may be included, by the letter of the table, the likeliest first where several fit.
const HOMES: [char; 7] = ['S', 'L', 'H', 'U', 'T', 'V', 'm'];

/// Blocks that only a main file has.
const MAIN_BLOCKS: [&str; 4] = ["events", "http", "stream", "mail"];

/// Directories from which nginx's own directory is one level up.
const SUBDIRECTORIES: [&str; 8] = [
    "conf.d",
    "http.d",
    "modules-enabled",
    "sites-available",
    "sites-enabled",
    "snippets",
    "stream.d",
    "vhosts.d",
];

/// What a part alone seems to lack: the group of a name without a port may stand in another file.
const OF_THE_WHOLE: [&str; 2] = ["events-missing", "pass-without-port"];

/// Rules that miss something which may stand in the file that includes this one.
const MAY_STAND_ELSEWHERE: [&str; 2] = ["N020-no-resolver", "N021-var-name-port"];

/// True when this tree is of a main file: it has a block that nothing can be around.
pub(super) fn is_main(tree: &Tree) -> bool {
    MAIN_BLOCKS
        .iter()
        .any(|name| tree.named(ROOT, name).any(|id| tree.is_block(id)))
}

/// Reads parts of a configuration, each where it fits best.
pub(super) fn read_all(paths: &[String], files: &dyn Files) -> (Tree, Vec<ConfigProblem>) {
    let mut reader = Reader::new(files);
    block(&mut reader.tree, ROOT, "events", &[]);
    let http = block(&mut reader.tree, ROOT, "http", &[]);
    for path in paths {
        reader.base = base(path);
        let index = match reader.load(path) {
            Ok(index) => index,
            Err(reason) => {
                let place = Place {
                    file: path.clone(),
                    ..Place::default()
                };
                reader.error(
                    "config-unreadable",
                    place,
                    format!("cannot read {path}: {reason}"),
                );
                continue;
            }
        };
        let known = reader.tree.children(ROOT).count();
        reader.parse(index, path, ROOT, 0);
        let own = reader.tree.take_children_after(ROOT, known);
        let home = match letter(&reader.tree, &own) {
            'H' => http,
            'S' => server(&mut reader.tree, http, path),
            'L' => {
                let server = server(&mut reader.tree, http, path);
                block(&mut reader.tree, server, "location", &["/"])
            }
            'U' => block(&mut reader.tree, http, "upstream", &[path]),
            'T' => stream(&mut reader.tree),
            'V' => {
                let stream = stream(&mut reader.tree);
                block(&mut reader.tree, stream, "server", &[])
            }
            _ => ROOT,
        };
        reader.tree.move_to(home, &own);
    }
    reader.tree.finish();
    (reader.tree, reader.errors)
}

/// Problems of parts: what the rest of the configuration may settle is no error, and nothing is said about
/// blocks that were made up.
pub(super) fn fair(problems: &mut Vec<ConfigProblem>) {
    problems.retain(|problem| {
        let unreadable = ["config-unreadable", "file-too-large"].contains(&problem.rule.as_str());
        unreadable || (problem.place.line > 0 && !OF_THE_WHOLE.contains(&problem.rule.as_str()))
    });
    for problem in problems {
        if problem.rule == "include-missing" {
            // The files of another machine, or of a repository, need not be there.
            problem.level = ProblemLevel::Info;
        } else if MAY_STAND_ELSEWHERE.contains(&problem.rule.as_str()) {
            problem.level = problem.level.min(ProblemLevel::Warning);
            problem
                .message
                .push_str(" (unless the file that includes this one settles it)");
        }
    }
}

/// The directory that relative includes of a part start from.
fn base(path: &str) -> String {
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    match directory.rsplit_once('/') {
        Some((above, name)) if SUBDIRECTORIES.contains(&name) => above.to_owned(),
        _ => directory.to_owned(),
    }
}

/// The context in which most of these directives are allowed.
fn letter(tree: &Tree, top: &[u32]) -> char {
    let mut best = ('S', 0_usize);
    for home in HOMES {
        let score = top.iter().map(|id| fits(tree, index(*id), home, true)).sum();
        if score > best.1 {
            best = (home, score);
        }
    }
    best.0
}

/// How well a directive fits into a context: 2 when it is allowed, and 1 for each that is allowed in it.
fn fits(tree: &Tree, id: NodeId, context: char, look_inside: bool) -> usize {
    let allowed = directives::usages(tree.name(id))
        .iter()
        .any(|usage| usage.is_allowed_in(context) && usage.is_block == tree.is_block(id));
    if !allowed {
        return 0;
    }
    let inside = checks::inner(tree.name(id), context)
        .filter(|_| look_inside)
        .map_or(0, |inner| {
            tree.children(id)
                .filter(|child| fits(tree, *child, inner, false) > 0)
                .count()
        });
    inside.saturating_add(2)
}

fn block(tree: &mut Tree, parent: NodeId, name: &str, arguments: &[&str]) -> NodeId {
    directive(tree, parent, name, arguments, true)
}

fn directive(tree: &mut Tree, parent: NodeId, name: &str, arguments: &[&str], is_block: bool) -> NodeId {
    let id = tree.push(parent, name, None, is_block, false);
    for argument in arguments {
        tree.push_word(argument, None);
    }
    id
}

/// A server of its own for one file, on a listener that no other server can have.
fn server(tree: &mut Tree, http: NodeId, path: &str) -> NodeId {
    let server = block(tree, http, "server", &[]);
    directive(
        tree,
        server,
        "listen",
        &[&format!("unix:/part-of-a-configuration{path}")],
        false,
    );
    server
}

fn stream(tree: &mut Tree) -> NodeId {
    let known = tree.first(ROOT, "stream");
    known.unwrap_or_else(|| block(tree, ROOT, "stream", &[]))
}
