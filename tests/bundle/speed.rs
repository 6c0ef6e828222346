//! How fast redaction is. Run by hand, built for release: `cargo test --release --test main speed -- --ignored --nocapture`.

use std::fmt::Write as _;
use std::io::Write as _;

use fix502::bundle::Redactor;

/// Nanoseconds that this thread has had of a processor: what else runs here takes nothing from them.
fn cpu_ns() -> u128 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// An error log of nginx of this size; one line in `secret_every` has a token in its URL.
fn error_log(bytes: usize, secret_every: usize) -> String {
    let mut log = String::with_capacity(bytes + 400);
    let mut number = 0_usize;
    while log.len() < bytes {
        number += 1;
        let path = if number.is_multiple_of(secret_every) {
            format!("/cart?item={number}&token=t0k3n{number:08}")
        } else {
            format!("/cart?item={number}&page=2")
        };
        let (client, shop) = (number * 7919 % 65_536, number % 40);
        writeln!(
            log,
            "2026/11/22 17:{:02}:{:02} [error] 812#812: *{number} connect() failed (111: Connection refused) while connecting to upstream, client: 81.2.{}.{}, server: shop-{shop}.acme.de, request: \"GET {path} HTTP/1.1\", upstream: \"http://10.20.30.40:8080{path}\", host: \"shop-{shop}.acme.de\"",
            number / 60 % 60,
            number % 60,
            client / 256,
            client % 256,
        )
        .unwrap();
    }
    log
}

#[test]
#[ignore = "a measurement, for a build for release"]
fn an_error_log_of_50_megabytes_is_redacted_at_100_megabytes_a_second() {
    for (name, secret_every) in [
        ("clean", usize::MAX),
        ("1 in 100 lines", 100),
        ("1 in 20 lines", 20),
    ] {
        let log = error_log(50_000_000, secret_every);
        for pseudonyms in [false, true] {
            let mut redactor = Redactor::new();
            if pseudonyms {
                redactor = redactor.with_pseudonyms("web-1");
            }
            let mut took = Vec::new();
            for sealed in [false, true] {
                let began_ns = cpu_ns();
                let out = redactor.text(&log);
                took.push((sealed, log.len() as u128 * 1000 / (cpu_ns() - began_ns)));
                assert!(!out.contains("t0k3n"));
                redactor.seal();
            }
            writeln!(
                std::io::stderr(),
                "{name}, pseudonyms {pseudonyms}: {took:?} MB/s"
            )
            .unwrap();
            assert!(
                took.iter().all(|(_, speed)| *speed >= 100) || cfg!(debug_assertions),
                "{name}, pseudonyms {pseudonyms}: {took:?}"
            );
        }
    }
}
