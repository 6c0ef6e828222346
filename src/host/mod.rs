//! THE SEAM: the only room that may touch files, commands, sockets, the clock and the environment.
//!
//! Everything the rest of the program learns about a machine is the answer to a [`Query`] put to a
//! [`Host`]. A live host performs the query and keeps question and raw answer in its [`Transcript`]; a
//! replayed host looks the answer up. So a bundle is a test case, and nothing outside this room can tell
//! the two apart. A query must be plain data, must read only, and must end: each has a limit of its own
//! and all of them share the deadline of the run.
//!
//! To add a question: a struct here with its answer type, `impl Query`, and one line in the step that asks.

#![expect(
    clippy::disallowed_methods,
    reason = "this room is the seam: the methods closed elsewhere are its business"
)]

mod authority;
mod client;
mod clock;
mod command;
mod environment;
mod exchange;
mod fetch;
mod files;
mod handshake;
mod identity;
mod links;
mod log_files;
mod names;
mod operating_system;
mod platform;
mod processes;
mod secret;
mod transcript;
mod tunnel;
mod write;

pub use authority::AuthorityLookup;
pub use clock::{Clock, ClockReading, ProcessZone, pause};
pub use command::{CommandOutput, RunCommand};
pub use environment::{EnvironmentVariable, TerminalFacts, terminal_facts};
pub use exchange::{ExchangeQuery, Framing, TlsOptions, TlsVersions};
pub use fetch::{Fetch, Fetched};
pub use files::{FileContent, ListDirectory, Metadata, ReadFile, StatPath};
pub use identity::Identity;
pub use links::{ReadLink, WrittenFiles};
pub use log_files::{Digest, LogSource, ReadLogs};
pub use names::{NameserverLookup, SystemLookup};
pub use operating_system::OperatingSystem;
pub use processes::{DescriptorUse, ProcessTable, SocketOwners};
pub use secret::Secret;
pub use transcript::{Entry, Transcript, TranscriptError, TranscriptLines};
pub use tunnel::Tunnel;
pub use write::{
    TemporaryDirectory, exists, files_below, is_directory, length_bytes, read_input, read_inputs,
    read_standard_input, write_private,
};

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::{Serialize, de::DeserializeOwned};

use crate::evidence::{Observed, Obstacle};

/// A question to a host: plain data, so that it can be recorded.
pub trait Query: Serialize {
    /// The raw answer.
    type Answer: Serialize + DeserializeOwned;
    /// Names the kind of question in a transcript; never changes within a format version.
    const NAME: &'static str;
    /// Asks a live host. Reads only.
    fn perform(&self, live: &Live) -> Observed<Self::Answer>;
}

/// The machine under diagnosis.
pub enum Host {
    /// This machine.
    Live(Live),
    /// A recorded one.
    Replay(Transcript),
    /// A recorded one that keeps what it is asked and has no answer to: to see which questions a walk puts.
    Rehearsal {
        /// The answers.
        recorded: Transcript,
        /// Questions without an answer so far.
        unanswered: Mutex<Transcript>,
    },
}

/// This machine, with everything asked of it so far.
pub struct Live {
    root: Option<PathBuf>,
    began: Instant,
    limit: Duration,
    /// `None`: answers are not kept.
    transcript: Option<Mutex<Transcript>>,
}

impl Host {
    /// This machine; files are taken below `root` when one is given, and nothing is asked after `limit`.
    pub fn live(root: Option<PathBuf>, limit: Duration) -> Self {
        Self::Live(Live {
            root,
            began: Instant::now(),
            limit,
            transcript: Some(Mutex::new(Transcript::default())),
        })
    }

    /// This machine as with [`Host::live`], but answers are not kept: for many files that are read once each.
    pub fn unrecorded(root: Option<PathBuf>, limit: Duration) -> Self {
        Self::Live(Live {
            root,
            began: Instant::now(),
            limit,
            transcript: None,
        })
    }

    /// A recorded machine that keeps the questions it has no answer to.
    pub fn rehearsal(recorded: Transcript) -> Self {
        Self::Rehearsal {
            recorded,
            unanswered: Mutex::default(),
        }
    }

    /// The questions that a rehearsal had no answer to.
    pub fn unanswered(&self) -> Transcript {
        match self {
            Self::Rehearsal { unanswered, .. } => unanswered
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .clone(),
            Self::Live(_) | Self::Replay(_) => Transcript::default(),
        }
    }

    /// Asks; on a live host the answer is kept, and the same question is not asked twice.
    pub fn ask<Q: Query>(&self, query: &Q) -> Observed<Q::Answer> {
        match self {
            Self::Replay(transcript) => transcript
                .answer(query)
                .unwrap_or(Observed::Unavailable(Obstacle::NotRecorded)),
            Self::Rehearsal { recorded, unanswered } => recorded.answer(query).unwrap_or_else(|| {
                let none = Observed::Unavailable(Obstacle::NotRecorded);
                unanswered
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .record(query, &none);
                none
            }),
            Self::Live(live) => {
                if let Some(answer) = live.kept(|transcript| transcript.answer(query)).flatten() {
                    return answer;
                }
                let answer = if live.remaining().is_zero() {
                    Observed::Unavailable(Obstacle::TimedOut)
                } else {
                    query.perform(live)
                };
                // Two threads may ask the same at the same time: the first answer counts for both, so that a
                // replay sees what the walk saw.
                let first = live.kept(|transcript| {
                    let first = transcript.answer(query);
                    if first.is_none() {
                        transcript.record(query, &answer);
                    }
                    first
                });
                first.flatten().unwrap_or(answer)
            }
        }
    }

    /// True for a recorded host.
    pub fn is_replay(&self) -> bool {
        !matches!(self, Self::Live(_))
    }

    /// A copy of everything asked so far.
    pub fn transcript(&self) -> Transcript {
        match self {
            Self::Live(live) => live.kept(|transcript| transcript.clone()).unwrap_or_default(),
            Self::Replay(transcript)
            | Self::Rehearsal {
                recorded: transcript, ..
            } => transcript.clone(),
        }
    }

    /// Everything asked so far, given away: nothing of it is left to be asked for.
    pub fn take_transcript(&self) -> Transcript {
        match self {
            Self::Live(live) => live.kept(std::mem::take).unwrap_or_default(),
            Self::Replay(_) | Self::Rehearsal { .. } => self.transcript(),
        }
    }

    /// Time left for this run; a replay has all the time it needs.
    pub fn remaining(&self) -> Duration {
        match self {
            Self::Live(live) => live.remaining(),
            Self::Replay(_) | Self::Rehearsal { .. } => Duration::from_hours(1),
        }
    }
}

impl Live {
    /// Where `path` lies under the root that was given.
    pub(crate) fn located(&self, path: &str) -> PathBuf {
        // What the kernel makes up is always that of the running machine.
        let of_the_kernel = ["/proc/", "/sys/", "/dev/"].iter().any(|part| path.starts_with(part));
        match &self.root {
            Some(root) if !of_the_kernel => root.join(path.trim_start_matches('/')),
            _ => Path::new(path).to_path_buf(),
        }
    }

    /// Time left before the deadline of the run.
    pub(crate) fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.began.elapsed())
    }

    /// The smaller of a query's own limit and the time left.
    pub(crate) fn within(&self, milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds).min(self.remaining())
    }

    fn kept<T>(&self, work: impl FnOnce(&mut Transcript) -> T) -> Option<T> {
        // A panic in another thread leaves the transcript usable: it only ever gains entries.
        let mut transcript = self
            .transcript
            .as_ref()?
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Some(work(&mut transcript))
    }
}

/// The obstacle that an I/O error is.
pub(crate) fn obstacle(error: &std::io::Error) -> Obstacle {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => Obstacle::Denied,
        std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock => Obstacle::TimedOut,
        _ => Obstacle::Failed(error_words(error)),
    }
}

/// An I/O error as a lower-case fragment without the errno number.
pub(crate) fn error_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_lowercase().collect::<String>() + characters.as_str())
        .unwrap_or_default()
}

/// Microseconds, saturating.
pub(crate) fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
