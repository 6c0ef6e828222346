//! What was read from a proxy's configuration, without following one URL through it.

use serde::{Deserialize, Serialize};

use super::{Listen, Place};

/// Everything read from one proxy's configuration: routes are computed from it by `proxy`, findings by the
/// lint rules there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigSummary {
    /// The main file.
    pub main_file: String,
    /// All files read, main file first, with bytes and modification time.
    pub files: Vec<ConfigFile>,
    /// Errors of the reader: syntax, missing includes, unreadable files. Never a stop at the first one.
    pub errors: Vec<ConfigProblem>,
    /// Lint findings.
    pub lint: Vec<ConfigProblem>,
    /// Lint findings that comments in the files suppress.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppressed: Vec<SuppressedProblem>,
    /// `server_name`s that the configuration serves (for the wizard's offer).
    pub server_names: Vec<String>,
    /// All `listen` addresses.
    pub listeners: Vec<Listen>,
    /// All upstream addresses that the configuration can dial (`127.0.0.1:9000`, `unix:/run/a.sock`).
    pub upstream_addresses: Vec<String>,
}

/// One configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFile {
    /// Absolute path.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Modification time, milliseconds since 1970; `None` when not known.
    #[serde(default)]
    pub modified_ms: Option<i64>,
}

/// An error or a lint finding in a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigProblem {
    /// A rule's id (`N020-no-resolver`), or what the reader stumbled over (`syntax`, `include-missing`, …).
    pub rule: String,
    /// `error`: the server rejects it or users get an error; `warning`; `info`.
    pub level: ProblemLevel,
    /// One sentence, no full stop.
    pub message: String,
    /// Where.
    pub place: Place,
    /// The source line, for the excerpt (at most 200 bytes).
    #[serde(default)]
    pub excerpt: String,
    /// What happens to users, for this server version ("502 always", "503 for 60 s after a restart"); empty
    /// where the server refuses the configuration.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub effect: String,
    /// The repair as text (a directive line), when one can be given.
    #[serde(default)]
    pub repair: Option<String>,
    /// The repair as a change of the file, when it is certain what has to be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<TextEdit>,
}

/// A lint finding that a comment in the file suppresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressedProblem {
    /// What would be reported.
    pub problem: ConfigProblem,
    /// The reason that the comment gives.
    pub reason: String,
    /// Where the comment stands.
    pub comment: Place,
}

/// A stretch of a file and what is to stand there instead. Lines and columns count from 1, columns in bytes;
/// the end is the place after the last byte that goes. Equal places insert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextEdit {
    /// Absolute path.
    pub file: String,
    /// Line and column of the first byte that goes.
    pub start: (u32, u32),
    /// Line and column after the last byte that goes.
    pub end: (u32, u32),
    /// What stands there afterwards.
    pub replacement: String,
}

/// How bad a configuration problem is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProblemLevel {
    /// Worth knowing.
    Info,
    /// May hurt users.
    #[default]
    Warning,
    /// The server rejects it, or users see an error.
    Error,
}
