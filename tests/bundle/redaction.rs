//! No secret leaves the host, and what the diagnosis needs stays.

use std::io::Read;

use fix502::bundle::{self, Redactor};
use fix502::evidence::{Connect, Exchange};
use fix502::host::Transcript;
use flate2::read::GzDecoder;
use proptest::prelude::*;
use serde_json::json;

use super::planted::{SECRETS, TEXT, entry, fastcgi, files, report, scgi, transcript, written};

#[test]
fn no_planted_secret_is_in_any_byte_of_a_bundle() {
    assert!(SECRETS.len() >= 60);
    let archive = written(&transcript(), &report(), TEXT);
    let mut everything = Vec::new();
    GzDecoder::new(archive.as_slice())
        .read_to_end(&mut everything)
        .unwrap();
    let text = String::from_utf8_lossy(&everything);
    let leaks: Vec<_> = SECRETS.iter().filter(|secret| text.contains(**secret)).collect();
    assert!(leaks.is_empty(), "leaked: {leaks:?}");
    // Base64 within a base64 field must not carry them either.
    for entry in bundle::read(&archive).unwrap().transcript.entries() {
        for side in [&entry.question, &entry.answer] {
            if let Some(inner) = side.pointer("/request")
                && let Ok(inner) = serde_json::from_value::<fix502::evidence::Bytes>(inner.clone())
            {
                let text = inner.text();
                assert!(!SECRETS.iter().any(|secret| text.contains(secret)), "{text}");
            }
        }
    }
}

#[test]
fn what_the_diagnosis_needs_stays_as_it_was() {
    let archive = written(&transcript(), &report(), TEXT);
    let all = files(&archive)
        .into_iter()
        .map(|(_, content)| String::from_utf8_lossy(&content).into_owned())
        .collect::<String>();
    for kept in [
        "server 127.0.0.1:8080 max_fails=3; server [::1]:8081;",
        r#"SetEnvIfNoCase ^Authorization$ \"(.+)\" HTTP_AUTHORIZATION=$1"#,
        "@10.0.0.4/shop",
        "ssl_certificate_key /etc/ssl/private/shop.key; ssl_password_file /etc/ssl/pass.txt;",
        "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;",
        "connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.9, server: shop.example.test, request: ",
        "upstream sent invalid header: ",
        "login=PASSTHRU",
        r#"["nginx","-p","/srv/nginx","-c","conf/nginx.conf"]"#,
        r#""-P","3306""#,
        "--port 8080",
        "app@web.service",
        "/run/app@web.sock",
        "HTTP/1.1 502 Bad Gateway",
        "Server: nginx/1.22.1",
        "ActiveEnterTimestampMonotonic=4123456789012",
        "@127.0.0.1:5432/shop",
        "@10.0.0.3:3128",
        "page=2",
        r#""$http_cookie\" \"$http_authorization\"'"#,
        "PATH=/usr/bin",
        "\"addresses\": \"kept\"",
    ] {
        assert!(all.contains(kept), "lost: {kept}");
    }
}

#[test]
fn a_recorded_answer_keeps_its_length() {
    let archive = written(&transcript(), &report(), TEXT);
    let recorded = bundle::read(&archive).unwrap().transcript;
    let answers: Vec<Exchange> = recorded
        .entries()
        .filter(|entry| entry.query == "exchange")
        .filter_map(|entry| serde_json::from_value::<Exchange>(entry.answer.get("seen")?.clone()).ok())
        .collect();
    assert_eq!(answers.len(), 2);
    let broken = answers.iter().find(|answer| answer.bytes.0.contains(&0)).unwrap();
    assert!(broken.bytes.text().contains("\r\n ~"), "{:?}", broken.bytes);
    for answer in answers.iter().filter(|answer| answer.received_bytes > 0) {
        assert_eq!(answer.connect, Connect::Connected);
        assert_eq!(answer.bytes.0.len() as u64, answer.received_bytes);
    }
}

#[test]
fn a_redacted_fastcgi_request_has_the_lengths_of_what_it_holds() {
    let redacted = Redactor::new().bytes(&fastcgi());
    let text = String::from_utf8_lossy(&redacted);
    assert!(text.contains("DB_PASSWORD«redacted:password-1»"), "{text:?}");
    assert!(text.contains("SCRIPT_NAME/index.php"), "{text:?}");
    assert_eq!(Redactor::new().bytes(&redacted), redacted);
    let params = usize::from(u16::from_be_bytes([redacted[20], redacted[21]]));
    assert_eq!(&redacted[24 + params..26 + params], &[1, 4]);
}

#[test]
fn a_redacted_scgi_request_has_the_length_of_what_it_holds() {
    let redacted = Redactor::new().bytes(&scgi());
    let text = String::from_utf8(redacted.clone()).unwrap();
    let (length, rest) = text.split_once(':').unwrap();
    assert_eq!(length.parse::<usize>().unwrap() + 1, rest.len());
    assert!(
        rest.contains("QUERY_STRING\0sig=«redacted:token-1»&page=1\0"),
        "{rest:?}"
    );
    assert_eq!(Redactor::new().bytes(&redacted), redacted);
}

#[test]
fn the_same_secret_has_the_same_marker_and_another_one_has_another() {
    let mut redactor = Redactor::new();
    let text = redactor.text("a?token=abc12345 b?token=xyz98765 c?api_key=abc12345");
    assert_eq!(
        text,
        "a?token=«redacted:token-1» b?token=«redacted:token-2» c?api_key=«redacted:token-1»"
    );
}

#[test]
fn a_name_that_the_diagnosis_needs_is_not_hidden_because_a_cookie_holds_it() {
    let text = "Cookie: SERVERID=backend-01; sid=abc12345\nupstream backend-01 at backend-01:8080 abc12345";
    let mut redactor = Redactor::new();
    redactor.protect(["backend-01".to_owned()]);
    let once = redactor.text(text);
    redactor.seal();
    assert_eq!(
        redactor.text(&once),
        "Cookie: «redacted:cookie-1»\nupstream backend-01 at backend-01:8080 «redacted:secret-1»"
    );
}

#[test]
fn in_a_map_the_keys_or_the_values_are_hidden_and_the_rest_stays() {
    let redacted = Redactor::new().text(
        "map $http_x_api_key $name { default \"\"; \"k1\" shop; k2 other; }\nmap $host $api_token { default \"Bearer abc\"; a.test $arg_x; }",
    );
    assert_eq!(
        redacted,
        "map $http_x_api_key $name { default \"\"; \"«redacted:key-1»\" shop; «redacted:key-2» other; }\nmap $host $api_token { default \"Bearer «redacted:token-1»\"; a.test $arg_x; }"
    );
}

#[test]
fn a_new_secret_never_gets_the_number_of_an_old_marker() {
    let mut redactor = Redactor::new();
    redactor.note_markers("?token=«redacted:token-4»");
    assert_eq!(redactor.text("?token=abc12345"), "?token=«redacted:token-5»");
}

#[test]
fn a_secret_that_is_broken_over_two_lines_does_not_stay_in_the_summary() {
    let text = "the value plant-applog-\n   44x was refused\n";
    let archive = written(&transcript(), &report(), text);
    let summary = files(&archive)
        .into_iter()
        .find(|(name, _)| name == "summary.txt")
        .unwrap()
        .1;
    let summary = String::from_utf8(summary).unwrap();
    assert!(!summary.contains("44x"), "{summary}");
    assert!(summary.contains("nothing listens on 127.0.0.1:8080"), "{summary}");
}

fn fragments() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Authorization: Bearer ",
        "Cookie: ",
        "proxy_set_header X-Api-Key ",
        "password=",
        "\"password\": \"",
        "token: ",
        "?token=",
        "&sig=",
        "%3Ftoken%3D",
        "%26",
        "://user:pass1@",
        "http://host:80/",
        "--password ",
        "-p",
        "mysql ",
        "«redacted:token-1»",
        "«redacted:",
        "»",
        "~~~~",
        "$http_cookie",
        "eyJabcdef.abc.def",
        "a@b.test",
        " ",
        "\n",
        "\r\n",
        "\"",
        "'",
        ";",
        ",",
        "&",
        "\\\"",
        "=",
        ":",
        "{",
        "}",
        "4111111111111111",
        "x1y2z3w4",
        "AKIAABCDEFGHIJKLMNOP",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "MIIEabc",
        "set $api_key ",
        "@tcp(",
        "basic ",
        "dXNlcjpodW50ZXIy",
        "$apr1$abcdefgh$ijkl",
        "api_key",
        "key",
        "é",
        "\u{0}",
        "%",
        "/",
        "@",
    ]);
    let part = prop_oneof![4 => known.prop_map(str::to_owned), 1 => "[ -~]{0,6}"];
    prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn redaction_is_idempotent_on_text(text in fragments()) {
        let once = Redactor::new().text(&text);
        let mut again = Redactor::new();
        again.note_markers(&once);
        prop_assert_eq!(again.text(&once), once);
    }

    #[test]
    fn a_planted_password_never_survives_what_stands_around_it(before in fragments(), after in fragments()) {
        let text = format!("{before}\npassword=plant-9z8y7x\n{after}");
        let redacted = Redactor::new().text(&text);
        prop_assert!(!redacted.contains("plant-9z8y7x"), "{:?}", redacted);
    }

    #[test]
    fn redaction_is_idempotent_on_recorded_answers(text in fragments()) {
        let made = Transcript::from_entries([entry("exchange", json!({"request": {"text": text}}), json!({"seen": {"bytes": {"text": text}}}))]);
        let once = Redactor::new().transcript(made);
        for entry in once.entries() {
            prop_assert_eq!(entry.answer["seen"]["bytes"]["text"].as_str().unwrap().len(), text.len());
        }
        prop_assert_eq!(Redactor::new().transcript(once.clone()), once);
    }

    #[test]
    fn bytes_of_any_kind_are_redacted_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let once = Redactor::new().bytes(&bytes);
        prop_assert_eq!(Redactor::new().bytes(&once), once);
    }

    #[test]
    fn a_password_in_an_assignment_never_stays(secret in "[A-Za-z0-9!#%^*_+./-]{6,24}", name in "(DB_PASSWORD|api_secret|accessToken|--password)") {
        prop_assume!(secret.bytes().any(|byte| byte.is_ascii_alphanumeric()));
        prop_assume!(!["default", "required", "optional", "undefined"].contains(&secret.to_ascii_lowercase().as_str()));
        for text in [format!("x {name}={secret} y"), format!("\"{name}={secret}\""), format!("{name}={secret};next=1")] {
            prop_assert!(!Redactor::new().text(&text).contains(&secret), "{}", text);
        }
    }
}
