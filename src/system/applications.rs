//! Application servers: their settings from command lines and configuration files, and what their own logs
//! say about a failed request.

use crate::evidence::{AppServer, Process};

/// Application servers among the processes: masters only.
pub fn servers(processes: &[Process]) -> Vec<AppServer> {
    let mut found: Vec<AppServer> = Vec::new();
    for process in processes {
        let Some(kind) = kind(process) else { continue };
        let parent_same = processes
            .iter()
            .any(|other| other.pid == process.parent && self::kind(other) == Some(kind));
        if !parent_same {
            found.push(server(kind, process));
        }
    }
    found
}

fn kind(process: &Process) -> Option<&'static str> {
    let first = process.arguments.first().map_or("", String::as_str);
    let program = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
    let words: Vec<String> = process.arguments.iter().take(4).map(|word| program(word)).collect();
    let starts = |name: &str| words.first().is_some_and(|word| word.starts_with(name));
    if first.starts_with("php-fpm:") {
        return first.contains("master process").then_some("php-fpm");
    }
    if starts("nginx") || starts("apache") || starts("squid") || starts("haproxy") {
        return None;
    }
    if words
        .iter()
        .any(|word| word == "gunicorn" || word.starts_with("gunicorn:"))
    {
        return Some("gunicorn");
    }
    if words.iter().any(|word| word == "uvicorn") {
        return Some("uvicorn");
    }
    // Installed from a package registry, these are scripts that an interpreter runs.
    let script = |name: &str| starts(name) || words.iter().skip(1).any(|word| word == name);
    if script("uwsgi") || starts("uWSGI") {
        return Some("uwsgi");
    }
    if script("puma") {
        return Some("puma");
    }
    if starts("node") {
        return Some("node");
    }
    if starts("java") {
        return Some("java");
    }
    None
}

fn server(kind: &str, process: &Process) -> AppServer {
    let mut server = AppServer {
        kind: kind.to_owned(),
        pid: process.pid,
        ..AppServer::default()
    };
    let option = |names: &[&str]| -> Vec<String> { options(&process.arguments, names) };
    let number = |names: &[&str]| option(names).first().and_then(|text| text.parse::<u64>().ok());
    match kind {
        "gunicorn" => {
            server.listens = option(&["-b", "--bind"]);
            server.protocol = Some("http".to_owned());
            server.worker_timeout_s = Some(number(&["-t", "--timeout"]).unwrap_or(30));
            let workers = number(&["-w", "--workers"]).unwrap_or(1);
            server.capacity = Some(workers.saturating_mul(number(&["--threads"]).unwrap_or(1)));
            let class = option(&["-k", "--worker-class"])
                .pop()
                .unwrap_or_else(|| "sync".to_owned());
            // The sync worker closes after each answer whatever the setting says.
            server.keepalive_s = Some(if class == "sync" && number(&["--threads"]).unwrap_or(1) <= 1 {
                0
            } else {
                number(&["--keep-alive"]).unwrap_or(2)
            });
            server.backlog = Some(number(&["--backlog"]).unwrap_or(2048));
        }
        "uvicorn" => {
            server.protocol = Some("http".to_owned());
            server.keepalive_s = Some(number(&["--timeout-keep-alive"]).unwrap_or(5));
        }
        "uwsgi" => {
            let socket = option(&["--socket", "-s", "--uwsgi-socket"]);
            let http = option(&["--http-socket", "--http"]);
            server.protocol = match (socket.is_empty(), http.is_empty()) {
                (false, true) => Some("uwsgi".to_owned()),
                (true, false) => Some("http".to_owned()),
                _ => None,
            };
            server.listens = socket.into_iter().chain(http).collect();
            server.worker_timeout_s = number(&["--harakiri", "-t"]);
            server.capacity = number(&["--processes", "-p", "--workers"]);
            server.backlog = Some(number(&["--listen", "-l"]).unwrap_or(100));
        }
        _ => {}
    }
    server
}

/// Values of an option: `-b X`, `--bind X`, `--bind=X`.
fn options(arguments: &[String], names: &[&str]) -> Vec<String> {
    let mut values = Vec::new();
    for (index, word) in arguments.iter().enumerate() {
        for name in names {
            if word == name {
                values.extend(arguments.get(index + 1).cloned());
            } else if let Some(value) = word.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
                values.push(value.to_owned());
            }
        }
    }
    values
}

/// The configuration file that a php-fpm master names in its title.
pub fn fpm_config_file(process: &Process) -> Option<String> {
    let title = process.arguments.first()?;
    title
        .split_once('(')?
        .1
        .split_once(')')
        .map(|(path, _)| path.to_owned())
}

/// One php-fpm pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FpmPool {
    /// Its settings, as written.
    pub settings: Vec<(String, String)>,
}

impl FpmPool {
    /// A setting by name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.settings
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads a php-fpm configuration file: global settings, pools, include patterns.
pub fn fpm_config(bytes: &[u8]) -> (FpmPool, Vec<FpmPool>, Vec<String>) {
    let (mut global, mut pools, mut includes) = (FpmPool::default(), Vec::<FpmPool>::new(), Vec::new());
    let mut in_global = true;
    for line in String::from_utf8_lossy(bytes).lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(';') || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            in_global = name == "global";
            if !in_global {
                pools.push(FpmPool {
                    settings: vec![("name".to_owned(), name.to_owned())],
                });
            }
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let (name, value) = (name.trim().to_owned(), value.trim().trim_matches('"').to_owned());
        if name == "include" {
            includes.push(value);
        } else if in_global {
            global.settings.push((name, value));
        } else if let Some(pool) = pools.last_mut() {
            pool.settings.push((name, value));
        }
    }
    (global, pools, includes)
}

/// Fills what a pool says about its server.
pub fn apply_pool(server: &mut AppServer, pool: &FpmPool) {
    server.protocol = Some("fastcgi".to_owned());
    if let Some(listen) = pool.get("listen") {
        let listen = if listen.starts_with('/') {
            format!("unix:{listen}")
        } else {
            listen.to_owned()
        };
        if !server.listens.contains(&listen) {
            server.listens.push(listen);
        }
    }
    if let Some(seconds) = pool.get("request_terminate_timeout").and_then(seconds)
        && seconds > 0
    {
        server.worker_timeout_s = Some(seconds);
    }
    if let Some(children) = pool.get("pm.max_children").and_then(|text| text.parse::<u64>().ok()) {
        server.capacity = Some(server.capacity.unwrap_or(0).saturating_add(children));
    }
    if let Some(clients) = pool.get("listen.allowed_clients") {
        server.allowed_clients = clients.split(',').map(|client| client.trim().to_owned()).collect();
    }
}

/// `30`, `30s`, `2m`, `1h`.
fn seconds(text: &str) -> Option<u64> {
    let (digits, scale) = match text.trim_end_matches(|character: char| character.is_ascii_alphabetic()) {
        digits if text.ends_with('m') => (digits, 60),
        digits if text.ends_with('h') => (digits, 3600),
        digits => (digits, 1),
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, arguments: &[&str]) -> Process {
        Process {
            pid,
            parent,
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            ..Process::default()
        }
    }

    #[test]
    fn a_gunicorn_master_is_told_from_its_worker() {
        let words = [
            "/usr/bin/python3",
            "-m",
            "gunicorn",
            "-b",
            "127.0.0.1:8000",
            "--timeout=60",
            "app:app",
        ];
        let found = servers(&[process(1, 0, &words), process(2, 1, &words)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].worker_timeout_s, Some(60));
        assert_eq!(found[0].listens, ["127.0.0.1:8000"]);
    }

    #[test]
    fn a_server_that_an_interpreter_runs_is_known_by_its_script() {
        let words = [
            "/srv/venv/bin/python3",
            "/srv/venv/bin/uwsgi",
            "--socket",
            "127.0.0.1:3031",
            "--harakiri",
            "30",
        ];
        let found = servers(&[process(1, 0, &words)]);
        assert_eq!(found[0].kind, "uwsgi");
        assert_eq!(found[0].worker_timeout_s, Some(30));
        assert_eq!(found[0].protocol.as_deref(), Some("uwsgi"));
    }

    #[test]
    fn a_pool_is_read() {
        let text = b"[global]\nerror_log = /var/log/fpm.log\n[www]\nlisten = /run/php.sock\nrequest_terminate_timeout = 2m\npm.max_children = 5\nlisten.allowed_clients = 127.0.0.1, 10.0.0.1\n";
        let (global, pools, _) = fpm_config(text);
        assert_eq!(global.get("error_log"), Some("/var/log/fpm.log"));
        let mut server = AppServer::default();
        apply_pool(&mut server, &pools[0]);
        assert_eq!(server.worker_timeout_s, Some(120));
        assert_eq!(server.listens, ["unix:/run/php.sock"]);
        assert_eq!(server.allowed_clients.len(), 2);
    }
}
