//! Everything that is counted while lines go by, whatever log they are of.

use std::collections::HashMap;

use super::excerpt;
use super::requests::Requests;
use super::tally::{STEPS, Tally, Upstream};
use crate::evidence::{
    Episode, FirstError, LogAccount, LogEvent, LogEventKind, LogOddities, LogRead, StepCount, Symptom,
    SymptomCount,
};

/// A line kept as evidence is cut here.
const SAMPLE_BYTES: usize = 1_000;
/// Quiet of this length ends an episode.
const QUIET_MS: i64 = 5 * 60_000;
/// Episodes and events that are kept.
const EPISODES: usize = 200;
const EVENTS: usize = 400;
/// Steps of time, over all symptoms and upstreams, in one account.
const SERIES: usize = 4_000;
/// A time that is this much earlier than the line before is a clock that jumped.
const JUMP_MS: i64 = 60_000;

/// The counts of one reader.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) since_ms: Option<i64>,
    pub(super) until_ms: Option<i64>,
    pub(super) tally: Tally,
    pub(super) requests: Requests,
    pub(super) oddities: LogOddities,
    pub(super) other_errors: u64,
    pub(super) files: Vec<LogRead>,
    /// The file that is read.
    path: String,
    /// The same, with the name of the log in it that the line is of.
    file: String,
    first_ms: Option<i64>,
    last_ms: Option<i64>,
    /// The time of the line before, in this file.
    before_ms: Option<i64>,
    running: Option<Episode>,
    episodes: Vec<Episode>,
    episodes_left_out: u64,
    events: Vec<LogEvent>,
    events_left_out: u64,
}

/// True for what does not fail a request by itself, or says only that others failed before.
fn is_consequence(symptom: Symptom) -> bool {
    matches!(symptom, Symptom::NoLiveUpstreams | Symptom::PeerMarkedDown)
}

/// True for what goes along with requests that succeed.
fn is_remark(symptom: Symptom) -> bool {
    matches!(symptom, Symptom::BackendStderr | Symptom::BodyBuffered)
}

impl Counts {
    /// Another file begins.
    pub(super) fn begin(&mut self, path: &str) {
        path.clone_into(&mut self.file);
        path.clone_into(&mut self.path);
        self.before_ms = None;
    }

    /// The next lines are of a log that the file carries.
    pub(super) fn carried(&mut self, tag: &str) {
        let path = &self.path;
        self.file = if tag.is_empty() {
            path.clone()
        } else {
            format!("{path}, {tag}")
        };
    }

    /// Notes the time of a line; false when the line is not of the time that was asked for.
    pub(super) fn at(&mut self, at_ms: i64) -> bool {
        let early = self.since_ms.is_some_and(|since_ms| at_ms < since_ms);
        if early || self.until_ms.is_some_and(|until_ms| at_ms >= until_ms) {
            self.before_ms = None;
            return false;
        }
        if self.before_ms != Some(at_ms) {
            if let Some(before_ms) = self.before_ms
                && before_ms - at_ms > JUMP_MS
            {
                self.oddities.clock_jumps += 1;
            }
            self.before_ms = Some(at_ms);
            self.first_ms = Some(self.first_ms.map_or(at_ms, |first| first.min(at_ms)));
            self.last_ms = Some(self.last_ms.map_or(at_ms, |last| last.max(at_ms)));
        }
        true
    }

    /// The time of the line before; `None` also when that line was passed over.
    pub(super) fn before_ms(&self) -> Option<i64> {
        self.before_ms
    }

    /// True when lines without a time count: nothing was asked to be left out, or the line before counted.
    pub(super) fn takes_undated(&self) -> bool {
        self.since_ms.is_none() || self.before_ms.is_some()
    }

    /// Counts a line with a symptom.
    pub(super) fn symptom(&mut self, symptom: Symptom, upstream: Upstream, at_ms: Option<i64>, line: &[u8]) {
        self.tally
            .count(symptom, upstream, at_ms, || excerpt(line, SAMPLE_BYTES));
        let Some(at_ms) = at_ms else { return };
        if is_remark(symptom) {
            return;
        }
        if let Some(running) = &mut self.running {
            if at_ms <= running.ended_ms.saturating_add(QUIET_MS)
                && at_ms >= running.began_ms.saturating_sub(QUIET_MS)
            {
                running.count += 1;
                running.began_ms = running.began_ms.min(at_ms);
                running.ended_ms = running.ended_ms.max(at_ms);
                if running.root.is_none() && !is_consequence(symptom) {
                    running.root = Some(first(&self.tally, symptom, upstream, at_ms, line));
                }
                return;
            }
            self.close();
        }
        let first = first(&self.tally, symptom, upstream, at_ms, line);
        self.running = Some(Episode {
            began_ms: at_ms,
            ended_ms: at_ms,
            count: 1,
            root: (!is_consequence(symptom)).then(|| first.clone()),
            first: Some(first),
        });
    }

    fn close(&mut self) {
        if let Some(episode) = self.running.take() {
            if self.episodes.len() >= EPISODES {
                // The first ones tell when it began, the last ones how it is now.
                self.episodes.remove(EPISODES / 2);
                self.episodes_left_out += 1;
            }
            self.episodes.push(episode);
        }
    }

    /// Notes something that happened.
    pub(super) fn event(&mut self, kind: LogEventKind, at_ms: Option<i64>, line: &[u8]) {
        let Some(at_ms) = at_ms.or(self.before_ms) else {
            return;
        };
        let same = self.events.iter_mut().rev().take(8).find(|event| {
            event.kind == kind && event.file == self.file && (at_ms - event.at_ms).abs() < 60_000
        });
        if let Some(event) = same {
            event.count += 1;
            return;
        }
        if self.events.len() >= EVENTS {
            self.events.remove(EVENTS / 2);
            self.events_left_out += 1;
        }
        self.events.push(LogEvent {
            at_ms,
            kind,
            count: 1,
            file: self.file.clone(),
            text: excerpt(line, 300).into(),
        });
    }

    pub(super) fn step_minutes(&self) -> u64 {
        self.tally.step_minutes()
    }

    pub(super) fn each(&self, mut each: impl FnMut(Symptom, Option<&str>, u64, u64)) {
        let pairs: HashMap<_, _> = self
            .tally
            .totals()
            .map(|(pair, symptom, upstream, _)| (pair, (symptom, upstream)))
            .collect();
        self.tally.each(|pair, minute, count| {
            if let Some((symptom, upstream)) = pairs.get(&pair) {
                each(*symptom, upstream.as_deref(), minute, count);
            }
            true
        });
    }

    /// The account of everything that was counted.
    pub(super) fn account(mut self) -> LogAccount {
        self.close();
        let mut numbers = HashMap::new();
        let mut symptoms: Vec<SymptomCount> = Vec::new();
        for (pair, symptom, upstream, total) in self.tally.totals() {
            numbers.insert(pair, symptoms.len());
            symptoms.push(SymptomCount {
                symptom,
                upstream,
                count: total.count,
                first_ms: (total.first_ms != i64::MAX).then_some(total.first_ms),
                last_ms: (total.last_ms != i64::MIN).then_some(total.last_ms),
                sample: total.sample.to_string(),
                series: Vec::new(),
            });
        }
        let finest = self.tally.step_minutes();
        let mut step = finest;
        let coarsest = STEPS.last().copied().unwrap_or(finest);
        for width in STEPS.into_iter().filter(|width| *width >= finest) {
            step = width;
            let mut series: HashMap<(usize, u64), u64> = HashMap::new();
            self.tally.each(|pair, minute, count| {
                if let Some(number) = numbers.get(&pair) {
                    *series.entry((*number, minute / width * width)).or_default() += count;
                }
                series.len() <= SERIES || width == coarsest
            });
            if series.len() > SERIES && width < coarsest {
                continue;
            }
            for ((number, minute), count) in series {
                if let Some(symptom) = symptoms.get_mut(number) {
                    let at_ms = i64::try_from(minute.saturating_mul(60_000)).unwrap_or_default();
                    symptom.series.push(StepCount { at_ms, count });
                }
            }
            break;
        }
        for symptom in &mut symptoms {
            symptom.series.sort_by_key(|step| step.at_ms);
        }
        symptoms.sort_by(|one, other| {
            other
                .count
                .cmp(&one.count)
                .then_with(|| (one.symptom, &one.upstream).cmp(&(other.symptom, &other.upstream)))
        });
        self.episodes = joined(std::mem::take(&mut self.episodes));
        self.events.sort_by_key(|event| event.at_ms);
        self.oddities.upstreams_left_out = self.tally.upstreams_left_out;
        self.oddities.series_incomplete = self.tally.incomplete;
        LogAccount {
            files: self.files,
            first_ms: self.first_ms,
            last_ms: self.last_ms,
            step_s: step.saturating_mul(60),
            symptoms,
            other_errors: self.other_errors,
            requests: self.requests.account(step),
            episodes: self.episodes,
            episodes_left_out: self.episodes_left_out,
            events: self.events,
            events_left_out: self.events_left_out,
            oddities: self.oddities,
        }
    }
}

/// Episodes in order; those that files have in common, or that follow each other without quiet, are one.
fn joined(mut episodes: Vec<Episode>) -> Vec<Episode> {
    episodes.sort_by_key(|episode| (episode.began_ms, episode.ended_ms));
    let mut joined: Vec<Episode> = Vec::new();
    for episode in episodes {
        match joined.last_mut() {
            Some(last) if episode.began_ms <= last.ended_ms.saturating_add(QUIET_MS) => {
                last.count += episode.count;
                last.ended_ms = last.ended_ms.max(episode.ended_ms);
                last.root = earlier(last.root.take(), episode.root);
                last.first = earlier(last.first.take(), episode.first);
            }
            _ => joined.push(episode),
        }
    }
    joined
}

fn earlier(one: Option<FirstError>, other: Option<FirstError>) -> Option<FirstError> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.at_ms < one.at_ms { other } else { one }),
        (one, other) => one.or(other),
    }
}

fn first(tally: &Tally, symptom: Symptom, upstream: Upstream, at_ms: i64, line: &[u8]) -> FirstError {
    FirstError {
        at_ms,
        symptom,
        upstream: tally.name(upstream),
        text: excerpt(line, SAMPLE_BYTES).into(),
    }
}
