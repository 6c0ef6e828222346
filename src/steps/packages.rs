//! What was installed or upgraded lately, as the package tools of the host log it.

use super::plan::Plan;
use crate::evidence::{Observed, PackageChange};
use crate::host::{Clock, Host, ReadFile};
use crate::system::packages;

/// How much of a log's end is read, in bytes: years of upgrades of a server.
const CAP_BYTES: u64 = 4 << 20;

/// More changes than these, oldest first, are history.
const MOST_CHANGES: usize = 60;

/// The reader of one log: its bytes, its path, the offset of local time from UTC in seconds.
type Reader = fn(&[u8], &str, i32) -> Vec<PackageChange>;

/// Changes of packages that matter to a proxy, oldest first. Absent: the host keeps none of the known logs.
pub(super) fn ask(host: &Host, plan: &Plan) -> Observed<Vec<PackageChange>> {
    if plan.inside.is_some() || super::systems::elsewhere(host).is_some() {
        return Observed::Absent;
    }
    let offset_s = host
        .ask(&Clock { moment: 0 })
        .into_seen()
        .unwrap_or_default()
        .offset_s;
    let logs: [(&str, Reader); 4] = [
        ("/var/log/dpkg.log.1", packages::dpkg),
        ("/var/log/dpkg.log", packages::dpkg),
        ("/var/log/dnf.rpm.log.1", packages::dnf),
        ("/var/log/dnf.rpm.log", packages::dnf),
    ];
    let mut changes = Vec::new();
    let mut answer = Observed::Absent;
    for (path, reader) in logs {
        match host.ask(&ReadFile::end(path, CAP_BYTES)) {
            Observed::Seen(content) => {
                changes.extend(reader(&content.bytes.0, path, offset_s));
                answer = Observed::Seen(());
            }
            Observed::Unavailable(obstacle) if answer.is_absent() => {
                answer = Observed::Unavailable(obstacle);
            }
            Observed::Absent | Observed::Unavailable(_) => {}
        }
    }
    let surplus = changes.len().saturating_sub(MOST_CHANGES);
    changes.drain(..surplus);
    answer.map(|()| changes)
}
