//! Texts that nobody should write: never a panic, never a stop at the first error, always a place.

use super::{read, read_text};
use fix502::evidence::ConfigProblem;
use fix502::proxy::RouteRequest;
use std::fmt::Write as _;

fn rules(errors: &[ConfigProblem]) -> Vec<(&str, u32)> {
    errors
        .iter()
        .map(|problem| (problem.rule.as_str(), problem.place.line))
        .collect()
}

#[test]
fn ten_thousand_nested_sections_are_told_of_once_and_what_follows_is_read() {
    let nested = |depth: usize| {
        let (open, close) = ("<Location /a>\n", "</Location>\n");
        format!(
            "{}ServerName deep\n{}ServerName after\n",
            open.repeat(depth),
            close.repeat(depth)
        )
    };
    let config = read_text(&nested(100));
    assert_eq!(config.statements().count(), 102);
    assert_eq!(rules(&config.summary().errors), []);
    let config = read_text(&nested(10_000));
    assert_eq!(config.statements().count(), 101);
    assert_eq!(rules(&config.summary().errors), [("nesting-too-deep", 101)]);
}

/// Time that grows with the square of the depth would be minutes here.
#[test]
fn two_hundred_thousand_nested_sections_of_a_part_are_read() {
    let text = format!("LoadModule proxy_module x.so\n{}", "<a>\n".repeat(200_000));
    let config = read_text(&text);
    assert_eq!(config.statements().count(), 100);
    let within = format!(
        "LoadModule proxy_module x.so\n<Proxy a>\n{}",
        "<IfDefine !a>\nProxySet x=y\n".repeat(40_000)
    );
    assert_eq!(read_text(&within).statements().count(), 40_001);
}

#[test]
fn ten_thousand_nested_conditions_are_read() {
    let mut text = "<IfModule core.c>\n<IfDefine x>\n</IfDefine>\n".repeat(10_000);
    text.push_str("ServerName deep\n");
    text.push_str(&"</IfModule>\n".repeat(10_000));
    text.push_str(&"<IfDefine x>\n".repeat(10_000));
    text.push_str(&"</IfDefine>\n".repeat(10_000));
    let config = read_text(&text);
    assert_eq!(config.statements().count(), 1);
    assert!(config.summary().errors.is_empty());
}

#[test]
fn a_line_of_sixteen_megabytes_is_read() {
    let text = format!(
        "ServerName {}\nServerName b\n",
        "a ".repeat(8 * 1024 * 1024 - 100)
    );
    assert_eq!(read_text(&text).statements().count(), 2);
    let text = format!("ServerName {}\nServerName b\n", "a".repeat(17 * 1024 * 1024));
    let config = read_text(&text);
    assert_eq!(rules(&config.summary().errors), [("syntax", 1)]);
    assert_eq!(config.statements().count(), 1);
}

#[test]
fn all_errors_are_collected_with_their_places() {
    let config = read(&[(
        "/etc/apache2/apache2.conf",
        "</Location>\nInclude missing.conf\nInclude none/*.conf\nIncludeOptional none/*.conf\n\
             <Location /a>\n</Directory>\n</Location>\nProxyPass /x http://h/\nServerNam a\n<Files x\n\
             <VirtualHost *:80>\n",
    )]);
    let errors = config.summary().errors;
    assert_eq!(
        rules(&errors),
        [
            ("syntax", 1),
            ("include-missing", 2),
            ("include-missing", 3),
            ("syntax", 6),
            ("syntax", 10),
            ("syntax", 11),
            ("syntax", 10),
            ("module-missing", 8),
            ("unknown-directive", 9),
        ]
    );
    assert!(
        errors
            .iter()
            .all(|error| error.place.column == 1 && !error.excerpt.is_empty())
    );
}

#[test]
fn an_include_that_comes_back_over_three_files_is_an_error() {
    let config = read(&[
        ("/etc/apache2/apache2.conf", "Include a.conf\nServerName x\n"),
        ("/etc/apache2/a.conf", "Include b.conf\n"),
        ("/etc/apache2/b.conf", "Include c.conf\n"),
        ("/etc/apache2/c.conf", "Include a.conf\nServerAdmin x\n"),
    ]);
    assert_eq!(rules(&config.summary().errors), [("include-loop", 1)]);
    assert_eq!(config.statements().count(), 2);
}

#[test]
fn values_that_double_and_macros_that_multiply_end() {
    let mut text = String::from("Define a xxxxxxxxxxxxxxxx\n");
    for _ in 0..200 {
        text.push_str("Define a ${a}${a}\n");
    }
    text.push_str("ServerName ${a}\n");
    read_text(&text).summary();
    let mut text = String::from("LoadModule macro_module x.so\n<Macro m0>\nServerName x\n</Macro>\n");
    for index in 1..60 {
        let before = index - 1;
        let _ = write!(text, "<Macro m{index}>\nUse m{before}\nUse m{before}\n</Macro>\n");
    }
    text.push_str("Use m59\n");
    let config = read_text(&text);
    assert!(
        config
            .summary()
            .errors
            .iter()
            .any(|error| error.rule == "too-many-directives")
    );
}

#[test]
fn odd_bytes_are_read() {
    for text in [
        "\u{feff}ServerName a\n",
        "ServerName a\0b\nServerAdmin c\n",
        "ServerName \"un closed\nServerAdmin c\n",
        "ServerName a\\",
        "<",
        "</",
        "< >\n",
        "<>\n</>\n",
        "${",
        "${}\n",
        "<IfModule\n",
        "<IfModule>\n",
        "<Macro>\n",
        "Use\nDefine\nUnDefine\nInclude\nLoadModule a\n",
        "\\\n\\\n\\\n",
    ] {
        let config = read_text(text);
        config.summary();
        config.route(&RouteRequest {
            port: 80,
            target: "/".to_owned(),
            ..RouteRequest::default()
        });
    }
    let config = read_text("\u{feff}ServerName a\n");
    let errors = config.summary().errors;
    assert_eq!(rules(&errors), [("unknown-directive", 1)]);
    assert!(
        errors[0].message.contains("byte order mark"),
        "{}",
        errors[0].message
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(pieces in proptest::collection::vec(0_usize..PIECES.len(), 0..60), target in ".{0,12}", host in "[a-z:.]{0,8}") {
        let text: String = pieces.iter().map(|index| PIECES[*index]).collect();
        let config = read_text(&text);
        config.summary();
        for target in [format!("/{target}"), target] {
            config.route(&RouteRequest { port: 80, host: host.clone(), target, method: "GET".to_owned(), ..RouteRequest::default() });
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        read_text(&text).summary();
    }
}

/// What random texts are made of.
const PIECES: &[&str] = &[
    "\n",
    " ",
    "\\\n",
    "\"",
    "'",
    "#",
    "<",
    ">",
    "</",
    "${a}",
    "${",
    "}",
    "$1",
    "%{",
    "*",
    "[",
    "\\",
    "é",
    "\0",
    "Listen 80\n",
    "LoadModule proxy_module x\n",
    "LoadModule rewrite_module x\n",
    "LoadModule alias_module x\n",
    "LoadModule macro_module x\n",
    "<VirtualHost *:80>\n",
    "</VirtualHost>\n",
    "<Location /a>\n",
    "</Location>\n",
    "<LocationMatch \"^/(.\">\n",
    "</LocationMatch>\n",
    "<Proxy balancer://b>\n",
    "</Proxy>\n",
    "BalancerMember http://h:81 ",
    "ProxyPass / http://h",
    "ProxyPass /a balancer://b/ ",
    "ProxyPassMatch ^/(.*)$ unix:/s|fcgi://h/$1\n",
    "ProxyPass !\n",
    "RewriteEngine on\n",
    "RewriteCond %{HTTP_HOST} !^a$ [OR,NC]\n",
    "RewriteRule ^/(.*) http://h/$1%1 [P,L]\n",
    "RewriteRule . - [S=9999999999999999999999,N]\n",
    "Define a b\n",
    "Define b ${b}${a}\n",
    "<Macro m $x>\n",
    "</Macro>\n",
    "Use m ",
    "<IfModule !x>\n",
    "</IfModule>\n",
    "<IfVersion >= 2.4.9999999999999>\n",
    "Include /etc/apache2/*.conf\n",
    "ServerName a:b:c\n",
    "ServerAlias *.?\n",
    "Redirect 301 / /x\n",
    "Alias /a /b\n",
    "SetHandler proxy:http://h\n",
    " timeout=99999999999999999999h status=+D-",
];
