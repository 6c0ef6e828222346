//! The walk through the eight steps with a person at a terminal.
//!
//! [`Walk`] is the diagnosis, [`Prompt`] the person, [`Position`] where the two of them are; here they meet.
//! Everything is collected in the background from the first moment, so a step that is reached is mostly
//! there already. Remedies are shown and never run.

mod position;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

pub use position::{Choice, Move, Position};

use crate::evidence::Target;
use crate::exit::Exit;
use crate::finding::{Finding, Severity, StepId};
use crate::options::{Address, Credentials, parse_address};
use crate::report::{Report, StepStatus, StepSummary, TextStyle, render_step, render_text};
use crate::ui::Ui;
use crate::ui::prompt::{NoAnswer, Prompt};

/// The diagnosis, as far as the wizard needs it.
pub trait Walk {
    /// Begins to collect in the background, from the beginning when something was collected before. A
    /// target without a URL means: check the host.
    fn start(&mut self, target: &Target, credentials: Option<&Credentials>);

    /// The result of a step, when it is there. May wait a little (100 ms), never long: Ctrl-C is looked for
    /// between two calls.
    fn poll(&mut self, step: StepId) -> Option<(StepSummary, Vec<Finding>)>;

    /// The whole report, when everything is there. May wait as [`Walk::poll`] does.
    fn verdict(&mut self) -> Option<Report>;

    /// Writes the support bundle.
    ///
    /// # Errors
    /// Why it could not be written, as a lower-case fragment.
    fn write_bundle(&mut self) -> Result<PathBuf, String>;

    /// What the bundle will hold and where it will be written, line by line.
    fn bundle_preview(&self) -> Vec<String>;

    /// Server names (or URLs) that this host serves, offered when no URL was given.
    fn sites(&self) -> Vec<String>;
}

/// Why a walk ended before its verdict.
enum Stop {
    Interrupted,
    Gone,
    Quit,
    Output(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<NoAnswer> for Stop {
    fn from(answer: NoAnswer) -> Self {
        match answer {
            NoAnswer::Interrupted => Self::Interrupted,
            NoAnswer::Gone => Self::Gone,
        }
    }
}

/// Walks through these steps, and says how the program ends.
///
/// `interrupted` is set by whoever handles Ctrl-C. Quitting before the verdict is no verdict: the exit is
/// [`Exit::Undecided`].
///
/// # Errors
/// When stdout cannot be written, other than because its reader went away.
pub fn walk(
    walk: &mut dyn Walk,
    person: &mut dyn Prompt,
    ui: &mut Ui,
    address: Option<Address>,
    steps: &[StepId],
    interrupted: &AtomicBool,
) -> io::Result<Exit> {
    let mut wizard = Wizard {
        walk,
        person,
        ui,
        interrupted,
        target: Target::default(),
        credentials: None,
    };
    match wizard.all(address, steps) {
        Ok(exit) => Ok(exit),
        Err(Stop::Interrupted) => Ok(Exit::Interrupted),
        Err(Stop::Quit | Stop::Gone) => Ok(Exit::Undecided),
        Err(Stop::Output(error)) => Err(error),
    }
}

struct Wizard<'a> {
    walk: &'a mut dyn Walk,
    person: &'a mut dyn Prompt,
    ui: &'a mut Ui,
    interrupted: &'a AtomicBool,
    target: Target,
    credentials: Option<Credentials>,
}

/// What was shown of a step.
struct Shown {
    step: StepSummary,
    findings: Vec<Finding>,
}

impl Wizard<'_> {
    fn all(&mut self, address: Option<Address>, steps: &[StepId]) -> Result<Exit, Stop> {
        let address = match address {
            Some(address) => Some(address),
            None => self.ask_for_the_address()?,
        };
        if let Some(address) = address {
            self.target = address.target;
            self.credentials = address.credentials;
        }
        self.walk.start(&self.target, self.credentials.as_ref());
        if let Some(mut position) = Position::new(steps) {
            self.steps(&mut position)?;
        }
        self.finish()
    }

    fn ask_for_the_address(&mut self) -> Result<Option<Address>, Stop> {
        let mut offered: Vec<Address> = Vec::new();
        for site in self.walk.sites() {
            // A name with a wildcard or a pattern is no place to go to.
            if let Ok(address) = parse_address(&site)
                && !offered.contains(&address)
            {
                offered.push(address);
            }
        }
        if !offered.is_empty() {
            let mut items: Vec<String> = offered.iter().filter_map(|site| site.target.url.clone()).collect();
            items.push("another URL".to_owned());
            items.push("no URL: check this host".to_owned());
            let chosen = self.person.choose("Which URL answers 502?", &items, 0)?;
            if chosen < offered.len() {
                return Ok(Some(offered.swap_remove(chosen)));
            }
            if chosen > offered.len() {
                return Ok(None);
            }
        }
        Ok(self.person.address("URL that answers 502 (empty: check this host)")?)
    }

    fn steps(&mut self, position: &mut Position) -> Result<(), Stop> {
        let mut shown = self.show(position.step(), position.number())?;
        loop {
            let choices = position.choices();
            let items: Vec<String> = choices
                .iter()
                .map(|choice| position.words(*choice).to_owned())
                .collect();
            let index = self.person.choose("What next?", &items, 0)?;
            let Some(choice) = choices.get(index) else {
                continue;
            };
            match position.choose(*choice) {
                Move::Show(step) => shown = self.show(step, position.number())?,
                Move::Evidence(_) => self.show_evidence(&shown)?,
                Move::Again(step) => {
                    self.walk.start(&self.target, self.credentials.as_ref());
                    let before = shown;
                    shown = self.show(step, position.number())?;
                    self.say_what_changed(&before, &shown)?;
                }
                Move::Bundle => self.bundle()?,
                Move::Verdict => return Ok(()),
                Move::Quit => return Err(Stop::Quit),
            }
        }
    }

    /// Waits for something that comes in time.
    fn wait_for<T>(
        &mut self,
        what: &str,
        mut ask: impl FnMut(&mut dyn Walk) -> Option<T>,
    ) -> Result<T, Stop> {
        let progress = self.ui.progress(what);
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(Stop::Interrupted);
            }
            if let Some(answer) = ask(self.walk) {
                drop(progress);
                return Ok(answer);
            }
            crate::host::pause(std::time::Duration::from_millis(5));
        }
    }

    fn show(&mut self, step: StepId, (number, of): (usize, usize)) -> Result<Shown, Stop> {
        let what = format!("{} …", step.title());
        let (summary, findings) = self.wait_for(&what, |walk| walk.poll(step))?;
        self.ui.line(&format!("Step {number} of {of}"))?;
        let style = TextStyle {
            detail: 0,
            ..self.ui.style()
        };
        // One repair at a time: that of the worst finding.
        let worst: Vec<Finding> = findings
            .iter()
            .filter(|finding| finding.severity > Severity::Info)
            .max_by_key(|finding| (finding.severity, finding.confidence))
            .cloned()
            .into_iter()
            .collect();
        self.ui.print(|out| render_step(&summary, &worst, &style, out))?;
        self.ui.line("")?;
        Ok(Shown {
            step: summary,
            findings,
        })
    }

    fn show_evidence(&mut self, shown: &Shown) -> Result<(), Stop> {
        let style = TextStyle {
            detail: 2,
            ..self.ui.style()
        };
        self.ui
            .print(|out| render_step(&shown.step, &shown.findings, &style, out))?;
        if shown.step.details.is_empty() && shown.findings.is_empty() {
            self.ui.line("    nothing beyond this line")?;
        }
        self.ui.line("")?;
        Ok(())
    }

    fn say_what_changed(&mut self, before: &Shown, after: &Shown) -> Result<(), Stop> {
        for line in changes(before, after) {
            self.ui.line(&line)?;
        }
        self.ui.line("")?;
        Ok(())
    }

    fn bundle(&mut self) -> Result<(), Stop> {
        self.ui.line("")?;
        self.ui.line("The bundle holds, after redaction:")?;
        for line in self.walk.bundle_preview() {
            self.ui.line(&format!("  {line}"))?;
        }
        self.ui.line("")?;
        let items = ["Write it".to_owned(), "Not now".to_owned()];
        if self.person.choose("Write the bundle?", &items, 0)? != 0 {
            return Ok(());
        }
        let progress = self.ui.progress("Bundle …");
        let written = self.walk.write_bundle();
        drop(progress);
        match written {
            Ok(path) => {
                self.ui.line(&format!("written: {}", path.display()))?;
                self.ui.line(
                    "next: read it, send it with the ticket.md that is in it, and for another machine:",
                )?;
                self.ui.line(&format!("      fix502 triage {}", path.display()))?;
            }
            Err(reason) => self.ui.complain(&format!("no bundle was written: {reason}"), None),
        }
        self.ui.line("")?;
        Ok(())
    }

    fn finish(&mut self) -> Result<Exit, Stop> {
        let report = self.wait_for("Verdict …", |walk| walk.verdict())?;
        let style = self.ui.style();
        self.ui.line("")?;
        self.ui.print(|out| render_text(&report, &style, out))?;
        Ok(Exit::from(report.verdict.status))
    }
}

/// What a second look at a step gave, against the first one.
fn changes(before: &Shown, after: &Shown) -> Vec<String> {
    let gone = before
        .findings
        .iter()
        .filter(|old| !after.findings.iter().any(|new| new.cause == old.cause));
    let new = after
        .findings
        .iter()
        .filter(|new| !before.findings.iter().any(|old| old.cause == new.cause));
    let mut lines: Vec<String> = gone.map(|finding| format!("gone: {}", finding.message)).collect();
    lines.extend(new.map(|finding| format!("new: {}", finding.message)));
    if before.step.status != after.step.status {
        lines.push(format!(
            "changed: {} -> {}",
            status_words(before.step.status),
            status_words(after.step.status)
        ));
    }
    if lines.is_empty() {
        lines.push(if before.step.summary == after.step.summary {
            "nothing has changed".to_owned()
        } else {
            format!("before: {}", before.step.summary)
        });
    }
    lines
}

fn status_words(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Ok => "fine",
        StepStatus::Problem => "a problem",
        StepStatus::Warning => "a warning",
        StepStatus::CouldNotCheck => "could not be checked",
        StepStatus::Skipped => "left out",
    }
}
