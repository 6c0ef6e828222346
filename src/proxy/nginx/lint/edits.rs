//! Changes of a file, where it is certain what has to be written; and the request of the URL that was asked
//! for.

use super::super::server_select::{Server, Socket};
use super::super::tree::NodeId;
use super::super::{Config, RouteRequest};
use crate::evidence::{Snapshot, TextEdit};

/// The bytes of a line of the file a directive is in.
fn line_of(config: &Config, node: NodeId, line: u32) -> &[u8] {
    let tree = &config.tree;
    let Some(file) = tree.file_of(node) else {
        return &[];
    };
    tree.line(&file.path, line)
}

/// Writes directives before another one: each on a line of its own where that one begins its line.
pub(super) fn insert_before(config: &Config, node: NodeId, directives: &[String]) -> Option<TextEdit> {
    let place = config.place(node);
    if place.line == 0 || place.column == 0 || directives.is_empty() {
        return None;
    }
    let line = line_of(config, node, place.line);
    let before = line.get(..usize::try_from(place.column).ok()?.checked_sub(1)?)?;
    let alone = before.iter().all(u8::is_ascii_whitespace);
    let between = if alone {
        format!("\n{}", String::from_utf8_lossy(before))
    } else {
        " ".to_owned()
    };
    let mut replacement = String::new();
    for directive in directives {
        replacement.push_str(directive);
        replacement.push_str(&between);
    }
    Some(TextEdit {
        file: place.file,
        start: (place.line, place.column),
        end: (place.line, place.column),
        replacement,
    })
}

/// Writes another word in place of an argument, counted from 0.
pub(super) fn replace_argument(
    config: &Config,
    node: NodeId,
    index: usize,
    replacement: &str,
) -> Option<TextEdit> {
    let word = config.tree.written_at(node, index)?;
    Some(TextEdit {
        file: config.place(node).file,
        start: word.start,
        end: word.end,
        replacement: replacement.to_owned(),
    })
}

/// A word as it has to be written: in quotes where it needs them.
pub(super) fn word(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || ";{}\"'\\#".contains(c));
    if plain || text.starts_with("${") && !text.contains([' ', ';', '"']) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The request of the URL under diagnosis; `None` when there is no URL.
pub(super) fn asked(around: &Snapshot) -> Option<RouteRequest> {
    let target = &around.target;
    target.url.as_ref()?;
    Some(RouteRequest {
        local_address: target.host.parse().ok(),
        port: target.port,
        tls: target.scheme == "https",
        host: target.host.clone(),
        method: "GET".to_owned(),
        target: target.path.clone(),
        ..RouteRequest::default()
    })
}

/// All sockets, each with its servers in the order of the configuration.
pub(super) fn by_socket(config: &Config) -> Vec<(&Socket, Vec<&Server>)> {
    let mut index = foldhash::HashMap::default();
    let mut sockets: Vec<(&Socket, Vec<&Server>)> = Vec::new();
    for server in &config.servers {
        for listen in &server.listens {
            let at = *index.entry(&listen.socket).or_insert(sockets.len());
            match sockets.get_mut(at) {
                Some((_, servers)) if servers.last().is_some_and(|last| last.node == server.node) => {}
                Some((_, servers)) => servers.push(server),
                None => sockets.push((&listen.socket, vec![server])),
            }
        }
    }
    sockets
}
