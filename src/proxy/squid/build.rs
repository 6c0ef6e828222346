//! The banner of `squid -v`: version and compiled-in paths.

/// How a Squid was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// Version, `(5, 7, 0)` for 5.7.
    pub version: Option<(u32, u32, u32)>,
    /// `--prefix`.
    pub prefix: String,
    /// `--sysconfdir`.
    pub sysconfdir: String,
    /// The configuration file that it reads when none is named.
    pub default_config: String,
    /// `--with-logdir`.
    pub log_directory: Option<String>,
    /// `--with-pidfile`.
    pub pid_file: Option<String>,
    /// `--with-default-user`.
    pub user: Option<String>,
    /// The library that speaks TLS: `openssl`, `gnutls` or none.
    pub tls: Option<String>,
}

impl Build {
    /// Reads what `squid -v` prints; what is missing there gets the values of a plain build.
    pub fn read(banner: &str) -> Self {
        let version = banner
            .lines()
            .find_map(|line| line.split_once("Version ").map(|(_, rest)| rest))
            .and_then(version);
        // Of an option given twice the last one counts, as for configure itself.
        let option = |name: &str| {
            let mut values = banner.split(['\'', '\n', ' ']).filter_map(|part| {
                let value = part.trim().strip_prefix(name)?.strip_prefix('=')?;
                Some(value.trim().to_owned())
            });
            values.next_back()
        };
        let prefix = option("--prefix").unwrap_or_else(|| "/usr/local/squid".to_owned());
        let sysconfdir = option("--sysconfdir").map_or_else(
            || format!("{prefix}/etc"),
            |path| path.replace("${prefix}", &prefix),
        );
        let tls = if banner.contains("--with-openssl") || banner.contains("--enable-ssl") {
            Some("openssl".to_owned())
        } else if banner.contains("--with-gnutls") {
            Some("gnutls".to_owned())
        } else {
            None
        };
        Self {
            version,
            default_config: format!("{sysconfdir}/squid.conf"),
            prefix,
            sysconfdir,
            log_directory: option("--with-logdir"),
            pid_file: option("--with-pidfile"),
            user: option("--with-default-user"),
            tls,
        }
    }
}

fn version(text: &str) -> Option<(u32, u32, u32)> {
    let word = text.split_whitespace().next()?;
    let mut parts = word.split(['.', '-']);
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    let patch = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    Some((major, minor, patch))
}
