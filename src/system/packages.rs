//! What was installed, upgraded or removed lately: the logs of dpkg and of dnf.
//!
//! Only packages that can change what a proxy does are kept. To add a log: a function from its bytes to
//! changes, in the order of its lines.

use std::collections::BTreeMap;

use super::log_time;
use crate::evidence::PackageChange;

/// Beginnings of the names that matter: proxies, what they link, and application servers.
const NAMES: [&str; 15] = [
    "apache2",
    "crypto-policies",
    "freenginx",
    "gunicorn",
    "haproxy",
    "httpd",
    "libnginx",
    "libssl",
    "nginx",
    "nodejs",
    "openresty",
    "openssl",
    "php",
    "squid",
    "uwsgi",
];

fn matters(package: &str) -> bool {
    NAMES.iter().any(|name| package.starts_with(name))
}

/// Reads `dpkg.log`: `2026-11-20 06:31:02 upgrade nginx:amd64 1.18.0-6 1.22.1-9`. `offset_s` is the difference
/// of local time from UTC, for dpkg writes no zone.
pub fn dpkg(bytes: &[u8], file: &str, offset_s: i32) -> Vec<PackageChange> {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(2);
            let action = words.next()?;
            let (package, old, new) = (words.next()?, words.next()?, words.next());
            let package = package.split(':').next().unwrap_or(package);
            if !matters(package) {
                return None;
            }
            let version = |text: &str| (text != "<none>").then(|| text.to_owned());
            let new = match action {
                "install" | "upgrade" => version(new?),
                "remove" => None,
                _ => return None,
            };
            Some(PackageChange {
                at_ms: log_time::line_ms(line, offset_s),
                package: package.to_owned(),
                old: version(old),
                new,
                file: file.to_owned(),
            })
        })
        .collect()
}

/// Reads `dnf.rpm.log`: `2026-11-20T06:31:02+0000 SUBDEBUG Upgrade: nginx-1:1.24.0-1.el9.x86_64`, and the line
/// `Upgraded: …` with the version before, which comes later.
pub fn dnf(bytes: &[u8], file: &str, offset_s: i32) -> Vec<PackageChange> {
    let mut changes: Vec<PackageChange> = Vec::new();
    // The upgrade that still waits for its version before, by package.
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    for line in String::from_utf8_lossy(bytes).lines() {
        let mut words = line.split_whitespace().skip(2);
        let (Some(action), Some(written)) = (words.next(), words.next()) else {
            continue;
        };
        let Some((package, version)) = name_and_version(written).filter(|(name, _)| matters(name)) else {
            continue;
        };
        let (old, new) = match action {
            "Upgrade:" | "Downgrade:" | "Installed:" => (None, Some(version)),
            "Erase:" | "Removed:" => (Some(version), None),
            "Upgraded:" | "Downgraded:" => {
                if let Some(change) = open.remove(&package).and_then(|index| changes.get_mut(index)) {
                    change.old = Some(version);
                }
                continue;
            }
            _ => continue,
        };
        if matches!(action, "Upgrade:" | "Downgrade:") {
            open.insert(package.clone(), changes.len());
        }
        changes.push(PackageChange {
            at_ms: log_time::line_ms(line, offset_s),
            package,
            old,
            new,
            file: file.to_owned(),
        });
    }
    changes
}

/// `nginx-core-1:1.20.1-14.el9.x86_64` → `nginx-core` and `1:1.20.1-14.el9`.
fn name_and_version(written: &str) -> Option<(String, String)> {
    let (rest, _architecture) = written.rsplit_once('.')?;
    let (rest, release) = rest.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    Some((name.to_owned(), format!("{version}-{release}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upgrades_of_dpkg_have_both_versions_and_their_time() {
        let text = b"2026-11-20 06:31:02 startup archives unpack\n\
            2026-11-20 06:31:03 upgrade nginx:amd64 1.18.0-6ubuntu14 1.24.0-2ubuntu7\n\
            2026-11-20 06:31:03 status half-configured nginx:amd64 1.18.0-6ubuntu14\n\
            2026-11-20 06:31:04 upgrade vim:amd64 2:9.0 2:9.1\n\
            2026-11-20 06:31:05 install squid:amd64 <none> 5.7-2\n\
            2026-11-20 06:31:06 remove apache2:amd64 2.4.62-1 <none>\n";
        let changes = dpkg(text, "/var/log/dpkg.log", 3600);
        assert_eq!(changes.len(), 3);
        assert_eq!(changes[0].old.as_deref(), Some("1.18.0-6ubuntu14"));
        assert_eq!(changes[0].new.as_deref(), Some("1.24.0-2ubuntu7"));
        assert_eq!(changes[0].at_ms, Some(1_795_152_663_000));
        assert_eq!(
            (changes[1].old.as_deref(), changes[1].new.as_deref()),
            (None, Some("5.7-2"))
        );
        assert_eq!(
            (changes[2].old.as_deref(), changes[2].new.as_deref()),
            (Some("2.4.62-1"), None)
        );
    }

    #[test]
    fn upgrades_of_dnf_are_joined_with_the_version_before() {
        let text = b"2026-11-20T06:31:02+0000 INFO --- logging initialized ---\n\
            2026-11-20T06:31:03+0000 SUBDEBUG Upgrade: nginx-core-2:1.24.0-1.el9.x86_64\n\
            2026-11-20T06:31:03+0000 SUBDEBUG Upgrade: vim-2:9.0-1.el9.x86_64\n\
            2026-11-20T06:31:04+0000 SUBDEBUG Upgraded: nginx-core-1:1.20.1-14.el9.x86_64\n\
            2026-11-20T06:31:05+0000 SUBDEBUG Installed: httpd-2.4.57-5.el9.x86_64\n";
        let changes = dnf(text, "/var/log/dnf.rpm.log", 0);
        assert_eq!(changes.len(), 2);
        assert_eq!(changes[0].package, "nginx-core");
        assert_eq!(changes[0].old.as_deref(), Some("1:1.20.1-14.el9"));
        assert_eq!(changes[0].new.as_deref(), Some("2:1.24.0-1.el9"));
        assert_eq!(changes[0].at_ms, Some(1_795_156_263_000));
        assert_eq!(changes[1].package, "httpd");
    }
}
