//! What the account of the logs comes to: since when, how often, in which rhythm, what came first.
//!
//! Everything here is counted or compared, nothing is guessed: a rhythm that is not plain from the numbers is not
//! named. Formats show it; the ticket quotes it.

use serde::Serialize;

use super::history::{self, Event, utc};
use crate::evidence::{FirstError, LogAccount, Snapshot, Symptom, SymptomCount};

/// Errors that ended this long before the end of the logs go on.
const ONGOING_MS: i64 = 5 * 60_000;
/// Something that happened this long before errors began, or this soon after, may have begun them.
const BEFORE_MS: i64 = 120_000;
const AFTER_MS: i64 = 5_000;
/// Columns of a sparkline.
const COLUMNS: usize = 60;

/// What the logs come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Logbook {
    /// Error lines with a symptom of a failed request.
    pub errors: u64,
    /// When the newest run of errors began, milliseconds since 1970.
    pub began_ms: i64,
    /// When its last line was written.
    pub ended_ms: i64,
    /// It goes on at the end of the logs.
    pub ongoing: bool,
    /// When they come.
    pub rhythm: Rhythm,
    /// The rhythm in words.
    pub rhythm_text: String,
    /// The line with which the newest run began, passing over lines that only follow from others.
    pub first_error: Option<FirstError>,
    /// What happened right before runs of errors began, newest first.
    pub triggers: Vec<Trigger>,
    /// Lines by step of time over all symptoms, equal steps from the first to the last.
    pub spark: Vec<u64>,
    /// The start of the first step of `spark`, milliseconds since 1970.
    pub spark_from_ms: i64,
    /// The length of one step of `spark`.
    pub spark_step_s: u64,
}

/// When errors come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rhythm {
    /// All the time that the logs tell of.
    Always,
    /// Once, and they go on.
    SinceThen,
    /// Once, and they ended.
    Once,
    /// Several times, each after something of the same kind happened.
    AfterEvents,
    /// At even distances.
    Periodic,
    /// Several times, when there were more requests than else.
    UnderLoad,
    /// Several times.
    Bursts,
}

/// Something that happened right before errors began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trigger {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// What.
    pub what: String,
    /// When the errors after it began.
    pub errors_began_ms: i64,
}

/// What the logs of a snapshot come to; `None`: they were not read, or no line tells of a failed request.
pub fn logbook(snapshot: &Snapshot) -> Option<Logbook> {
    let account = snapshot.log.account.as_ref()?;
    read(account, &history::events(snapshot))
}

/// What an account comes to beside what else happened.
pub fn read(account: &LogAccount, events: &[Event]) -> Option<Logbook> {
    let newest = account.episodes.last()?;
    let errors = account.episodes.iter().map(|episode| episode.count).sum();
    let last_ms = account.last_ms.unwrap_or(newest.ended_ms);
    let ongoing = last_ms.saturating_sub(newest.ended_ms) <= ONGOING_MS;
    let triggers = triggers(account, events);
    let (rhythm, rhythm_text) = rhythm(account, &triggers, ongoing);
    let (spark, spark_from_ms, spark_step_s) = spark(account);
    Some(Logbook {
        errors,
        began_ms: newest.began_ms,
        ended_ms: newest.ended_ms,
        ongoing,
        rhythm,
        rhythm_text,
        first_error: newest.root.clone().or_else(|| newest.first.clone()),
        triggers,
        spark,
        spark_from_ms,
        spark_step_s,
    })
}

/// For each run of errors the last thing that happened before it.
fn triggers(account: &LogAccount, events: &[Event]) -> Vec<Trigger> {
    let mut triggers: Vec<Trigger> = Vec::new();
    for episode in account.episodes.iter().rev() {
        let nearest = events
            .iter()
            .filter(|event| {
                let before_ms = episode.began_ms.saturating_sub(event.at_ms);
                (-AFTER_MS..=BEFORE_MS).contains(&before_ms)
            })
            .min_by_key(|event| episode.began_ms.abs_diff(event.at_ms));
        if let Some(event) = nearest {
            triggers.push(Trigger {
                at_ms: event.at_ms,
                what: event.what.clone(),
                errors_began_ms: episode.began_ms,
            });
        }
    }
    triggers
}

fn rhythm(account: &LogAccount, triggers: &[Trigger], ongoing: bool) -> (Rhythm, String) {
    let episodes = &account.episodes;
    let runs = u64::try_from(episodes.len())
        .unwrap_or(u64::MAX)
        .saturating_add(account.episodes_left_out);
    let (Some(first), Some(last)) = (episodes.first(), episodes.last()) else {
        return (Rhythm::Once, String::new());
    };
    if runs == 1 {
        let read_from_ms = account.first_ms.unwrap_or(first.began_ms);
        return if ongoing && first.began_ms.saturating_sub(read_from_ms) <= 60_000 {
            let words = format!("in all that was read, from {} on", utc(read_from_ms));
            (Rhythm::Always, words)
        } else if ongoing {
            (
                Rhythm::SinceThen,
                format!("without a pause since {}", utc(first.began_ms)),
            )
        } else {
            let words = format!("once, from {} to {}", utc(first.began_ms), utc(last.ended_ms));
            (Rhythm::Once, words)
        };
    }
    if let Some(what) = common(triggers, episodes.len()) {
        return (
            Rhythm::AfterEvents,
            format!("{runs} times, each right after: {what}"),
        );
    }
    if let Some(distance_ms) = even_distance_ms(account) {
        let minutes = (distance_ms + 30_000) / 60_000;
        return (
            Rhythm::Periodic,
            format!("{runs} times, about every {minutes} minutes"),
        );
    }
    if let Some((failing, quiet)) = load(account) {
        let words = format!(
            "{runs} times, when there were more requests: {failing} a minute, against {quiet} without errors"
        );
        return (Rhythm::UnderLoad, words);
    }
    (Rhythm::Bursts, format!("{runs} times, with quiet between"))
}

/// What happened before at least four of five runs of errors, and two of them at the least.
fn common(triggers: &[Trigger], runs: usize) -> Option<String> {
    let kinds: Vec<&str> = triggers.iter().map(|trigger| trigger.what.as_str()).collect();
    let mut sorted = kinds.clone();
    sorted.sort_unstable();
    let (what, count) = sorted
        .chunk_by(|one, other| one == other)
        .map(|same| (same.first().copied().unwrap_or_default(), same.len()))
        .max_by_key(|(_, count)| *count)?;
    (count >= 2 && count * 5 >= runs * 4).then(|| what.to_owned())
}

/// The distance of the beginnings, when at least three of them differ by little.
fn even_distance_ms(account: &LogAccount) -> Option<i64> {
    let mut distances: Vec<i64> = account
        .episodes
        .iter()
        .zip(account.episodes.iter().skip(1))
        .map(|(one, next)| next.began_ms.saturating_sub(one.began_ms))
        .collect();
    distances.sort_unstable();
    let median = *distances.get(distances.len() / 2)?;
    let even = distances
        .iter()
        .all(|distance| (distance - median).abs() <= median / 10 + 30_000);
    (distances.len() >= 3 && even && account.episodes_left_out == 0).then_some(median)
}

/// Requests a minute in steps with failures and in steps without, when those are half as many again.
fn load(account: &LogAccount) -> Option<(u64, u64)> {
    let series = &account.requests.series;
    let step_ms = series
        .iter()
        .zip(series.iter().skip(1))
        .map(|(one, next)| next.at_ms.saturating_sub(one.at_ms))
        .min()?;
    let minutes = u64::try_from(step_ms / 60_000).ok().filter(|minutes| *minutes > 0)?;
    let mean = |failing: bool| {
        let totals: Vec<u64> = series
            .iter()
            .filter(|step| (step.failed > 0) == failing)
            .map(|step| step.total)
            .collect();
        let count = u64::try_from(totals.len()).ok().filter(|count| *count >= 3)?;
        totals.iter().sum::<u64>().checked_div(count * minutes)
    };
    let (failing, quiet) = (mean(true)?, mean(false)?);
    (failing.saturating_mul(2) >= quiet.saturating_mul(3) && failing > quiet).then_some((failing, quiet))
}

/// The lines of failed requests, by symptom and upstream.
pub(super) fn failures(account: &LogAccount) -> impl Iterator<Item = &SymptomCount> {
    account
        .symptoms
        .iter()
        .filter(|count| !matches!(count.symptom, Symptom::BackendStderr | Symptom::BodyBuffered))
}

/// Lines over all symptoms of failed requests in equal steps, at most as many as there are columns.
fn spark(account: &LogAccount) -> (Vec<u64>, i64, u64) {
    let points = || failures(account).flat_map(|count| &count.series);
    let step_ms = i64::try_from(account.step_s.max(60))
        .unwrap_or(60)
        .saturating_mul(1_000);
    let (Some(from_ms), Some(to_ms)) = (
        points().map(|point| point.at_ms).min(),
        points().map(|point| point.at_ms).max(),
    ) else {
        return (Vec::new(), 0, 0);
    };
    // Quiet before and after the errors belongs to the picture.
    let from_ms = account.first_ms.map_or(from_ms, |first| first.min(from_ms)) / step_ms * step_ms;
    let to_ms = account.last_ms.map_or(to_ms, |last| last.max(to_ms));
    let steps = (to_ms.saturating_sub(from_ms) / step_ms).saturating_add(1);
    let columns = i64::try_from(COLUMNS).unwrap_or(1);
    let wide_ms = step_ms.saturating_mul((steps + columns - 1) / columns);
    let count = usize::try_from(to_ms.saturating_sub(from_ms) / wide_ms).unwrap_or(0) + 1;
    let mut spark = vec![0_u64; count.min(COLUMNS)];
    for point in points() {
        let column = usize::try_from(point.at_ms.saturating_sub(from_ms) / wide_ms).unwrap_or(0);
        if let Some(sum) = spark.get_mut(column) {
            *sum = sum.saturating_add(point.count);
        }
    }
    (spark, from_ms, u64::try_from(wide_ms / 1_000).unwrap_or(0))
}

/// Counts as a line of blocks, the most as the highest; nothing is a space.
pub fn drawn(counts: &[u64], unicode: bool) -> String {
    let levels: &[char] = if unicode {
        &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
    } else {
        &['.', ':', '-', '=', '+', '*', '#', '@']
    };
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    counts
        .iter()
        .map(|count| {
            if *count == 0 {
                return ' ';
            }
            let level = (u128::from(*count) * 8).div_ceil(u128::from(most)).clamp(1, 8) - 1;
            usize::try_from(level)
                .ok()
                .and_then(|level| levels.get(level).copied())
                .unwrap_or(' ')
        })
        .collect()
}

/// A symptom as a person says it.
pub fn words(symptom: Symptom) -> String {
    serde_json::to_value(symptom)
        .ok()
        .and_then(|value| value.as_str().map(|name| name.replace('_', " ")))
        .unwrap_or_default()
}

/// What the logs come to in sentences; foreign text in them is as it stands in the log.
pub fn sentences(snapshot: &Snapshot) -> Vec<String> {
    let Some(account) = &snapshot.log.account else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    if let Some(book) = logbook(snapshot) {
        let now = if book.ongoing {
            "and they go on"
        } else {
            "and they ended"
        };
        lines.push(format!(
            "{} error lines; the newest run began {}, {now}{}",
            book.errors,
            utc(book.began_ms),
            if book.ongoing {
                String::new()
            } else {
                format!(" {}", utc(book.ended_ms))
            }
        ));
        lines.push(format!("rhythm: {}", book.rhythm_text));
        if let Some(first) = &book.first_error {
            let of = first
                .upstream
                .as_ref()
                .map(|upstream| format!(" ({upstream})"))
                .unwrap_or_default();
            lines.push(format!(
                "first of that run: {}{of}, {}",
                words(first.symptom),
                utc(first.at_ms)
            ));
        }
        for trigger in book.triggers.iter().take(3) {
            let seconds = trigger.errors_began_ms.saturating_sub(trigger.at_ms) / 1_000;
            lines.push(format!("{seconds} s before errors began: {}", trigger.what));
        }
    }
    for count in account.symptoms.iter().take(5) {
        let of = count
            .upstream
            .as_deref()
            .map_or_else(String::new, |name| format!(" {name}"));
        let consequence = if count.symptom == Symptom::NoLiveUpstreams {
            " (follows from the others)"
        } else {
            ""
        };
        lines.push(format!(
            "{} x {}{of}{consequence}",
            count.count,
            words(count.symptom)
        ));
    }
    if account.requests.failed > 0 {
        lines.push(share("requests", account.requests.failed, account.requests.total));
        for path in account.requests.by_path.iter().filter(|path| path.failed > 0).take(3) {
            lines.push(share(&path.path, path.failed, path.total));
        }
    }
    if !lines.is_empty() && !snapshot.log.elsewhere.is_empty() {
        let targets = snapshot.log.elsewhere.join(", ");
        lines.push(format!("also logged, and not read here: {targets}"));
    }
    lines
}

/// `12 of 30 requests failed (40 %)`.
fn share(what: &str, failed: u64, total: u64) -> String {
    let percent = failed.saturating_mul(100).checked_div(total).unwrap_or(0);
    format!("{what}: {failed} of {total} got a 502, 503 or 504 ({percent} %)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Episode, LogEvidence, RequestCount, RequestStep, StepCount, SymptomCount};

    const MINUTE: i64 = 60_000;
    const BASE: i64 = 1_795_300_000_000 / MINUTE * MINUTE;

    /// An account with runs of errors from and to these minutes, of logs that reach from minute 0 to 600.
    fn account(runs: &[(i64, i64)]) -> LogAccount {
        LogAccount {
            first_ms: Some(BASE),
            last_ms: Some(BASE + 600 * MINUTE),
            step_s: 60,
            episodes: runs
                .iter()
                .map(|(from, to)| Episode {
                    began_ms: BASE + from * MINUTE,
                    ended_ms: BASE + to * MINUTE,
                    count: 10,
                    ..Episode::default()
                })
                .collect(),
            symptoms: vec![SymptomCount {
                symptom: Symptom::ConnectionRefused,
                upstream: Some("http://127.0.0.1:8080".to_owned()),
                count: 10,
                first_ms: None,
                last_ms: None,
                sample: String::new(),
                series: runs
                    .iter()
                    .map(|(from, _)| StepCount {
                        at_ms: BASE + from * MINUTE,
                        count: 10,
                    })
                    .collect(),
            }],
            ..LogAccount::default()
        }
    }

    fn event(minute: i64, what: &str) -> Event {
        Event {
            at_ms: BASE + minute * MINUTE - 10_000,
            what: what.to_owned(),
        }
    }

    fn rhythm_of(account: &LogAccount, events: &[Event]) -> Option<Rhythm> {
        read(account, events).map(|book| book.rhythm)
    }

    #[test]
    fn rhythms_are_told_apart_by_the_numbers() {
        assert_eq!(rhythm_of(&account(&[]), &[]), None);
        assert_eq!(rhythm_of(&account(&[(0, 600)]), &[]), Some(Rhythm::Always));
        assert_eq!(rhythm_of(&account(&[(300, 599)]), &[]), Some(Rhythm::SinceThen));
        assert_eq!(rhythm_of(&account(&[(300, 320)]), &[]), Some(Rhythm::Once));
        let uneven = account(&[(10, 12), (100, 103), (130, 131), (480, 481)]);
        assert_eq!(rhythm_of(&uneven, &[]), Some(Rhythm::Bursts));
        let even = account(&[(10, 12), (130, 132), (250, 251), (370, 371)]);
        assert_eq!(rhythm_of(&even, &[]), Some(Rhythm::Periodic));
    }

    #[test]
    fn errors_after_each_reload_are_named_so_and_one_reload_of_many_runs_is_no_rhythm() {
        let runs = account(&[(10, 12), (100, 103), (130, 131)]);
        let reload = "error.log tells of a reload";
        let all = [
            event(10, reload),
            event(100, reload),
            event(130, reload),
            event(400, reload),
        ];
        let book = read(&runs, &all).expect("errors");
        assert_eq!(book.rhythm, Rhythm::AfterEvents);
        assert!(book.rhythm_text.contains(reload), "{}", book.rhythm_text);
        assert_eq!(book.triggers.len(), 3);
        assert_eq!(rhythm_of(&runs, &[event(10, reload)]), Some(Rhythm::Bursts));
    }

    #[test]
    fn errors_under_load_need_more_requests_than_quiet_times_have() {
        let mut runs = account(&[(10, 12), (100, 103), (130, 131)]);
        let steps = |failing: u64| {
            (0..100)
                .map(|minute| RequestStep {
                    at_ms: BASE + minute * MINUTE,
                    total: if minute % 10 == 0 { failing } else { 100 },
                    failed: u64::from(minute % 10 == 0),
                })
                .collect()
        };
        runs.requests = RequestCount {
            series: steps(300),
            ..RequestCount::default()
        };
        assert_eq!(rhythm_of(&runs, &[]), Some(Rhythm::UnderLoad));
        runs.requests.series = steps(120);
        assert_eq!(rhythm_of(&runs, &[]), Some(Rhythm::Bursts));
    }

    #[test]
    fn the_line_of_blocks_has_the_quiet_and_never_more_columns_than_fit() {
        let book = read(&account(&[(300, 320)]), &[]).expect("errors");
        assert!(book.spark.len() <= COLUMNS, "{}", book.spark.len());
        assert_eq!(book.spark.iter().sum::<u64>(), 10);
        assert_eq!(book.spark_step_s, 11 * 60);
        assert_eq!(drawn(&[0, 1, 4, 8], true), " ▁▄█");
        assert_eq!(drawn(&[0, 1, 4, 8], false), " .=@");
        assert_eq!(drawn(&[u64::MAX, 1], true), "█▁");
        assert_eq!(drawn(&[], true), "");
    }

    #[test]
    fn what_a_stranger_wrote_into_a_log_reaches_the_terminal_harmless() {
        let mut hostile = account(&[(300, 599)]);
        let bad = "http://\u{1b}[2J\u{202e}evil\u{7}:80";
        for count in &mut hostile.symptoms {
            count.upstream = Some(bad.to_owned());
        }
        if let Some(episode) = hostile.episodes.first_mut() {
            episode.root = Some(FirstError {
                at_ms: BASE,
                symptom: Symptom::ConnectionRefused,
                upstream: Some(bad.to_owned()),
                text: bad.to_owned(),
            });
        }
        let report = crate::report::Report {
            snapshot: Snapshot {
                log: LogEvidence {
                    account: Some(hostile),
                    ..LogEvidence::default()
                },
                ..Snapshot::default()
            },
            ..crate::report::Report::default()
        };
        for format in crate::report::FORMATS {
            let mut out = Vec::new();
            (format.render)(&report, &mut out).expect("memory");
            let text = String::from_utf8(out).expect("UTF-8");
            assert!(!text.contains(['\u{1b}', '\u{7}']), "{}", format.name);
            // JSON leaves letters of other scripts as they are; it is for programs.
            assert!(
                format.name == "json" || !text.contains('\u{202e}'),
                "{}",
                format.name
            );
            if format.name == "text" {
                assert!(text.contains("\\x1b[2J"), "{text}");
                assert!(text.contains("without a pause since 2026-"), "{text}");
            }
        }
    }
}
