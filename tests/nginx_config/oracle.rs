//! The real nginx as the judge of lexing and routing. Without an installed nginx these say so and pass.
#![expect(
    clippy::disallowed_methods,
    reason = "a test runs the real server and speaks to it"
)]
#![expect(clippy::print_stdout, reason = "the counts and the skipping are worth seeing")]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::statements::STATEMENTS;
use fix502::evidence::{Handler, Route};
use fix502::proxy::nginx::{self, Config, Environment};
use fix502::proxy::{FileBytes, Files, RouteRequest};

/// The real file system.
pub(super) struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string().to_lowercase())?;
        Ok(FileBytes {
            bytes,
            modified_ms: None,
            truncated: false,
        })
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }
}

/// A small generator of numbers: the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(sides.max(1)).unwrap()).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }
}

fn nginx_program() -> Option<PathBuf> {
    let found = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists());
    if found.is_none() {
        println!("skipped: nginx is not installed");
    }
    found
}

fn environment(prefix: &Path) -> Environment {
    Environment {
        prefix: prefix.display().to_string(),
        version: Some((1, 22, 1)),
        ..Environment::default()
    }
}

fn read(path: &Path) -> Config {
    nginx::read(
        &path.display().to_string(),
        &Disk,
        &environment(path.parent().unwrap()),
    )
}

/// `nginx -t`: whether it accepts the file, and what it says.
fn accepts(program: &Path, directory: &Path, file: &Path) -> (bool, String) {
    let output = Command::new(program)
        .args(["-t", "-q", "-p"])
        .arg(directory)
        .arg("-c")
        .arg(file)
        .args(["-e", "stderr"])
        .output()
        .unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn seeds() -> (u64, usize) {
    let factor = std::env::var("FIX502_ORACLE_FACTOR")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let seed = std::env::var("FIX502_ORACLE_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(502);
    (seed, factor)
}

#[test]
fn texts_are_accepted_and_refused_as_by_the_real_server() {
    let Some(program) = nginx_program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nginx.conf");
    let (seed, factor) = seeds();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ seed);
    let pieces = [
        "set $a ",
        "foo",
        "}",
        "{",
        ";",
        " ",
        "\n",
        "\"",
        "'",
        "\\",
        "#c\n",
        "$",
        "${",
        "a b",
        "\\\"",
        "x;",
        " # y",
        "\t",
        "return 200 ",
        ";\n",
        "\"q\";",
        "'r' ",
        ")",
        "bar;",
        "set $b c;",
        "; set $c ",
        "; set $d \"",
        "\"; set $e ",
        "y",
        "z",
        "}y",
        ";set $f \"#{\"",
    ];
    let mut wrong = Vec::new();
    let mut refused = 0;
    let texts = 200 * factor;
    for _ in 0..texts {
        let mut middle = String::from("set $a x");
        for _ in 0..dice.roll(5) {
            middle.push_str(dice.one(&pieces));
        }
        if dice.chance(4) {
            middle.push_str(&"y".repeat(4080 + dice.roll(30)));
        }
        if dice.chance(4) {
            write!(middle, "\n#{}\n", "z".repeat(4080 + dice.roll(30))).unwrap();
        }
        if dice.chance(60) {
            middle.push(';');
        }
        let text = format!(
            "pid {0}/pid; events {{}}\nhttp {{ server {{ listen unix:{0}/s; location / {{\n{middle}\n}} }} }}\n",
            directory.path().display()
        );
        std::fs::write(&file, &text).unwrap();
        let (accepted, message) = accepts(&program, directory.path(), &file);
        let errors = read(&file).summary().errors;
        refused += usize::from(!accepted);
        // These are judged by other parts of nginx than its reader.
        let other = [
            "unknown directive",
            "variable",
            "invalid number of arguments",
            "invalid return code",
            "invalid parameter",
        ]
        .iter()
        .any(|part| message.contains(part));
        if accepted != errors.is_empty() && !(other && errors.is_empty()) {
            wrong.push(format!("{middle:?}\n nginx: {message}\n here: {errors:?}"));
        }
    }
    println!(
        "{texts} texts, {refused} refused by nginx, {} differences",
        wrong.len()
    );
    assert!(
        refused > texts / 10 && refused < texts,
        "the texts are not a mixture: {refused} of {texts} refused"
    );
    assert!(
        wrong.is_empty(),
        "{} differences, first: {}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
}

/// A running nginx of this test; ended when dropped.
struct Server(Child);

impl Server {
    fn start(program: &Path, directory: &Path, file: &Path, sockets: &[PathBuf]) -> Self {
        let child = Command::new(program)
            .arg("-p")
            .arg(directory)
            .arg("-c")
            .arg(file)
            .arg("-e")
            .arg(directory.join("error.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self(child);
        let begun = Instant::now();
        while sockets.iter().any(|socket| UnixStream::connect(socket).is_err()) {
            assert!(begun.elapsed() < Duration::from_secs(10), "nginx does not start");
            std::thread::sleep(Duration::from_millis(2));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Status and body of one request.
fn ask(socket: &Path, host: &str, method: &str, target: &str) -> (u16, String) {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let body = text
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .unwrap_or_default();
    (status, body)
}

/// Writes random servers and locations. A location is known by the line it begins in.
struct Layout {
    text: String,
    line: usize,
    names: Vec<String>,
    echo: String,
    named: usize,
}

const NAMES: [&str; 6] = ["/", "/a", "/a/", "/a/b", "/ab", "/a/b/"];
const REGEXES: [&str; 12] = [
    "/a",
    "/a",
    "/a",
    "^/a/",
    "b$",
    "^/(?<part>.b)",
    "^/(.)$",
    "[^a]/b",
    "\\.php$",
    "^/a/(b)/",
    "A",
    "^/[^/]+/$",
];

impl Layout {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
        self.line += 1 + text.matches('\n').count();
    }

    fn server(&mut self, dice: &mut Dice, sockets: &[PathBuf]) {
        self.names.clear();
        self.put("server {");
        let count = 1 + dice.roll(sockets.len());
        for socket in &sockets[..count] {
            self.put(&format!("listen unix:{};", socket.display()));
        }
        let names: Vec<&str> = (0..dice.roll(3))
            .map(|_| {
                dice.one(&[
                    "a.test",
                    "*.test",
                    ".b.test",
                    "b.*",
                    "\"~^(?<sub>.+)\\.re$\"",
                    "c.test",
                    "*.a.test",
                    "~B",
                ])
            })
            .collect();
        if !names.is_empty() {
            self.put(&format!("server_name {};", names.join(" ")));
        }
        if dice.chance(15) {
            self.put(&format!(
                "rewrite ^/re(/.*) $1 {};",
                dice.one(&["last", "break", ""])
            ));
        }
        if dice.chance(10) {
            self.put(&format!("if ($arg_x = 1) {{ return 200 R{}; }}", self.line));
        }
        if dice.chance(10) {
            self.put("merge_slashes off;");
        }
        self.named = 0;
        let mut used = Vec::new();
        for _ in 0..=dice.roll(6) {
            self.location(dice, 0, "", &mut used, false);
        }
        if !used.contains(&"/".to_owned()) && dice.chance(80) {
            self.put("location / { proxy_method LZ; proxy_pass http://echo; }");
        }
        self.put("location @n { proxy_method LN; proxy_pass http://echo; }");
        self.put("}");
    }

    fn location(
        &mut self,
        dice: &mut Dice,
        depth: usize,
        within: &str,
        used: &mut Vec<String>,
        in_regex: bool,
    ) {
        let regex = in_regex || dice.chance(30);
        let (modifier, name) = if regex {
            (dice.one(&["~", "~*"]), dice.one(&REGEXES).to_owned())
        } else {
            let tail = dice.one(&NAMES);
            let name = if within.ends_with('/') {
                format!("{within}{}", &tail[1..])
            } else {
                format!("{within}{tail}")
            };
            (dice.one(&["", "", "", "=", "^~"]), name)
        };
        let key = format!("{}{name}", if modifier == "=" { "=" } else { "" });
        if !regex {
            if used.contains(&key) {
                return;
            }
            used.push(key);
        }
        let line = self.line;
        let id = method(line);
        self.put(&format!("location {modifier} {name} {{"));
        let literal = !regex;
        match dice.roll(12) {
            0 => self.put(&format!("return 200 R{line};")),
            1 => self.put("rewrite ^/a(.*)$ /ab$1 last;"),
            2 => self.put("rewrite (.*)b /x?y=1 break;"),
            3 => self.put("rewrite ^/a/(.*)$ /$1?z= ;"),
            4 => self.put("try_files $uri @n;"),
            5 => self.put("try_files $uri /ab?t=1;"),
            6 => self.put("internal;"),
            7 => self.put("error_page 418 = @n; if ($arg_t) { return 418; }"),
            8 => self.put(&format!(
                "if ($uri ~ ^/(.)b) {{ set $v $1; }} if ($v = a) {{ return 200 R{}; }}",
                self.line
            )),
            _ => {}
        }
        match dice.roll(8) {
            0 => {}
            1 | 2 if literal && modifier != "=" => {
                let uri = dice.one(&["/", "/u", "/u/", "/u?v=1"]);
                self.put(&format!("proxy_method {id}; proxy_pass http://echo{uri};"));
            }
            3 => self.put(&format!(
                "proxy_method {id}; set $up echo; proxy_pass http://$up;"
            )),
            4 => self.put(&format!(
                "proxy_method {id}; proxy_pass http://$mapped$uri$is_args$args;"
            )),
            5 => self.put(&format!(
                "proxy_method {id}; proxy_pass http://unix:{};",
                self.echo
            )),
            _ => self.put(&format!("proxy_method {id}; proxy_pass http://echo;")),
        }
        if depth < 2 && modifier != "=" {
            let mut inner = Vec::new();
            for _ in 0..dice.roll(3) {
                // nginx accepts a prefix in a regex location whose source text it begins with.
                let plain = name == "/a";
                let within = if regex && !plain { "" } else { &name };
                self.location(dice, depth + 1, within, &mut inner, regex && !plain);
            }
        }
        self.put("}");
    }
}

/// A method that names a line: nginx takes only capital letters in it.
fn method(line: usize) -> String {
    let letters = line
        .to_string()
        .bytes()
        .map(|digit| char::from(digit - b'0' + b'A'))
        .collect::<String>();
    format!("L{letters}")
}

/// True for a target with a space or a `%` that stands for nothing.
fn is_refused(target: &str) -> bool {
    let mut pieces = target.split('%');
    let first = pieces.next().unwrap_or_default();
    first.contains(' ')
        || pieces.any(|piece| {
            piece.contains(' ')
                || piece.len() < 2
                || !piece.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())
        })
}

fn target(dice: &mut Dice) -> String {
    let mut path = String::new();
    for _ in 0..=dice.roll(4) {
        path.push_str(dice.one(&[
            "/", "/a", "/b", "/ab", "a", "b", "/re", "/x.php", "//", "/..", "/.", "%20", "%2F", "%2e", "/A",
            "/a/b", "/u%3Fv", "%25", "+",
        ]));
    }
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    if dice.chance(25) {
        path.push_str(dice.one(&["?q=1", "?x=1", "?", "?a=%20b", "?t=1"]));
    }
    path
}

/// What the route foretells, in the words that the real server's answer is put into.
fn foretold(route: &Route, text: &str) -> String {
    match &route.handler {
        Handler::Pass(_) => {
            let location = route.location.as_ref().unwrap();
            let name = if location.name == "/"
                && text
                    .lines()
                    .nth(usize::try_from(location.place.line).unwrap() - 1)
                    .unwrap()
                    .contains("LZ")
            {
                "LZ".to_owned()
            } else if location.name == "@n" {
                "LN".to_owned()
            } else {
                method(usize::try_from(location.place.line).unwrap())
            };
            format!("{name}|{}", route.request_target.clone().unwrap_or_default())
        }
        Handler::Return { status: 200, place } => {
            let line = text.lines().nth(usize::try_from(place.line).unwrap() - 1).unwrap();
            let id = line
                .split("return 200 ")
                .nth(1)
                .and_then(|rest| rest.split(';').next());
            id.unwrap_or_default().to_owned()
        }
        Handler::Return { status, .. } => status.to_string(),
        Handler::Local(_) => "files".to_owned(),
        Handler::Unknown => "unknown".to_owned(),
    }
}

#[test]
fn requests_go_where_the_real_server_sends_them() {
    let Some(program) = nginx_program() else { return };
    let (seed, factor) = seeds();
    let mut dice = Dice(0x1234_5678_9abc_def1 ^ (seed << 20));
    let (mut compared, mut wrong, mut layouts) = (0, Vec::new(), 0);
    let mut kinds = std::collections::BTreeMap::new();
    for _ in 0..20 * factor {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let sockets = [path.join("one"), path.join("two")];
        let echo = path.join("echo");
        let mut layout = Layout {
            text: String::new(),
            line: 1,
            names: Vec::new(),
            echo: echo.display().to_string(),
            named: 0,
        };
        layout.put(&format!(
            "daemon off; master_process off; pid {0}/pid; events {{}} http {{ access_log off; root {0}/none; client_body_temp_path {0}/t1; proxy_temp_path {0}/t2; fastcgi_temp_path {0}/t3; uwsgi_temp_path {0}/t4; scgi_temp_path {0}/t5;",
            path.display()
        ));
        layout.put(&format!("upstream echo {{ server unix:{}; }}", echo.display()));
        layout.put("map $host $mapped { hostnames; default echo; *.test echo; ~^b Echo; }");
        layout.put(&format!(
            "server {{ listen unix:{}; merge_slashes off; return 200 \"$request_method|$request_uri\"; }}",
            echo.display()
        ));
        for _ in 0..=dice.roll(4) {
            layout.server(&mut dice, &sockets);
        }
        layout.put("}");
        let file = path.join("nginx.conf");
        std::fs::write(&file, &layout.text).unwrap();
        let config = read(&file);
        let errors = config.summary().errors;
        let (accepted, message) = accepts(&program, path, &file);
        assert_eq!(
            accepted,
            errors.is_empty(),
            "{message}\n{errors:?}\n{}",
            layout.text
        );
        if !accepted {
            continue;
        }
        layouts += 1;
        let listening: Vec<PathBuf> = sockets
            .iter()
            .filter(|socket| layout.text.contains(&format!("listen unix:{};", socket.display())))
            .cloned()
            .collect();
        let _server = Server::start(&program, path, &file, &listening);
        for _ in 0..60 {
            let socket = &listening[dice.roll(listening.len())];
            let host = dice.one(&[
                "a.test",
                "b.test",
                "x.b.test",
                "B.com",
                "z.re",
                "C.test.",
                "x.a.test:8080",
                "none",
            ]);
            let target = target(&mut dice);
            let (status, body) = ask(socket, host, "GET", &target);
            let actual = match status {
                200 => body,
                404 | 403 => "files".to_owned(),
                other => other.to_string(),
            };
            let request = RouteRequest {
                unix_socket: Some(socket.display().to_string()),
                host: host.to_owned(),
                method: "GET".to_owned(),
                target: target.clone(),
                ..RouteRequest::default()
            };
            let route = config.route(&request).unwrap();
            let mut expected = foretold(&route, &layout.text);
            if expected == "404" {
                "files".clone_into(&mut expected);
            }
            // No file exists here, but the reader cannot know and says so.
            if route.undetermined.iter().any(|text| text.ends_with("taken as there")) {
                continue;
            }
            // A variable can make a target that the echoing server refuses.
            if actual == "400" && matches!(route.handler, Handler::Pass(_)) && is_refused(&expected) {
                continue;
            }
            compared += 1;
            let kind = match &route.handler {
                Handler::Pass(_) => "pass",
                Handler::Return { .. } => "return",
                Handler::Local(_) => "files",
                Handler::Unknown => "unknown",
            };
            *kinds.entry(kind).or_insert(0) += 1;
            if actual.trim_end() != expected.trim_end() {
                wrong.push(format!(
                    "{} {host} {target}: nginx {actual}, here {expected} {:?}\n{}",
                    socket.display(),
                    route.location,
                    layout.text
                ));
            }
        }
    }
    println!(
        "{layouts} layouts, {compared} requests, {} differences, {kinds:?}",
        wrong.len()
    );
    assert!(compared > 500 * factor, "too few comparisons: {compared}");
    assert!(
        wrong.is_empty(),
        "{} of {compared} differ, first: {}",
        wrong.len(),
        wrong[..wrong.len().min(2)].join("\n")
    );
}

#[test]
fn statements_are_accepted_and_refused_as_by_the_real_server() {
    let Some(program) = nginx_program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nginx.conf");
    let base = directory.path().display().to_string();
    let mut wrong = Vec::new();
    let mut refused = 0;
    for (context, statement) in STATEMENTS {
        let statement = statement.replace("SOCKET", &format!("{base}/s"));
        let of = |wanted: &str| if context == wanted { statement.as_str() } else { "" };
        let text = format!(
            "pid {base}/pid;\nevents {{}}\nhttp {{ upstream main {{ server 127.0.0.1:9; }}\n{}\nserver {{ listen unix:{base}/s;\n{}\nlocation /loc {{\n{}\n}} }} }}\n",
            of("http"),
            of("server"),
            of("location")
        );
        std::fs::write(&file, &text).unwrap();
        let (accepted, message) = accepts(&program, directory.path(), &file);
        refused += usize::from(!accepted);
        let summary = read(&file).summary();
        // Said by a lint rule, because the reader of a dormant location may not care.
        let certificate = summary
            .lint
            .iter()
            .any(|problem| problem.rule == "N055-verify-untrusted");
        if accepted != (summary.errors.is_empty() && !certificate) {
            wrong.push(format!(
                "{statement}\n nginx: {message}\n here: {:?}",
                summary.errors
            ));
        }
    }
    println!(
        "{} statements, {refused} refused by nginx, {} differences",
        STATEMENTS.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_installed_configuration_is_read_without_a_complaint() {
    let path = Path::new("/etc/nginx/nginx.conf");
    let Some(program) = nginx_program().filter(|_| path.exists()) else {
        println!("skipped: no installed configuration");
        return;
    };
    let (accepted, message) = accepts(&program, path.parent().unwrap(), path);
    let summary = read(path).summary();
    if accepted {
        assert_eq!(summary.errors, [], "{message}");
        assert_eq!(summary.lint, []);
        assert!(!summary.listeners.is_empty());
    }
}
