//! Requests in access logs: how many, how many failed, which and when.

use std::collections::{BTreeMap, HashMap};

use super::excerpt;
use crate::evidence::{PathCount, RequestCount, RequestStep, StatusCount};

/// Paths that are told apart, those that are listed, and the longest that is kept.
const PATHS: usize = 2_000;
const LISTED: usize = 20;
const PATH_BYTES: usize = 200;
/// Steps of time that are kept, and those that are listed.
const MINUTES: usize = 20_000;
const SERIES: usize = 1_500;

/// The counts of requests.
#[derive(Debug, Default)]
pub(super) struct Requests {
    total: u64,
    failed: u64,
    by_status: BTreeMap<u16, u64>,
    by_path: HashMap<Box<[u8]>, (u64, u64)>,
    other_paths: u64,
    minutes: BTreeMap<u64, (u64, u64)>,
    /// Minutes in one step; 0 before the first request.
    width: u64,
}

impl Requests {
    /// Counts one request.
    pub(super) fn count(&mut self, status: u16, path: &[u8], at_ms: Option<i64>) {
        let failed = u64::from(matches!(status, 502..=504));
        self.total += 1;
        self.failed += failed;
        *self.by_status.entry(status).or_default() += 1;
        let path = path.get(..path.len().min(PATH_BYTES)).unwrap_or_default();
        if let Some(count) = self.by_path.get_mut(path) {
            count.0 += 1;
            count.1 += failed;
        } else if path.is_empty() || self.by_path.len() >= PATHS {
            self.other_paths += 1;
        } else {
            self.by_path.insert(path.into(), (1, failed));
        }
        if let Some(at_ms) = at_ms {
            self.width = self.width.max(1);
            let minute = u64::try_from(at_ms / 60_000).unwrap_or_default() / self.width * self.width;
            let step = self.minutes.entry(minute).or_default();
            step.0 += 1;
            step.1 += failed;
            while self.minutes.len() > MINUTES {
                self.width = self.width.saturating_mul(2);
                self.minutes = widened(&self.minutes, self.width);
            }
        }
    }

    /// The account, with steps of `minutes` minutes or more.
    pub(super) fn account(self, minutes: u64) -> RequestCount {
        let mut width = minutes.max(self.width).max(1);
        let mut series = widened(&self.minutes, width);
        while series.len() > SERIES {
            width = width.saturating_mul(2);
            series = widened(&series, width);
        }
        let mut by_path: Vec<PathCount> = self
            .by_path
            .into_iter()
            .map(|(path, (total, failed))| PathCount {
                path: excerpt(&path, PATH_BYTES).into(),
                total,
                failed,
            })
            .collect();
        by_path.sort_by(|one, other| {
            (other.failed, other.total, &one.path).cmp(&(one.failed, one.total, &other.path))
        });
        let left_out: u64 = by_path.iter().skip(LISTED).map(|path| path.total).sum();
        by_path.truncate(LISTED);
        RequestCount {
            total: self.total,
            failed: self.failed,
            by_status: self
                .by_status
                .into_iter()
                .map(|(status, count)| StatusCount { status, count })
                .collect(),
            by_path,
            other_paths: self.other_paths + left_out,
            series: series
                .into_iter()
                .map(|(minute, (total, failed))| RequestStep {
                    at_ms: i64::try_from(minute.saturating_mul(60_000)).unwrap_or_default(),
                    total,
                    failed,
                })
                .collect(),
        }
    }
}

fn widened(minutes: &BTreeMap<u64, (u64, u64)>, width: u64) -> BTreeMap<u64, (u64, u64)> {
    let mut wide: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for (minute, (total, failed)) in minutes {
        let step = wide.entry(minute / width * width).or_default();
        step.0 += total;
        step.1 += failed;
    }
    wide
}

/// The path of a request line (`GET /a?b HTTP/1.1` gives `/a`; a URL gives its scheme and authority).
pub(super) fn path(request: &[u8]) -> &[u8] {
    let mut words = request.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    let target = words.next().unwrap_or(first);
    if let Some(position) = memchr::memmem::find(target, b"://") {
        let rest = target.get(position + 3..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
        return target.get(..position + 3 + end).unwrap_or(target);
    }
    target.split(|byte| *byte == b'?').next().unwrap_or(target)
}
