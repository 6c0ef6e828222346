//! Application servers on this host: their settings and their own logs.

use super::carried;
use crate::evidence::{AppServer, ErrorEntryText, Snapshot, Zone};
use crate::host::{Clock, Host, ListDirectory, ReadFile, ReadLink, WrittenFiles};
use crate::system::applications::{self, FpmPool};
use crate::system::java_servers;
use crate::system::log_time;

/// Finds application servers and reads their settings.
pub(super) fn ask(host: &Host, snapshot: &mut Snapshot) {
    let processes = snapshot.processes.seen().map_or(&[][..], Vec::as_slice);
    let mut servers = applications::servers(processes);
    servers.truncate(20);
    for server in &mut servers {
        let Some(process) = processes.iter().find(|process| process.pid == server.pid) else {
            continue;
        };
        if server.kind == "java" {
            for file in java_servers::files(process) {
                if let Some(content) = host.ask(&ReadFile::start(file.clone(), 1 << 20)).into_seen() {
                    java_servers::apply(server, &file, &content.bytes.0);
                    server.files.push(file);
                }
            }
        }
        if server.kind != "php-fpm" {
            continue;
        }
        if let Some(file) = applications::fpm_config_file(process) {
            fpm(host, server, &file);
        }
    }
    snapshot.applications = servers;
}

fn fpm(host: &Host, server: &mut AppServer, file: &str) {
    let mut waiting = vec![file.to_owned()];
    let mut seen: Vec<String> = Vec::new();
    let mut global = FpmPool::default();
    while let Some(path) = waiting.pop() {
        if seen.contains(&path) || seen.len() > 100 {
            continue;
        }
        seen.push(path.clone());
        let Some(content) = host.ask(&ReadFile::start(path.clone(), 1 << 20)).into_seen() else {
            continue;
        };
        let (own, pools, includes) = applications::fpm_config(&content.bytes.0);
        global.settings.extend(own.settings);
        for pool in &pools {
            applications::apply_pool(server, pool);
        }
        for pattern in includes {
            // `/etc/php/8.2/fpm/pool.d/*.conf` is the one form in use.
            let (directory, name) = pattern.rsplit_once('/').unwrap_or(("", &pattern));
            let (before, after) = name.split_once('*').unwrap_or((name, ""));
            for entry in host
                .ask(&ListDirectory {
                    path: directory.to_owned(),
                })
                .into_seen()
                .unwrap_or_default()
            {
                let matches = name == entry
                    || (name.contains('*') && entry.starts_with(before) && entry.ends_with(after));
                if matches && !entry.starts_with('.') {
                    waiting.push(format!("{directory}/{entry}"));
                }
            }
        }
    }
    server.files = seen;
    match global.get("error_log") {
        Some("syslog") => {
            server.syslog_tag = Some(global.get("syslog.ident").unwrap_or("php-fpm").to_owned());
        }
        Some(log) => server.files.push(log.to_owned()),
        None => {}
    }
}

/// The newest lines of their logs: what they said when our requests failed.
pub(super) fn logs(host: &Host, snapshot: &mut Snapshot) {
    let zone = host.ask(&Clock { moment: 0 }).into_seen().unwrap_or_default().zone();
    let ends = ends(host, snapshot, zone);
    for server in &mut snapshot.applications {
        let files = log_files(host, server);
        let ends = ends
            .iter()
            .filter(|(pid, _)| *pid == Some(server.pid))
            .flat_map(|(_, lines)| lines.iter().cloned());
        server.log.extend(ends);
        for file in files {
            let mut query = ReadFile::end(file.clone(), 128 * 1024);
            query.moment = 1;
            let Some(content) = host.ask(&query).into_seen() else {
                continue;
            };
            let text = content.bytes.text().into_owned();
            let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
            let from = lines.len().saturating_sub(200);
            server.log.extend(
                lines
                    .get(from..)
                    .unwrap_or_default()
                    .iter()
                    .map(|line| ErrorEntryText {
                        file: file.clone(),
                        at_ms: log_time::line_ms(line, zone),
                        text: line.chars().take(500).collect(),
                    }),
            );
        }
    }
}

/// The newest lines of those that log to syslog or the journal, by process.
fn ends(host: &Host, snapshot: &Snapshot, zone: Zone) -> Vec<(Option<u32>, Vec<ErrorEntryText>)> {
    let pid = |target: &str| {
        let logs = snapshot.log.carried.iter();
        logs.filter(|log| log.target == target).find_map(|log| log.pid)
    };
    carried::ends(host, snapshot, 1, true)
        .into_iter()
        .filter_map(|end| {
            let bytes = end.lines.into_seen()?;
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
            let newest = lines.get(lines.len().saturating_sub(200)..).unwrap_or_default();
            let read = newest.iter().map(|line| ErrorEntryText {
                file: end.target.clone(),
                at_ms: log_time::line_ms(line, zone),
                text: line.chars().take(500).collect(),
            });
            Some((pid(&end.target), read.collect()))
        })
        .collect()
}

/// The files that an application server logs to.
pub(super) fn log_files(host: &Host, server: &AppServer) -> Vec<String> {
    let mut files: Vec<String> = server
        .files
        .iter()
        .filter(|file| file.rsplit_once('.').is_some_and(|(_, ending)| ending == "log"))
        .cloned()
        .collect();
    for descriptor in [1, 2] {
        let link = host.ask(&ReadLink {
            path: format!("/proc/{}/fd/{descriptor}", server.pid),
        });
        // A pipe or a journal socket is no file.
        if let Some(target) = link
            .into_seen()
            .filter(|target| target.starts_with('/') && !target.starts_with("/dev/"))
            && !files.contains(&target)
        {
            files.push(target);
        }
    }
    // Whatever its configuration says: a regular file that is only written to, and named like a log, is one.
    let written = host
        .ask(&WrittenFiles { pid: server.pid })
        .into_seen()
        .unwrap_or_default();
    for file in written {
        let name = file.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let is_log = server.files.contains(&file)
            || name.contains("log")
            || [".out", ".err", ".txt"].iter().any(|end| name.ends_with(end));
        // Requests are counted from the proxy's own log; both together would count them twice.
        if is_log && !name.contains("access") && !files.contains(&file) {
            files.push(file);
        }
    }
    files
}
