//! What a lint rule is, whichever server it is about, and how rules are run.
//!
//! A rule finds what a server accepts and users then suffer from. It stands in a file of its own,
//! `proxy/<type>/lint/<id in snake case>.rs`, as one [`Check`]; the table of its proxy lists it; its page is
//! `docs/rules/<id>.md`, whose examples are run as tests. A rule must be silent on a sound configuration and
//! on whatever it cannot know: the page says what keeps it quiet.

mod need;
mod suppression;

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::evidence::{
    ConfigFile, ConfigProblem, Place, ProblemLevel, ProxyKind, Snapshot, SuppressedProblem,
};

use super::{apache, nginx, squid};

pub use need::Need;

/// A lint rule as lists, pages and reports show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name for all time: `N020-no-resolver`. Its number alone (`N020`) is understood too.
    pub id: &'static str,
    /// Whose configurations it is about.
    pub proxy: ProxyKind,
    /// One line, lower case, no full stop.
    pub title: &'static str,
    /// The worst it reports.
    pub level: ProblemLevel,
    /// The root cause in the catalogue that it would lead to, where there is one.
    pub cause: Option<&'static str>,
    /// What it needs besides the files, without which it is silent; `None`: they are enough.
    pub needs: Option<Need>,
}

impl Rule {
    /// True for a rule that has nothing to say while nothing is known of the host.
    pub fn needs_host(&self) -> bool {
        self.needs.is_some_and(|need| need != Need::Whole)
    }

    /// `N020` of `N020-no-resolver`.
    pub fn number(&self) -> &'static str {
        self.id.split('-').next().unwrap_or(self.id)
    }
}

/// A rule and the function that finds what it is about. The function pushes problems whose `rule` is its
/// own id; it must take time proportional to the size of the configuration.
pub struct Check<C: 'static> {
    /// The rule.
    pub rule: Rule,
    /// Finds the problems. What is known of the host stands in the snapshot; everything there that nobody
    /// looked at keeps the rule silent.
    pub find: fn(&C, &Snapshot, &mut Vec<ConfigProblem>),
}

/// What the running of rules needs of a configuration.
pub(super) trait Source {
    /// The files, in the order in which they were read first.
    fn files(&self) -> Vec<ConfigFile>;
    /// The files again, path and bytes: comments that suppress findings stand there.
    fn contents(&self) -> Vec<(&str, &[u8])>;
    /// True for a part of a configuration, which some other file includes.
    fn is_part(&self) -> bool {
        false
    }
    /// Finds what many rules ask, so that no rule waits while another one finds it.
    fn prepare(&self) {}
}

/// A configuration of this many bytes is judged by two threads: below it, starting one takes longer.
const WORTH_A_THREAD_BYTES: u64 = 256 << 10;

/// What the rules found in a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linted {
    /// What they report.
    pub problems: Vec<ConfigProblem>,
    /// What comments in the files suppress.
    pub suppressed: Vec<SuppressedProblem>,
}

/// Runs all checks and sets apart what comments in the files suppress; the problems come in the order of the
/// files, lines and columns, then of the table.
pub(super) fn run<C: Source + Sync>(config: &C, checks: &[Check<C>], around: &Snapshot) -> Linted {
    // Where nothing is known of the host, a rule that needs it has nothing to say.
    let nothing_known = *around == Snapshot::default();
    let asked: Vec<&Check<C>> = checks
        .iter()
        .filter(|check| match check.rule.needs {
            None => true,
            Some(Need::Whole) => !config.is_part(),
            Some(_) => !nothing_known,
        })
        .collect();
    // Each thread takes the next rule that nobody has taken, as some take ten times as long as others.
    let next = AtomicUsize::new(0);
    let take = || {
        let mut found = Vec::new();
        loop {
            let Some(index) = next.fetch_add(1, Ordering::Relaxed).checked_sub(1) else {
                config.prepare();
                continue;
            };
            let Some(check) = asked.get(index) else {
                return found;
            };
            let mut problems = Vec::new();
            (check.find)(config, around, &mut problems);
            found.push((index, problems));
        }
    };
    let bytes: u64 = config.files().iter().map(|file| file.bytes).sum();
    let mut found = if bytes < WORTH_A_THREAD_BYTES {
        take()
    } else {
        std::thread::scope(|scope| {
            let other = scope.spawn(take);
            let mut found = take();
            match other.join() {
                Ok(others) => found.extend(others),
                // A rule that panics does so here as well.
                Err(panic) => std::panic::resume_unwind(panic),
            }
            found
        })
    };
    found.sort_by_key(|(index, _)| *index);
    let mut problems: Vec<ConfigProblem> = found.into_iter().flat_map(|(_, problems)| problems).collect();
    let files = config.files();
    let mut suppressed = suppression::apply(&config.contents(), &mut problems);
    let order: foldhash::HashMap<&str, usize> = files
        .iter()
        .enumerate()
        .rev()
        .map(|(index, file)| (file.path.as_str(), index))
        .collect();
    let position = |place: &Place| order.get(place.file.as_str()).copied().unwrap_or(usize::MAX);
    let order =
        |problem: &ConfigProblem| (position(&problem.place), problem.place.line, problem.place.column);
    problems.sort_by_key(order);
    suppressed.sort_by_key(|suppressed| order(&suppressed.problem));
    Linted { problems, suppressed }
}

/// All rules of all servers, in the order of their ids within each server.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let mut nginx: Vec<&'static Rule> = nginx::lint::CHECKS.iter().map(|check| &check.rule).collect();
    nginx.extend(nginx::lint::REFUSED);
    nginx.sort_by_key(|rule| rule.id);
    let squid = squid::lint::CHECKS.iter().map(|check| &check.rule);
    let apache = apache::lint::CHECKS.iter().map(|check| &check.rule);
    nginx.into_iter().chain(apache).chain(squid)
}

/// The rule of an id or a number, in any case.
pub fn rule(name: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id.eq_ignore_ascii_case(name) || rule.number().eq_ignore_ascii_case(name))
}
