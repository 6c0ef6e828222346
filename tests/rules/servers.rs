//! The real servers as judges of a configuration: none is started, nothing is written outside a directory of
//! the test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a server says about a file.
pub(super) struct Judgement {
    pub(super) accepted: bool,
    pub(super) version: (u32, u32, u32),
    pub(super) output: String,
}

/// What the installed server says. `None`: it is not installed.
pub(super) fn accepts(server: &str, text: &str) -> Option<Judgement> {
    match server {
        "nginx" => nginx(text),
        "apache" => apache(text),
        "squid" => squid(text),
        other => panic!("no such server: {other}"),
    }
}

fn program(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"]
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.exists())
}

/// Runs it; both streams.
fn output_of(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

/// The first `1.22.1` in a text.
fn version_in(text: &str) -> (u32, u32, u32) {
    let number = |word: &str| -> Option<(u32, u32, u32)> {
        let mut parts = word.split('.').map(|part| part.parse().ok());
        Some((
            parts.next()??,
            parts.next()??,
            parts.next().flatten().unwrap_or(0),
        ))
    };
    text.split(|character: char| !(character.is_ascii_digit() || character == '.'))
        .find_map(number)
        .unwrap_or_default()
}

/// A certificate and its key, made once.
fn certificate() -> Option<&'static (PathBuf, PathBuf)> {
    static MADE: OnceLock<Option<(PathBuf, PathBuf)>> = OnceLock::new();
    MADE.get_or_init(|| {
        let openssl = program("openssl")?;
        // Kept until the program ends: all examples use it.
        let directory = tempfile::tempdir().unwrap().keep();
        let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        let made = Command::new(openssl)
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
            ])
            .args(["-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .unwrap();
        made.status.success().then_some((certificate, key))
    })
    .as_ref()
}

/// The value of a directive that names a file, replaced by a file that exists.
fn with_certificates(text: &str) -> String {
    let Some((certificate, key)) = certificate() else {
        return text.to_owned();
    };
    let mut written = String::new();
    for statement in text.split_inclusive([';', '{', '}']) {
        let words: Vec<&str> = statement
            .trim_end_matches([';', '{', '}'])
            .split_whitespace()
            .collect();
        let file = match words.as_slice() {
            [.., name, path] if name.ends_with("_certificate_key") => Some((path, key)),
            [.., name, path] if name.ends_with("_certificate") => Some((path, certificate)),
            _ => None,
        };
        match file {
            Some((path, real)) if path.starts_with('/') => {
                written.push_str(&statement.replace(path, &real.display().to_string()));
            }
            _ => written.push_str(statement),
        }
    }
    written
}

fn nginx(text: &str) -> Option<Judgement> {
    let program = program("nginx")?;
    let directory = tempfile::tempdir().unwrap();
    for (name, beside) in super::BESIDE {
        std::fs::write(directory.path().join(name), beside).unwrap();
    }
    let file = directory.path().join("nginx.conf");
    let mut text = with_certificates(text);
    let (_, banner) = output_of(Command::new(&program).arg("-v"));
    let version = version_in(&banner);
    // `-t` empties the pid file.
    let pid = format!("pid {}/pid;", directory.path().display());
    for _ in 0..20 {
        std::fs::write(&file, &text).unwrap();
        let mut command = Command::new(&program);
        command
            .args(["-t", "-e", "stderr", "-p"])
            .arg(directory.path())
            .arg("-c")
            .arg(&file);
        if !text.lines().any(|line| line.trim_start().starts_with("pid ")) {
            command.args(["-g", &pid]);
        }
        // Names are not looked up far away: a test needs no network.
        command.env("RES_OPTIONS", "timeout:1 attempts:1");
        let (_, output) = output_of(&mut command);
        // What comes after the syntax are addresses and log files of this machine.
        let accepted = output.contains("syntax is ok");
        let unknown = output
            .split_once("host not found in upstream \"")
            .and_then(|(_, rest)| rest.split(['"', ':', '/']).next());
        match unknown.filter(|name| !accepted && !name.is_empty()) {
            // A name that this machine does not know says nothing about the configuration.
            Some(name) => text = text.replace(name, "127.0.0.1"),
            None => {
                return Some(Judgement {
                    accepted,
                    version,
                    output,
                });
            }
        }
    }
    panic!("names without end in\n{text}");
}

/// Modules that are there for the examples.
const APACHE_MODULES: [&str; 22] = [
    "mpm_event",
    "authz_core",
    "authn_core",
    "authz_host",
    "alias",
    "dir",
    "env",
    "headers",
    "mime",
    "rewrite",
    "setenvif",
    "slotmem_shm",
    "socache_shmcb",
    "ssl",
    "status",
    "proxy",
    "proxy_http",
    "proxy_fcgi",
    "proxy_wstunnel",
    "proxy_balancer",
    "lbmethod_byrequests",
    "proxy_hcheck",
];

/// Those that an example has without loading them: all that it does not name itself.
pub(super) fn apache_modules(text: &str) -> impl Iterator<Item = &'static str> + '_ {
    APACHE_MODULES
        .into_iter()
        .filter(move |module| !text.contains(&format!("{module}_module")))
}

fn apache(text: &str) -> Option<Judgement> {
    let program = program("apache2")?;
    let directory = tempfile::tempdir().unwrap();
    let (_, banner) = output_of(Command::new(&program).arg("-v"));
    let main = directory.path().join("main.conf");
    let mut around = format!(
        "ServerRoot {0}\nServerName localhost\nPidFile {0}/pid\nErrorLog {0}/error.log\nListen 127.0.0.1:8080\n\
         TypesConfig /dev/null\n",
        directory.path().display()
    );
    // The example may load modules itself; TypesConfig needs its module first.
    let mut modules = String::new();
    for module in apache_modules(text) {
        let path = format!("/usr/lib/apache2/modules/mod_{module}.so");
        if Path::new(&path).exists() {
            use std::fmt::Write as _;
            writeln!(modules, "LoadModule {module}_module {path}").unwrap();
        }
    }
    around.push_str("Include example.conf\n");
    std::fs::write(&main, modules + &around).unwrap();
    std::fs::write(directory.path().join("example.conf"), text).unwrap();
    let (accepted, output) = output_of(Command::new(&program).arg("-t").arg("-f").arg(&main));
    Some(Judgement {
        accepted,
        version: version_in(&banner),
        output,
    })
}

fn squid(text: &str) -> Option<Judgement> {
    let program = program("squid")?;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("squid.conf");
    std::fs::write(&file, text).unwrap();
    let (_, banner) = output_of(Command::new(&program).arg("-v"));
    let (ended_well, output) = output_of(
        Command::new(&program)
            .args(["-k", "parse", "-f"])
            .arg(&file)
            .current_dir(directory.path()),
    );
    Some(Judgement {
        accepted: ended_well && !output.contains("FATAL:"),
        version: version_in(&banner),
        output,
    })
}

#[test]
fn the_installed_servers_tell_right_from_wrong() {
    let texts = [
        (
            "nginx",
            "events {} http { server { listen 80; proxy_ssl_trusted_certificate /etc/ssl/app.pem; \
             location / { proxy_pass http://app.invalid:80; } } }",
            "events {} http { server { listen 80; location / { proxy_pass; } } }",
        ),
        (
            "apache",
            "<VirtualHost *:80>\nServerName a.test\nProxyPass / http://127.0.0.1:9000/\n</VirtualHost>\n",
            "<VirtualHost *:80>\nProxyPass\n</VirtualHost>\n",
        ),
        (
            "squid",
            "http_port 3128\nhttp_access allow localhost\nhttp_access deny all\n",
            "http_port 3128\nhttp_access allow nobody\n",
        ),
    ];
    for (server, right, wrong) in texts {
        let Some(judgement) = accepts(server, right) else {
            println!("skipped: {server} is not installed");
            continue;
        };
        assert!(judgement.accepted, "{server}: {}", judgement.output);
        assert!(judgement.version > (1, 0, 0), "{server}: {:?}", judgement.version);
        let judgement = accepts(server, wrong).unwrap();
        assert!(!judgement.accepted, "{server}: {}", judgement.output);
    }
}
