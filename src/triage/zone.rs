//! The zone of logs that name none: found from what was sent, or assumed and said.
//!
//! nginx, Apache and php-fpm write local time into their error logs and no zone beside it; the access log beside them
//! names it. Where the same failed request stands in both, the distance of its two times is the zone.

use std::collections::HashMap;

use super::kind::Kind;
use super::split::Piece;
use crate::evidence::{LogZone, Zone, ZoneChange, ZoneSource};
use crate::proxy::logs::printed_zone;
use crate::proxy::{apache, nginx, squid};

/// Zones are whole quarters of an hour.
const QUARTER_MS: i64 = 15 * 60_000;
/// An access line is written when the request ends, which is this long after its error at most, and at once at least.
const LATER_MS: i64 = 65_000;
const EARLIER_MS: i64 = 2_000;
/// Zones there are: from UTC-12 to UTC+14.
const ZONES: std::ops::RangeInclusive<i64> = -48..=56;
/// Requests that are compared, and times of one request.
const REQUESTS: usize = 2_000;
const TIMES: usize = 200;

/// Finds the zone; `None`: everything that was sent names its own.
pub(super) fn infer(pieces: &[Piece]) -> Option<(Zone, LogZone)> {
    let local = |kind: Kind| matches!(kind, Kind::NginxError | Kind::ApacheError | Kind::SquidCache);
    if !pieces.iter().any(|piece| local(piece.kind)) {
        return None;
    }
    let printed = printed(pieces);
    let (votes, matched) = votes(pieces);
    let own = printed.map(|zone| i64::from(zone.offset_s) * 1_000 / QUARTER_MS);
    let best = votes.values().copied().max().unwrap_or(0);
    let mut leading = votes
        .iter()
        .filter(|(_, count)| **count == best)
        .map(|(quarter, _)| *quarter);
    let found = match (leading.next(), leading.next(), own) {
        // Floods fit many zones: the one that the access log prints is one of them, or nothing is known.
        (Some(_), Some(_), Some(own)) => (votes.get(&own) == Some(&best)).then_some(own),
        (Some(only), None, _) if best * 5 >= matched * 3 => Some(only),
        _ => None,
    };
    let known = |zone: Zone, known_by| {
        let offset_s = zone.offset_s;
        Some((zone, LogZone { offset_s, known_by }))
    };
    match (found, printed) {
        (Some(quarter), Some(zone)) if own == Some(quarter) => {
            known(zone, ZoneSource::SharedRequests { count: best })
        }
        (Some(quarter), _) => {
            let offset_s = i32::try_from(quarter * QUARTER_MS / 1_000).unwrap_or_default();
            known(offset_s.into(), ZoneSource::SharedRequests { count: best })
        }
        (None, Some(zone)) => known(zone, ZoneSource::Printed),
        (None, None) => known(0.into(), ZoneSource::Assumed),
    }
}

/// The zone that access logs print, with its changes.
fn printed(pieces: &[Piece]) -> Option<Zone> {
    let mut seen: Vec<(i64, i32)> = Vec::new();
    for piece in pieces.iter().filter(|piece| piece.kind == Kind::Access) {
        for line in piece.text.lines() {
            let Some((at_ms, offset_s)) = printed_zone(line.as_bytes()) else {
                continue;
            };
            // Only where it changes: a log is long.
            if seen.last().is_none_or(|(_, last_s)| *last_s != offset_s) {
                seen.push((at_ms, offset_s));
            }
        }
    }
    seen.sort_unstable();
    seen.dedup_by_key(|(_, offset_s)| *offset_s);
    let newest = seen.last()?.1;
    let mut changes: Vec<ZoneChange> = seen
        .windows(2)
        .filter_map(|pair| match pair {
            // Clocks are set at whole quarters of an hour.
            [(_, before_s), (at_ms, _)] => Some(ZoneChange {
                at_ms: at_ms / QUARTER_MS * QUARTER_MS,
                before_s: *before_s,
            }),
            _ => None,
        })
        .collect();
    changes.reverse();
    // Logs of several hosts, each in its zone, are no zone that changes all the time.
    let changes = if changes.len() > 4 { &[][..] } else { &changes };
    Some(Zone::new(newest, changes))
}

/// For each zone, in quarters of an hour, how many errors have their request in an access log at the fitting time;
/// and how many errors have it there at all.
fn votes(pieces: &[Piece]) -> (HashMap<i64, u64>, u64) {
    let mut answered: HashMap<String, Vec<i64>> = HashMap::new();
    for piece in pieces.iter().filter(|piece| piece.kind == Kind::Access) {
        let format = nginx::access_log::AccessFormat::new(nginx::access_log::COMBINED);
        for line in super::logs::tail(&piece.text).lines() {
            let entry = format.entry(line).or_else(|| {
                let mut entries = apache::access_log::entries(line.as_bytes(), "common");
                entries.pop()
            });
            let Some(entry) = entry.filter(|entry| entry.status.is_some_and(|status| status >= 500)) else {
                continue;
            };
            if let (Some(request), Some(at_ms)) = (entry.request, entry.at_ms)
                && (answered.len() < REQUESTS || answered.contains_key(&request))
            {
                let times = answered.entry(request).or_default();
                if times.len() < TIMES {
                    times.push(at_ms);
                }
            }
        }
    }
    let (mut votes, mut matched) = (HashMap::new(), 0);
    if answered.is_empty() {
        return (votes, matched);
    }
    let mut failed = 0;
    for piece in pieces {
        let bytes = super::logs::tail(&piece.text).as_bytes();
        let entries = match piece.kind {
            Kind::NginxError => nginx::error_log::entries(bytes, "", 0),
            Kind::ApacheError => apache::error_log::entries(bytes, "", 0),
            Kind::SquidCache => squid::cache_log::entries(bytes, "", 0),
            _ => continue,
        };
        for entry in entries {
            let (Some(at_ms), Some(request)) = (entry.at_ms, entry.request) else {
                continue;
            };
            let Some(times) = answered.get(&request) else {
                continue;
            };
            failed += 1;
            if failed > REQUESTS {
                break;
            }
            let mut fitting: Vec<i64> = times
                .iter()
                .filter_map(|answered_ms| {
                    let distance_ms = at_ms.saturating_sub(*answered_ms);
                    let quarter = distance_ms.saturating_add(LATER_MS).div_euclid(QUARTER_MS);
                    let rest_ms = distance_ms.saturating_sub(quarter * QUARTER_MS);
                    ((-LATER_MS..=EARLIER_MS).contains(&rest_ms) && ZONES.contains(&quarter))
                        .then_some(quarter)
                })
                .collect();
            fitting.sort_unstable();
            fitting.dedup();
            matched += u64::from(!fitting.is_empty());
            for quarter in fitting {
                *votes.entry(quarter).or_insert(0) += 1;
            }
        }
    }
    (votes, matched)
}
