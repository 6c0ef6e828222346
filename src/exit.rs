//! The one table of exit codes.

use crate::verdict::Status;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Healthy, or repaired and verified again.
    Healthy,
    /// The cause of a 502 was found.
    Found,
    /// The command line is wrong, or an input cannot be read.
    Usage,
    /// A failure was seen or something could not be looked at, and no cause is proved.
    Undecided,
    /// A bug in fix502.
    Bug,
    /// Ended by Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The number that scripts see.
    pub fn code(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Found => 1,
            Self::Usage => 2,
            Self::Undecided => 3,
            Self::Bug => 70,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<Status> for Exit {
    fn from(status: Status) -> Self {
        match status {
            Status::Found => Self::Found,
            Status::Healthy => Self::Healthy,
            Status::Undecided => Self::Undecided,
        }
    }
}
