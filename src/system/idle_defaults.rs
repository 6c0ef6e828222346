//! How long application servers keep an idle connection when nothing says otherwise, by version.
//!
//! To add a server or a version: a row in [`DEFAULTS`]. A version that is not known leaves all rows of its
//! server standing; the shortest is the one that can hurt.

/// One default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleDefault {
    /// Kind of the server, as [`crate::evidence::AppServer::kind`] says it.
    pub server: &'static str,
    /// The first version that has it, in words; empty: from the beginning.
    pub from: &'static str,
    /// The first version that has it no more, in words; empty: until now.
    pub below: &'static str,
    /// Milliseconds; `None`: an idle connection is not closed.
    pub idle_ms: Option<u64>,
    /// The setting.
    pub setting: &'static str,
}

/// Settings that stand when nothing is configured.
pub const DEFAULTS: [IdleDefault; 12] = [
    row("node", "", "8.0", None, "server.timeout"),
    row("node", "8.0", "26.0", Some(5_000), "server.keepAliveTimeout"),
    row("node", "26.0", "", Some(65_000), "server.keepAliveTimeout"),
    row("gunicorn", "", "", Some(2_000), "--keep-alive"),
    row("uvicorn", "", "", Some(5_000), "--timeout-keep-alive"),
    row("puma", "", "7.0", Some(20_000), "persistent_timeout"),
    row("puma", "7.0", "", Some(65_000), "persistent_timeout"),
    row(
        "tomcat",
        "",
        "",
        Some(20_000),
        "keepAliveTimeout (its server.xml)",
    ),
    row("jetty", "", "", Some(30_000), "jetty.http.idleTimeout"),
    row("apache", "", "2.2", Some(15_000), "KeepAliveTimeout"),
    row("apache", "2.2", "", Some(5_000), "KeepAliveTimeout"),
    row("php-fpm", "", "", None, "a FastCGI connection"),
];

const fn row(
    server: &'static str,
    from: &'static str,
    below: &'static str,
    idle_ms: Option<u64>,
    setting: &'static str,
) -> IdleDefault {
    IdleDefault {
        server,
        from,
        below,
        idle_ms,
        setting,
    }
}

impl IdleDefault {
    /// `puma before 7.0`.
    pub fn versions(&self) -> String {
        match (self.from, self.below) {
            ("", "") => self.server.to_owned(),
            ("", below) => format!("{} before {below}", self.server),
            (from, "") => format!("{} from {from} on", self.server),
            (from, below) => format!("{} {from} up to {below}", self.server),
        }
    }
}

/// The defaults of a server: one when the version is known, else all that ever were.
pub fn of(server: &str, version: Option<&str>) -> Vec<IdleDefault> {
    DEFAULTS
        .into_iter()
        .filter(|row| row.server == server)
        .filter(|row| {
            version.is_none_or(|version| {
                (row.from.is_empty() || parts(version) >= parts(row.from))
                    && (row.below.is_empty() || parts(version) < parts(row.below))
            })
        })
        .collect()
}

/// The numbers of `v18.19.1`.
fn parts(version: &str) -> Vec<u64> {
    version
        .trim_start_matches(|character: char| !character.is_ascii_digit())
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_follows_the_version() {
        let idle = |server, version| -> Vec<Option<u64>> {
            of(server, version).iter().map(|row| row.idle_ms).collect()
        };
        assert_eq!(idle("puma", Some("6.6.1")), [Some(20_000)]);
        assert_eq!(idle("puma", Some("7.0.0")), [Some(65_000)]);
        assert_eq!(idle("puma", None), [Some(20_000), Some(65_000)]);
        assert_eq!(idle("node", Some("v6.17.0")), [None]);
        assert_eq!(idle("node", Some("v18.19.1")), [Some(5_000)]);
        assert!(idle("unheard-of", None).is_empty());
    }
}
