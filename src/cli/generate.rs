//! Completions and the manual page, made from the same definition as the help.

use std::io::{self, Write};

use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

use crate::explain;
use crate::finding::StepId;

/// Writes the completions for a shell.
///
/// # Errors
/// When `out` cannot be written.
pub fn completions(shell: Shell, out: &mut dyn Write) -> io::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut completed(), "fix502", &mut text);
    out.write_all(&text)
}

/// The command with the values that a shell can offer. They are no part of the command itself: there a wrong
/// one gets a hint of its own, and not a list of a hundred.
fn completed() -> clap::Command {
    let steps = || PossibleValuesParser::new(StepId::ALL.iter().map(|step| step.id()));
    let search = |command: clap::Command| {
        command
            .mut_arg("steps", |argument| argument.value_parser(steps()))
            .mut_arg("skips", |argument| argument.value_parser(steps()))
    };
    let mut command = search(super::command());
    let names: Vec<String> = command
        .get_subcommands()
        .filter(|word| word.get_arguments().any(|argument| argument.get_id() == "steps"))
        .map(|word| word.get_name().to_owned())
        .collect();
    for name in names {
        command = command.mut_subcommand(name, search);
    }
    command.mut_subcommand("explain", |word| {
        word.mut_arg("topic", |argument| {
            argument.value_parser(PossibleValuesParser::new(explain::topics()))
        })
    })
}

/// Writes the manual page (section 1, one page for all commands).
///
/// # Errors
/// When `out` cannot be written.
pub fn man(out: &mut dyn Write) -> io::Result<()> {
    // A date would make the committed page differ every day.
    let mut command = super::command();
    command.build();
    let page = clap_mangen::Man::new(command.clone()).date("");
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    writeln!(out, ".SH COMMANDS")?;
    for word in command.get_subcommands() {
        subcommand(word, out)?;
    }
    for block in super::AFTER_HELP.split("\n\n") {
        match block.split_once(":\n") {
            Some((heading, lines)) => {
                writeln!(out, ".SH {}\n.nf\n{}\n.fi", heading.to_uppercase(), roff(lines))?;
            }
            None => writeln!(out, ".PP\n{}", roff(block))?,
        }
    }
    page.render_version_section(out)
}

fn subcommand(word: &clap::Command, out: &mut dyn Write) -> io::Result<()> {
    let usage = word.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    writeln!(out, ".TP\n\\fB{}\\fR", roff(usage))?;
    let about = word.get_long_about().or_else(|| word.get_about());
    for (index, paragraph) in about
        .map(ToString::to_string)
        .unwrap_or_default()
        .split("\n\n")
        .enumerate()
    {
        if index > 0 {
            writeln!(out, ".IP")?;
        }
        writeln!(out, "{}", roff(&paragraph.replace('\n', " ")))?;
    }
    Ok(())
}

/// Text in which nothing is a request to roff.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('-', "\\-");
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}
