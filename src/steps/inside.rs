//! The host inside this program (the demo): of what runs on this machine, only we ourselves belong to it.
//!
//! Without this, an application of the machine that happens to run would be taken for that of the demo.

use super::machine;
use crate::evidence::{Endpoint, Observed, Snapshot};
use crate::host::Host;

/// Keeps this program alone, and its listeners with the paths that they have on the host inside it: what
/// else runs on this machine is not that host's.
pub(super) fn only(host: &Host, snapshot: &mut Snapshot, root: &str) {
    let processes = snapshot.processes.seen().map_or(&[][..], Vec::as_slice);
    let Some(own) = machine::own_process(host, processes).map(|process| process.pid) else {
        return;
    };
    if let Observed::Seen(listeners) = &mut snapshot.listeners {
        listeners.retain(|listener| listener.processes.iter().any(|owner| owner.pid == own));
        for listener in listeners {
            if let Endpoint::Unix(path) = &mut listener.endpoint
                && let Some(inside) = path.strip_prefix(root)
            {
                *path = inside.to_owned();
            }
        }
    }
    if let Observed::Seen(processes) = &mut snapshot.processes {
        processes.retain(|process| process.pid == own);
    }
    snapshot.proxies = snapshot.proxies.as_ref().map(|_| Vec::new());
}
