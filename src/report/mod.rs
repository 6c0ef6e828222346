//! REPORT → BYTES, purely: one file for each format.
//!
//! A [`Report`] holds everything a format may print; a format adds no facts and no judgement. To add one:
//! `report/<format>.rs` with `pub fn render(&Report, &mut dyn Write)`, and one line in [`FORMATS`].

mod github;
pub mod history;
mod html;
mod json;
mod junit;
pub mod logbook;
mod markdown;
mod place;
pub mod route;
pub mod sanitize;
mod sarif;
mod text;
mod way;

pub(crate) use text::layout;
pub use text::{TextStyle, render as render_text, render_step};

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::evidence::{Place, ProblemLevel, ProxyKind, Snapshot};
use crate::finding::{Finding, Severity, StepId};
use crate::verdict::{Diagnosis, Incomplete, MadeBy, Verdict, Where};

/// The name of the JSON schema.
pub const SCHEMA: &str = "fix502.report/v1";

/// Everything that is said about one diagnosis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// All findings, the root first.
    pub findings: Vec<Finding>,
    /// The eight steps.
    pub steps: Vec<StepSummary>,
    /// What could not be looked at.
    pub incomplete: Vec<Incomplete>,
    /// What was seen.
    pub snapshot: Snapshot,
    /// What was linted, when this is a report of `fix502 lint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lint: Option<Examined>,
    /// The directory that paths are shown relative to in formats for a repository; empty: none.
    #[serde(skip)]
    pub base: String,
    /// The directory that was taken instead of `/`; empty: none.
    #[serde(skip)]
    pub root: String,
}

/// What `fix502 lint` looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Examined {
    /// Whose configurations they are.
    pub proxies: Vec<ProxyKind>,
    /// The files that were read.
    pub files: Vec<String>,
    /// The rules that were run.
    pub rules: Vec<RuleNote>,
    /// What comments in the files suppress.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suppressed: Vec<Suppressed>,
    /// The least that counts as a failure.
    pub fail_on: ProblemLevel,
}

/// A finding that a comment in the file suppresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Suppressed {
    /// What would be reported.
    pub finding: Finding,
    /// The reason that the comment gives.
    pub reason: String,
    /// Where the comment stands.
    pub comment: Place,
}

/// A lint rule, as reports speak of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleNote {
    /// `N020-no-resolver`.
    pub id: String,
    /// One line.
    pub title: String,
    /// The worst it reports.
    pub level: ProblemLevel,
    /// The root cause that it leads to.
    pub cause: Option<String>,
    /// What it needs and nobody has: it was not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lacks: Option<String>,
    /// What it lacks are facts of the host, and not the rest of the configuration.
    #[serde(skip)]
    pub lacks_host: bool,
}

/// One line for a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSummary {
    /// 1 to 8.
    pub number: u8,
    /// Its id.
    pub id: StepId,
    /// How it stands.
    pub status: StepStatus,
    /// One line.
    pub summary: String,
    /// Further lines, shown where something is wrong or on request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// The recommended fix that fits what this step found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recommended: Vec<String>,
    /// Step 7: which of the ways differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs: Option<Differs>,
    /// Step 7: every way that was tried, sorted by what became of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<Way>,
}

/// Whose the difference between the ways is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Differs {
    /// A proxy fails where the request works without it.
    Proxy,
    /// The target refuses or fails, whatever the way.
    Target,
    /// From here the target is not reached, and through a proxy it is.
    Path,
}

/// The same request by one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// `direct`, or the proxy without its user information.
    pub way: String,
    /// What the user calls it.
    pub label: Option<String>,
    /// What became of the request.
    pub outcome: WayOutcome,
    /// The first hop took the connection.
    pub connected: bool,
    /// How long name and connection of the proxy took.
    pub connect_us: Option<u64>,
    /// What the proxy answered itself, or to CONNECT.
    pub proxy_status: Option<u16>,
    /// What the target answered.
    pub status: Option<u16>,
    /// How long all of it took.
    pub took_us: u64,
    /// Who answered; `None`: nobody.
    pub answered_by: Option<Answerer>,
    /// The `Server` header.
    pub server: Option<String>,
    /// Whose header of its own errors came.
    pub provider: Option<String>,
    /// Headers that tell who answered, names in lower case.
    pub headers: Vec<(String, String)>,
    /// What went wrong, in words.
    pub error: Option<String>,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    /// The target.
    Target,
    /// The proxy, with an answer of its own.
    Proxy,
}

/// What became of a request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayOutcome {
    /// The target answered what a client wants.
    Works,
    /// It did, and much later than on the other ways.
    Slow,
    /// The target refuses this client: 403, 429, 451.
    TargetRefuses,
    /// The target answered an error, or nothing.
    TargetFails,
    /// The proxy refuses the request or the login.
    ProxyRefuses,
    /// The proxy says that it cannot reach the target.
    ProxyFails,
    /// The proxy cannot be reached or does not answer.
    Dead,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Nothing wrong here.
    Ok,
    /// The fault is here.
    Problem,
    /// Worth a look.
    Warning,
    /// Nobody could look.
    #[default]
    CouldNotCheck,
    /// Left out on request, or not needed.
    Skipped,
}

impl Report {
    /// Joins a diagnosis with what was seen and the lines of the steps.
    pub fn new(snapshot: Snapshot, diagnosis: Diagnosis, steps: Vec<StepSummary>) -> Self {
        Self {
            verdict: diagnosis.verdict,
            findings: diagnosis.findings,
            steps,
            incomplete: diagnosis.incomplete,
            snapshot,
            ..Self::default()
        }
    }

    /// How many findings are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// The finding of the root cause.
    pub fn root(&self) -> Option<&Finding> {
        let cause = self.verdict.cause.as_deref()?;
        self.findings.iter().find(|finding| finding.cause == cause)
    }

    /// `nginx 1.22.1 on this host (web-1)`, for the first lines of every format.
    pub fn made_by_words(&self) -> Option<String> {
        let MadeBy {
            product,
            where_,
            version,
        } = self.verdict.made_by.as_ref()?;
        let name = version
            .as_ref()
            .map_or_else(|| product.clone(), |version| format!("{product} {version}"));
        Some(match where_ {
            Where::ThisHost => format!("{name} on this host ({})", self.snapshot.host.name),
            Where::InFront => format!("{name}, in front of this host"),
            Where::Behind => format!("{name}, behind the proxy of this host"),
            Where::Unknown => name,
        })
    }
}

/// An output format.
pub struct Format {
    /// Its name on the command line.
    pub name: &'static str,
    /// Writes the report.
    pub render: fn(&Report, &mut dyn Write) -> io::Result<()>,
}

/// All formats; `text` takes the style of the terminal and is rendered by [`render_text`].
pub static FORMATS: &[Format] = &[
    Format {
        name: "github",
        render: github::render,
    },
    Format {
        name: "html",
        render: html::render,
    },
    Format {
        name: "json",
        render: json::render,
    },
    Format {
        name: "junit",
        render: junit::render,
    },
    Format {
        name: "markdown",
        render: markdown::render,
    },
    Format {
        name: "sarif",
        render: sarif::render,
    },
    Format {
        name: "text",
        render: text::render_plain,
    },
];
