//! `fix502 lint` and `fix502 route` on files: what is found, in which words, and with which exit code. Nothing
//! here depends on what runs on this machine.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::formats::{SARIF, report_schema, valid};

const SOUND: &str = "server {\n    listen 8080;\n    server_name shop.test;\n    location / {\n        proxy_pass \
                     http://127.0.0.1:9000;\n    }\n}\n";

fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    std::fs::write(path, text).expect("a file");
}

fn run(directory: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fix502"))
        .args(line.split(' '))
        .current_dir(directory)
        .env_remove("NO_COLOR")
        .output()
        .expect("the program runs")
}

fn said(output: &Output) -> (i32, String, String) {
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn report(directory: &Path, line: &str) -> (i32, Value) {
    let (code, out, errors) = said(&run(directory, &format!("{line} --format json")));
    assert!(code < 2, "{line}: {errors}");
    (code, valid(&report_schema(None), &out, line))
}

/// The rules that found more than what is only worth knowing.
fn rules(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().expect("findings");
    findings
        .iter()
        .filter(|finding| finding["severity"] != "info")
        .filter_map(|finding| finding["rule"].as_str())
        .collect()
}

#[test]
fn a_part_of_a_configuration_is_read_where_it_belongs() {
    let place = tempfile::tempdir().expect("a directory");
    let parts = [
        ("server", SOUND),
        (
            "locations",
            "location /a/ {\n    proxy_pass http://127.0.0.1:9000/;\n}\nlocation = /b { return 204; }\n",
        ),
        (
            "upstream",
            "upstream app {\n    server 127.0.0.1:9000;\n    keepalive 8;\n}\n",
        ),
        ("peers", "server 127.0.0.1:9000;\nserver 127.0.0.1:9001 backup;\n"),
        (
            "headers",
            "proxy_set_header Host $host;\nproxy_http_version 1.1;\n",
        ),
        (
            "in-location",
            "fastcgi_pass app;\nfastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n",
        ),
        ("main", "load_module modules/ngx_http_perl_module.so;\n"),
        (
            "stream",
            "server {\n    listen 53 udp;\n    proxy_pass 127.0.0.1:5353;\n}\n",
        ),
        ("map", "map $host $app {\n    default 127.0.0.1:9000;\n}\n"),
    ];
    for (name, text) in parts {
        let file = format!("{name}.conf");
        write(place.path(), &file, text);
        let (code, report) = report(place.path(), &format!("lint {file} --proxy-kind nginx"));
        assert_eq!((code, rules(&report)), (0, Vec::new()), "{name}: {report:#}");
        assert_eq!(report["lint"]["files"].as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn a_directive_that_is_wrong_anywhere_is_still_wrong_in_a_part() {
    let place = tempfile::tempdir().expect("a directory");
    write(
        place.path(),
        "a.conf",
        &SOUND.replace("listen 8080;", "listen 8080 sssl;"),
    );
    let (code, report) = report(place.path(), "lint a.conf");
    assert_eq!((code, rules(&report)), (1, vec!["invalid-value"]));
    assert_eq!(report["findings"][0]["cause"], Value::Null);
    assert_eq!(report["findings"][0]["at"]["line"], 2);
    assert_eq!(report["verdict"]["status"], "found");
}

#[test]
fn a_directory_is_linted_from_its_main_file_or_all_its_parts_together() {
    let place = tempfile::tempdir().expect("a directory");
    write(
        place.path(),
        "parts/upstreams.conf",
        "upstream app { server 127.0.0.1:9000; }\n",
    );
    write(
        place.path(),
        "parts/sites-available/shop",
        &SOUND.replace("127.0.0.1:9000", "app"),
    );
    write(place.path(), "parts/notes.txt", "server {\n");
    let (code, parts) = report(place.path(), "lint parts");
    assert_eq!((code, rules(&parts)), (0, Vec::new()), "{parts:#}");
    assert_eq!(
        parts["lint"]["files"].as_array().map(Vec::len),
        Some(2),
        "{parts:#}"
    );

    write(
        place.path(),
        "whole/nginx.conf",
        "events {}\nhttp { include sites/*; }\n",
    );
    write(place.path(), "whole/sites/shop", SOUND);
    write(place.path(), "whole/unused.conf", "server {\n");
    let (code, whole) = report(place.path(), "lint whole");
    assert_eq!((code, rules(&whole)), (0, Vec::new()), "{whole:#}");
    assert_eq!(
        whole["lint"]["files"].as_array().map(Vec::len),
        Some(2),
        "{whole:#}"
    );
}

#[test]
fn the_exit_code_follows_the_level_that_was_asked_for() {
    let place = tempfile::tempdir().expect("a directory");
    write(
        place.path(),
        "a.conf",
        &SOUND.replace("shop.test", "shop.test:80"),
    );
    for (line, expected) in [
        ("lint a.conf", 0),
        ("lint a.conf --fail-on warning", 1),
        ("lint --config a.conf --fail-on warning", 1),
        ("lint ./none.conf", 2),
        ("lint ./none.conf --proxy-kind nginx", 2),
        ("lint a.conf http://shop.test/", 2),
    ] {
        let (code, out, errors) = said(&run(place.path(), line));
        assert_eq!(code, expected, "{line}: {out}{errors}");
    }
    write(place.path(), "a.bin", "\u{0}\u{1}");
    let (code, _, errors) = said(&run(place.path(), "lint ./a.bin"));
    assert!(code == 2 && errors.contains("--proxy-kind"), "{errors}");
}

#[test]
fn a_name_that_is_a_file_here_is_linted_and_not_asked() {
    let place = tempfile::tempdir().expect("a directory");
    write(place.path(), "sites-available/shop.test", SOUND);
    let (code, report) = report(place.path(), "lint sites-available/shop.test");
    assert_eq!((code, report["target"]["url"].clone()), (0, Value::Null));
}

#[test]
fn a_finding_shows_rule_place_effect_and_repair() {
    let place = tempfile::tempdir().expect("a directory");
    let text = SOUND.replace(
        "proxy_pass http://127.0.0.1:9000;",
        "set $app app.test;\n        proxy_pass http://$app:9000;",
    );
    write(
        place.path(),
        "nginx.conf",
        &format!("events {{}}\nhttp {{\n{text}}}\n"),
    );
    let (code, out, _) = said(&run(place.path(), "lint /nginx.conf --root . --width 80"));
    assert_eq!(code, 1);
    insta::assert_snapshot!(out);
}

#[test]
fn the_way_of_a_url_is_printed_with_every_place() {
    let place = tempfile::tempdir().expect("a directory");
    let text = SOUND.replace(
        "proxy_pass http://127.0.0.1:9000;",
        "proxy_pass http://app/;\n        proxy_read_timeout 5s;",
    );
    let text = format!(
        "events {{}}\nhttp {{\nupstream app {{\n    server 127.0.0.1:9000;\n    server 127.0.0.1:9001 backup;\n}}\n{text}}}\n"
    );
    write(place.path(), "nginx.conf", &text);
    let (code, out, _) = said(&run(
        place.path(),
        "route --config /nginx.conf --root . --width 80 http://shop.test:8080/cart?a=1",
    ));
    assert_eq!(code, 0);
    insta::assert_snapshot!(out);

    let (code, out, _) = said(&run(
        place.path(),
        "route --config nginx.conf http://shop.test:8080/cart --format json",
    ));
    let way = valid(&report_schema(Some("way")), &out, "route");
    assert_eq!((code, &way["matched"]), (0, &Value::Bool(true)));
    assert_eq!(way["settings"]["read_timeout_ms"]["value"], 5_000);
    assert_eq!(way["settings"]["connect_timeout_ms"]["at"], Value::Null);
    assert_eq!(way["endpoints"].as_array().map(Vec::len), Some(2));
}

#[test]
fn the_exit_code_of_a_way_says_whether_something_serves_the_url() {
    let place = tempfile::tempdir().expect("a directory");
    write(
        place.path(),
        "a.conf",
        &SOUND.replace("proxy_pass http://127.0.0.1:9000;", "return 503;"),
    );
    let schema = report_schema(Some("way"));
    for (url, expected, matched) in [
        ("http://shop.test:8080/", 1, true),
        ("http://shop.test:9999/", 1, false),
    ] {
        let (code, out, errors) = said(&run(
            place.path(),
            &format!("route --config a.conf {url} --format json"),
        ));
        let way = valid(&schema, &out, url);
        assert_eq!(
            (code, &way["matched"]),
            (expected, &Value::Bool(matched)),
            "{errors}"
        );
    }
    let (code, _, errors) = said(&run(
        place.path(),
        "route --config a.conf http://shop.test/ --format sarif",
    ));
    assert!(code == 2 && errors.contains("text or json"), "{errors}");
}

#[test]
fn the_readme_shows_what_lint_and_route_really_print() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(here.join("README.md")).expect("the README");
    for start in ["    $ fix502 lint /", "    $ fix502 route --config"] {
        let at = readme.find(start).unwrap_or_else(|| panic!("no example of {start}"));
        let example: Vec<&str> = readme[at..]
            .lines()
            .take_while(|line| line.is_empty() || line.starts_with("    "))
            .map(|line| line.get(4..).unwrap_or_default())
            .collect();
        let (command, shown) = example.split_first().expect("a command");
        let line = command.trim_start_matches("$ fix502 ");
        let (_, out, errors) = said(&run(here, &format!("{line} --root tests/fixtures/readme")));
        assert_eq!(out.trim(), shown.join("\n").trim(), "{errors}");
    }
}

#[test]
fn parts_for_apache_and_squid_are_all_read_and_miss_nothing_that_another_file_brings() {
    let place = tempfile::tempdir().expect("a directory");
    let directory = place.path();
    let site =
        "<VirtualHost *:80>\nServerName app.test\nProxyPass / http://127.0.0.1:3000/\n</VirtualHost>\n";
    write(directory, "a.conf", site);
    write(directory, "b.conf", &site.replace("</VirtualHost>", ""));
    let (code, found) = report(directory, "lint .");
    assert_eq!((code, rules(&found)), (1, vec!["syntax"]), "{found:#}");
    assert!(
        found["findings"][0]["at"]["file"]
            .as_str()
            .expect("a place")
            .ends_with("b.conf")
    );
    let place = tempfile::tempdir().expect("a directory");
    let directory = place.path();
    write(
        directory,
        "lan.conf",
        "http_access allow office\ncache_peer 10.0.0.9 parent 3128 0 no-query\n",
    );
    write(
        directory,
        "typo.conf",
        "http_acces deny all\ncache_peer 10.0.0.8 parent 3128 0\n",
    );
    let (code, found) = report(directory, "lint . --proxy-kind squid");
    assert_eq!((code, rules(&found)), (1, vec!["unknown-directive"]), "{found:#}");
}

#[test]
fn a_part_for_apache_is_read_as_if_every_module_were_there() {
    let place = tempfile::tempdir().expect("a directory");
    let site = "<VirtualHost *:80>\n    ServerName shop.test\n    ProxyPass / http://127.0.0.1:8080\n    <IfModule mod_proxy_http.c>\n        \
                ProxyPass /api/ http://127.0.0.1:8081/\n    </IfModule>\n    <IfModule !mod_proxy.c>\n        ProxyPass \
                /never http://127.0.0.1:8082x\n    </IfModule>\n</VirtualHost>\n";
    write(place.path(), "shop.conf", site);
    let (code, found) = report(place.path(), "lint shop.conf");
    assert_eq!(
        (code, rules(&found)),
        (1, vec!["A001-slash-mismatch", "A002-order"])
    );

    // What the file around it may bring is no finding, and what was not judged is said.
    let site = "<VirtualHost *:80>\n    ServerName app.test\n    WSGIScriptAlias / /srv/app.wsgi\n    Use Backend app\n    ProxyPass /api/ \
                https://api.internal.example:8443/\n    ProxyPass /b/ balancer://elsewhere/\n    ProxyPass /c/ \
                http://${BACKEND}/\n</VirtualHost>\n";
    write(place.path(), "app.conf", site);
    let (code, found) = report(place.path(), "lint app.conf");
    assert_eq!((code, rules(&found)), (0, vec![]));
    let lacking: Vec<&str> = found["lint"]["not_checked"]
        .as_array()
        .expect("rules")
        .iter()
        .filter(|rule| rule["lacks"] == "the configuration that includes this part")
        .filter_map(|rule| rule["rule"].as_str())
        .collect();
    assert_eq!(
        lacking,
        ["A006-sslproxyengine", "A009-balancer-empty", "A013-undefined-var"]
    );

    // The same behind a module is a whole configuration.
    let modules = ["proxy", "proxy_http", "proxy_balancer", "ssl", "macro", "wsgi"]
        .map(|name| format!("LoadModule {name}_module modules/mod_{name}.so\n"));
    write(place.path(), "whole.conf", &format!("{}{site}", modules.concat()));
    let (code, found) = report(place.path(), "lint whole.conf");
    assert_eq!(code, 1);
    let rules = rules(&found);
    for rule in ["A006-sslproxyengine", "A009-balancer-empty", "A013-undefined-var"] {
        assert!(rules.contains(&rule), "{rule}: {rules:?}");
    }
}

#[test]
fn what_a_comment_suppresses_is_still_told_with_its_reason() {
    let place = tempfile::tempdir().expect("a directory");
    let line = "proxy_pass http://127.0.0.1:9000;";
    let off = "proxy_connect_timeout 300s; # fix502: allow N067 because the tunnel\u{1b} wakes up slowly";
    write(
        place.path(),
        "a.conf",
        &SOUND.replace(line, &format!("{off}\n        {line}")),
    );
    let (code, report) = report(place.path(), "lint a.conf");
    assert_eq!((code, rules(&report)), (0, Vec::new()), "{report:#}");
    let suppressed = &report["lint"]["suppressed"][0];
    assert_eq!(suppressed["finding"]["rule"], "N067-timeout-inversion");
    assert_eq!(suppressed["comment"]["line"], 5);
    let reason = suppressed["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("the tunnel") && reason.ends_with("wakes up slowly"),
        "{reason}"
    );
    let (_, text, _) = said(&run(place.path(), "lint a.conf"));
    assert!(
        text.contains("suppressed by comments: N067-timeout-inversion in "),
        "{text}"
    );
    let (_, sarif, _) = said(&run(place.path(), "lint a.conf --format sarif"));
    let log: Value = serde_json::from_str(&sarif).expect("JSON");
    let results = log["runs"][0]["results"].as_array().expect("results");
    let [result] = results
        .iter()
        .filter(|result| result["suppressions"].is_array())
        .collect::<Vec<_>>()[..]
    else {
        panic!("one result is suppressed: {sarif}");
    };
    assert_eq!(result["ruleId"], "N067-timeout-inversion");
    assert_eq!(result["suppressions"][0]["kind"], "inSource");
    let told = result["suppressions"][0]["justification"].as_str().expect("a reason");
    assert!(
        told.contains("wakes up slowly") && !told.contains('\u{1b}'),
        "{told}"
    );
    valid(&SARIF, &sarif, "suppressed");
}
