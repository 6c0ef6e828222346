//! The limits from the client to the application on one line of time, and what was measured against them.

use crate::causes::wording;
use crate::evidence::{AppServer, Handler, Measured, Place, Setting, Snapshot, Timeline, WaitLimit};
use crate::system::idle_defaults;

/// All that is known of one snapshot.
pub(super) fn timeline(snapshot: &Snapshot) -> Timeline {
    let mut timeline = Timeline {
        measured: measured(snapshot),
        ..Timeline::default()
    };
    let Some(route) = snapshot.inner_routes.last().or(snapshot.route.seen()) else {
        return timeline;
    };
    let Handler::Pass(pass) = &route.handler else {
        return timeline;
    };
    let settings = &route.settings;
    let prefix = pass.protocol.directive_prefix();
    let named = |what: &str| wording::text(route.proxy, &format!("{prefix}_{what}_timeout"));
    let mut add = |name: String, setting: Option<&Setting<u64>>, ends_answers: bool| {
        if let Some(setting) = setting {
            timeline.limits.push(limit(
                "proxy",
                name,
                Some(setting.value),
                setting.place.as_ref(),
                ends_answers,
            ));
        }
    };
    add(named("connect"), settings.connect_timeout.as_ref(), false);
    add(named("send"), settings.send_timeout.as_ref(), false);
    add(named("read"), settings.read_timeout.as_ref(), true);
    let tries = settings
        .next_upstream_timeout
        .as_ref()
        .filter(|setting| setting.value > 0);
    add(format!("{prefix}_next_upstream_timeout"), tries, false);
    if let Some(squid) = &settings.squid {
        add(
            "forward_timeout".to_owned(),
            Some(&squid.forward_timeout_ms),
            false,
        );
    }
    let application = application(snapshot);
    if let Some(seconds) = application.and_then(|server| server.worker_timeout_s)
        && let Some(server) = application
    {
        let mut kills = limit(
            "application",
            kill_timer(&server.kind).to_owned(),
            milliseconds(seconds),
            None,
            seconds > 0,
        );
        kills.source = format!("{} (process {})", server.kind, server.pid);
        timeline.limits.push(kills);
    }
    if let Some(apache) = &settings.apache {
        let ttl = apache.ttl_ms.as_ref();
        timeline.idle.push(limit(
            "proxy",
            "ttl=".to_owned(),
            ttl.map(|ttl| ttl.value),
            ttl.and_then(|ttl| ttl.place.as_ref()),
            false,
        ));
    } else if let Some(squid) = &settings.squid {
        let idle = &squid.server_idle_timeout_ms;
        timeline.idle.push(limit(
            "proxy",
            "server_idle_pconn_timeout".to_owned(),
            Some(idle.value),
            idle.place.as_ref(),
            false,
        ));
    } else if let Some(group) = pass
        .group
        .as_ref()
        .filter(|group| group.keepalive.is_some_and(|count| count > 0))
    {
        let set = group.keepalive_timeout_ms;
        timeline.idle.push(limit(
            "proxy",
            "keepalive_timeout".to_owned(),
            Some(set.unwrap_or(60_000)),
            set.map(|_| &group.place),
            false,
        ));
    }
    timeline.idle.extend(application.into_iter().flat_map(kept));
    timeline.fires_first = timeline
        .limits
        .iter()
        .filter(|limit| limit.ends_answers)
        .filter_map(|limit| Some((limit.limit_ms?, limit)))
        .min_by_key(|(milliseconds, _)| *milliseconds)
        .map(|(_, limit)| limit.name.clone());
    timeline
}

fn limit(
    who: &str,
    name: String,
    limit_ms: Option<u64>,
    place: Option<&Place>,
    ends_answers: bool,
) -> WaitLimit {
    WaitLimit {
        who: who.to_owned(),
        name,
        limit_ms,
        place: place.cloned(),
        source: place.map_or_else(|| "default".to_owned(), ToString::to_string),
        ends_answers,
    }
}

/// Seconds of an application's setting; 0 is "never".
fn milliseconds(seconds: u64) -> Option<u64> {
    (seconds > 0).then(|| seconds.saturating_mul(1_000))
}

/// What ends a worker that takes too long.
fn kill_timer(kind: &str) -> &'static str {
    match kind {
        "php-fpm" => "request_terminate_timeout",
        "uwsgi" => "harakiri",
        _ => "--timeout",
    }
}

/// The application behind the first endpoint that has one.
fn application(snapshot: &Snapshot) -> Option<&AppServer> {
    snapshot.endpoints.iter().find_map(|evidence| {
        let owners = evidence
            .listener
            .seen()
            .map_or(&[][..], |listener| listener.processes.as_slice());
        let written = evidence.endpoint.to_string();
        snapshot.applications.iter().find(|server| {
            server.listens.contains(&written) || owners.iter().any(|owner| owner.pid == server.pid)
        })
    })
}

/// How long an application keeps idle connections: by its options, else by its known defaults.
fn kept(server: &AppServer) -> Vec<WaitLimit> {
    let defaults = idle_defaults::of(&server.kind, None);
    let setting = defaults.last().map_or("keep-alive", |row| row.setting);
    if let Some(seconds) = server.keepalive_s {
        let mut own = limit(
            "application",
            setting.to_owned(),
            Some(seconds.saturating_mul(1_000)),
            None,
            false,
        );
        own.source = format!("{} (process {})", server.kind, server.pid);
        return vec![own];
    }
    defaults
        .iter()
        .map(|row| {
            let mut own = limit("application", row.setting.to_owned(), row.idle_ms, None, false);
            own.source = format!("default of {}", row.versions());
            own
        })
        .collect()
}

/// Percentiles of the access log and of our own attempts.
fn measured(snapshot: &Snapshot) -> Vec<Measured> {
    let log = || snapshot.log.access_before.iter().chain(&snapshot.log.access_during);
    let attempts = snapshot.attempts.iter().filter_map(|attempt| attempt.exchange.seen());
    let probes = snapshot
        .endpoints
        .iter()
        .filter_map(|evidence| evidence.as_proxy()?.first_byte_us);
    [
        (
            "requests of the access log",
            log().filter_map(|entry| entry.request_time_us).collect::<Vec<_>>(),
        ),
        (
            "the upstream, by the access log",
            log()
                .filter_map(|entry| tries_us(entry.upstream_response_time.as_deref()?))
                .collect(),
        ),
        (
            "our attempts",
            attempts.map(|exchange| exchange.total_us).collect(),
        ),
        ("first byte of the upstream to us", probes.collect()),
    ]
    .into_iter()
    .filter_map(|(what, times)| percentiles(what, times))
    .collect()
}

/// `0.004, 1.200 : 0.001`: seconds of each try, added up, in microseconds.
fn tries_us(text: &str) -> Option<u64> {
    let mut sum = None;
    for part in text.split([',', ':']).map(str::trim) {
        let (whole, fraction) = part.split_once('.').unwrap_or((part, "0"));
        let (Ok(whole), Ok(thousandths)) = (whole.parse::<u64>(), format!("{fraction:0<3.3}").parse::<u64>())
        else {
            continue;
        };
        let own = whole
            .saturating_mul(1_000_000)
            .saturating_add(thousandths.saturating_mul(1_000));
        sum = Some(own.saturating_add(sum.unwrap_or(0)));
    }
    sum
}

fn percentiles(what: &str, mut times_us: Vec<u64>) -> Option<Measured> {
    times_us.sort_unstable();
    let at = |percent: usize| {
        let index = times_us.len().checked_mul(percent)?.div_ceil(100).checked_sub(1)?;
        times_us.get(index).map(|time| time / 1_000)
    };
    Some(Measured {
        what: what.to_owned(),
        count: times_us.len(),
        p50_ms: at(50)?,
        p95_ms: at(95)?,
        longest_ms: at(100)?,
    })
}

/// The table of step 5.
pub(super) fn table(timeline: &Timeline) -> Vec<String> {
    let mut rows: Vec<[String; 4]> = Vec::new();
    let time = |limit: &WaitLimit| {
        limit
            .limit_ms
            .map_or_else(|| "no limit".to_owned(), super::timeouts::seconds)
    };
    for one in &timeline.limits {
        let first = if timeline.fires_first.as_ref() == Some(&one.name) {
            ", fires first"
        } else {
            ""
        };
        rows.push([
            one.who.clone(),
            one.name.clone(),
            time(one),
            format!("{}{first}", one.source),
        ]);
    }
    for one in &timeline.idle {
        rows.push([
            one.who.clone(),
            format!("idle: {}", one.name),
            time(one),
            one.source.clone(),
        ]);
    }
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let (who, name, limit) = (width(0), width(1), width(2));
    let mut lines: Vec<String> = rows
        .iter()
        .map(|[one, two, three, four]| format!("{one:<who$}  {two:<name$}  {three:>limit$}  {four}"))
        .collect();
    lines.extend(timeline.measured.iter().map(|measured| {
        let seconds = super::timeouts::seconds;
        format!(
            "measured: {} ({}): half within {}, 95 % within {}, longest {}",
            measured.what,
            measured.count,
            seconds(measured.p50_ms),
            seconds(measured.p95_ms),
            seconds(measured.longest_ms)
        )
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{AccessEntry, LogEvidence};

    #[test]
    fn times_of_all_tries_count() {
        assert_eq!(tries_us("0.004, 1.200 : 0.001"), Some(1_205_000));
        assert_eq!(tries_us("0.010, -"), Some(10_000));
        assert_eq!(tries_us("-"), None);
    }

    #[test]
    fn percentiles_are_of_what_was_logged() {
        let entry = |time: u64| AccessEntry {
            request_time_us: Some(time * 1_000),
            ..AccessEntry::default()
        };
        let snapshot = Snapshot {
            log: LogEvidence {
                access_before: (1..=100).rev().map(entry).collect(),
                ..LogEvidence::default()
            },
            ..Snapshot::default()
        };
        let found = measured(&snapshot);
        assert_eq!(found.len(), 1);
        let first = found.first().expect("one");
        assert_eq!(
            (first.count, first.p50_ms, first.p95_ms, first.longest_ms),
            (100, 50, 95, 100)
        );
    }

    #[test]
    fn the_table_is_aligned_and_says_what_fires_first() {
        let place = Place {
            file: "/etc/nginx/nginx.conf".to_owned(),
            line: 7,
            column: 1,
        };
        let timeline = Timeline {
            limits: vec![
                limit(
                    "proxy",
                    "proxy_connect_timeout".to_owned(),
                    Some(60_000),
                    None,
                    false,
                ),
                limit(
                    "proxy",
                    "proxy_read_timeout".to_owned(),
                    Some(90_000),
                    Some(&place),
                    true,
                ),
                limit("application", "--timeout".to_owned(), Some(30_000), None, true),
            ],
            idle: kept(&AppServer {
                kind: "puma".to_owned(),
                ..AppServer::default()
            }),
            measured: vec![Measured {
                what: "our attempts".to_owned(),
                count: 5,
                p50_ms: 30_000,
                p95_ms: 30_010,
                longest_ms: 30_010,
            }],
            fires_first: Some("--timeout".to_owned()),
        };
        insta::assert_snapshot!(table(&timeline).join("\n"), @r"
        proxy        proxy_connect_timeout     60 s  default
        proxy        proxy_read_timeout        90 s  /etc/nginx/nginx.conf:7
        application  --timeout                 30 s  default, fires first
        application  idle: persistent_timeout  20 s  default of puma before 7.0
        application  idle: persistent_timeout  65 s  default of puma from 7.0 on
        measured: our attempts (5): half within 30 s, 95 % within 30.0 s, longest 30.0 s
        ");
    }
}
