//! Whose configuration a file is, told from its bytes alone.
//!
//! Also a fragment is recognised: a file with one `server {}`, one `<VirtualHost>` or a few `acl` lines. Each
//! line that only one server could read counts for it; without such a line, or with as many for another
//! server, nothing is claimed.

use crate::evidence::ProxyKind;

/// Lines beyond this say nothing new.
const MOST_LINES: usize = 2_000;

/// Words that open a block or a statement of nginx and mean nothing to the others.
const NGINX: [&str; 24] = [
    "access_log",
    "charset",
    "events",
    "fastcgi_param",
    "fastcgi_pass",
    "geo",
    "grpc_pass",
    "http",
    "include",
    "index",
    "listen",
    "location",
    "map",
    "proxy_pass",
    "resolver",
    "return",
    "rewrite",
    "root",
    "server",
    "server_name",
    "stream",
    "try_files",
    "upstream",
    "uwsgi_pass",
];

/// Words that begin a line of Squid's and mean nothing to the others.
const SQUID: [&str; 24] = [
    "acl",
    "adaptation_access",
    "always_direct",
    "auth_param",
    "cache_dir",
    "cache_effective_user",
    "cache_mem",
    "cache_mgr",
    "cache_peer",
    "cache_peer_access",
    "coredump_dir",
    "dns_nameservers",
    "external_acl_type",
    "forwarded_for",
    "http_access",
    "http_port",
    "https_port",
    "icp_port",
    "never_direct",
    "refresh_pattern",
    "request_header_access",
    "ssl_bump",
    "tls_outgoing_options",
    "visible_hostname",
];

/// Sections of `HAProxy`, which stand at the left edge.
const HAPROXY: [&str; 6] = ["global", "defaults", "frontend", "backend", "listen", "resolvers"];

/// Whose configuration this is; `None` where the bytes do not tell.
pub fn detect(bytes: &[u8]) -> Option<ProxyKind> {
    let (mut nginx, mut apache, mut squid, mut haproxy) = (0_u32, 0_u32, 0_u32, 0_u32);
    for line in bytes.split(|byte| *byte == b'\n').take(MOST_LINES) {
        let Ok(line) = std::str::from_utf8(line.get(..400).unwrap_or(line)) else {
            continue;
        };
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let code = text.split(" #").next().unwrap_or(text).trim_end();
        let word = code
            .split(|c: char| c.is_ascii_whitespace() || c == '{' || c == ';')
            .next()
            .unwrap_or_default();
        if text.starts_with('<') {
            apache += u32::from(text.ends_with('>')) * 3;
        } else if code.ends_with([';', '{', '}']) {
            nginx += if NGINX.contains(&word) { 3 } else { 1 };
        } else if is_apache_word(word) {
            apache += 1;
        } else if SQUID.contains(&word) {
            squid += 2;
        } else if line.starts_with(word) && HAPROXY.contains(&word) && code.split_whitespace().count() <= 2 {
            haproxy += 2;
        }
    }
    let scores = [
        (nginx, ProxyKind::Nginx),
        (apache, ProxyKind::Apache),
        (squid, ProxyKind::Squid),
        (haproxy, ProxyKind::Haproxy),
    ];
    let (best, kind) = scores.into_iter().max_by_key(|(score, _)| *score)?;
    let others = scores
        .into_iter()
        .filter(|(_, other)| *other != kind)
        .map(|(score, _)| score);
    (best > 0 && others.max() < Some(best)).then_some(kind)
}

/// `ProxyPass`, `ServerName`, `Listen`: words of Apache httpd begin with a capital and hold no underline.
fn is_apache_word(word: &str) -> bool {
    word.len() > 3
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.contains(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_files_and_fragments_are_recognised() {
        for (text, expected) in [
            (
                "events {}\nhttp { include conf.d/*.conf; }\n",
                Some(ProxyKind::Nginx),
            ),
            (
                "server {\n  listen 80;\n  location / { proxy_pass http://app; }\n}\n",
                Some(ProxyKind::Nginx),
            ),
            (
                "location /api/ {\n    proxy_pass http://127.0.0.1:9000/;\n}",
                Some(ProxyKind::Nginx),
            ),
            ("proxy_set_header Host $host;\n", Some(ProxyKind::Nginx)),
            (
                "<VirtualHost *:80>\n  ServerName a.test\n  ProxyPass / http://127.0.0.1:9000/\n</VirtualHost>\n",
                Some(ProxyKind::Apache),
            ),
            (
                "ProxyPass \"/\" \"http://127.0.0.1:9000/\"\n",
                Some(ProxyKind::Apache),
            ),
            ("Listen 8080\nServerRoot /etc/apache2\n", Some(ProxyKind::Apache)),
            (
                "http_port 3128\nacl local src 10.0.0.0/8\nhttp_access allow local\n",
                Some(ProxyKind::Squid),
            ),
            (
                "cache_peer 10.0.0.1 parent 8080 0 no-query\n",
                Some(ProxyKind::Squid),
            ),
            (
                "global\n    daemon\ndefaults\n    mode http\nfrontend web\n    bind :80\n",
                Some(ProxyKind::Haproxy),
            ),
            ("# http_port 3128\n\n", None),
            ("", None),
            ("[Unit]\nDescription=x\n", None),
        ] {
            assert_eq!(detect(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn the_configurations_that_the_packages_bring_are_recognised_by_their_own_words() {
        let apache = "ServerRoot \"/etc/apache2\"\nPidFile ${APACHE_PID_FILE}\nTimeout 300\nKeepAlive On\n\
                      <Directory />\n\tOptions FollowSymLinks\n\tRequire all denied\n</Directory>\n\
                      IncludeOptional sites-enabled/*.conf\n";
        assert_eq!(detect(apache.as_bytes()), Some(ProxyKind::Apache));
        let squid = "acl SSL_ports port 443\nacl Safe_ports port 80\t\t# http\nhttp_access deny !Safe_ports\n\
                     http_access deny all\nhttp_port 3128\ncoredump_dir /var/spool/squid\n\
                     refresh_pattern .\t\t0\t20%\t4320\n";
        assert_eq!(detect(squid.as_bytes()), Some(ProxyKind::Squid));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = detect(&bytes);
        }
    }
}
