//! Completions and the manual page, made from the same definition as the help.

use std::io::{self, Write};

use clap_complete::Shell;

/// Writes the completions for a shell.
///
/// # Errors
/// When `out` cannot be written.
pub fn completions(shell: Shell, out: &mut dyn Write) -> io::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "fix502", &mut text);
    out.write_all(&text)
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
    page.render_extra_section(out)?;
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
