//! What rules about unix sockets share: the unit the proxy runs in.

use crate::evidence::{Snapshot, Unit};

/// The proxy's unit, when it has a `/tmp` of its own.
pub(super) fn private_tmp(snapshot: &Snapshot) -> Option<&Unit> {
    let units = snapshot.units.seen()?;
    let own = snapshot.proxy.as_ref().and_then(|proxy| proxy.master.unit.as_deref());
    let is_own = |unit: &&Unit| match own {
        Some(name) => unit.name == name,
        None => ["nginx.service", "openresty.service", "angie.service"].contains(&unit.name.as_str()),
    };
    units.iter().find(is_own).filter(|unit| {
        let set = |name: &str| {
            unit.sandbox
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.as_str())
        };
        // A namespace that is shared with the application is no obstacle.
        set("PrivateTmp").is_some_and(|value| matches!(value, "yes" | "true" | "1" | "disconnected"))
            && set("JoinsNamespaceOf").is_none_or(str::is_empty)
    })
}

/// True for what `PrivateTmp` hides.
pub(super) fn is_in_tmp(path: &str) -> bool {
    path.starts_with("/tmp/") || path.starts_with("/var/tmp/")
}
