//! The Squid reader: unit-like cases, and the real Squid as the judge.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod oracle;
mod texts;

use std::collections::BTreeMap;

use fix502::evidence::{Handler, ProblemLevel, Route, SquidSettings};
use fix502::proxy::squid::{self, Build, Config, Environment};
use fix502::proxy::{FileBytes, Files, RouteRequest};

/// Files that exist only in memory.
struct Memory(BTreeMap<String, Vec<u8>>);

impl Files for Memory {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        let bytes = self.0.get(path).ok_or("no such file")?.clone();
        Ok(FileBytes {
            bytes,
            ..FileBytes::default()
        })
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let start = format!("{}/", directory.trim_end_matches('/'));
        let names = self
            .0
            .keys()
            .filter_map(|path| path.strip_prefix(&start)?.split('/').next());
        names.map(str::to_owned).collect()
    }
}

const MAIN: &str = "/etc/squid/squid.conf";

fn config_of(files: &[(&str, &str)]) -> Config {
    let files = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    let environment = Environment {
        version: Some((5, 7, 0)),
        ..Environment::default()
    };
    squid::read(MAIN, &Memory(files.collect()), &environment)
}

fn config(text: &str) -> Config {
    config_of(&[(MAIN, text)])
}

fn route(config: &Config, port: u16, host: &str, target: &str) -> Route {
    let request = RouteRequest {
        port,
        host: host.to_owned(),
        method: "GET".to_owned(),
        target: target.to_owned(),
        client_address: Some("127.0.0.1".parse().unwrap()),
        ..RouteRequest::default()
    };
    config.route(&request).expect("something listens there")
}

fn own(route: &Route) -> &SquidSettings {
    route.settings.squid.as_ref().unwrap()
}

#[test]
fn an_accelerated_site_goes_to_its_peer_in_origin_form() {
    let config = config(
        "http_port 80 accel defaultsite=a.test\n\
         cache_peer 10.0.0.5 parent 8080 0 no-query originserver name=app connect-timeout=7\n\
         acl ours dstdomain a.test\n\
         http_access allow ours\n\
         cache_peer_access app allow ours\n\
         read_timeout 90 seconds\nread_timeout 2 minutes\n",
    );
    assert_eq!(config.summary().errors, []);
    let found = route(&config, 80, "a.test", "/x?y");
    let Handler::Pass(pass) = &found.handler else {
        panic!("{found:?}")
    };
    assert_eq!((pass.place.line, pass.peers.len()), (2, 1));
    assert_eq!(found.request_target.as_deref(), Some("/x?y"));
    assert_eq!(found.location.as_ref().unwrap().place.line, 4);
    let read_timeout = found.settings.read_timeout.as_ref().unwrap();
    assert_eq!(
        (read_timeout.value, read_timeout.place.as_ref().unwrap().line),
        (120_000, 7)
    );
    assert_eq!(found.settings.connect_timeout.as_ref().unwrap().value, 7000);
    assert_eq!(own(&found).forward_timeout_ms.value, 240_000);
    assert_eq!(found.undetermined, Vec::<String>::new());
    let other = route(&config, 80, "b.test", "/");
    assert!(matches!(&other.handler, Handler::Return { status: 403, place } if place.line == 4));
}

#[test]
fn a_name_that_no_peer_is_allowed_for_cannot_be_forwarded() {
    let config = config(
        "http_port 80 accel vhost\ncache_peer 10.0.0.5 parent 8080 0 no-query originserver name=app\n\
         acl ours dstdomain a.test\nhttp_access allow all\ncache_peer_access app allow ours\n",
    );
    let found = route(&config, 80, "b.test", "/");
    assert!(
        matches!(&found.handler, Handler::Return { status: 502, place } if place.line == 2),
        "{found:?}"
    );
    assert_eq!(own(&found).refused_peers[0].peer, "app");
}

#[test]
fn what_only_the_running_server_knows_is_left_open() {
    let config = config(
        "http_port 3128\nacl night time 00:00-06:00\nhttp_access deny night\nhttp_access allow localhost\nhttp_access deny all\n",
    );
    let found = route(&config, 3128, "a.test", "http://a.test/");
    assert_eq!(found.possible_returns.len(), 1);
    assert_eq!(
        (
            found.possible_returns[0].status,
            found.possible_returns[0].place.line
        ),
        (403, 3)
    );
    assert!(found.undetermined[0].contains("night (time)"));
    assert!(matches!(found.handler, Handler::Pass(_)));
}

#[test]
fn errors_have_places_and_do_not_stop_the_reading() {
    let config = config_of(&[
        (
            MAIN,
            "http_prot 3128\n  acl a src \\\n  300.1.1.1\nhttp_access allow nosuch\ninclude conf.d/*.conf\n\
             include /etc/squid/conf.d/*.conf\ncache_peer_access app allow all\nvia maybe\n",
        ),
        (
            "/etc/squid/conf.d/x.conf",
            "http_port 3128\ninclude /etc/squid/conf.d/y.conf\n",
        ),
        ("/etc/squid/conf.d/y.conf", "include /etc/squid/conf.d/z.conf\n"),
        ("/etc/squid/conf.d/z.conf", "include /etc/squid/conf.d/x.conf\n"),
    ]);
    let errors = config.summary().errors;
    let shown: Vec<(&str, u32, u32)> = errors
        .iter()
        .map(|error| (error.rule.as_str(), error.place.line, error.place.column))
        .collect();
    assert!(shown.contains(&("unknown-directive", 1, 1)), "{shown:?}");
    assert!(shown.contains(&("acl", 3, 3)), "{shown:?}");
    assert!(shown.contains(&("unknown-acl", 4, 19)), "{shown:?}");
    assert!(shown.contains(&("include-missing", 5, 1)), "{shown:?}");
    assert!(shown.contains(&("include-loop", 1, 1)), "{shown:?}");
    assert!(shown.contains(&("value", 8, 5)), "{shown:?}");
    let unknown = errors.iter().find(|error| error.rule == "unknown-directive").unwrap();
    assert_eq!(unknown.repair.as_deref(), Some("http_port 3128"));
    assert_eq!(unknown.excerpt, "http_prot 3128");
    let lint = config.summary().lint;
    let lost = lint
        .iter()
        .find(|found| found.rule == "S002-peer-access-typo")
        .unwrap();
    assert_eq!((lost.place.line, lost.place.column), (7, 19));
}

#[test]
fn the_banner_tells_version_and_paths() {
    let build = Build::read(
        "Squid Cache: Version 5.7\nService Name: squid\nDebian linux\nconfigure options:  '--prefix=/usr' '--sysconfdir=/etc' \
         '--sysconfdir=/etc/squid' '--with-logdir=/var/log/squid' '--with-pidfile=/run/squid.pid' '--with-gnutls'\n",
    );
    assert_eq!(build.version, Some((5, 7, 0)));
    assert_eq!(build.default_config, "/etc/squid/squid.conf");
    assert_eq!(build.pid_file.as_deref(), Some("/run/squid.pid"));
    assert_eq!(build.tls.as_deref(), Some("gnutls"));
}

#[test]
fn hostile_texts_are_read_without_a_panic() {
    let mut texts: Vec<Vec<u8>> = vec![
        "if true\n".repeat(10_000).into_bytes(),
        "else\nendif\n".repeat(100).into_bytes(),
        [
            b"\xef\xbb\xbfhttp_port 3128\n".as_slice(),
            b"acl \xff\xfe src \0 1\nvia \x00on\n",
        ]
        .concat(),
        vec![b'a'; 100_000],
        b"via on \\".to_vec(),
        "include /etc/squid/squid.conf\n".repeat(50).into_bytes(),
    ];
    texts.push(
        b"http_port [::1\nhttp_port :\nacl a src 1-\nacl a src /\nacl a port -\ncache_peer\nacl a time -\n"
            .to_vec(),
    );
    texts.push(
        "acl a any-of a\nacl a any-of a a\nhttp_access allow a\nhttp_port 1\n"
            .repeat(20)
            .into_bytes(),
    );
    for text in texts {
        let files = Memory([(MAIN.to_owned(), text)].into());
        let config = squid::read(MAIN, &files, &Environment::default());
        let errors = config.summary().errors;
        assert!(errors.iter().all(|error| error.excerpt.len() <= 600));
        _ = config.route(&RouteRequest {
            port: 1,
            method: "GET".to_owned(),
            target: "http://a/".to_owned(),
            ..RouteRequest::default()
        });
    }
}

/// What Squid would stop at.
fn refused(config: &Config) -> bool {
    let errors = config.summary().errors;
    errors.iter().any(|error| error.level == ProblemLevel::Error)
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_and_asked_without_a_panic(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400),
        picks in proptest::collection::vec((0..texts::LINES.len(), 0..400_usize), 0..12),
        target in "\\PC{0,40}",
        host in "\\PC{0,20}",
    ) {
        let mut text = Vec::new();
        for (line, cut) in picks {
            let line = texts::LINES[line].as_bytes();
            text.extend_from_slice(line.get(..cut).unwrap_or(line));
            text.push(b'\n');
        }
        text.extend_from_slice(&bytes);
        let files = Memory([(MAIN.to_owned(), text)].into());
        let config = squid::read(MAIN, &files, &Environment::default());
        _ = config.summary();
        for port in [80, 3128] {
            _ = config.route(&RouteRequest { port, host: host.clone(), target: target.clone(), method: "GET".into(), ..RouteRequest::default() });
        }
    }
}
