//! Logs that are no files: found in the journal, or in the files of the syslog daemon.
//!
//! Where neither can be read that is the answer; it never counts as a log without errors.

use super::plan::Plan;
use crate::evidence::{CarriedLog, LogTarget, Observed, Obstacle, Process, ProxyKind, Snapshot};
use crate::host::{Clock, CommandOutput, Host, ListDirectory, LogSource, ReadFile, ReadLink, RunCommand};
use crate::proxy::logs::{Carrier, LogKind, LogPlace, Tagged, carried, place};
use crate::system::syslog_files;

/// How much of the end of a file of syslog is read.
const CAP_BYTES: u64 = 4 << 20;
/// How far back the journal is asked for single lines.
const BACK_MS: i64 = 6 * 3_600_000;
/// Lines of the journal that are asked for: single ones, and to be counted.
const LINES: &str = "5000";
const LINES_COUNTED: &str = "2000000";
/// Logs of one host that are no files.
const MOST: usize = 40;

/// Finds them, and where their lines are.
pub(super) fn ask(host: &Host, plan: &Plan, snapshot: &mut Snapshot) {
    let mut logs = of_the_route(host, snapshot);
    for server in &snapshot.applications {
        let name = format!("{} {}", server.kind, server.pid);
        let log = |target: String, place| {
            found(
                host,
                snapshot,
                target,
                place,
                LogKind::Application.name(),
                server.pid,
            )
        };
        if let Some(tag) = &server.syslog_tag {
            let place = LogPlace::Syslog {
                tag: tag.clone(),
                facility: "daemon".to_owned(),
                by_socket: true,
            };
            logs.push(log(format!("{name}, syslog {tag}"), place));
        }
        for descriptor in [1, 2] {
            let log = log(format!("{name}, output"), LogPlace::Standard { descriptor });
            // Its files are read as such; what goes to a pipe is told once.
            let told = logs
                .iter()
                .any(|known| known.unit == log.unit && known.target == log.target);
            if log.source.seen().is_none_or(|source| !source.starts_with('/')) && !told {
                logs.push(log);
            }
        }
    }
    logs.truncate(MOST);
    let open: Vec<usize> = (0..logs.len())
        .filter(|index| {
            logs.get(*index)
                .is_some_and(|log| matches!(log.source, Observed::Unavailable(Obstacle::NotAsked)))
        })
        .collect();
    if !open.is_empty() {
        let asked: Vec<CarriedLog> = open.iter().filter_map(|index| logs.get(*index).cloned()).collect();
        let journal = if plan.other_root || plan.inside.is_some() {
            Observed::Unavailable(Obstacle::Failed(
                "the journal of another root directory".to_owned(),
            ))
        } else if snapshot.host.platform.is_linux() {
            journal(host, &asked, 0)
        } else {
            Observed::Unavailable(Obstacle::Failed("this system has no journal".to_owned()))
        };
        for index in open {
            if let Some(log) = logs.get_mut(index) {
                log.source = source(host, log, &journal);
            }
        }
    }
    snapshot.log.carried = logs;
}

/// The logs of the way through the proxies.
fn of_the_route(host: &Host, snapshot: &Snapshot) -> Vec<CarriedLog> {
    let mut logs: Vec<CarriedLog> = Vec::new();
    for route in snapshot.route.seen().into_iter().chain(&snapshot.inner_routes) {
        let errors = route.settings.error_logs.iter().map(|target| (target, true));
        let accesses = route.settings.access_logs.iter().map(|target| (target, false));
        for (LogTarget { target, format, .. }, is_error) in errors.chain(accesses) {
            let kind = super::log_account::kind(route.proxy, is_error);
            let Some(place) = target_place(host, snapshot, route.proxy, target) else {
                continue;
            };
            let pid = snapshot
                .proxy
                .as_ref()
                .filter(|proxy| proxy.kind == route.proxy)
                .map_or(0, |proxy| proxy.master.pid);
            let mut log = found(host, snapshot, target.clone(), place, kind.name(), pid);
            if !is_error {
                log.format.clone_from(format);
            }
            if logs
                .iter()
                .all(|known| known.target != log.target || known.kind != log.kind)
            {
                logs.push(log);
            }
        }
    }
    logs
}

/// The place of a target that is no file, links of container images among them.
fn target_place(host: &Host, snapshot: &Snapshot, kind: ProxyKind, target: &str) -> Option<LogPlace> {
    let written = place(kind, target);
    if written.is_some() || !target.starts_with('/') {
        return written;
    }
    // `/var/log/nginx/error.log` is `/dev/stderr` in the image of nginx.
    let link = host.ask(&ReadLink {
        path: format!("{}{target}", super::log_account::below(snapshot)),
    });
    place(kind, &link.into_seen()?)
}

/// A log with what is known of its source at once; what the journal or syslog has is asked later.
fn found(
    host: &Host,
    snapshot: &Snapshot,
    target: String,
    place: LogPlace,
    kind: &str,
    pid: u32,
) -> CarriedLog {
    let process: Option<&Process> = snapshot
        .processes
        .seen()
        .and_then(|all| all.iter().find(|one| one.pid == pid));
    let mut log = CarriedLog {
        target,
        kind: kind.to_owned(),
        format: String::new(),
        tag: String::new(),
        unit: None,
        pid: (pid != 0).then_some(pid),
        source: Observed::default(),
        alone: false,
    };
    let unreachable = |why: String| Observed::Unavailable(Obstacle::Failed(why));
    match place {
        LogPlace::Syslog { tag, .. } => log.tag = tag,
        LogPlace::Standard { descriptor } => {
            let link = host.ask(&ReadLink {
                path: format!("/proc/{pid}/fd/{descriptor}"),
            });
            log.unit = process.and_then(|process| process.unit.clone());
            log.source = match link {
                Observed::Seen(file) if file.starts_with('/') && !file.starts_with("/dev/") => {
                    log.alone = true;
                    let of_proxy = snapshot.proxy.as_ref().is_some_and(|proxy| proxy.master.pid == pid);
                    let below = of_proxy.then(|| super::log_account::below(snapshot));
                    Observed::Seen(below.unwrap_or_default() + &file)
                }
                Observed::Seen(file) if file == "/dev/null" => unreachable("it goes to /dev/null".to_owned()),
                Observed::Seen(file) if file.starts_with("/dev/") => {
                    unreachable(format!("it goes to the terminal {file}"))
                }
                Observed::Seen(file) if file.starts_with("pipe:") => unreachable(
                    "it goes into a pipe: see the log of its container or supervisor (docker logs, podman logs, kubectl logs)".to_owned(),
                ),
                // Whatever it is, the journal has what a unit prints.
                _ if log.unit.is_some() => Observed::default(),
                Observed::Unavailable(obstacle) => Observed::Unavailable(obstacle),
                Observed::Seen(_) | Observed::Absent => {
                    unreachable("it goes to the output of a process that is not known".to_owned())
                }
            };
        }
        LogPlace::Remote(server) => {
            log.source = unreachable(format!(
                "it goes to the syslog server {server}, which is out of reach from here"
            ));
        }
        LogPlace::Program(command) => {
            log.source = unreachable(format!("it goes to a program of its own: {command}"));
        }
        LogPlace::Nowhere => log.source = unreachable("nothing keeps it".to_owned()),
    }
    log
}

/// The lines of the journal that may be of these logs, the newest.
fn journal(host: &Host, logs: &[CarriedLog], moment: u32) -> Observed<CommandOutput> {
    let now_ms = host.ask(&Clock { moment: 0 }).into_seen().unwrap_or_default().now_ms;
    let argv = argv(logs, Some(now_ms.saturating_sub(BACK_MS)), LINES);
    if argv.is_empty() {
        return Observed::Absent;
    }
    let answer = host.ask(&RunCommand::new(argv).cap_bytes(CAP_BYTES).at_moment(moment));
    let output = match answer {
        Observed::Seen(output) => output,
        other => return other,
    };
    let said = output.stderr.text().into_owned();
    if said.contains("insufficient permissions") || said.contains("not seeing messages from other users") {
        return Observed::Unavailable(Obstacle::Denied);
    }
    if said.contains("No journal files were") {
        return Observed::Absent;
    }
    if output.status != Some(0) {
        return Observed::Unavailable(Obstacle::Failed(super::units::first_line(&output)));
    }
    Observed::Seen(output)
}

/// The question to the journal; empty: nothing is asked for.
fn argv(logs: &[CarriedLog], since_ms: Option<i64>, lines: &str) -> Vec<String> {
    let mut matches: Vec<String> = Vec::new();
    for log in logs {
        let field = match &log.unit {
            _ if !log.tag.is_empty() => format!("SYSLOG_IDENTIFIER={}", log.tag),
            Some(unit) => format!("_SYSTEMD_UNIT={unit}"),
            None => continue,
        };
        if !matches.contains(&field) {
            if !matches.is_empty() {
                matches.push("+".to_owned());
            }
            matches.push(field);
        }
    }
    if matches.is_empty() {
        return Vec::new();
    }
    let mut argv: Vec<String> = [
        "journalctl",
        "--no-pager",
        "--all",
        "-o",
        "short-iso-precise",
        "-n",
        lines,
    ]
    .map(str::to_owned)
    .to_vec();
    if let Some(since_ms) = since_ms {
        argv.extend(["--since".to_owned(), format!("@{}", since_ms / 1_000)]);
    }
    argv.extend(matches);
    argv
}

/// Where the lines of a log are: in the journal, when it has any, else in a file of the syslog daemon.
fn source(host: &Host, log: &CarriedLog, journal: &Observed<CommandOutput>) -> Observed<String> {
    let own = |output: &CommandOutput| {
        let texts = carried(&output.stdout.0, &carrier(std::slice::from_ref(log), 0), 0);
        texts.iter().any(|text| !text.is_empty())
    };
    if let Observed::Seen(output) = journal
        && (log.tag.is_empty() || own(output))
    {
        return Observed::Seen(CarriedLog::JOURNAL.to_owned());
    }
    let mut denied = matches!(journal, Observed::Unavailable(Obstacle::Denied));
    if !log.tag.is_empty() {
        for file in syslog_file_names(host, log) {
            match host.ask(&ReadFile::end(file.clone(), CAP_BYTES)) {
                Observed::Seen(_) => return Observed::Seen(file),
                Observed::Absent => {}
                Observed::Unavailable(obstacle) => denied |= obstacle == Obstacle::Denied,
            }
        }
    }
    match journal {
        Observed::Seen(_) => Observed::Seen(CarriedLog::JOURNAL.to_owned()),
        _ if denied => Observed::Unavailable(Obstacle::Denied),
        Observed::Unavailable(obstacle @ Obstacle::Failed(_)) if log.tag.is_empty() => {
            Observed::Unavailable(obstacle.clone())
        }
        _ if log.tag.is_empty() => {
            Observed::Unavailable(Obstacle::Failed("this host has no journal".to_owned()))
        }
        _ => Observed::Unavailable(Obstacle::Failed(
            "no journal and no file of the syslog daemon is here".to_owned(),
        )),
    }
}

/// The files of the syslog daemon in which a log may be, the likeliest first.
fn syslog_file_names(host: &Host, log: &CarriedLog) -> Vec<String> {
    let mut configurations = vec![
        "/etc/rsyslog.conf".to_owned(),
        "/etc/syslog-ng/syslog-ng.conf".to_owned(),
    ];
    for directory in ["/etc/rsyslog.d", "/etc/syslog-ng/conf.d"] {
        let names = host
            .ask(&ListDirectory {
                path: directory.to_owned(),
            })
            .into_seen()
            .unwrap_or_default();
        let names = names
            .into_iter()
            .filter(|name| name.rsplit_once('.').is_some_and(|(_, end)| end == "conf"));
        configurations.extend(names.take(50).map(|name| format!("{directory}/{name}")));
    }
    let mut text = String::new();
    for file in configurations {
        if let Some(content) = host.ask(&ReadFile::start(file, 256 << 10)).into_seen() {
            text.push_str(&content.bytes.text());
            text.push('\n');
        }
    }
    let facility = facility(log);
    let named = syslog_files::files(&text, &log.tag, &facility);
    // A file that no line ties to this log comes after the two that take everything.
    let (own, others): (Vec<String>, Vec<String>) = named.into_iter().partition(|file| {
        text.lines()
            .any(|line| line.contains(file.as_str()) && (line.contains(&log.tag) || line.contains(&facility)))
    });
    let general = ["/var/log/syslog", "/var/log/messages"].map(str::to_owned);
    let mut files = own;
    for file in general.into_iter().chain(others) {
        if !files.contains(&file) {
            files.push(file);
        }
    }
    files.truncate(20);
    files
}

/// The facility that the target names; `daemon` for applications.
fn facility(log: &CarriedLog) -> String {
    let kind = if log.kind.starts_with("nginx") {
        ProxyKind::Nginx
    } else if log.kind.starts_with("apache") {
        ProxyKind::Apache
    } else {
        ProxyKind::Squid
    };
    match place(kind, &log.target) {
        Some(LogPlace::Syslog { facility, .. }) => facility,
        _ => "daemon".to_owned(),
    }
}

/// Which messages of a common source are which of these logs.
fn carrier(logs: &[CarriedLog], now_ms: i64) -> Carrier {
    let mut logs: Vec<&CarriedLog> = logs.iter().collect();
    // What is told by a name comes before what is only of a unit, errors before requests.
    logs.sort_by_key(|log| {
        (
            log.tag.is_empty(),
            log.kind == LogKind::Application.name(),
            log.kind.ends_with("access"),
        )
    });
    let tags = logs.into_iter().map(|log| Tagged {
        tag: log.tag.clone(),
        kind: log.kind.clone(),
        format: log.format.clone(),
    });
    let mut tags: Vec<Tagged> = tags.collect();
    tags.dedup();
    Carrier { tags, now_ms }
}

/// The end of one log of the proxy.
pub(super) struct End {
    /// The target as it is written.
    pub(super) target: String,
    /// The kind of its lines.
    pub(super) kind: LogKind,
    /// Its lines as they would stand in a file.
    pub(super) lines: Observed<Vec<u8>>,
}

/// The newest lines of the logs that are no files; `of_application`: those of application servers, else the proxy's.
pub(super) fn ends(host: &Host, snapshot: &Snapshot, moment: u32, of_application: bool) -> Vec<End> {
    let all = &snapshot.log.carried;
    let now_ms = host.ask(&Clock { moment: 0 }).into_seen().unwrap_or_default().now_ms;
    let zone = super::log_account::zone(host, snapshot).zone();
    let is_application = |log: &&CarriedLog| log.kind == LogKind::Application.name();
    let in_journal: Vec<CarriedLog> = all
        .iter()
        .filter(|log| log.source.seen().is_some_and(|source| source == CarriedLog::JOURNAL))
        .cloned()
        .collect();
    let wanted: Vec<&CarriedLog> = all
        .iter()
        .filter(|log| is_application(log) == of_application)
        .collect();
    // A name tells its messages from others; what is only of a unit is asked for alone.
    let named: Vec<CarriedLog> = in_journal.iter().filter(|log| !log.tag.is_empty()).cloned().collect();
    let needs_named = wanted.iter().any(|log| named.contains(log));
    let of_names = if needs_named {
        journal(host, &named, moment)
    } else {
        Observed::Absent
    };
    wanted
        .into_iter()
        .filter_map(|log| {
            let kind = LogKind::named(&log.kind, &log.format)?;
            let opened = |bytes: &[u8]| {
                let alone = carrier(std::slice::from_ref(log), now_ms);
                carried(bytes, &alone, zone).pop().unwrap_or_default()
            };
            let lines = match &log.source {
                Observed::Seen(source) if source == CarriedLog::JOURNAL => {
                    let of_unit = log
                        .tag
                        .is_empty()
                        .then(|| journal(host, std::slice::from_ref(log), moment));
                    let output = of_unit.unwrap_or_else(|| of_names.clone());
                    output.map(|output| opened(&output.stdout.0))
                }
                Observed::Seen(file) => {
                    let mut query = ReadFile::end(file.clone(), CAP_BYTES);
                    query.moment = moment;
                    let content = host.ask(&query);
                    content.map(|content| {
                        if log.alone {
                            content.bytes.0
                        } else {
                            opened(&content.bytes.0)
                        }
                    })
                }
                Observed::Absent => Observed::Absent,
                Observed::Unavailable(obstacle) => Observed::Unavailable(obstacle.clone()),
            };
            Some(End {
                target: log.target.clone(),
                kind,
                lines,
            })
        })
        .collect()
}

/// The sources of the logs that are no files, to be counted from this time on; `rotated` gives a file with those
/// that it was before.
pub(super) fn sources(
    snapshot: &Snapshot,
    since_ms: Option<i64>,
    now_ms: i64,
    rotated: impl Fn(&LogSource) -> Vec<LogSource>,
) -> Vec<LogSource> {
    let mut groups: Vec<(&str, Vec<CarriedLog>)> = Vec::new();
    for log in &snapshot.log.carried {
        let Some(source) = log.source.seen() else { continue };
        match groups.iter_mut().find(|(known, _)| known == source) {
            Some((_, logs)) => logs.push(log.clone()),
            None => groups.push((source, vec![log.clone()])),
        }
    }
    let mut sources = Vec::new();
    for (source, logs) in groups {
        if let Some(log) = logs.iter().find(|log| log.alone) {
            sources.extend(rotated(&LogSource {
                path: source.to_owned(),
                kind: log.kind.clone(),
                format: log.format.clone(),
                ..LogSource::default()
            }));
            continue;
        }
        let Ok(format) = serde_json::to_string(&carrier(&logs, now_ms)) else {
            continue;
        };
        let read = LogSource {
            path: source.to_owned(),
            kind: LogKind::Carried(Carrier::default()).name().to_owned(),
            format,
            ..LogSource::default()
        };
        if source == CarriedLog::JOURNAL {
            sources.push(LogSource {
                command: argv(&logs, since_ms, LINES_COUNTED),
                ..read
            });
        } else {
            sources.extend(rotated(&read));
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(kind: &str, tag: &str, unit: Option<&str>) -> CarriedLog {
        CarriedLog {
            target: String::new(),
            kind: kind.to_owned(),
            format: String::new(),
            tag: tag.to_owned(),
            unit: unit.map(str::to_owned),
            pid: None,
            source: Observed::Seen(CarriedLog::JOURNAL.to_owned()),
            alone: false,
        }
    }

    #[test]
    fn one_question_to_the_journal_asks_for_all_tags_and_units() {
        let logs = [
            log("nginx error", "edge", None),
            log("nginx access", "edge", None),
            log("application", "", Some("shop.service")),
            log("application", "", None),
        ];
        let argv = argv(&logs, Some(1_795_371_055_999), "50");
        let expected = "journalctl --no-pager --all -o short-iso-precise -n 50 --since @1795371055 SYSLOG_IDENTIFIER=edge + _SYSTEMD_UNIT=shop.service";
        assert_eq!(argv.join(" "), expected);
        assert_eq!(super::argv(&logs[3..], None, "50"), Vec::<String>::new());
    }

    #[test]
    fn messages_of_one_source_go_to_the_reader_of_their_log() {
        let logs = [
            log("application", "", Some("shop.service")),
            log("nginx access", "edge", None),
            log("nginx error", "edge", None),
        ];
        let text = b"2026-11-22T18:10:54.1+0000 vm gunicorn[10]: [CRITICAL] WORKER TIMEOUT (pid:11)\n2026-11-22T18:10:55.1+0000 vm edge[7]: 2026/11/22 18:10:55 [error] 7#7: *1 upstream prematurely closed connection\n2026-11-22T18:10:55.1+0000 vm edge[7]: 192.0.2.9 - - [22/Nov/2026:18:10:55 +0000] \"GET / HTTP/1.1\" 502 157\n";
        let opened = carried(text, &carrier(&logs, 1_795_371_100_000), 0);
        let starts: Vec<String> = opened
            .iter()
            .map(|text| String::from_utf8_lossy(text).chars().take(19).collect())
            .collect();
        assert_eq!(
            starts,
            [
                "2026/11/22 18:10:55",
                "192.0.2.9 - - [22/N",
                "2026-11-22 18:10:54"
            ]
        );
    }
}
