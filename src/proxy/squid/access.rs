//! Lists of `allow` and `deny` lines.
//!
//! The first line of which all lists match decides; when none does, the answer is the opposite of the last
//! line. Where a list is open, every answer that is still possible is kept.

use super::acl::{Acls, Term};
use super::matching::{Asked, Truth};

/// One line that Squid keeps.
#[derive(Clone, Debug)]
pub(super) struct AccessLine {
    pub(super) allow: bool,
    /// The statement, by its number.
    pub(super) statement: usize,
    pub(super) terms: Vec<Term>,
}

/// An answer that is possible.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) allow: bool,
    /// The line; `None`: no line matches.
    pub(super) line: Option<usize>,
    /// It comes only if lists match that are open: their names.
    pub(super) open: Vec<String>,
}

/// Every answer that is possible; the last one comes when none of the open ones before it does.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) outcomes: Vec<Outcome>,
}

impl Verdict {
    /// The answer, if it does not depend on what is open.
    pub(super) fn allowed(&self) -> Truth {
        let mut answers = self.outcomes.iter().map(|outcome| outcome.allow);
        match answers.next() {
            Some(first) if answers.all(|other| other == first) => {
                if first {
                    Truth::Yes
                } else {
                    Truth::No
                }
            }
            Some(_) => Truth::Open,
            None => Truth::No,
        }
    }

    /// The statement that decides: of the first outcome with this answer.
    pub(super) fn decided_by(&self, allow: bool) -> Option<usize> {
        let outcome = self.outcomes.iter().rev().find(|outcome| outcome.allow == allow)?;
        outcome.line
    }

    /// The names of all lists that are open.
    pub(super) fn open(&self) -> String {
        let mut names: Vec<&str> = self
            .outcomes
            .iter()
            .flat_map(|outcome| outcome.open.iter().map(String::as_str))
            .collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    }
}

/// Asks the lines; `when_empty` is the answer when there are none.
pub(super) fn ask(lines: &[AccessLine], acls: &Acls, asked: &Asked, when_empty: bool) -> Verdict {
    let mut verdict = Verdict::default();
    for line in lines {
        let truth = acls.line_matches(&line.terms, asked);
        if truth == Truth::No {
            continue;
        }
        verdict.outcomes.push(Outcome {
            allow: line.allow,
            line: Some(line.statement),
            open: if truth == Truth::Open {
                acls.open_names(&line.terms, asked)
            } else {
                Vec::new()
            },
        });
        if truth == Truth::Yes {
            return verdict;
        }
    }
    verdict.outcomes.push(Outcome {
        allow: lines.last().map_or(when_empty, |line| !line.allow),
        line: None,
        open: Vec::new(),
    });
    verdict
}
