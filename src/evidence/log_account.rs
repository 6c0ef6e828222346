//! What whole logs say, counted: the account that one pass over any number of log files leaves.
//!
//! An account is small however long the logs are. To add a number: a field here with a serde default, filled by
//! `proxy::logs`.

use serde::{Deserialize, Serialize};

use super::Symptom;

/// The account of one pass over logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogAccount {
    /// The files, in the order in which they were read.
    pub files: Vec<LogRead>,
    /// The first time on any line that counted, milliseconds since 1970.
    pub first_ms: Option<i64>,
    /// The last one.
    pub last_ms: Option<i64>,
    /// How long one step of the series is: 60, or more where the logs span more than can be listed by minute.
    pub step_s: u64,
    /// Error lines by symptom and upstream, most frequent first.
    pub symptoms: Vec<SymptomCount>,
    /// Error lines of a level of `error` or above that match no signature.
    pub other_errors: u64,
    /// Requests, from the access logs.
    pub requests: RequestCount,
    /// Times without longer quiet in which errors were written, oldest first.
    pub episodes: Vec<Episode>,
    /// Episodes beyond those listed.
    pub episodes_left_out: u64,
    /// Starts, stops, reloads, killed workers that the logs tell of, oldest first.
    pub events: Vec<LogEvent>,
    /// Events beyond those listed.
    pub events_left_out: u64,
    /// What was wrong with the lines themselves.
    pub oddities: LogOddities,
}

/// One file of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogRead {
    /// Its path.
    pub path: String,
    /// `nginx error`, `apache access`, ….
    pub kind: String,
    /// Bytes of text read, after unpacking.
    pub bytes: u64,
    /// Lines in them.
    pub lines: u64,
    /// Lines that this kind of log cannot have; many of them: it is another kind.
    pub foreign_lines: u64,
    /// Why not all of it was read, in words.
    pub obstacle: Option<String>,
}

/// How often one symptom was logged for one upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymptomCount {
    /// The symptom.
    pub symptom: Symptom,
    /// Scheme and address as the log has them (`http://127.0.0.1:8080`, `fastcgi://unix:/run/php.sock`);
    /// `None`: the lines name none.
    pub upstream: Option<String>,
    /// Lines.
    pub count: u64,
    /// The first of them, milliseconds since 1970.
    pub first_ms: Option<i64>,
    /// The last of them.
    pub last_ms: Option<i64>,
    /// The first line as it stands, cut at 1,000 bytes. From outside: to be sanitised before it is shown.
    pub sample: String,
    /// Lines by step of time, oldest first; steps without any are left out.
    #[serde(default)]
    pub series: Vec<StepCount>,
}

/// Lines in one step of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCount {
    /// The start of the step, milliseconds since 1970.
    pub at_ms: i64,
    /// Lines.
    pub count: u64,
}

/// Requests in access logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestCount {
    /// All requests that were logged with a status.
    pub total: u64,
    /// Those answered with 502, 503 or 504.
    pub failed: u64,
    /// By status.
    pub by_status: Vec<StatusCount>,
    /// By path without its query, most failures first.
    pub by_path: Vec<PathCount>,
    /// Requests of paths beyond those listed.
    pub other_paths: u64,
    /// By step of time.
    pub series: Vec<RequestStep>,
}

/// Requests with one status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusCount {
    /// The status.
    pub status: u16,
    /// Requests.
    pub count: u64,
}

/// Requests of one path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathCount {
    /// The path. From outside.
    pub path: String,
    /// Requests.
    pub total: u64,
    /// Those answered with 502, 503 or 504.
    pub failed: u64,
}

/// Requests in one step of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestStep {
    /// The start of the step, milliseconds since 1970.
    pub at_ms: i64,
    /// Requests.
    pub total: u64,
    /// Those answered with 502, 503 or 504.
    pub failed: u64,
}

/// Errors that follow each other without longer quiet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Episode {
    /// The first line, milliseconds since 1970.
    pub began_ms: i64,
    /// The last line.
    pub ended_ms: i64,
    /// Lines.
    pub count: u64,
    /// What the first line says.
    pub first: Option<FirstError>,
    /// The first line that tells of a failure itself and not of its consequence (`no live upstreams`).
    pub root: Option<FirstError>,
}

/// The line with which an episode began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstError {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// What it says.
    pub symptom: Symptom,
    /// About which upstream.
    pub upstream: Option<String>,
    /// The line, cut at 1,000 bytes. From outside.
    pub text: String,
}

/// Something that a log tells of besides errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEvent {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// What happened.
    pub kind: LogEventKind,
    /// How often within the minute that began then.
    pub count: u64,
    /// The file that tells of it.
    pub file: String,
    /// The line, cut at 300 bytes. From outside.
    pub text: String,
}

/// What a log tells of besides errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogEventKind {
    /// The server was started.
    Started,
    /// It was stopped.
    Stopped,
    /// It read its configuration again.
    Reloaded,
    /// A worker was ended because it took too long.
    WorkerTimedOut,
    /// A worker ended by a signal or an error.
    WorkerCrashed,
    /// All workers were busy.
    WorkersBusy,
    /// The application ran out of memory.
    OutOfMemory,
    /// The application refused a request before it read it.
    RequestRefused,
}

/// What was wrong with the lines themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogOddities {
    /// Lines longer than are read whole.
    pub long_lines: u64,
    /// Lines with NUL bytes, as a crash of the host or a careless truncation leaves them.
    pub nul_lines: u64,
    /// Times that went back by more than a minute within one file.
    pub clock_jumps: u64,
    /// Last lines without their end.
    pub cut_lines: u64,
    /// Upstreams beyond those that are told apart.
    pub upstreams_left_out: u64,
    /// The counts by step of time are incomplete: there was too much to keep. Totals are exact all the same.
    pub series_incomplete: bool,
}
