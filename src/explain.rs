//! The pages of the documentation, inside the program: they are there at 3 a.m. without a network.
//!
//! [`page`] finds the Markdown, [`print`] shows it on a terminal. The pages are the files under `docs/`;
//! nothing is said here that is not said there, but for the list of what there is.

mod markdown;
mod pages;
mod rules;

use std::fmt::Write as _;

use crate::finding::StepId;
use crate::options::{UsageError, distance};

pub use markdown::print;

/// The Markdown for a topic; without one, what there is and how to read a verdict.
///
/// A topic is the id of a cause, the id or number of a lint rule, the id or number of a step, `guide`, or a status that the guide compares
/// with 502.
///
/// # Errors
/// When there is no such page; the hint names the nearest one.
pub fn page(topic: Option<&str>) -> Result<String, UsageError> {
    let Some(topic) = topic else {
        return Ok(overview());
    };
    let wanted = topic.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    let cause = causes()
        .find(|(id, _)| *id == wanted)
        .map(|(_, text)| text.to_owned());
    let step = || StepId::parse(&wanted).map(|step| pages::step(step).to_owned());
    let guide = || match wanted.as_str() {
        "guide" => Some(pages::GUIDE.to_owned()),
        status => neighbours(status),
    };
    cause
        .or_else(step)
        .or_else(|| rules::page(&wanted))
        .or_else(guide)
        .ok_or_else(|| unknown(topic, &wanted))
}

/// Ids of the causes with their pages, in the order of the catalogue.
pub fn causes() -> impl Iterator<Item = (&'static str, &'static str)> {
    pages::FAMILIES.iter().flat_map(|family| family.pages.iter().copied())
}

/// Ids of the lint rules with their pages, sorted.
pub fn rules() -> impl Iterator<Item = (&'static str, &'static str)> {
    rules::PAGES.iter().copied()
}

/// Everything that [`page`] knows, for completions and hints.
pub fn topics() -> impl Iterator<Item = &'static str> {
    causes()
        .map(|(id, _)| id)
        .chain(rules().map(|(id, _)| id))
        .chain(StepId::ALL.iter().map(|step| step.id()))
        .chain(["guide", "500", "502", "503", "504"])
}

fn unknown(topic: &str, wanted: &str) -> UsageError {
    let near: Vec<&str> = topics()
        .filter(|known| wanted.len() > 3 && known.to_ascii_lowercase().contains(wanted))
        .take(3)
        .collect();
    let error = UsageError::new(format!("there is no page {topic:?}"));
    if !near.is_empty() {
        return error.hint(format!("did you mean {}?", near.join(", ")));
    }
    let far = |known: &str| distance(&known.to_ascii_lowercase(), wanted);
    match topics().map(|known| (far(known), known)).min() {
        Some((far, known)) if far <= known.len() / 2 => error.hint(format!("did you mean {known}?")),
        _ => error.hint("fix502 explain lists all pages"),
    }
}

/// The first paragraph of a page, on one line.
fn summary(page: &str) -> String {
    page.lines()
        .skip_while(|line| line.starts_with('#') || line.trim().is_empty())
        .take_while(|line| !line.trim().is_empty())
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ")
}

/// What the guide says about a status: 502 and those it is confused with stand in one table.
fn neighbours(status: &str) -> Option<String> {
    let section = section(pages::GUIDE, "502")?;
    let row = format!("| {status} ");
    section.lines().any(|line| line.starts_with(&row)).then_some(section)
}

/// The part of a page whose heading holds this word, down to the next heading of the same rank or
/// a higher one. The title of the page is no such heading.
fn section(page: &str, word: &str) -> Option<String> {
    let rank = |line: &str| line.bytes().take_while(|byte| *byte == b'#').count();
    let mut lines = page.lines().skip_while(|line| {
        rank(line) < 2
            || !line
                .split(|c: char| !c.is_ascii_alphanumeric())
                .any(|part| part == word)
    });
    let heading = lines.next()?;
    let mut text = format!("{heading}\n");
    for line in lines.take_while(|line| rank(line) == 0 || rank(line) > rank(heading)) {
        text.push_str(line);
        text.push('\n');
    }
    Some(text)
}

/// The command that takes a step alone.
fn command(step: StepId) -> &'static str {
    match step {
        StepId::Upstream => "probe",
        StepId::Config => "lint",
        StepId::Route => "proxy",
        other => other.id(),
    }
}

/// What there is.
fn overview() -> String {
    let mut text = String::from(
        "# fix502 explain\n\n\
         `fix502 explain ID` prints one of these pages; all of them are inside the program.\n\n\
         ## How to read a verdict\n\n\
         - The first line is what the client saw, and below it who made that answer, and where. A 502 is never \
         made by the application whose absence it reports: it is made by the proxy in front of it.\n\
         - VERDICT names the root cause: what to repair. What it led to stands below it.\n\
         - `confirmed`: proved by evidence that no other cause explains. `likely`: fits better than anything \
         else, one piece of proof is missing. `possible`: fits, and so do others.\n\
         - `undecided`: no cause is proved; the last line is the command that would settle it.\n\
         - `?` marks what could not be looked at. It is never counted as fine.\n\n\
         ## Statuses\n\n\
         - `500`: the application (or the proxy itself) failed while it made its own answer.\n\
         - `502`: a proxy got no valid answer from the hop behind it.\n\
         - `503`: a hop says that it cannot serve now, or knows no one who could.\n\
         - `504`: a proxy got no answer in time.\n\n\
         `fix502 explain 502` says more, `fix502 explain guide` everything.\n\n\
         ## The eight steps\n\n",
    );
    for step in StepId::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}. `{}`: {}; alone with `fix502 {}`",
            step.number(),
            step.id(),
            step.title(),
            command(step)
        );
    }
    text.push_str("\n## The rules of fix502 lint\n\n");
    text.push_str(&rules::list());
    text.push_str("\n## The causes\n");
    for family in pages::FAMILIES {
        let _ = write!(text, "\n### {}\n\n", family.title);
        for (id, page) in family.pages {
            let _ = writeln!(text, "- `{id}`: {}", summary(page));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_found_by_its_id_and_starts_with_it() {
        for (id, _) in causes() {
            let text = page(Some(id)).expect(id);
            assert_eq!(text.lines().next(), Some(format!("# {id}").as_str()));
            assert!(!summary(&text).is_empty(), "{id}");
        }
        assert_eq!(causes().count(), 85);
    }

    #[test]
    fn every_id_is_there_once() {
        let mut ids: Vec<&str> = topics().collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }

    #[test]
    fn every_topic_has_a_page() {
        for topic in topics() {
            assert!(page(Some(topic)).is_ok_and(|text| text.len() > 100), "{topic}");
        }
    }

    #[test]
    fn every_cause_of_the_catalogue_has_a_page() {
        for cause in crate::causes::CAUSES {
            assert!(causes().any(|(id, _)| id == cause.id), "{}", cause.id);
        }
    }

    #[test]
    fn the_command_of_every_step_leads_to_that_step() {
        for step in StepId::ALL {
            assert_eq!(StepId::parse(command(step)), Some(step));
            let options = crate::cli::parse(["fix502", command(step)]).expect("a command");
            assert_eq!(options.action, crate::options::Action::Step(step));
        }
    }

    #[test]
    fn a_slip_of_the_hand_gets_a_hint() {
        let hint = |topic| page(Some(topic)).expect_err(topic).hint.unwrap_or_default();
        assert_eq!(hint("upstream-oom-kiled"), "did you mean upstream-oom-killed?");
        assert_eq!(hint("oom-killed"), "did you mean upstream-oom-killed?");
        assert_eq!(
            hint("N005-dead-nested-prefx"),
            "did you mean N005-dead-nested-prefix?"
        );
        assert_eq!(hint("self-loop"), "did you mean N034-self-loop?");
        assert_eq!(hint("timouts"), "did you mean timeouts?");
        assert_eq!(hint("xyzzyxyzzy"), "fix502 explain lists all pages");
    }

    #[test]
    fn the_overview_names_every_step_and_cause() {
        let text = page(None).expect("the overview is always there");
        for topic in topics() {
            assert!(
                text.contains(&format!("`{topic}`")) || topic == "guide",
                "{topic}"
            );
        }
    }

    #[test]
    fn a_section_ends_at_the_next_heading_of_its_rank() {
        let page = "# A\n\n## What a 502 is\n\ntext\n\n### more\n\n## What a 504 is\n\nother\n";
        assert_eq!(
            section(page, "502").as_deref(),
            Some("## What a 502 is\n\ntext\n\n### more\n\n")
        );
        assert_eq!(section(page, "50"), None);
    }
}
