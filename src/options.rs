//! WHAT WAS ASKED FOR: the command line after it was understood.
//!
//! [`crate::cli`] makes these values; nothing after it checks them again. A value that exists is valid: an
//! address has a host and a port, a deadline is longer than nothing. This room asks nobody anything.

mod address;
mod duration;
mod proxy_list;
mod secret;
mod since;

use std::path::PathBuf;
use std::time::Duration;

pub use address::{Address, ProxyAddress, parse_address, parse_proxy, parse_target};
pub use duration::{parse_duration, parse_window};
pub use proxy_list::parse_proxy_list;
pub use secret::Credentials;
pub use since::{Since, parse_since};

use crate::evidence::{ProblemLevel, ProxyKind};
use crate::finding::StepId;

/// Everything the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What to do.
    pub action: Action,
    /// The URL that fails; `None`: check the host.
    pub address: Option<Address>,
    /// Never prompt, although there may be a terminal.
    pub never_prompt: bool,
    /// The format of the report.
    pub format: OutputFormat,
    /// Where the report (or the bundle) goes; `None`: stdout (or a file named by the bundle).
    pub output: Option<PathBuf>,
    /// Take files from this directory instead of `/`.
    pub root: Option<PathBuf>,
    /// The proxy's configuration, when it is not to be found by asking; several may be given.
    pub configs: Vec<PathBuf>,
    /// Whose configuration the named files are, where it is not to be told from the files.
    pub proxy_kind: Option<ProxyKind>,
    /// The least a finding of `lint` must be for exit code 1.
    pub fail_on: ProblemLevel,
    /// The address as it was written, where it may as well be the path of a file.
    pub perhaps_path: Option<PathBuf>,
    /// The forward proxy that the failing request goes through.
    pub via: Option<ProxyAddress>,
    /// What the bundle of step 8 holds.
    pub bundle: BundleOptions,
    /// Other ways to try in step 7.
    pub proxies: Vec<ProxyAddress>,
    /// Files with further ones, one to a line.
    pub proxy_files: Vec<PathBuf>,
    /// The steps to take, in order.
    pub steps: Vec<StepId>,
    /// Limit for the whole collection.
    pub deadline: Duration,
    /// How far back logs are read, in milliseconds; [`u64::MAX`]: all; `None`: as far as the question needs.
    pub since_ms: Option<u64>,
    /// Attempts at the front door, 1 to 100.
    pub attempts: u8,
    /// When to use colour.
    pub color: ColorChoice,
    /// Columns; `None`: as the terminal says.
    pub width: Option<u16>,
    /// 0 quiet, 1 usual, 2 all evidence, 3 and more: also what fix502 itself does.
    pub detail: u8,
}

/// What a bundle holds besides what every bundle holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BundleOptions {
    /// Only list what it would hold, and write nothing.
    pub dry_run: bool,
    /// Files and directories that are put into it.
    pub includes: Vec<PathBuf>,
    /// Older lines of the proxy's logs are left out.
    pub since: Option<Since>,
    /// Addresses and names of hosts stay as they are.
    pub keep_addresses: bool,
    /// Known secrets are planted and looked for, and nothing is written.
    pub self_test: Option<SelfTest>,
}

/// Whose evidence a self-test takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelfTest {
    /// This host's.
    Host,
    /// A bundle's.
    Bundle(PathBuf),
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The walk through the eight steps.
    Walk,
    /// One step alone.
    Step(StepId),
    /// Lint these files, and look at nothing else.
    Lint(Vec<PathBuf>),
    /// Follow the URL through the configuration.
    Way,
    /// Print a page.
    Explain(Option<String>),
    /// The broken host inside the program.
    Demo {
        /// Which fault; `None`: the first one.
        fault: Option<String>,
        /// Only list the faults.
        list: bool,
    },
    /// Diagnose from what was recorded elsewhere.
    Triage(Vec<PathBuf>),
    /// Print the completions for a shell.
    Completions(clap_complete::Shell),
    /// Print the manual page.
    Man,
}

/// A format of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFormat {
    /// For a person.
    #[value(help = "for a person")]
    #[default]
    Text,
    /// `fix502.report/v1`, for a program.
    #[value(help = "fix502.report/v1, for a program")]
    Json,
    /// One page for a browser, with everything in it.
    #[value(help = "one page for a browser, with everything in it")]
    Html,
    /// SARIF 2.1.0, for code scanning.
    #[value(help = "SARIF 2.1.0, for code scanning")]
    Sarif,
    /// `JUnit` XML, for CI systems that show tests.
    #[value(help = "JUnit XML, for CI systems that show tests")]
    Junit,
    /// Annotations of a GitHub workflow.
    #[value(help = "annotations of a GitHub workflow")]
    Github,
    /// Markdown, for a ticket or a pull request.
    #[value(help = "Markdown, for a ticket or a pull request")]
    Markdown,
}

impl OutputFormat {
    /// Its name in [`crate::report::FORMATS`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Html => "html",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Github => "github",
            Self::Markdown => "markdown",
        }
    }
}

/// The least a finding must be to count as a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOn {
    /// Errors: the server refuses it, or users get an error.
    #[value(help = "the server refuses it, or users get an error")]
    #[default]
    Error,
    /// Warnings too: it may hurt users.
    #[value(help = "also what may hurt users")]
    Warning,
}

impl FailOn {
    /// The level meant.
    pub fn level(self) -> ProblemLevel {
        match self {
            Self::Error => ProblemLevel::Error,
            Self::Warning => ProblemLevel::Warning,
        }
    }
}

/// A server whose configuration can be named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KindName {
    /// nginx.
    #[value(help = "nginx")]
    Nginx,
    /// Apache httpd.
    #[value(help = "Apache httpd 2.4")]
    Apache,
    /// Squid.
    #[value(help = "Squid")]
    Squid,
}

impl KindName {
    /// The kind meant.
    pub fn kind(self) -> ProxyKind {
        match self {
            Self::Nginx => ProxyKind::Nginx,
            Self::Apache => ProxyKind::Apache,
            Self::Squid => ProxyKind::Squid,
        }
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal that can, unless `NO_COLOR` is set.
    #[value(help = "on a terminal that can, unless NO_COLOR is set")]
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Something on the command line that cannot be meant, and what may have been meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UsageError {
    /// A lower-case fragment.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl UsageError {
    /// An error without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Edits (insert, delete, replace) between two texts.
pub fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, left) in one.chars().enumerate() {
        let mut next = vec![above + 1];
        for (column, right) in other.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&row, column) + usize::from(left != *right);
            let best = replaced.min(at(&row, column + 1) + 1).min(at(&next, column) + 1);
            next.push(best);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("dns", "dns"), 0);
    }
}
