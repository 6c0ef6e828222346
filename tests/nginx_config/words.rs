//! Values of words: random ones, hundreds in one configuration, against what the real server answers with
//! `return 200 WORD`.
#![expect(
    clippy::disallowed_methods,
    reason = "a test runs the real server and speaks to it"
)]
#![expect(clippy::print_stdout, reason = "the counts and the skipping are worth seeing")]

use std::fmt::Write as _;
use std::time::Instant;

use super::dice::Dice;
use super::network::{self, Address, Server};
use super::oracle::{nginx_program, read, seeds};
use super::routing::as_heard;
use fix502::proxy::RouteRequest;

/// Words of one configuration.
const WORDS: usize = 1000;
/// Configurations of an ordinary run.
const BATCHES: usize = 24;

const START: [&str; 22] = [
    "a",
    "\\\"",
    "\\'",
    "\\\\",
    "\\t",
    "\\n",
    "\\r",
    "\\x",
    "\\ ",
    "\\;",
    "\\{",
    "\\}",
    "\\#",
    "$host|",
    "${host}",
    "é",
    "0",
    "-",
    ")",
    "(",
    "${scheme}",
    "\u{feff}",
];
const MIDDLE: [&str; 25] = [
    "a", "}", "#", "\"", "'", "\\\"", "\\'", "\\\\", "\\;", "\\ ", "\\t", "\\n", "\\r", "\\x", "\\{",
    "${host}", "$host/", "é", ")", "(", "}}", "\\\n", "\u{a0}", "\u{c}", "$scheme|",
];
const QUOTED: [&str; 24] = [
    "a", " ", ";", "{", "}", "#", "\n", "\t", "\r", "\\\"", "\\'", "\\\\", "\\n", "\\t", "\\r", "\\x",
    "${host}", "$host ", "é", "\\;", "\\\n", "};", "  ", "\\{",
];
const GAP: [&str; 8] = [
    " ",
    "\t",
    "\n",
    "\r\n",
    "  ",
    " # a ; { \" comment\n",
    "\n#}\n",
    " \n\t ",
];

fn word(dice: &mut Dice) -> String {
    let mut word = String::new();
    if dice.chance(50) {
        word.push_str(dice.one(&START));
        for _ in 0..dice.roll(8) {
            // A `$` before what would be a name, or before `{`, is another word than it looks.
            let next = dice.one(&MIDDLE);
            word.push_str(next);
        }
    } else {
        let (sign, other) = if dice.chance(50) { ("\"", "'") } else { ("'", "\"") };
        word.push_str(sign);
        for _ in 0..dice.roll(9) {
            let next = dice.one(&QUOTED);
            word.push_str(if dice.chance(8) { other } else { next });
        }
        word.push_str(sign);
    }
    if dice.chance(1) {
        let long = "x".repeat(1 + dice.roll(3900));
        word = if word.starts_with(['"', '\'']) {
            format!("\"{long}\"")
        } else {
            long
        };
    }
    word
}

#[test]
fn words_have_the_values_that_the_real_server_gives_them() {
    let Some(program) = nginx_program() else { return };
    let (seed, factor) = seeds();
    let mut dice = Dice::new(seed);
    let begun = Instant::now();
    let (mut compared, mut wrong) = (0, Vec::new());
    for _ in 0..BATCHES * factor {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let mut server = format!(
            "daemon off; master_process off; pid {0}/pid; events {{}} http {{ access_log off; keepalive_requests 100000; client_body_temp_path {0}/t1; proxy_temp_path {0}/t2; fastcgi_temp_path {0}/t3; uwsgi_temp_path {0}/t4; scgi_temp_path {0}/t5; server {{ listen unix:{0}/s;\n",
            path.display()
        );
        let mut ours =
            "events {} http { server { listen 80; location / { proxy_pass http://127.0.0.1:9;\n".to_owned();
        let mut words = Vec::new();
        for index in 0..WORDS {
            let word = word(&mut dice);
            let (before, after) = (dice.one(&GAP), if dice.chance(50) { "" } else { dice.one(&GAP) });
            write!(
                server,
                "location = /{index} {{ return 200{before}{word}{after};}}"
            )
            .unwrap();
            write!(ours, "proxy_set_header W{index}{before}{word}{after};").unwrap();
            words.push(word);
        }
        server.push_str("} }\n");
        ours.push_str("} } }\n");
        let (file, twin) = (path.join("nginx.conf"), path.join("ours.conf"));
        std::fs::write(&file, &server).unwrap();
        std::fs::write(&twin, &ours).unwrap();
        let address = Address::Unix(path.join("s"));
        let Some(_server) = Server::start(&program, path, &file, std::slice::from_ref(&address)) else {
            panic!(
                "nginx refuses the words: {}",
                std::fs::read_to_string(path.join("error.log")).unwrap()
            );
        };
        let requests: Vec<(Vec<u8>, bool)> = (0..WORDS)
            .map(|index| {
                (
                    format!("GET /{index} HTTP/1.1\r\nHost: h.test\r\n\r\n").into_bytes(),
                    false,
                )
            })
            .collect();
        let answers = network::ask_all(&address, &requests);
        let config = read(&twin);
        let errors = config.summary().errors;
        assert!(errors.is_empty(), "{errors:?}");
        let request = RouteRequest {
            port: 80,
            host: "h.test".to_owned(),
            method: "GET".to_owned(),
            target: "/".to_owned(),
            ..RouteRequest::default()
        };
        let values = config.route(&request).unwrap().settings.request_headers;
        for (index, (word, answer)) in words.iter().zip(answers).enumerate() {
            let here = values.get(index).map(|(_, value)| as_heard(value));
            let there: String = answer.unwrap().body.iter().map(|byte| char::from(*byte)).collect();
            compared += 1;
            if here.as_deref() != Some(there.as_str()) {
                wrong.push(format!("{word:?}: nginx {there:?}, here {here:?}"));
            }
        }
    }
    println!(
        "{compared} words, {} differences, {:.1} s",
        wrong.len(),
        begun.elapsed().as_secs_f64()
    );
    assert!(
        wrong.is_empty(),
        "{} differences: {}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
    assert!(compared >= 20_000);
}
