//! What a rule cannot do without: facts of the host, or the whole configuration. A rule that lacks them has not
//! been checked, and reports say so.

use crate::evidence::Snapshot;

/// What is needed besides the files at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The answers to requests like the failing one.
    Attempts,
    /// A log of errors that could be read.
    ErrorLog,
    /// The sockets that listen.
    Listeners,
    /// Addresses, limits and protections of the machine.
    Machine,
    /// What name servers answer.
    Names,
    /// The history of packages.
    Packages,
    /// What servers behind the proxy answer.
    Probes,
    /// The processes that run.
    Processes,
    /// The units of the service manager.
    Units,
    /// The whole configuration: what a part lacks may stand in the file that includes it.
    Whole,
}

impl Need {
    /// What is needed, as "it needs …" goes on.
    pub fn words(self) -> &'static str {
        match self {
            Self::Attempts => "answers to requests like the failing one",
            Self::ErrorLog => "the error log",
            Self::Listeners => "the listening sockets",
            Self::Machine => "the addresses and limits of the host",
            Self::Names => "answers of the name servers",
            Self::Packages => "the history of packages",
            Self::Probes => "answers of the servers behind the proxy",
            Self::Processes => "the running processes",
            Self::Units => "the units of the service manager",
            Self::Whole => "the configuration that includes this part",
        }
    }

    /// True when somebody looked: the facts are there, also where there is nothing to tell. `part`: what was read is
    /// a part of a configuration.
    pub fn is_met(self, around: &Snapshot, part: bool) -> bool {
        match self {
            Self::Attempts => !around.attempts.is_empty(),
            Self::ErrorLog => around
                .log
                .files
                .iter()
                .any(|file| file.kind.contains("error") && file.read.seen().is_some()),
            Self::Listeners => around.listeners.seen().is_some(),
            Self::Machine => !around.limits.addresses.is_empty(),
            Self::Names => !around.names.is_empty(),
            Self::Packages => around.package_changes.seen().is_some(),
            Self::Probes => around.endpoints.iter().any(|endpoint| !endpoint.probes.is_empty()),
            Self::Processes => around.processes.seen().is_some(),
            Self::Units => around.units.seen().is_some(),
            Self::Whole => !part,
        }
    }
}
