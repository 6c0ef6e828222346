//! A large configuration as a hosting company has it: many included files, ten servers in each. All servers are
//! sound but those a mistake is planted in.
#![expect(
    clippy::disallowed_methods,
    reason = "a test runs the real server and measures time and memory"
)]
#![expect(clippy::print_stdout, reason = "the measured numbers are the point")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::oracle::{Disk, environment, nginx_program};
use fix502::proxy::nginx;

/// A mistake and the number of the server that gets it.
pub(super) struct Planted {
    /// Counted from 0.
    pub(super) server: usize,
    /// Directives for its `location /mistake/`.
    pub(super) text: &'static str,
}

/// Servers in one file.
const IN_FILE: usize = 10;

/// Writes `nginx.conf` and `sites/*.conf` into a directory, for this many servers.
pub(super) fn write(directory: &Path, servers: usize, planted: &[Planted]) {
    std::fs::create_dir_all(directory.join("sites")).unwrap();
    let main = format!(
        "worker_processes 1;\npid {0}/pid;\nevents {{\n    worker_connections 1024;\n}}\nhttp {{\n    server_names_hash_max_size 262144;\n    server_names_hash_bucket_size 128;\n    access_log off;\n    map $http_upgrade $connection_upgrade {{\n        default upgrade;\n        '' close;\n    }}\n    include sites/*.conf;\n}}\n",
        directory.display()
    );
    std::fs::write(directory.join("nginx.conf"), main).unwrap();
    for first in (0..servers).step_by(IN_FILE) {
        let mut text = String::new();
        for number in first..(first + IN_FILE).min(servers) {
            one(&mut text, number, planted);
        }
        let name = format!("site-{:05}.conf", first / IN_FILE);
        std::fs::write(directory.join("sites").join(name), text).unwrap();
    }
}

fn one(text: &mut String, number: usize, planted: &[Planted]) {
    let port = 20_000 + number % 20_000;
    write!(
        text,
        "# The site of customer {number}.\nupstream app{number} {{\n    server 127.0.0.1:{port} max_fails=3 fail_timeout=5s;\n    server 127.0.0.2:{port} backup;\n    keepalive 16;\n}}\n\nserver {{\n    listen 18080;\n    server_name site{number}.test www.site{number}.test shop.site{number}.test *.cdn.site{number}.test;\n    client_max_body_size 20m;\n    root /srv/www/site{number};\n\n    location / {{\n        proxy_http_version 1.1;\n        proxy_set_header Host $host;\n        proxy_set_header Connection \"\";\n        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n        proxy_read_timeout 75s;\n        proxy_pass http://app{number};\n    }}\n\n    location /ws/ {{\n        proxy_http_version 1.1;\n        proxy_set_header Host $host;\n        proxy_set_header Upgrade $http_upgrade;\n        proxy_set_header Connection $connection_upgrade;\n        proxy_pass http://app{number};\n    }}\n\n    location /static/ {{\n        expires 1h;\n        try_files $uri =404;\n    }}\n\n    location ~ \\.php$ {{\n        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n        fastcgi_param REQUEST_METHOD $request_method;\n        fastcgi_pass unix:/run/php/site{number}.sock;\n    }}\n"
    )
    .unwrap();
    for mistake in planted.iter().filter(|mistake| mistake.server == number) {
        write!(
            text,
            "\n    location /mistake/ {{\n        {}\n    }}\n",
            mistake.text
        )
        .unwrap();
    }
    text.push_str("}\n\n");
}

/// The most memory this program has used, in KiB.
fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_tree_of_many_files_is_read_whole_and_its_mistake_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let planted = [Planted {
        server: 57,
        text: "proxy_pass http://app57:80;",
    }];
    write(directory.path(), 100, &planted);
    let main = directory.path().join("nginx.conf");
    let config = nginx::read(&main.display().to_string(), &Disk, &environment(directory.path()));
    let summary = config.summary();
    assert_eq!(summary.files.len(), 11);
    assert_eq!(summary.server_names.len(), 400);
    let errors: Vec<(&str, bool)> = summary
        .errors
        .iter()
        .map(|error| (error.rule.as_str(), error.place.file.ends_with("site-00005.conf")))
        .collect();
    assert_eq!(errors, [("upstream-with-port", true)]);
}

/// Run in a release build: `cargo test --release --test main tree -- --ignored --nocapture`.
#[test]
#[ignore = "measures; the numbers mean something in a release build only"]
fn reading_takes_a_fraction_of_the_time_of_the_real_test() {
    for servers in [2_000, 20_000] {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), servers, &[]);
        let main = directory.path().join("nginx.conf");
        let path = main.display().to_string();
        let mut best = [f64::MAX; 4];
        for _ in 0..3 {
            let begun = Instant::now();
            let config = nginx::read(&path, &Disk, &environment(directory.path()));
            best[0] = best[0].min(begun.elapsed().as_secs_f64());
            let begun = Instant::now();
            let summary = config.summary();
            best[1] = best[1].min(begun.elapsed().as_secs_f64());
            assert_eq!(
                (summary.errors.len(), summary.lint.len()),
                (0, 0),
                "{:?}",
                summary.errors.first()
            );
            let begun = Instant::now();
            let request = fix502::proxy::RouteRequest {
                port: 18080,
                host: format!("site{}.test", servers - 1),
                method: "GET".to_owned(),
                target: "/x".to_owned(),
                ..fix502::proxy::RouteRequest::default()
            };
            assert!(config.route(&request).is_some());
            best[2] = best[2].min(begun.elapsed().as_secs_f64());
        }
        let peak = peak_kilobytes();
        if let Some(program) = nginx_program() {
            for _ in 0..3 {
                let begun = Instant::now();
                let output = Command::new(&program)
                    .args(["-t", "-q", "-e", "stderr", "-c", &path])
                    .output()
                    .unwrap();
                assert!(
                    output.status.success(),
                    "{}",
                    String::from_utf8_lossy(&output.stderr)
                );
                best[3] = best[3].min(begun.elapsed().as_secs_f64());
            }
        }
        println!(
            "{servers} servers: read {:.1} ms, summary with lint {:.1} ms, route {:.1} ms, nginx -t {:.1} ms, ratio {:.3}; peak {peak} KiB",
            best[0] * 1e3,
            best[1] * 1e3,
            best[2] * 1e3,
            best[3] * 1e3,
            (best[0] + best[1]) / best[3]
        );
    }
}
