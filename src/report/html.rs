//! One page for a browser: everything in one file, no script, nothing fetched, readable in light and dark, on
//! a telephone and on paper.
//!
//! The page says what the text report says, with all evidence folded in. It forbids itself scripts and
//! requests by a Content-Security-Policy; foreign text goes in through [`markup::Markup::text`] only. A new
//! block is a function here that adds to the page; how it looks stands in `style.css`.

mod markup;
#[cfg(test)]
mod tests;
mod timeline;

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::history::utc;
use super::{Report, StepStatus, way};
use crate::causes::{CAUSES, attempt_failed};
use crate::finding::{Exhibit, Finding, Remedy, Severity};
use crate::verdict::Status;
use markup::Markup;

const STYLE: &str = include_str!("html/style.css");

/// Writes the page.
pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Markup::default();
    head(&mut page, report);
    verdict(&mut page, report);
    path(&mut page, report);
    repair(&mut page, report);
    timeline::draw(&mut page, &report.snapshot);
    steps(&mut page, report);
    proof(&mut page, report);
    not_checked(&mut page, report);
    foot(&mut page, report);
    out.write_all(page.finish().as_bytes())
}

fn subject(report: &Report) -> &str {
    let snapshot = &report.snapshot;
    match &snapshot.target.url {
        Some(url) => url,
        None if snapshot.host.name.is_empty() => "this host",
        None => &snapshot.host.name,
    }
}

fn head(page: &mut Markup, report: &Report) {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .raw(&format!(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; \
             base-uri 'none'; form-action 'none'\">\n"
        ))
        .raw("<meta name=\"referrer\" content=\"no-referrer\">\n<title>")
        .text(&format!("fix502: {}", subject(report)))
        .raw("</title>\n<style>")
        .raw(STYLE)
        .raw("</style>\n</head>\n<body>\n");
}

fn verdict(page: &mut Markup, report: &Report) {
    let verdict = &report.verdict;
    page.raw("<header>").classed("h1", "", subject(report));
    let attempts = &report.snapshot.attempts;
    let failed: Vec<_> = attempts.iter().filter(|attempt| attempt_failed(attempt)).collect();
    let shown = failed.first().copied().or_else(|| attempts.first());
    if let Some(attempt) = shown {
        let answer = attempt
            .status
            .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let mut words = if failed.is_empty() {
            format!("{answer} in {} of {} attempts", attempts.len(), attempts.len())
        } else {
            format!("{answer} in {} of {} attempts", failed.len(), attempts.len())
        };
        if let Some(maker) = report.made_by_words() {
            words.push_str(if failed.is_empty() {
                ", answered by "
            } else {
                ", made by "
            });
            words.push_str(&maker);
        }
        page.classed("p", "faint", &words);
    }
    page.raw("</header>\n");
    let (class, word) = match verdict.status {
        Status::Found => ("found", verdict.confidence.unwrap_or_default().word()),
        Status::Healthy => ("healthy", "healthy"),
        Status::Undecided => ("undecided", "undecided"),
    };
    page.raw(&format!(
        "<section class=\"verdict {class}\" aria-label=\"Verdict\">"
    ));
    page.element("p", &verdict.title);
    let cause = verdict.cause.as_deref();
    let label = cause.map_or_else(|| word.to_owned(), |cause| format!("{cause} · {word}"));
    page.classed("p", "faint mono", &label);
    for (rank, id) in verdict.chain.iter().enumerate().skip(1) {
        if let Some(finding) = report.findings.iter().find(|finding| finding.cause == *id) {
            let words = if rank == 1 { "which led to: " } else { "and to: " };
            page.element("p", &format!("{words}{}", finding.message));
        }
    }
    if let Some(title) = CAUSES
        .iter()
        .find(|known| Some(known.id) == cause && verdict.chain.len() < 2)
        .map(|known| known.title)
    {
        page.element("p", title);
    }
    if verdict.status == Status::Undecided && !verdict.also_possible.is_empty() {
        page.raw("<p>Possible:</p><ul>");
        for id in &verdict.also_possible {
            let message = report
                .findings
                .iter()
                .find(|finding| finding.cause == *id)
                .map(|finding| finding.message.as_str())
                .or_else(|| CAUSES.iter().find(|known| known.id == id).map(|known| known.title))
                .unwrap_or_default();
            page.raw("<li>")
                .text(message)
                .raw(" ")
                .classed("span", "faint mono", id)
                .raw("</li>");
        }
        page.raw("</ul>");
    } else if !verdict.also_possible.is_empty() {
        page.classed(
            "p",
            "faint",
            &format!("also possible: {}", verdict.also_possible.join(", ")),
        );
    }
    page.raw("</section>\n");
}

fn path(page: &mut Markup, report: &Report) {
    let hops = way::hops(report);
    if hops.len() < 2 {
        return;
    }
    page.raw("<h2>The way of the request</h2>\n<ol class=\"way\">");
    for hop in &hops {
        page.raw(if hop.broken {
            "<li class=\"broken\">"
        } else {
            "<li>"
        });
        page.raw("<span class=\"hop\">").element("b", &hop.label);
        let under = match (hop.broken, hop.under.is_empty()) {
            (true, true) => "broken here".to_owned(),
            (true, false) => format!("broken here: {}", hop.under),
            (false, _) => hop.under.clone(),
        };
        if !under.is_empty() {
            page.element("small", &under);
        }
        page.raw("</span></li>");
    }
    page.raw("</ol>\n");
}

fn repair(page: &mut Markup, report: &Report) {
    let Some(root) = report
        .root()
        .filter(|root| report.verdict.status == Status::Found && !root.remedies.is_empty())
    else {
        return;
    };
    page.raw("<h2>Repair</h2>\n<ol>");
    for remedy in &root.remedies {
        page.raw("<li>");
        remedy_lines(page, remedy);
        page.raw("</li>");
    }
    page.raw("</ol>\n");
}

fn remedy_lines(page: &mut Markup, remedy: &Remedy) {
    page.element("p", &remedy.summary);
    if let Some(command) = remedy.command() {
        page.classed("pre", "command", &command);
    }
    if let Some(edit) = &remedy.edit {
        let place = match edit.line {
            0 => edit.file.clone(),
            line => format!("{}:{line}", edit.file),
        };
        page.classed("p", "faint mono", &place);
        page.classed("pre", "command", &edit.replacement);
    }
    if let Some(risk) = &remedy.risk {
        page.classed("p", "warn", &format!("careful: {risk}"));
    }
    if let Some(undo) = remedy.undo_command() {
        page.classed("p", "faint", "to take it back:");
        page.classed("pre", "command", &undo);
    }
}

fn steps(page: &mut Markup, report: &Report) {
    if report.steps.is_empty() {
        return;
    }
    page.raw("<h2>The eight steps</h2>\n<table>");
    for step in &report.steps {
        let (sign, class, words) = match step.status {
            StepStatus::Ok => ("✓", "good", "ok"),
            StepStatus::Problem => ("✗", "bad", "problem"),
            StepStatus::Warning => ("!", "warn", "warning"),
            StepStatus::CouldNotCheck => ("?", "warn", "could not check"),
            StepStatus::Skipped => ("–", "faint", "skipped"),
        };
        page.raw("<tr>")
            .classed("td", "faint", &step.number.to_string())
            .raw(&format!(
                "<td class=\"mark {class}\" title=\"{words}\">{sign}</td>"
            ))
            .classed("th", "title", step.id.title())
            .raw("<td>")
            .text(&step.summary);
        if !step.details.is_empty() {
            page.raw("<details><summary>what was seen</summary>");
            page.classed("pre", "", &step.details.join("\n"));
            page.raw("</details>");
        }
        page.raw("</td></tr>");
    }
    page.raw("</table>\n");
}

/// Every finding with all its evidence; the root's stands open.
fn proof(page: &mut Markup, report: &Report) {
    if report.findings.is_empty() {
        return;
    }
    page.raw("<h2>Evidence</h2>\n");
    let root = report.root().filter(|_| report.verdict.status == Status::Found);
    for finding in &report.findings {
        let is_root = root == Some(finding);
        page.raw(if is_root { "<details open>" } else { "<details>" });
        let class = match finding.severity {
            Severity::Error => "bad",
            Severity::Warning => "warn",
            Severity::Info => "faint",
        };
        let id = finding.rule.as_deref().unwrap_or(&finding.cause);
        page.raw("<summary>")
            .classed("span", class, &finding.message)
            .raw(" ")
            .classed(
                "span",
                "faint mono",
                &format!("{id}, {}", finding.confidence.word()),
            )
            .raw("</summary>");
        shown(page, report, finding);
        if !is_root {
            for remedy in &finding.remedies {
                remedy_lines(page, remedy);
            }
        }
        page.raw("</details>\n");
    }
}

fn shown(page: &mut Markup, report: &Report, finding: &Finding) {
    if let Some(place) = &finding.at {
        page.classed("p", "mono", &place.to_string());
        let excerpt = report.snapshot.config.seen().and_then(|summary| {
            summary
                .errors
                .iter()
                .chain(&summary.lint)
                .find(|problem| problem.place.file == place.file && problem.place.line == place.line)
                .map(|problem| problem.excerpt.as_str())
        });
        if let Some(excerpt) = excerpt.filter(|excerpt| !excerpt.is_empty()) {
            page.classed("pre", "", excerpt);
        }
    }
    page.raw("<dl class=\"exhibit\">");
    for exhibit in &finding.evidence {
        exhibit_lines(page, exhibit);
    }
    page.raw("</dl>");
}

fn exhibit_lines(page: &mut Markup, exhibit: &Exhibit) {
    page.element("dt", &exhibit.kind).raw("<dd>").lines(&exhibit.text);
    if let Some(file) = &exhibit.file {
        let place = match exhibit.line {
            Some(line) => format!("{file}:{line}"),
            None => file.clone(),
        };
        if !exhibit.text.contains(&place) {
            page.raw("<br>").classed("span", "faint mono", &place);
        }
    }
    if let Some(command) = &exhibit.command {
        page.classed("pre", "command", command);
    }
    page.raw("</dd>");
}

fn not_checked(page: &mut Markup, report: &Report) {
    if report.incomplete.is_empty() {
        return;
    }
    page.raw("<h2>Not checked</h2>\n<ul>");
    for hole in &report.incomplete {
        page.raw("<li>").text(&hole.what);
        if !hole.why.is_empty() {
            page.text(&format!(": {}", hole.why));
        }
        if !hole.settle_with.is_empty() {
            page.raw(" <span class=\"faint\">settled by</span>")
                .classed("pre", "command", &hole.settle_with);
        }
        page.raw("</li>");
    }
    page.raw("</ul>\n");
}

fn foot(page: &mut Markup, report: &Report) {
    let snapshot = &report.snapshot;
    page.raw("<footer>");
    let mut words = format!("fix502 {}", env!("CARGO_PKG_VERSION"));
    if snapshot.host.now_ms > 0 {
        words = format!("{words}, seen at {}", utc(snapshot.host.now_ms));
    }
    if !snapshot.host.name.is_empty() {
        words = format!("{words} on {}", snapshot.host.name);
    }
    page.classed("p", "faint", &words);
    if let Some(cause) = &report.verdict.cause {
        page.classed("p", "faint", "what this cause means:");
        page.classed("pre", "command", &format!("fix502 explain {cause}"));
    }
    page.raw("</footer>\n</body>\n</html>\n");
}
