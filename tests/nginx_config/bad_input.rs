//! Input that nginx refuses or crashes on: what is said, and the exact place.

use std::collections::BTreeMap;

use super::{Environment, MAIN, config, config_of};
use fix502::proxy::nginx::{self, Config};
use fix502::proxy::{FileBytes, Files, RouteRequest};

/// Rule, file, line and column of every error.
fn places(config: &Config) -> Vec<(String, String, u32, u32)> {
    let errors = config.summary().errors.into_iter();
    errors
        .map(|error| {
            let place = error.place;
            (error.rule, place.file, place.line, place.column)
        })
        .collect()
}

/// Errors of the main file alone: rule, line, column.
fn errors(text: &str) -> Vec<(String, u32, u32)> {
    let all = places(&config(text)).into_iter();
    all.map(|(rule, file, line, column)| {
        assert_eq!(file, MAIN);
        (rule, line, column)
    })
    .collect()
}

fn syntax(line: u32, column: u32) -> Vec<(String, u32, u32)> {
    vec![("syntax".to_owned(), line, column)]
}

#[test]
fn a_word_may_have_4095_bytes_and_not_4096() {
    let with = |length: usize| format!("events {{}}\nenv {};\n", "x".repeat(length));
    assert_eq!(errors(&with(4_094)), []);
    assert_eq!(errors(&with(4_096)), syntax(2, 5));
    assert_eq!(errors(&with(70_000)), syntax(2, 5));
}

#[test]
fn a_comment_longer_than_the_buffer_of_nginx_is_an_error_where_it_begins() {
    let with = |length: usize| format!("events {{}}\n  #{}\npid a;\n", "x".repeat(length));
    assert_eq!(errors(&with(4_000)), []);
    assert_eq!(errors(&with(4_096)), syntax(2, 3));
}

#[test]
fn a_quote_that_is_not_closed_is_shown_where_it_opens() {
    for sign in ['"', '\''] {
        assert_eq!(
            errors(&format!("events {{}}\npid {sign}a;\n"))[0],
            ("syntax".to_owned(), 2, 5)
        );
        let long = format!("events {{}}\npid {sign}a;\n{}", "#\n".repeat(4_000));
        assert_eq!(errors(&long)[0], ("syntax".to_owned(), 2, 5));
    }
}

#[test]
fn a_block_that_is_not_closed_is_shown_where_it_begins() {
    assert_eq!(
        errors("events {}\nhttp {\n server {\n  listen 80;\n }\n"),
        syntax(2, 1)
    );
    assert_eq!(
        errors("events {}\nhttp {\n server {\n  listen 80;\n"),
        [syntax(3, 2), syntax(2, 1)].concat()
    );
}

#[test]
fn a_missing_include_is_shown_where_it_is_asked_for() {
    let found = places(&config_of(&[
        (MAIN, "events {}\nhttp { include conf.d/*.conf; }\n"),
        ("/etc/nginx/conf.d/a.conf", "\n  include gone/b.conf;\n"),
    ]));
    let a = "/etc/nginx/conf.d/a.conf".to_owned();
    assert_eq!(found, [("include-missing".to_owned(), a, 2, 3)]);
}

#[test]
fn a_loop_over_three_files_is_shown_in_the_file_that_closes_it() {
    let found = places(&config_of(&[
        (MAIN, "events {}\nhttp {\n include a; }\n"),
        ("/etc/nginx/a", "include b;\n"),
        ("/etc/nginx/b", "\ninclude c;\n"),
        (
            "/etc/nginx/c",
            "server { listen 80; }\n\n include /etc/nginx/a;\n",
        ),
    ]));
    let c = "/etc/nginx/c".to_owned();
    assert_eq!(found, [("include-loop".to_owned(), c, 3, 2)]);
}

#[test]
fn ten_thousand_nested_blocks_are_told_of_once_and_what_follows_is_read() {
    let deep = format!(
        "events {{}}\nhttp {{\n{}\n{}\nserver {{ listen 8080; }} }}\nworker_processes none;\n",
        "x {".repeat(10_000),
        "}".repeat(10_000)
    );
    let found = errors(&deep);
    let told = found.iter().filter(|(rule, _, _)| rule == "nesting-too-deep");
    let told: Vec<u32> = told.map(|(_, line, _)| *line).collect();
    assert_eq!(told, [3]);
    assert!(found.contains(&("invalid-value".to_owned(), 6, 1)), "{found:?}");
    assert_eq!(config(&deep).summary().listeners[0].address, "*:8080");
}

/// A file of any bytes.
struct Raw(BTreeMap<String, Vec<u8>>);

impl Files for Raw {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        Ok(FileBytes {
            bytes: self.0.get(path).ok_or("no such file")?.clone(),
            ..FileBytes::default()
        })
    }

    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

fn raw(bytes: &[u8]) -> Config {
    let files = Raw(BTreeMap::from([(MAIN.to_owned(), bytes.to_vec())]));
    nginx::read(MAIN, &files, &Environment::default())
}

#[test]
fn bytes_that_are_no_text_do_not_move_the_places_after_them() {
    // Latin-1 and a NUL in a value are nothing to nginx; the second `root` behind them is not.
    let found = places(&raw(b"events {}\nhttp { # caf\xe9\n server { listen 80; server_name \xff\xfe a\0b; listen_ 1; root /a; root /b; } }\n"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].0.as_str(), found[0].2, found[0].3),
        ("duplicate", 3, 62)
    );
}

#[test]
fn a_byte_order_mark_belongs_to_the_first_word() {
    // nginx: unknown directive "\u{feff}events". A third party's directive may have any name, so that only the
    // section that is missing then can be told.
    let found = places(&raw(b"\xef\xbb\xbfevents {}\nhttp {}\n"));
    let rules: Vec<&str> = found.iter().map(|found| found.0.as_str()).collect();
    assert_eq!(rules, ["events-missing"]);
}

/// A main file with an `http` block of these includes, and sixty files below it: each with a server, a part
/// that all share, and here and there a mistake.
fn sixty_files(includes: &str) -> Config {
    let mut files = vec![
        (MAIN.to_owned(), format!("events {{}} http {{ {includes} }}")),
        (
            "/etc/nginx/shared.conf".to_owned(),
            "proxy_set_header Host $host; wrong on".to_owned(),
        ),
    ];
    for number in 0..60 {
        let mistake = match number % 20 {
            7 => "include missing.conf;",
            13 => "unknown_word of a module;",
            19 => "listen 127.0.0.1:80 default_server; }",
            _ => "",
        };
        let text = format!(
            "upstream u{number} {{ server 127.0.0.1:9000 down; }} server {{ server_name s{}.example; {mistake} \
             location / {{ include shared.conf; proxy_pass http://u{number}; }} }}",
            number % 50
        );
        files.push((format!("/etc/nginx/sites/{number:02}.conf"), text));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    config_of(&files)
}

#[test]
fn files_of_a_pattern_that_are_read_at_the_same_time_give_what_they_give_one_after_the_other() {
    let at_once = sixty_files("include sites/*.conf;");
    let each: Vec<String> = (0..60)
        .map(|number| format!("include sites/{number:02}.conf;"))
        .collect();
    let one_by_one = sixty_files(&each.join(" "));
    assert_eq!(at_once.summary().files.len(), 62);
    assert!(places(&at_once).len() > 60, "{:?}", places(&at_once));
    let seen = |config: &Config| {
        let mut summary = config.summary();
        // The main file itself differs.
        summary.files.remove(0);
        serde_json::to_value(summary).unwrap()
    };
    assert_eq!(seen(&at_once), seen(&one_by_one));
    let routes = |config: &Config| {
        let request = |number| RouteRequest {
            port: 80,
            host: format!("s{number}.example"),
            method: "GET".to_owned(),
            target: "/".to_owned(),
            ..RouteRequest::default()
        };
        let routes = (0..60).map(|number| format!("{:?}", config.route(&request(number))));
        routes.collect::<Vec<_>>()
    };
    assert_eq!(routes(&at_once), routes(&one_by_one));
}
