//! The proxy's logs, read from their ends: what was said before, and what our own attempts brought about.

use std::time::Duration;

use super::carried;
use super::plan::Plan;
use crate::evidence::{
    AccessEntry, Attempt, ErrorEntry, Handler, LogFile, LogTarget, Observed, PeerAddress, ProxyKind, Route,
    Snapshot, Symptom, Zone,
};
use crate::host::{Host, ReadFile, pause};
use crate::proxy::logs::{LogKind, newest as newest_lines};
use crate::proxy::{apache, nginx, squid};

/// How much of the end of a log is read.
const CAP_BYTES: u64 = 2 << 20;

/// Lines of several workers need not be in order to the second.
const SLACK_MS: i64 = 90_000;

/// What the logs said before the attempts were made.
pub(super) fn before(host: &Host, snapshot: &mut Snapshot) {
    let (errors, accesses, files) = read(host, snapshot, 0);
    snapshot.log.files = files;
    snapshot.log.general = newest(
        errors.iter().filter(|entry| is_general(entry)).cloned().collect(),
        50,
    );
    let route = snapshot.route.seen();
    snapshot.log.before = newest(
        errors
            .into_iter()
            .filter(|entry| concerns(route, snapshot, entry))
            .collect(),
        200,
    );
    snapshot.log.access_before = newest(
        accesses
            .into_iter()
            .filter(|entry| same_path(snapshot, entry))
            .collect(),
        500,
    );
}

/// What the logs say about our own attempts: whatever is there now and was not before.
pub(super) fn during(host: &Host, plan: &Plan, snapshot: &mut Snapshot) {
    if snapshot.attempts.is_empty() {
        return;
    }
    if !host.is_replay() && !plan.other_root {
        // The proxy writes its line after it has answered.
        pause(Duration::from_millis(30));
    }
    let (errors, accesses, _) = read(host, snapshot, 1);
    let route = snapshot.route.seen();
    // Log time has whole seconds, so the second in which the attempts began counts as theirs when the
    // line was not there before.
    let began_ms = snapshot.log.attempts_began_ms / 1000 * 1000;
    let fresh = |at_ms: Option<i64>| at_ms.is_some_and(|at_ms| at_ms >= began_ms);
    let known: std::collections::HashSet<&str> = snapshot
        .log
        .before
        .iter()
        .chain(&snapshot.log.general)
        .map(|entry| entry.text.as_str())
        .collect();
    let new: Vec<ErrorEntry> = errors
        .into_iter()
        .filter(|entry| fresh(entry.at_ms) && !known.contains(entry.text.as_str()))
        .collect();
    let general: Vec<ErrorEntry> = new.iter().filter(|entry| is_general(entry)).cloned().collect();
    // A line about our own request counts whatever upstream it names: the running proxy may dial another
    // one than the file says.
    let during: Vec<ErrorEntry> = new
        .into_iter()
        .filter(|entry| concerns(route, snapshot, entry) || is_ours(route, snapshot, entry))
        .collect();
    let known: usize = snapshot.log.access_before.len();
    let access: Vec<AccessEntry> = accesses
        .into_iter()
        .filter(|entry| same_path(snapshot, entry))
        .collect();
    let access: Vec<AccessEntry> = access
        .into_iter()
        .filter(|entry| fresh(entry.at_ms) || known == 0)
        .collect();
    let pages = error_pages(snapshot, &access);
    // The first reading may already hold lines of the first attempts.
    let ours = newest_connections(snapshot, &during);
    let (mut early, before): (Vec<_>, Vec<_>) = std::mem::take(&mut snapshot.log.before)
        .into_iter()
        .partition(|entry| {
            fresh_and_ours(entry, snapshot)
                || entry
                    .connection
                    .is_some_and(|connection| ours.contains(&(entry.file.clone(), connection)))
        });
    early.extend(during);
    early.extend(pages);
    snapshot.log.before = before;
    snapshot.log.during = newest(early, 200);
    snapshot.log.general.extend(general);
    snapshot.log.access_during = newest(access, 100);
}

/// True for a line of the very second in which the attempts began, or later, that names our request.
fn fresh_and_ours(entry: &ErrorEntry, snapshot: &Snapshot) -> bool {
    entry
        .at_ms
        .is_some_and(|at_ms| at_ms > snapshot.log.attempts_began_ms / 1000 * 1000)
        && entry
            .request
            .as_deref()
            .is_none_or(|request| request.contains(&snapshot.target.path))
}

/// The connections of our attempts, by file and number, as far as lines tell of them. A line has whole
/// seconds, so time alone does not tell our first attempts from the client's last request; the numbers of
/// the connections do, since ours came last.
fn newest_connections(
    snapshot: &Snapshot,
    during: &[ErrorEntry],
) -> std::collections::HashSet<(String, u64)> {
    let began_ms = snapshot.log.attempts_began_ms / 1000 * 1000;
    let failed = snapshot
        .attempts
        .iter()
        .filter(|attempt| crate::causes::attempt_failed(attempt))
        .count();
    let asked = format!("GET {} ", snapshot.target.path);
    let mut by_file: std::collections::BTreeMap<&str, std::collections::BTreeSet<u64>> =
        std::collections::BTreeMap::new();
    for entry in snapshot.log.before.iter().chain(during) {
        let same = entry
            .request
            .as_deref()
            .is_some_and(|request| request.starts_with(&asked));
        if let Some(connection) = entry.connection
            && same
            && entry.at_ms.is_some_and(|at_ms| at_ms >= began_ms)
        {
            by_file.entry(&entry.file).or_default().insert(connection);
        }
    }
    by_file
        .into_iter()
        .flat_map(|(file, connections)| {
            connections
                .into_iter()
                .rev()
                .take(failed)
                .map(|connection| (file.to_owned(), connection))
        })
        .collect()
}

fn newest<T>(mut all: Vec<T>, keep: usize) -> Vec<T> {
    let from = all.len().saturating_sub(keep);
    all.split_off(from)
}

fn read(host: &Host, snapshot: &Snapshot, moment: u32) -> (Vec<ErrorEntry>, Vec<AccessEntry>, Vec<LogFile>) {
    let (mut errors, mut accesses, mut files) = (Vec::new(), Vec::new(), Vec::new());
    let zone = super::log_account::zone(host, snapshot).zone();
    let fresh_ms = snapshot.log.attempts_began_ms.saturating_sub(SLACK_MS);
    let routes = snapshot.route.seen().into_iter().chain(&snapshot.inner_routes);
    let mut targets: Vec<(ProxyKind, &LogTarget, bool)> = Vec::new();
    for route in routes {
        let kind = route.proxy;
        targets.extend(route.settings.error_logs.iter().map(|target| (kind, target, true)));
        targets.extend(route.settings.access_logs.iter().map(|target| (kind, target, false)));
    }
    let kind = snapshot.proxy.as_ref().map_or(ProxyKind::Nginx, |proxy| proxy.kind);
    let usual = match kind {
        ProxyKind::Haproxy => ProxyKind::Nginx,
        other => other,
    };
    let usual = crate::system::commands::proxy(snapshot.host.platform, usual, None).logs;
    let fallback = LogTarget {
        target: usual.first().copied().unwrap_or_default().to_owned(),
        ..LogTarget::default()
    };
    if targets.is_empty() && snapshot.config.seen().is_some() {
        targets.push((kind, &fallback, true));
    }
    let below = snapshot
        .proxy
        .as_ref()
        .filter(|proxy| proxy.other_mounts && snapshot.host.root)
        .map_or_else(String::new, |proxy| format!("/proc/{}/root", proxy.master.pid));
    let mut done: Vec<&str> = Vec::new();
    for (kind, target, is_error) in targets {
        let is_carried = snapshot.log.carried.iter().any(|log| log.target == target.target);
        let is_path = crate::proxy::is_absolute(&target.target);
        if is_carried || !is_path || done.contains(&target.target.as_str()) {
            continue;
        }
        done.push(&target.target);
        let mut query = ReadFile::end(format!("{below}{}", target.target), CAP_BYTES);
        query.moment = moment;
        let answer = host.ask(&query);
        files.push(LogFile {
            path: target.target.clone(),
            kind: if is_error { "error" } else { "access" }.to_owned(),
            read: answer.as_ref().map(|content| content.bytes.0.len() as u64),
        });
        if let Observed::Seen(content) = answer {
            let (bytes, path) = (&content.bytes.0, &target.target);
            let kind = match super::log_account::kind(kind, is_error) {
                LogKind::NginxAccess(_) => LogKind::NginxAccess(target.format.clone()),
                LogKind::ApacheAccess(_) => LogKind::ApacheAccess(target.format.clone()),
                kind => kind,
            };
            let bytes = match (moment, is_error) {
                // Of the errors only those count that came during our attempts.
                (1.., true) => newest_lines(bytes, &kind, zone, fresh_ms),
                _ => bytes,
            };
            entries(&kind, bytes, path, zone, &mut errors, &mut accesses);
        }
    }
    for end in carried::ends(host, snapshot, moment, false) {
        let is_error = !matches!(
            end.kind,
            LogKind::NginxAccess(_) | LogKind::ApacheAccess(_) | LogKind::SquidAccess
        );
        files.push(LogFile {
            path: end.target.clone(),
            kind: if is_error { "error" } else { "access" }.to_owned(),
            read: end.lines.as_ref().map(|lines| lines.len() as u64),
        });
        if let Observed::Seen(lines) = &end.lines {
            entries(&end.kind, lines, &end.target, zone, &mut errors, &mut accesses);
        }
    }
    if let Some(since_ms) = super::plan::recorded(host).and_then(|plan| plan.since_ms) {
        errors.retain(|entry| entry.at_ms.is_none_or(|at_ms| at_ms >= since_ms));
        accesses.retain(|entry| entry.at_ms.is_none_or(|at_ms| at_ms >= since_ms));
    }
    errors.sort_by_key(|entry| entry.at_ms);
    (errors, accesses, files)
}

/// The lines of one log.
fn entries(
    kind: &LogKind,
    bytes: &[u8],
    path: &str,
    zone: Zone,
    errors: &mut Vec<ErrorEntry>,
    accesses: &mut Vec<AccessEntry>,
) {
    match kind {
        LogKind::ApacheError => errors.extend(apache::error_log::entries(bytes, path, zone)),
        LogKind::ApacheAccess(format) => accesses.extend(apache::access_log::entries(bytes, format)),
        LogKind::SquidCache => errors.extend(squid::cache_log::entries(bytes, path, zone)),
        LogKind::SquidAccess => accesses.extend(squid::access_log::entries(bytes)),
        LogKind::NginxError => errors.extend(nginx::error_log::entries(bytes, path, zone)),
        LogKind::NginxAccess(format) => accesses.extend(nginx::access_log::entries(bytes, format)),
        LogKind::Application | LogKind::Carried(_) => {}
    }
}

/// What Squid's own error pages say about our attempts: its log has the status and not the reason.
fn error_pages(snapshot: &Snapshot, access: &[AccessEntry]) -> Vec<ErrorEntry> {
    let logged = access.iter().rev().find(|entry| entry.status.is_some());
    snapshot
        .attempts
        .iter()
        .filter(|attempt| crate::causes::attempt_failed(attempt))
        .filter_map(|attempt| error_page(attempt, logged))
        .collect()
}

fn error_page(attempt: &Attempt, logged: Option<&AccessEntry>) -> Option<ErrorEntry> {
    let said = attempt.header("x-squid-error")?;
    let page = attempt.exchange.seen().map(|exchange| exchange.bytes.text())?;
    Some(ErrorEntry {
        at_ms: Some(attempt.at_ms),
        level: "error".to_owned(),
        message: said.to_owned(),
        request: logged.and_then(|entry| entry.request.clone()),
        upstream: logged
            .and_then(|entry| entry.upstream_addr.as_deref())
            .and_then(|way| way.split_once('/'))
            .map(|(_, peer)| peer.to_owned()),
        symptom: squid::error_page::symptom(said, &page),
        text: format!("X-Squid-Error: {said}"),
        ..ErrorEntry::default()
    })
}

/// True for lines about the proxy as a whole.
fn is_general(entry: &ErrorEntry) -> bool {
    entry.request.is_none()
        && entry.client.is_none()
        && matches!(
            entry.symptom,
            Some(
                Symptom::ConfigurationRejected
                    | Symptom::NameUnknownAtStart
                    | Symptom::WorkerCrashed
                    | Symptom::SlotsExhausted
                    | Symptom::NameServerFailed
                    | Symptom::ForwardingLoop
                    // Squid does not say in which request.
                    | Symptom::SendFailed
            )
        )
}

/// True for a line about this route: the same server, and an upstream that the route can dial.
fn concerns(route: Option<&Route>, snapshot: &Snapshot, entry: &ErrorEntry) -> bool {
    // Apache's lines name the client or the upstream, and the request only now and then.
    if entry.request.is_none() && entry.upstream.is_none() && entry.client.is_none() {
        return false;
    }
    let Some(route) = route else { return true };
    let routes: Vec<&Route> = std::iter::once(route).chain(&snapshot.inner_routes).collect();
    let same_server = |route: &Route| match (&entry.server, &route.server) {
        (Some(logged), Some(server)) => *logged == server.name || server.name.is_empty(),
        _ => true,
    };
    routes.iter().any(|route| same_server(route) && dials(route, entry))
}

/// True for a line about a request of ours, to the same server and path.
fn is_ours(route: Option<&Route>, snapshot: &Snapshot, entry: &ErrorEntry) -> bool {
    let asked = entry.request.as_deref().and_then(|request| request.split(' ').nth(1));
    let server = route.and_then(|route| route.server.as_ref());
    let same_server = match (&entry.server, server) {
        (Some(logged), Some(server)) => *logged == server.name,
        _ => true,
    };
    (asked == Some(snapshot.target.path.as_str()) || by_port(snapshot, entry)) && same_server
}

/// True for a line of Apache that names a connection of ours as its client; many of its lines have no request.
fn by_port(snapshot: &Snapshot, entry: &ErrorEntry) -> bool {
    let is_apache = snapshot
        .proxy
        .as_ref()
        .is_some_and(|proxy| proxy.kind == ProxyKind::Apache);
    let port = entry.connection.and_then(|port| u16::try_from(port).ok());
    is_apache
        && entry.request.is_none()
        && port.is_some()
        && snapshot
            .attempts
            .iter()
            .filter_map(|attempt| attempt.exchange.seen())
            .any(|exchange| exchange.local_port == port)
}

fn dials(route: &Route, entry: &ErrorEntry) -> bool {
    let Some(upstream) = &entry.upstream else {
        return true;
    };
    let Handler::Pass(pass) = &route.handler else {
        return false;
    };
    if pass.has_variables
        || pass
            .peers
            .iter()
            .any(|peer| matches!(peer.address, PeerAddress::Name(_)))
    {
        return true;
    }
    if pass
        .group
        .as_ref()
        .is_some_and(|group| upstream.contains(&format!("//{}", group.name)))
    {
        return true;
    }
    pass.peers.iter().any(|peer| match &peer.address {
        PeerAddress::Ip(address) => {
            let text = address.to_string();
            upstream.find(&text).is_some_and(|position| {
                // 127.0.0.1:80 is not 127.0.0.1:8080.
                let next = upstream
                    .get(position + text.len()..)
                    .and_then(|rest| rest.chars().next());
                !next.is_some_and(|character| character.is_ascii_digit())
            })
        }
        PeerAddress::Unix(path) => upstream.contains(path.as_str()),
        PeerAddress::Name(_) => true,
    })
}

/// True for an access line of the target's path.
fn same_path(snapshot: &Snapshot, entry: &AccessEntry) -> bool {
    let target = &snapshot.target;
    let path = target.path.split('?').next().unwrap_or("/");
    let Some(request) = entry.request.as_deref() else {
        return false;
    };
    let mut words = request.split(' ');
    let (method, logged) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    // A forward proxy logs whole URLs, and the authority of a tunnel.
    if method == "CONNECT" {
        // Of a target that begins with a scheme Squid writes no more than that.
        let only_a_scheme = logged.starts_with("https:") || logged.starts_with("http:");
        return only_a_scheme
            || logged.starts_with(&target.host)
            || logged.contains(&format!("[{}]", target.host));
    }
    let logged = match logged.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/"),
        None => logged,
    };
    logged.split('?').next() == Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Attempt;

    #[test]
    fn the_client_s_line_of_the_same_second_is_not_taken_for_ours() {
        let line = |connection| ErrorEntry {
            at_ms: Some(10_000),
            connection: Some(connection),
            request: Some("GET /shop HTTP/1.1".to_owned()),
            file: "error.log".to_owned(),
            ..ErrorEntry::default()
        };
        let mut snapshot = Snapshot::default();
        snapshot.target.path = "/shop".to_owned();
        snapshot.log.attempts_began_ms = 10_700;
        snapshot.log.before = vec![line(1), line(3)];
        snapshot.attempts = vec![
            Attempt {
                status: Some(502),
                ..Attempt::default()
            };
            2
        ];
        let ours = newest_connections(&snapshot, &[line(5)]);
        let expected = [("error.log".to_owned(), 3), ("error.log".to_owned(), 5)];
        assert_eq!(ours, expected.into_iter().collect());
    }
}
