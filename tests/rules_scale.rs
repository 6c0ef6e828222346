//! Large configurations of nginx: planted mistakes are found where they are, sound servers are left alone, and
//! the time grows with the size and no faster.
//!
//! The measurements are not part of an ordinary run:
//! `cargo test --release --test main rules_scale -- --ignored --nocapture --test-threads 1`
//! prints sizes, times, the time of `nginx -t` on the same files, and the memory used. The real command is
//! measured too; `FIX502_SCALE_PROGRAM` names another program than the one built with these tests.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]
#![expect(clippy::print_stdout, reason = "a measurement prints what it measured")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fix502::evidence::{ConfigProblem, ProblemLevel, Snapshot};
use fix502::proxy::nginx::{self, Environment};
use fix502::proxy::{Configuration, FileBytes, Files};

/// Servers in one included file.
const PER_FILE: usize = 10;

/// One server in this many holds a mistake.
const EVERY: usize = 20;

/// A mistake, and where it is to be found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Planted {
    file: String,
    line: u32,
    rule: &'static str,
}

/// The files of a configuration below a directory, and the mistakes in them.
struct Planting {
    files: BTreeMap<String, String>,
    planted: Vec<Planted>,
}

/// A mistake: its rule, the text of a server (`{n}` is its number), a part of the line where it is found.
const MISTAKES: [(&str, &str, &str); 12] = [
    (
        "N002-name-conflict",
        "server {\n    listen 127.0.0.1:18080;\n    server_name taken.example;\n    root /srv/{n};\n}\n",
        "server_name",
    ),
    (
        "N004-name-port",
        "server {\n    listen 127.0.0.1:18080;\n    server_name s{n}.example:8080;\n    root /srv/{n};\n}\n",
        "server_name",
    ),
    (
        "N005-dead-nested-prefix",
        "server {\n    listen 127.0.0.1:18080;\n    server_name s{n}.example;\n    location ~ /api {\n        \
         proxy_set_header Host $host;\n        proxy_pass http://127.0.0.1:9000;\n        \
         location /api/v1 {\n            proxy_pass http://127.0.0.1:9001;\n        }\n    }\n}\n",
        "location /api/v1",
    ),
    (
        "N020-no-resolver",
        "server {\n    listen 127.0.0.1:18080;\n    server_name s{n}.example;\n    set $backend app{n}.internal;\n    \
         location / {\n        proxy_set_header Host $host;\n        proxy_pass http://$backend:9000;\n    }\n}\n",
        "proxy_pass",
    ),
    (
        "N021-var-name-port",
        "upstream named{n} {\n    server 127.0.0.1:9000;\n}\nserver {\n    listen 127.0.0.1:18080;\n    \
         server_name s{n}.example;\n    set $backend named{n}:80;\n    location / {\n        \
         proxy_set_header Host $host;\n        proxy_pass http://$backend;\n    }\n}\n",
        "proxy_pass",
    ),
    (
        "N024-https-port80",
        "upstream secure{n} {\n    server 127.0.0.1;\n}\nserver {\n    listen 127.0.0.1:18080;\n    \
         server_name s{n}.example;\n    location / {\n        proxy_ssl_server_name on;\n        \
         proxy_ssl_name app.example;\n        proxy_set_header Host app.example;\n        \
         proxy_pass https://secure{n};\n    }\n}\n",
        "server 127",
    ),
    (
        "N030-all-down",
        "upstream idle{n} {\n    server 127.0.0.1:9000 down;\n}\nserver {\n    listen 127.0.0.1:18080;\n    \
         server_name s{n}.example;\n    location / {\n        proxy_set_header Host $host;\n        \
         proxy_pass http://idle{n};\n    }\n}\n",
        "upstream idle",
    ),
    (
        "N043-fcgi-script",
        "server {\n    listen 127.0.0.1:18080;\n    server_name s{n}.example;\n    root /srv/{n};\n    \
         location ~ \\.php$ {\n        fastcgi_param QUERY_STRING $query_string;\n        \
         fastcgi_pass unix:/run/php/php.sock;\n    }\n}\n",
        "fastcgi_pass",
    ),
    (
        "N063-next-off",
        "upstream pair{n} {\n    server 127.0.0.1:9000;\n    server 127.0.0.1:9001;\n}\nserver {\n    \
         listen 127.0.0.1:18080;\n    server_name s{n}.example;\n    location / {\n        \
         proxy_set_header Host $host;\n        proxy_next_upstream off;\n        proxy_pass http://pair{n};\n    }\n}\n",
        "proxy_next_upstream",
    ),
    (
        "N066-fail-timeout-long",
        "upstream long{n} {\n    server 127.0.0.1:9000 fail_timeout=300s;\n    \
         server 127.0.0.1:9001 fail_timeout=300s;\n}\nserver {\n    listen 127.0.0.1:18080;\n    \
         server_name s{n}.example;\n    location / {\n        proxy_set_header Host $host;\n        \
         proxy_pass http://long{n};\n    }\n}\n",
        "9000 fail_timeout",
    ),
    (
        "N067-timeout-inversion",
        "server {\n    listen 127.0.0.1:18080;\n    server_name s{n}.example;\n    location / {\n        \
         proxy_connect_timeout 300s;\n        proxy_set_header Host $host;\n        \
         proxy_pass http://127.0.0.1:9000;\n    }\n}\n",
        "proxy_connect_timeout",
    ),
    (
        "N069-keepalive-unused",
        "upstream kept{n} {\n    server 127.0.0.1:9000;\n    keepalive 16;\n}\nserver {\n    \
         listen 127.0.0.1:18080;\n    server_name s{n}.example;\n    location / {\n        \
         proxy_set_header Host $host;\n        proxy_pass http://kept{n};\n    }\n}\n",
        "keepalive 16",
    ),
];

/// Servers without a mistake.
const SOUND: [&str; 6] = [
    "upstream app{n} {\n    least_conn;\n    server 10.{a}.{b}.1:8080 max_fails=3 fail_timeout=10s;\n    \
     server 10.{a}.{b}.2:8080 max_fails=3 fail_timeout=10s;\n    keepalive 16;\n}\nserver {\n    \
     listen 127.0.0.1:18080;\n    server_name s{n}.example www.s{n}.example;\n    location / {\n        \
     proxy_http_version 1.1;\n        proxy_set_header Connection \"\";\n        proxy_set_header Host $host;\n        \
     proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n        proxy_pass http://app{n};\n    }\n    \
     location /static/ {\n        root /srv/s{n};\n        expires 1h;\n    }\n}\n",
    "server {\n    listen 127.0.0.1:18080;\n    server_name s{n}.example *.s{n}.example;\n    root /srv/s{n};\n    \
     index index.php;\n    location / {\n        try_files $uri $uri/ /index.php?$args;\n    }\n    \
     location ~ \\.php$ {\n        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n        \
     fastcgi_param QUERY_STRING $query_string;\n        fastcgi_param REQUEST_METHOD $request_method;\n        \
     fastcgi_param CONTENT_TYPE $content_type;\n        fastcgi_param CONTENT_LENGTH $content_length;\n        \
     fastcgi_pass unix:/run/php/s{n}.sock;\n    }\n    location ~ /\\.ht {\n        deny all;\n    }\n}\n",
    "server {\n    listen 127.0.0.1:18080;\n    server_name s{n}.example;\n    \
     return 301 https://www.s{n}.example$request_uri;\n}\n",
    "server {\n    listen 127.0.0.1:18080;\n    server_name s{n}.example;\n    client_max_body_size 20m;\n    \
     proxy_set_header Host $host;\n    proxy_set_header X-Real-IP $remote_addr;\n    location / {\n        \
     proxy_pass http://10.{a}.{b}.3:3000;\n    }\n    location ^~ /api/ {\n        proxy_read_timeout 120s;\n        \
     proxy_buffer_size 16k;\n        proxy_buffers 8 16k;\n        proxy_pass http://10.{a}.{b}.4:3001/;\n    }\n    \
     location = /health {\n        access_log off;\n        return 204;\n    }\n    \
     location ~* \\.(png|jpg|css|js)$ {\n        root /srv/s{n};\n        expires 7d;\n    }\n}\n",
    "server {\n    listen 127.0.0.1:18080;\n    server_name s{n}.example;\n    location /ws/ {\n        \
     proxy_http_version 1.1;\n        proxy_set_header Upgrade $http_upgrade;\n        \
     proxy_set_header Connection $connection_upgrade;\n        proxy_set_header Host $host;\n        \
     proxy_pass http://10.{a}.{b}.5:4000;\n    }\n    location / {\n        proxy_set_header Host $host;\n        \
     proxy_pass http://unix:/run/s{n}.sock;\n    }\n}\n",
    "upstream py{n} {\n    server 10.{a}.{b}.6:3031;\n}\nserver {\n    listen 127.0.0.1:18080;\n    \
     server_name s{n}.example;\n    location / {\n        uwsgi_param QUERY_STRING $query_string;\n        \
     uwsgi_param REQUEST_METHOD $request_method;\n        uwsgi_param PATH_INFO $document_uri;\n        \
     uwsgi_read_timeout 60s;\n        uwsgi_pass py{n};\n    }\n    location /media/ {\n        \
     alias /srv/media/s{n}/;\n    }\n}\n",
];

/// A configuration of so many servers below a directory.
fn planting(servers: usize, directory: &str) -> Planting {
    let mut files = BTreeMap::new();
    let mut planted = Vec::new();
    // A fixed sequence: the same tree each time.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut mistakes = 0_usize;
    for start in (0..servers).step_by(PER_FILE) {
        let file = format!("{directory}/sites/{:05}.conf", start / PER_FILE);
        let mut text = String::new();
        for n in start..(start + PER_FILE).min(servers) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let body = if n % EVERY == EVERY / 2 {
                let (rule, body, at) = MISTAKES[mistakes % MISTAKES.len()];
                mistakes += 1;
                let line =
                    text.lines().count() + 1 + body.lines().position(|line| line.contains(at)).unwrap();
                planted.push(Planted {
                    file: file.clone(),
                    line: u32::try_from(line).unwrap(),
                    rule,
                });
                body
            } else {
                SOUND[usize::try_from(state >> 33).unwrap() % SOUND.len()]
            };
            text.push_str(
                &body
                    .replace("{n}", &n.to_string())
                    .replace("{a}", &(n / 250 % 250).to_string())
                    .replace("{b}", &(n % 250).to_string()),
            );
        }
        files.insert(file, text);
    }
    let mut main =
        format!("worker_processes 1;\npid {directory}/nginx.pid;\nerror_log {directory}/error.log;\n");
    main.push_str("events {\n    worker_connections 1024;\n}\nhttp {\n    access_log off;\n");
    main.push_str("    server_names_hash_max_size 262144;\n    server_names_hash_bucket_size 128;\n");
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let _ = writeln!(main, "    {kind}_temp_path {directory}/{kind};");
    }
    main.push_str(
        "    map $http_upgrade $connection_upgrade {\n        default upgrade;\n        '' close;\n    }\n",
    );
    main.push_str("    server {\n        listen 127.0.0.1:18080 default_server;\n        server_name taken.example;\n        return 404;\n    }\n");
    let _ = writeln!(main, "    include {directory}/sites/*.conf;\n}}");
    files.insert(format!("{directory}/nginx.conf"), main);
    planted.sort();
    Planting { files, planted }
}

impl Files for Planting {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        let text = self.files.get(path).ok_or("no such file")?;
        Ok(FileBytes {
            bytes: text.clone().into_bytes(),
            ..FileBytes::default()
        })
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let start = format!("{directory}/");
        let names = self.files.keys().filter_map(|path| path.strip_prefix(&start));
        names.filter(|name| !name.contains('/')).map(str::to_owned).collect()
    }
}

/// Files on the disk.
struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        Ok(FileBytes {
            bytes: std::fs::read(path).map_err(|error| error.to_string())?,
            ..FileBytes::default()
        })
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }
}

/// What `fix502 lint FILE` finds: errors of the reader and findings of the rules.
fn lint(files: &dyn Files, main: &str) -> (usize, Vec<ConfigProblem>, Vec<ConfigProblem>) {
    let environment = Environment {
        version: Some((1, 22, 1)),
        ..Environment::default()
    };
    let configuration = Configuration::Nginx(Box::new(nginx::read(main, files, &environment)));
    let summary = configuration.summary();
    let found = configuration.lint(&Snapshot::default()).problems;
    (summary.files.len(), summary.errors, found)
}

#[test]
fn every_planted_mistake_is_found_at_its_place_and_nothing_else() {
    let planting = planting(600, "/etc/nginx");
    let (files, errors, found) = lint(&planting, "/etc/nginx/nginx.conf");
    assert_eq!(files, planting.files.len());
    assert_eq!(errors, Vec::new());
    let mut seen: Vec<Planted> = found
        .iter()
        .filter(|problem| problem.level > ProblemLevel::Info)
        .map(|problem| Planted {
            file: problem.place.file.clone(),
            line: problem.place.line,
            rule: MISTAKES
                .iter()
                .map(|(rule, _, _)| *rule)
                .find(|rule| *rule == problem.rule)
                .unwrap_or_else(|| panic!("a sound server is reported: {problem:?}")),
        })
        .collect();
    seen.sort();
    assert!(planting.planted.len() > 2 * MISTAKES.len());
    assert_eq!(seen, planting.planted);
}

fn write(planting: &Planting) {
    for (path, text) in &planting.files {
        let path = Path::new(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// The fastest of some runs: what else the machine does only adds.
fn fastest(runs: usize, mut run: impl FnMut()) -> Duration {
    (0..runs)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        })
        .min()
        .unwrap()
}

/// The greatest resident memory of this process so far, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
#[ignore = "a measurement; see the top of the file"]
fn a_tree_of_2000_servers_is_judged_in_a_fraction_of_the_time_of_nginx() {
    let directory = tempfile::tempdir().unwrap();
    let below = directory.path().to_str().unwrap().to_owned();
    let planting = planting(2_000, &below);
    write(&planting);
    let expected = planting.planted.len();
    drop(planting);
    let main = format!("{below}/nginx.conf");
    // The peak counts from here.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before_kib = peak_kib();
    let ours = fastest(5, || {
        let (_, errors, found) = lint(&Disk, &main);
        assert!(errors.is_empty() && found.len() >= expected);
    });
    println!("ours {ours:?}, peak {} KiB, before {before_kib} KiB", peak_kib());
    assert!(peak_kib() <= 60 * 1024, "more than 60 MiB");
    let mut judged = true;
    let theirs = fastest(5, || {
        let output = Command::new("nginx")
            .args([
                "-t",
                "-c",
                &main,
                "-p",
                &below,
                "-e",
                &format!("{below}/error.log"),
            ])
            .output();
        judged &= output.is_ok_and(|output| {
            if !output.status.success() {
                println!("{}", String::from_utf8_lossy(&output.stderr));
            }
            output.status.success()
        });
    });
    assert!(judged, "nginx is not installed, or refuses the tree");
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("nginx -t {theirs:?}, ratio {ratio:.3}");
    assert!(ratio <= 0.15, "ratio {ratio:.3}");
}

#[test]
#[ignore = "a measurement; see the top of the file"]
fn ten_times_the_servers_take_about_ten_times_the_time() {
    let times: Vec<(usize, Duration)> = [200, 2_000, 20_000]
        .into_iter()
        .map(|servers| {
            let planting = planting(servers, "/etc/nginx");
            let time = fastest(3, || {
                let (_, errors, found) = lint(&planting, "/etc/nginx/nginx.conf");
                assert!(errors.is_empty() && found.len() >= planting.planted.len());
            });
            println!("{servers} servers: {time:?}");
            (servers, time)
        })
        .collect();
    for two in times.windows(2) {
        let ratio = two[1].1.as_secs_f64() / two[0].1.as_secs_f64();
        println!("{} to {} servers: {ratio:.1} times", two[0].0, two[1].0);
        assert!(ratio < 20.0, "{ratio:.1} times the time for 10 times the servers");
    }
}

/// Runs a program until it ends: the time it took, and its greatest resident memory in KiB, as far as that was
/// seen while it ran.
fn run(program: &str, arguments: &[&str]) -> (Duration, u64) {
    let began = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let seen = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(seen.unwrap_or(0));
        std::thread::sleep(Duration::from_micros(200));
    }
    (began.elapsed(), peak)
}

#[test]
#[ignore = "a measurement; see the top of the file"]
fn the_command_takes_a_fraction_of_the_time_of_nginx_and_little_memory() {
    let program = std::env::var("FIX502_SCALE_PROGRAM");
    let program = program.unwrap_or_else(|_| env!("CARGO_BIN_EXE_fix502").to_owned());
    let mut times = Vec::new();
    for servers in [200, 2_000, 20_000] {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().to_str().unwrap().to_owned();
        let planting = planting(servers, &below);
        write(&planting);
        let bytes: usize = planting.files.values().map(String::len).sum();
        let (main, log) = (format!("{below}/nginx.conf"), format!("{below}/error.log"));
        let (mut ours, mut theirs, mut peak) = (Duration::MAX, Duration::MAX, 0);
        // In turn, so that what else the machine does meets both; nginx takes up to a minute for the largest.
        for turn in 0..if servers > 2_000 { 3 } else { 20 } {
            let (time, seen) = run(&program, &["lint", &main]);
            (ours, peak) = (ours.min(time), peak.max(seen));
            if servers <= 2_000 || turn == 0 {
                theirs = theirs.min(run("nginx", &["-t", "-q", "-c", &main, "-p", &below, "-e", &log]).0);
            }
        }
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        println!(
            "{servers} servers, {bytes} bytes: fix502 lint {ours:?}, nginx -t {theirs:?}, ratio {ratio:.3}, peak {peak} KiB"
        );
        if servers == 2_000 {
            assert!(peak <= 60 * 1024, "more than 60 MiB");
            assert!(ratio <= 0.15, "ratio {ratio:.3}");
        }
        times.push(ours.as_secs_f64());
    }
    // A small configuration takes mostly the time of the start.
    for (two, most) in times.windows(2).zip([10.0, 20.0]) {
        let growth = two[1] / two[0];
        println!("ten times the servers: {growth:.1} times the time");
        assert!(
            growth < most,
            "{growth:.1} times the time for 10 times the servers"
        );
    }
}
