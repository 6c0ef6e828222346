//! Changes of a file that rules offer, and the request of the URL that was asked for.

use super::super::server_select::{Server, Socket};
use super::super::tree::NodeId;
use super::super::{Config, RouteRequest};
use crate::evidence::{Snapshot, TextEdit};

/// Another word in place of an argument, counted from 0.
pub(super) fn replace_argument(
    config: &Config,
    node: NodeId,
    index: usize,
    replacement: String,
) -> Option<TextEdit> {
    let word = config.tree.node(node).arguments.get(index)?;
    Some(TextEdit {
        file: config.place(node).file,
        start: (word.line, word.column),
        end: word.end,
        replacement,
    })
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
    let mut index = std::collections::HashMap::new();
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
