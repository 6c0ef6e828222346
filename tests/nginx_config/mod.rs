//! The nginx reader: unit-like cases, and the real nginx as the judge.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod bad_input;
mod dice;
mod healthy;
mod layout;
mod network;
mod oracle;
mod routing;
mod statements;
mod words;

use std::collections::BTreeMap;

use fix502::evidence::{Handler, PeerAddress, Route};
use fix502::proxy::nginx::{self, Config, Environment};
use fix502::proxy::{FileBytes, Files, RouteRequest};

/// Files that exist only in memory.
struct Memory(BTreeMap<String, String>);

impl Files for Memory {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        let text = self.0.get(path).ok_or("no such file")?;
        Ok(FileBytes {
            bytes: text.clone().into_bytes(),
            modified_ms: None,
            truncated: false,
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

const MAIN: &str = "/etc/nginx/nginx.conf";

fn config(text: &str) -> Config {
    config_of(&[(MAIN, text)])
}

fn config_of(files: &[(&str, &str)]) -> Config {
    let files = Memory(
        files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect(),
    );
    let environment = Environment {
        version: Some((1, 22, 1)),
        ..Environment::default()
    };
    nginx::read(MAIN, &files, &environment)
}

fn in_server(text: &str) -> Config {
    config(&format!(
        "events {{}} http {{ server {{ listen 80; server_name a.test; {text} }} }}"
    ))
}

fn route(config: &Config, target: &str) -> Route {
    let request = RouteRequest {
        port: 80,
        host: "a.test".to_owned(),
        method: "GET".to_owned(),
        target: target.to_owned(),
        ..RouteRequest::default()
    };
    config.route(&request).expect("something listens on port 80")
}

fn pass(route: &Route) -> &fix502::evidence::Pass {
    match &route.handler {
        Handler::Pass(pass) => pass,
        other => panic!("not passed on: {other:?}"),
    }
}

#[test]
fn a_literal_proxy_pass_names_its_peer_and_place() {
    let config =
        in_server("location /app/ {\n proxy_pass http://127.0.0.1:9000/x/;\n proxy_read_timeout 5s; }");
    let route = route(&config, "/app/a%20b?q");
    let pass = pass(&route);
    assert_eq!(
        pass.peers[0].address,
        PeerAddress::Ip("127.0.0.1:9000".parse().unwrap())
    );
    assert_eq!(pass.place.line, 2);
    assert_eq!(route.request_target.as_deref(), Some("/x/a%20b?q"));
    assert_eq!(route.settings.read_timeout.as_ref().unwrap().value, 5000);
    assert_eq!(route.settings.connect_timeout.as_ref().unwrap().value, 60_000);
    assert_eq!(route.undetermined, Vec::<String>::new());
}

#[test]
fn includes_are_found_from_the_main_file_and_sorted() {
    let config = config_of(&[
        (
            MAIN,
            "events {} http { include conf.d/*.conf; include missing.conf; include sites/one; }",
        ),
        (
            "/etc/nginx/conf.d/b.conf",
            "server { listen 80; server_name b.test; include snippets/pass; }",
        ),
        (
            "/etc/nginx/conf.d/a.conf",
            "server { listen 80 default_server; server_name a.test; }",
        ),
        ("/etc/nginx/conf.d/.hidden.conf", "}"),
        (
            "/etc/nginx/snippets/pass",
            "location / { proxy_pass http://app:9000; }",
        ),
        ("/etc/nginx/sites/one", "server { listen 81; include sites/one; }"),
    ]);
    let summary = config.summary();
    let files: Vec<&str> = summary.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        files,
        [
            MAIN,
            "/etc/nginx/conf.d/a.conf",
            "/etc/nginx/conf.d/b.conf",
            "/etc/nginx/snippets/pass",
            "/etc/nginx/sites/one"
        ]
    );
    let rules: Vec<&str> = summary.errors.iter().map(|error| error.rule.as_str()).collect();
    assert_eq!(rules, ["include-missing", "include-loop"]);
    assert_eq!(summary.server_names, ["a.test", "b.test"]);
    assert_eq!(summary.upstream_addresses, ["app:9000"]);
    assert_eq!(summary.errors[0].place.column, 41);
}

#[test]
fn a_missing_semicolon_is_reported_where_it_is_and_the_route_is_still_known() {
    let config = config(
        "events {}\nhttp {\n server {\n  listen 80;\n  location / {\n   proxy_pass http://127.0.0.1:9000\n   proxy_set_header Host $host;\n  }\n }\n}\n",
    );
    let errors = config.summary().errors;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(
        (errors[0].place.line, errors[0].excerpt.as_str()),
        (6, "   proxy_pass http://127.0.0.1:9000")
    );
    let route = route(&config, "/x");
    assert_eq!(
        pass(&route).peers[0].address,
        PeerAddress::Ip("127.0.0.1:9000".parse().unwrap())
    );
    assert_eq!(
        route.settings.request_headers[0],
        ("Host".to_owned(), "a.test".to_owned())
    );
}

#[test]
fn every_error_is_collected_and_none_stops_the_reader() {
    let config = config(
        "events {}\nhttp {\n gzip_comp_level high;\n server {\n listen 80;\n location / { return 200 \"a\"b; } }\n }\n }\n upstream x { }\n",
    );
    let errors = config.summary().errors;
    let lines: Vec<u32> = errors.iter().map(|error| error.place.line).collect();
    assert!(
        lines.contains(&3) && lines.contains(&6) && lines.contains(&8),
        "{errors:#?}"
    );
}

#[test]
fn a_group_gives_its_peers_their_parameters() {
    let config = config(
        "events {} http { upstream App { server 10.0.0.1 max_fails=0 fail_timeout=1m; server unix:/run/a.sock backup; server b.test:81 down max_conns=5; keepalive 4; zone z 64k; }\n server { listen 80; location / { proxy_pass https://app; } } }",
    );
    let route = route(&config, "/");
    let pass = pass(&route);
    assert!(pass.tls);
    assert_eq!(pass.proxy_host, "app");
    let group = pass.group.as_ref().unwrap();
    assert_eq!(
        (group.name.as_str(), group.keepalive, group.zone),
        ("App", Some(4), true)
    );
    assert_eq!(
        pass.peers[0].address,
        PeerAddress::Ip("10.0.0.1:80".parse().unwrap())
    );
    assert_eq!(
        (pass.peers[0].max_fails, pass.peers[0].fail_timeout_ms),
        (0, 60_000)
    );
    assert!(pass.peers[1].backup && pass.peers[2].down);
    assert_eq!(pass.peers[1].address, PeerAddress::Unix("/run/a.sock".to_owned()));
    let rules: Vec<String> = config
        .summary()
        .lint
        .into_iter()
        .map(|problem| problem.rule)
        .collect();
    assert_eq!(rules, ["N024-https-port80", "N069-keepalive-unused"]);
}

#[test]
fn a_variable_name_is_resolved_at_run_time_and_a_group_is_not() {
    let text = "set $app backend.test; set $group pool; location /name { proxy_pass http://$app:9000; }\
        location /group { proxy_pass http://$group; } location /ip { set $ip 10.1.1.1; proxy_pass http://$ip:8080/x?y; }\
        location /cookie { proxy_pass http://$cookie_app; } location /frozen { proxy_pass http://fixed.test:81; }\
        location /thawed { set $f fixed.test; proxy_pass http://$f:81; }";
    let config = config(&format!(
        "events {{}} http {{ upstream pool {{ server 127.0.0.1:1; }} server {{ listen 80; {text} }} }}"
    ));
    let name = route(&config, "/name");
    assert_eq!(pass(&name).runtime_name.as_ref().unwrap().name, "backend.test");
    assert_eq!(pass(&name).runtime_name.as_ref().unwrap().port, 9000);
    assert!(pass(&name).peers.is_empty() && pass(&name).has_variables);
    assert!(pass(&route(&config, "/group")).group.is_some());
    let ip = route(&config, "/ip/z");
    assert_eq!(
        pass(&ip).peers[0].address,
        PeerAddress::Ip("10.1.1.1:8080".parse().unwrap())
    );
    assert_eq!(ip.request_target.as_deref(), Some("/x?y"));
    let cookie = route(&config, "/cookie");
    assert!(
        pass(&cookie).peers.is_empty() && cookie.undetermined[0].contains("$cookie_app"),
        "{:?}",
        cookie.undetermined
    );
    let thawed = route(&config, "/thawed");
    assert!(pass(&thawed).runtime_name.is_none() && pass(&thawed).peers.len() == 1);
    let lint = config.summary().lint;
    assert_eq!(lint.len(), 1, "{lint:#?}");
    assert_eq!(lint[0].rule, "N020-no-resolver");
    assert!(lint[0].message.contains("backend.test"));
}

#[test]
fn an_answer_behind_a_condition_that_is_not_known_is_possible() {
    let config = in_server(
        "if (-f /run/maintenance) {\n return 502; } if ($http_x_old) { return 410; }\
         location / { proxy_pass http://127.0.0.1:9000; }",
    );
    let route = route(&config, "/");
    assert_eq!(pass(&route).place.line, 2);
    let possible: Vec<u16> = route
        .possible_returns
        .iter()
        .map(|possible| possible.status)
        .collect();
    assert_eq!(possible.first(), Some(&502));
    assert!(route.possible_returns[0].depends_on.contains("/run/maintenance"));
}

#[test]
fn php_behind_try_files_gets_its_script_name() {
    let config = in_server(
        "root /srv/www; index index.php; location / { try_files $uri $uri/ /index.php?$args; }\
         location ~ \\.php$ { try_files $uri =404; fastcgi_pass unix:/run/php.sock; fastcgi_read_timeout 5m;\
         fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; }",
    );
    for target in ["/", "/blog?p=1", "/index.php"] {
        let route = route(&config, target);
        let pass = pass(&route);
        assert_eq!(
            pass.peers[0].address,
            PeerAddress::Unix("/run/php.sock".to_owned()),
            "{target}"
        );
        assert_eq!(route.settings.parameters[0].1, "/srv/www/index.php");
        assert_eq!(route.settings.read_timeout.as_ref().unwrap().value, 300_000);
        assert!(!route.undetermined.is_empty());
    }
}

#[test]
fn a_configured_502_is_told_apart_with_its_place() {
    let config = in_server(
        "error_page 404 =502 /down.html;\n location /a {\n return 502; proxy_pass http://127.0.0.1; }\n location /b { return 404; }\n if ($arg_x) { return 502; }",
    );
    let place = |target: &str| match route(&config, target).handler {
        Handler::Return { status, place } => (status, place.line),
        other => panic!("{other:?}"),
    };
    assert_eq!(place("/a"), (502, 3));
    assert_eq!(place("/b"), (502, 1));
    assert_eq!(place("/c?x=1"), (502, 5));
}

#[test]
fn settings_follow_nginx_inheritance_and_versions() {
    let text = "events { worker_connections 10; } user www-data; worker_rlimit_nofile 99; error_log logs/e.log warn;\n\
        http { log_format main '$status ' \"$host\"; access_log /a.log main; proxy_set_header X-A $scheme; proxy_set_header Host $host;\n\
        proxy_cache_path /c keys_zone=z:1m; proxy_cache z; proxy_cache_valid any 1m; resolver 10.0.0.2 [::1]:5353 ipv6=off valid=5s;\n\
        server { listen 80; location /a { proxy_pass https://b.test; } location /b { proxy_set_header X-B 1; proxy_pass http://127.0.0.1:8; access_log off; } } }";
    let config = config(text);
    assert_eq!(config.summary().errors, []);
    let a = route(&config, "/a").settings;
    assert_eq!(a.request_headers.len(), 3);
    assert_eq!(a.request_headers[1], ("Host".to_owned(), "a.test".to_owned()));
    assert_eq!(
        a.request_headers[2],
        ("Connection".to_owned(), "close".to_owned())
    );
    assert_eq!(a.http_version.unwrap().value, "1.0");
    assert_eq!(a.tls_name.unwrap().value, "b.test");
    assert_eq!(a.tls_protocols.unwrap().value, ["TLSv1", "TLSv1.1", "TLSv1.2"]);
    assert!(!a.tls_server_name.unwrap().value);
    assert_eq!(a.cache_valid_502.unwrap().value, 60_000);
    assert_eq!(a.resolver.unwrap().value, ["10.0.0.2:53", "[::1]:5353"]);
    assert!(a.resolver_ipv6_off);
    assert_eq!(a.error_logs[0].target, "/etc/nginx/logs/e.log");
    assert_eq!(a.error_logs[0].format, "warn");
    assert_eq!(a.access_logs[0].format, "$status $host");
    assert_eq!(a.worker_connections.unwrap().value, 10);
    assert_eq!(a.worker_rlimit_nofile.unwrap().value, 99);
    assert_eq!(a.user.unwrap().value, "www-data");
    let b = route(&config, "/b").settings;
    let names: Vec<&str> = b.request_headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["X-B", "Host", "Connection"]);
    assert_eq!(b.access_logs[0].target, "off");
    assert!(b.tls_name.is_none());
}

#[test]
fn the_most_specific_address_takes_the_connection() {
    let config = config(
        "events {} http { server { listen 80; server_name a.test; return 201; } server { listen 10.0.0.1:80; server_name b.test; return 202; } server { listen [::]:80; return 203; } }",
    );
    let status = |address: Option<&str>| {
        let request = RouteRequest {
            local_address: address.map(|address| address.parse().unwrap()),
            port: 80,
            host: "a.test".to_owned(),
            method: "GET".to_owned(),
            target: "/".to_owned(),
            ..RouteRequest::default()
        };
        match config.route(&request)?.handler {
            Handler::Return { status, .. } => Some(status),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(status(Some("10.0.0.1")), Some(202));
    assert_eq!(status(Some("10.0.0.2")), Some(201));
    assert_eq!(status(Some("::1")), Some(203));
    assert_eq!(status(None), Some(201));
    let elsewhere = RouteRequest {
        port: 81,
        target: "/".to_owned(),
        ..RouteRequest::default()
    };
    assert!(config.route(&elsewhere).is_none());
}

#[test]
fn depth_length_and_loops_are_bounded() {
    let deep = "a {".repeat(10_000) + &"}".repeat(10_000);
    let rules: Vec<String> = config(&deep)
        .summary()
        .errors
        .into_iter()
        .map(|error| error.rule)
        .collect();
    assert!(rules.contains(&"nesting-too-deep".to_owned()), "{rules:?}");
    let word = "x".repeat(3_000_000);
    assert!(!config(&word).summary().errors.is_empty());
    assert!(
        !config(&format!("content_by_lua_block {{ {}", "[[".repeat(200_000)))
            .summary()
            .errors
            .is_empty()
    );
    let wide = "include a;".repeat(50);
    let config = config_of(&[
        (MAIN, &wide),
        ("/etc/nginx/a", &"include b;".repeat(200)),
        ("/etc/nginx/b", &"x y;".repeat(200)),
    ]);
    assert!(
        config
            .summary()
            .errors
            .iter()
            .any(|error| error.rule == "too-many-directives")
    );
}

#[test]
fn lua_blocks_are_skipped_whole() {
    let config = in_server(
        "location /a { content_by_lua_block { local t = {a = \"}\"} -- }\n ngx.say([[ } ]]) } proxy_read_timeout 7; }\
         location /b { proxy_pass http://127.0.0.1:7; rewrite_by_lua_block { ngx.var.x = 1 } }",
    );
    assert_eq!(config.summary().errors, []);
    assert!(matches!(route(&config, "/a").handler, Handler::Local(_)));
    let b = route(&config, "/b");
    assert!(b.undetermined[0].contains("rewrite_by_lua_block"));
    assert_eq!(pass(&b).peers.len(), 1);
}

#[test]
fn a_sound_configuration_gets_no_lint() {
    let text = "events {} http { map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n\
        upstream app { server 127.0.0.1:3000; server 127.0.0.1:3001; keepalive 16; }\n\
        server { listen 80 default_server; listen [::]:80 default_server; server_name _; return 301 https://$host$request_uri; }\n\
        server { listen 443 ssl; server_name a.test www.a.test; client_max_body_size 10m; proxy_buffer_size 16k; proxy_buffers 8 16k;\n\
        location / { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_set_header Host $host; proxy_pass http://app; }\n\
        location ~ \\.php$ { fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_pass unix:/run/php/php-fpm.sock; }\n\
        location /v { set $up app; proxy_pass http://$up; } } }";
    let summary = config(text).summary();
    assert_eq!(summary.errors, []);
    assert_eq!(summary.lint, []);
}

#[test]
fn each_lint_rule_finds_its_fault() {
    for (rule, text) in [
        ("N030-all-down", "upstream u { server 127.0.0.1:1 down; }"),
        ("N080-fixed-502", "server { listen 81; return 502; }"),
        ("N081-cached-502", "proxy_cache_valid any 1m;"),
        (
            "N002-name-conflict",
            "server { listen 81; server_name x.y; } server { listen 81; server_name x.y; }",
        ),
        ("N004-name-port", "server { listen 81; server_name x.y:81; }"),
        (
            "N005-dead-nested-prefix",
            "server { listen 81; location ~ /a { location /a/b { } } }",
        ),
        (
            "N020-no-resolver",
            "server { listen 81; location / { set $u app.test; proxy_pass http://$u; } }",
        ),
        (
            "N043-fcgi-script",
            "server { listen 81; location ~ \\.php$ { fastcgi_param A b; fastcgi_pass 127.0.0.1:9; } }",
        ),
        (
            "N055-verify-untrusted",
            "server { listen 81; location / { proxy_ssl_verify on; proxy_pass https://1.1.1.1; } }",
        ),
        (
            "N069-keepalive-unused",
            "upstream u { server 127.0.0.1:1; keepalive 2; } server { listen 81; location / { proxy_pass http://u; } }",
        ),
        (
            "N024-https-port80",
            "upstream u { server 127.0.0.1; } server { listen 81; location / { proxy_pass https://u; } }",
        ),
    ] {
        let lint = config(&format!("events {{}} http {{ {text} }}")).summary().lint;
        assert_eq!(
            lint.iter().map(|problem| problem.rule.as_str()).collect::<Vec<_>>(),
            [rule],
            "{text}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), target in ".{0,40}") {
        check_any(&bytes, &target);
    }

    #[test]
    fn no_mixture_of_directives_makes_the_reader_panic(pieces in proptest::collection::vec(0..PIECES.len(), 0..60), target in "/[a-z%/?.]{0,20}") {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        check_any(text.as_bytes(), &target);
    }
}

const PIECES: [&str; 40] = [
    "events {} ",
    "http {",
    "server {",
    "location ",
    "/a ",
    "{",
    "}",
    ";",
    "~ ",
    "~* (",
    "= ",
    "^~ ",
    "@n ",
    "proxy_pass ",
    "http://$x ",
    "http://é/",
    "$",
    "${",
    "\"",
    "'",
    "map $a $x {",
    "if (",
    "$a = ",
    ")",
    "rewrite ",
    "return ",
    "502",
    "set $x ",
    "try_files ",
    "$uri ",
    "listen ",
    "80",
    "[::",
    "unix:",
    "server_name ",
    ".",
    "*.",
    "include x;",
    "proxy_buffers 9999999999999999999 8k;",
    "\u{0}",
];

fn check_any(bytes: &[u8], target: &str) {
    struct One<'b>(&'b [u8]);
    impl Files for One<'_> {
        fn read(&self, path: &str) -> Result<FileBytes, String> {
            if path != MAIN {
                return Err("no such file".to_owned());
            }
            Ok(FileBytes {
                bytes: self.0.to_vec(),
                modified_ms: None,
                truncated: false,
            })
        }
        fn list(&self, _: &str) -> Vec<String> {
            Vec::new()
        }
    }
    let config = nginx::read(MAIN, &One(bytes), &Environment::default());
    let _ = config.summary();
    let request = RouteRequest {
        port: 80,
        host: target.to_owned(),
        target: target.to_owned(),
        ..RouteRequest::default()
    };
    let _ = config.route(&request);
}

#[test]
fn a_script_makes_the_variables_of_a_pass_uncertain() {
    let config = in_server(
        "set $up \"\"; location / { access_by_lua_block { ngx.var.up = \"x\" } proxy_pass http://$up; }",
    );
    let route = route(&config, "/");
    assert!(pass(&route).peers.is_empty());
    assert!(
        route
            .undetermined
            .iter()
            .any(|text| text.contains("access_by_lua_block"))
    );
    assert_eq!(config.summary().lint, []);
}

#[test]
fn a_semicolon_missing_before_a_block_does_not_lose_the_block() {
    let config = config(
        "events {}\nhttp {\nserver {\nlisten 80\nlocation / {\nproxy_pass http://127.0.0.1:9; } } }\n",
    );
    let errors = config.summary().errors;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!((errors[0].place.line, errors[0].place.column), (4, 10));
    assert_eq!(
        route(&config, "/").location.map(|location| location.name).as_deref(),
        Some("/")
    );
}

#[test]
fn a_request_that_a_rewrite_sent_away_is_handed_on_in_its_decoded_form() {
    // nginx 1.22.1: an error_page for the 301 of a rewrite finds the request without the target as it was sent.
    let config = in_server(
        "error_page 301 @m; location = /a/b { rewrite ^/a(.*)$ /ab$1 permanent; } location @m { proxy_pass http://127.0.0.1:9000; }",
    );
    assert_eq!(
        route(&config, "/a/b#f?x=1").request_target.as_deref(),
        Some("/a/b")
    );
}

#[test]
fn a_post_for_an_error_document_that_is_a_file_depends_on_whether_there_is_one() {
    // nginx 1.22.1: 405 where the file is, 404 where it is not.
    let config = in_server("location / { error_page 404 @n; return 404; } location @n { root /srv; }");
    let request = RouteRequest {
        port: 80,
        host: "a.test".to_owned(),
        method: "POST".to_owned(),
        target: "/ab".to_owned(),
        ..RouteRequest::default()
    };
    let route = config.route(&request).expect("something listens on port 80");
    assert!(matches!(route.handler, Handler::Return { status: 405, .. }));
    assert_eq!(
        route.undetermined,
        ["whether /ab exists below /srv; taken as there"]
    );
}
