//! What is said about a fault: findings, their exhibits and their remedies.
//!
//! A finding joins one root cause with the evidence for it and what to do. Wording lives in the cause that
//! makes the finding; how it looks on a screen or in JSON is the business of [`crate::report`].

use serde::{Deserialize, Serialize};

use crate::evidence::{Place, Platform, TextEdit};

/// The eight steps of the guide, in its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepId {
    /// 1: retry, and the state of the proxy service.
    #[default]
    Retry,
    /// 2: the upstream.
    Upstream,
    /// 3: the proxy's configuration.
    Config,
    /// 4: packet filters.
    Firewall,
    /// 5: timeouts.
    Timeouts,
    /// 6: names.
    Dns,
    /// 7: another way to the same place.
    Route,
    /// 8: what to send to the hosting provider.
    Bundle,
}

impl StepId {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Retry,
        Self::Upstream,
        Self::Config,
        Self::Firewall,
        Self::Timeouts,
        Self::Dns,
        Self::Route,
        Self::Bundle,
    ];

    /// 1 to 8.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The id used in JSON, on the command line and in the names of the pages.
    pub fn id(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Upstream => "upstream",
            Self::Config => "config",
            Self::Firewall => "firewall",
            Self::Timeouts => "timeouts",
            Self::Dns => "dns",
            Self::Route => "route",
            Self::Bundle => "bundle",
        }
    }

    /// The title on the screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Retry => "Retry",
            Self::Upstream => "Upstream",
            Self::Config => "Configuration",
            Self::Firewall => "Firewall",
            Self::Timeouts => "Timeouts",
            Self::Dns => "DNS",
            Self::Route => "Other route",
            Self::Bundle => "Bundle",
        }
    }

    /// Finds a step by id, by number, or by the name of its command (`probe`, `lint`, `proxy`).
    pub fn parse(text: &str) -> Option<Self> {
        let id = match text {
            "probe" => "upstream",
            "lint" | "configuration" => "config",
            "proxy" | "other-route" => "route",
            "timeout" => "timeouts",
            other => other,
        };
        Self::ALL
            .into_iter()
            .find(|step| step.id() == id || step.number().to_string() == id)
    }
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Fits what was seen; so do others.
    #[default]
    Possible,
    /// Fits better than anything else, one piece of proof is missing.
    Likely,
    /// Proved by evidence that no other cause explains.
    Confirmed,
}

impl Confidence {
    /// The word in JSON and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Confirmed => "confirmed",
        }
    }
}

/// How bad a finding is for users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// May hurt, or hurts sometimes.
    Warning,
    /// Users get an error.
    #[default]
    Error,
}

/// One statement with its proof and its repair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Id of the root cause; empty for a finding of `lint` that leads to none of the catalogue (`null` in
    /// JSON).
    #[serde(serialize_with = "or_null", deserialize_with = "or_empty")]
    pub cause: String,
    /// Lint rule that found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The step of the guide it belongs to.
    pub step: StepId,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One sentence with the facts of this host, no full stop.
    pub message: String,
    /// What happens to users, where a lint rule knows it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub effect: String,
    /// The configuration line to look at.
    #[serde(default)]
    pub at: Option<Place>,
    /// That line as it stands in the file, for findings of `lint`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
    /// The proof.
    pub evidence: Vec<Exhibit>,
    /// What to do, best first.
    pub remedies: Vec<Remedy>,
    /// `docs/causes/<id>.md`.
    pub docs: String,
}

impl Finding {
    /// A finding of severity error with no proof yet.
    pub fn new(cause: &str, step: StepId, confidence: Confidence, message: impl Into<String>) -> Self {
        Self {
            cause: cause.to_owned(),
            step,
            confidence,
            message: message.into(),
            docs: format!("docs/causes/{cause}.md"),
            ..Self::default()
        }
    }

    /// Adds a piece of proof.
    #[must_use]
    pub fn because(mut self, exhibit: Exhibit) -> Self {
        if !self.evidence.contains(&exhibit) {
            self.evidence.push(exhibit);
        }
        self
    }

    /// Adds several pieces of proof.
    #[must_use]
    pub fn because_all(self, exhibits: impl IntoIterator<Item = Exhibit>) -> Self {
        exhibits.into_iter().fold(self, Self::because)
    }

    /// Adds something to do.
    #[must_use]
    pub fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedies.push(remedy);
        self
    }

    /// Sets the configuration line.
    #[must_use]
    pub fn at(mut self, place: &Place) -> Self {
        if place.line > 0 {
            self.at = Some(place.clone());
        }
        self
    }

    /// Sets the severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

fn or_null<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    (!text.is_empty()).then_some(text).serialize(serializer)
}

fn or_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::<String>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// One piece of proof.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exhibit {
    /// What kind: `probe`, `log`, `config`, `process`, `unit`, `kernel`, `firewall`, `dns`, `file`, `limit`.
    pub kind: String,
    /// What was seen.
    pub text: String,
    /// The command that shows it by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The file it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line in that file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

impl Exhibit {
    /// Proof that a command shows.
    pub fn shown_by(kind: &str, text: impl Into<String>, command: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            text: text.into(),
            command: Some(command.into()),
            ..Self::default()
        }
    }

    /// Proof that stands in a file.
    pub fn in_file(kind: &str, text: impl Into<String>, place: &Place) -> Self {
        let command = if place.line > 0 {
            format!("sed -n {}p {}", place.line, quoted(&place.file))
        } else {
            format!("less {}", quoted(&place.file))
        };
        Self {
            kind: kind.to_owned(),
            text: text.into(),
            command: Some(command),
            file: Some(place.file.clone()),
            line: (place.line > 0).then_some(place.line),
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// What it does, imperative, no full stop.
    pub summary: String,
    /// The command, as argv.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// The change of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edit>,
    /// The change of a file to the byte, where it is certain what has to be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_edit: Option<TextEdit>,
    /// What is promised about it.
    pub applicability: Applicability,
    /// What it interrupts, or what it can break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<String>,
    /// The command that takes it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Vec<String>>,
    /// The system it is typed on, which decides how words are quoted.
    #[serde(skip)]
    pub platform: Platform,
}

/// A change of one line of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Where.
    pub file: String,
    /// Which line; 0: anywhere fitting.
    pub line: u32,
    /// What to write there.
    pub replacement: String,
}

/// What is promised about a remedy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Applicability {
    /// For a person to read; too much depends on what only they know.
    #[default]
    DisplayOnly,
    /// Repairs without side effects beyond what is said.
    Safe,
    /// Repairs, and interrupts or changes something else on the way.
    Unsafe,
}

impl Remedy {
    /// The command as one line that can be pasted.
    pub fn command(&self) -> Option<String> {
        self.argv.as_ref().map(|argv| self.platform.typed(argv))
    }

    /// The command that takes it back, likewise.
    pub fn undo_command(&self) -> Option<String> {
        self.undo.as_ref().map(|argv| self.platform.typed(argv))
    }

    /// Advice in words.
    pub fn advise(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            ..Self::default()
        }
    }

    /// A command to run, which interrupts or changes something.
    pub fn run<S: Into<String>>(summary: impl Into<String>, argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            summary: summary.into(),
            argv: Some(argv.into_iter().map(Into::into).collect()),
            applicability: Applicability::Unsafe,
            ..Self::default()
        }
    }

    /// A line to change.
    pub fn edit(summary: impl Into<String>, place: &Place, replacement: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            edit: Some(Edit {
                file: place.file.clone(),
                line: place.line,
                replacement: replacement.into(),
            }),
            applicability: Applicability::Unsafe,
            ..Self::default()
        }
    }

    /// Says what it interrupts or can break.
    #[must_use]
    pub fn risk(mut self, risk: impl Into<String>) -> Self {
        self.risk = Some(risk.into());
        self
    }

    /// Says how to take it back.
    #[must_use]
    pub fn undo<S: Into<String>>(mut self, argv: impl IntoIterator<Item = S>) -> Self {
        self.undo = Some(argv.into_iter().map(Into::into).collect());
        self
    }
}

/// A word as a POSIX shell needs it, for commands that a person will paste.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,[]".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// An argv as one pasteable line.
pub fn command_line<S: AsRef<str>>(argv: &[S]) -> String {
    argv.iter()
        .map(|word| quoted(word.as_ref()))
        .collect::<Vec<_>>()
        .join(" ")
}
