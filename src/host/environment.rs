//! The environment of this program.

use std::io::IsTerminal;

use serde::Serialize;

use super::{Live, Query};
use crate::evidence::Observed;

/// The value of an environment variable of this program.
#[derive(Clone, Debug, Serialize)]
pub struct EnvironmentVariable {
    /// Its name.
    pub name: String,
}

impl Query for EnvironmentVariable {
    type Answer = String;
    const NAME: &'static str = "environment_variable";

    fn perform(&self, _: &Live) -> Observed<String> {
        std::env::var(&self.name)
            .ok()
            .filter(|value| !value.is_empty())
            .into()
    }
}

/// What the terminal of this program is like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TerminalFacts {
    /// `TERM`.
    pub term: Option<String>,
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// The first of `LC_ALL`, `LC_CTYPE`, `LANG` that is set.
    pub language: Option<String>,
    /// Standard input is a terminal.
    pub input_is_terminal: bool,
    /// Standard output is a terminal.
    pub output_is_terminal: bool,
    /// Standard error is a terminal.
    pub errors_are_terminal: bool,
}

/// Looks at the terminal of this program.
pub fn terminal_facts() -> TerminalFacts {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    TerminalFacts {
        term: set("TERM"),
        no_color: set("NO_COLOR").is_some(),
        language: ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set),
        input_is_terminal: std::io::stdin().is_terminal(),
        output_is_terminal: std::io::stdout().is_terminal(),
        errors_are_terminal: std::io::stderr().is_terminal(),
    }
}
