//! The terminal: what is written where, in which style, and how a person is asked.
//!
//! This room only talks. It decides nothing about a diagnosis and asks the host nothing but what the
//! terminal is like. Data goes to stdout, everything else to stderr; a reader that went away (`| head`) is
//! no error. Prompts are in [`prompt`], the sign of life while something is waited for in [`progress`].

pub mod progress;
pub mod prompt;

use std::io::{self, Write};

use crate::host::TerminalFacts;
use crate::options::{ColorChoice, Options};
use crate::report::TextStyle;
use crate::report::sanitize::{ascii, escaped};

/// Columns where no terminal says how many it has.
const USUAL_WIDTH: u16 = 100;

/// A prompt needs at least so many columns.
const LEAST_WIDTH: usize = 20;

/// The two streams, and how the terminal wants its text.
pub struct Ui {
    style: TextStyle,
    can_prompt: bool,
    shows_progress: bool,
    out: Box<dyn Write>,
    errors: Box<dyn Write>,
    reader_is_gone: bool,
}

impl Ui {
    /// For this process's stdout and stderr.
    pub fn new(facts: &TerminalFacts, options: &Options) -> Self {
        let seen = facts
            .output_is_terminal
            .then(|| console::Term::stdout().size_checked());
        let columns = seen
            .flatten()
            .map(|(_, columns)| columns)
            .filter(|columns| *columns > 0);
        let style = style(facts, options, columns);
        let quiet = options.detail == 0;
        Self {
            can_prompt: can_prompt(facts, options.never_prompt, style.width),
            shows_progress: facts.errors_are_terminal && !is_dumb(facts) && !quiet,
            style,
            out: Box::new(io::stdout()),
            errors: Box::new(io::stderr()),
            reader_is_gone: false,
        }
    }

    /// For other streams; it never prompts and shows no progress.
    pub fn on(style: TextStyle, out: Box<dyn Write>, errors: Box<dyn Write>) -> Self {
        Self {
            style,
            can_prompt: false,
            shows_progress: false,
            out,
            errors,
            reader_is_gone: false,
        }
    }

    /// How text is to look on stdout.
    pub fn style(&self) -> TextStyle {
        self.style
    }

    /// A person is there and can be asked.
    pub fn can_prompt(&self) -> bool {
        self.can_prompt
    }

    /// The reader of stdout went away: there is no use in more text.
    pub fn reader_is_gone(&self) -> bool {
        self.reader_is_gone
    }

    /// Writes to stdout what `write` writes, at once. When the reader went away, that is no error.
    ///
    /// # Errors
    /// When stdout cannot be written for another reason (a full disk behind a redirection).
    pub fn print(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        if self.reader_is_gone {
            return Ok(());
        }
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        match self.out.write_all(&bytes).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.reader_is_gone = true;
                Ok(())
            }
            other => other,
        }
    }

    /// Writes a line to stdout; what is in it from outside is escaped.
    ///
    /// # Errors
    /// As [`Ui::print`].
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        let text = self.clean(text);
        self.print(|out| writeln!(out, "{text}"))
    }

    /// Says on stderr what went wrong, and what to do about it. There is nowhere to report a failure of this.
    pub fn complain(&mut self, message: &str, hint: Option<&str>) {
        let tip = hint.map(|hint| format!("  tip: {}\n", self.clean(hint)));
        let text = format!("fix502: {}\n{}", self.clean(message), tip.unwrap_or_default());
        let _ = self
            .errors
            .write_all(text.as_bytes())
            .and_then(|()| self.errors.flush());
    }

    /// Says on stderr what is being done, or was done.
    pub fn note(&mut self, text: &str) {
        let text = self.clean(text);
        let _ = writeln!(self.errors, "{text}");
    }

    /// Shows a sign of life on stderr while the result lives; nothing for the first half second.
    pub fn progress(&self, text: &str) -> progress::Progress {
        progress::Progress::start(self.shows_progress, self.style.unicode, &self.clean(text))
    }

    fn clean(&self, text: &str) -> String {
        let text = escaped(text);
        if self.style.unicode {
            text.into_owned()
        } else {
            ascii(&text).into_owned()
        }
    }
}

fn is_dumb(facts: &TerminalFacts) -> bool {
    matches!(facts.term.as_deref(), None | Some("" | "dumb"))
}

fn style(facts: &TerminalFacts, options: &Options, columns: Option<u16>) -> TextStyle {
    TextStyle {
        color: match options.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => facts.output_is_terminal && !facts.no_color && !is_dumb(facts),
        },
        unicode: speaks_unicode(facts),
        width: usize::from(options.width.or(columns).unwrap_or(USUAL_WIDTH)),
        detail: options.detail,
    }
}

/// A terminal needs a locale that says so, and a font: the console of Linux has none of the signs. A file or
/// a pipe gets UTF-8 unless the locale says otherwise.
fn speaks_unicode(facts: &TerminalFacts) -> bool {
    let language = facts.language.as_deref().map(str::to_ascii_lowercase);
    match (language, facts.output_is_terminal) {
        (Some(language), on_terminal) => {
            let utf8 = language.contains("utf-8") || language.contains("utf8");
            utf8 && !(on_terminal && (is_dumb(facts) || facts.term.as_deref() == Some("linux")))
        }
        (None, on_terminal) => !on_terminal,
    }
}

fn can_prompt(facts: &TerminalFacts, never: bool, width: usize) -> bool {
    !never
        && facts.input_is_terminal
        && facts.output_is_terminal
        && facts.errors_are_terminal
        && !is_dumb(facts)
        && width >= LEAST_WIDTH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal() -> TerminalFacts {
        TerminalFacts {
            term: Some("xterm-256color".to_owned()),
            no_color: false,
            language: Some("de_DE.UTF-8".to_owned()),
            input_is_terminal: true,
            output_is_terminal: true,
            errors_are_terminal: true,
        }
    }

    fn options(line: &[&str]) -> Options {
        crate::cli::parse(line).expect("a command line")
    }

    fn usual(facts: &TerminalFacts, line: &[&str]) -> TextStyle {
        style(facts, &options(line), Some(80))
    }

    #[test]
    fn a_terminal_gets_colour_and_signs_in_its_own_width() {
        let style = usual(&terminal(), &["fix502"]);
        assert!(style.color && style.unicode);
        assert_eq!((style.width, style.detail), (80, 1));
    }

    #[test]
    fn a_pipe_gets_no_colour() {
        let mut facts = terminal();
        facts.output_is_terminal = false;
        facts.language = None;
        let style = style(&facts, &options(&["fix502"]), None);
        assert!(!style.color && style.unicode);
        assert_eq!(style.width, 100);
        assert!(usual(&facts, &["fix502", "--color", "always"]).color);
    }

    #[test]
    fn no_color_a_dumb_terminal_and_the_flag_each_turn_colour_off() {
        let mut facts = terminal();
        facts.no_color = true;
        assert!(!usual(&facts, &["fix502"]).color);
        assert!(usual(&facts, &["fix502", "--color", "always"]).color);
        facts = terminal();
        facts.term = Some("dumb".to_owned());
        assert!(!usual(&facts, &["fix502"]).color);
        assert!(!usual(&terminal(), &["fix502", "--color=never"]).color);
    }

    #[test]
    fn a_terminal_without_utf_8_gets_ascii() {
        for language in [None, Some("C"), Some("POSIX"), Some("de_DE.ISO-8859-1")] {
            let mut facts = terminal();
            facts.language = language.map(str::to_owned);
            assert!(!usual(&facts, &["fix502"]).unicode, "{language:?}");
        }
        let mut console = terminal();
        console.term = Some("linux".to_owned());
        assert!(!usual(&console, &["fix502"]).unicode);
    }

    #[test]
    fn a_person_is_asked_only_where_one_can_answer() {
        assert!(can_prompt(&terminal(), false, 80));
        assert!(!can_prompt(&terminal(), true, 80));
        assert!(!can_prompt(&terminal(), false, 19));
        let mut dumb = terminal();
        dumb.term = Some("dumb".to_owned());
        assert!(!can_prompt(&dumb, false, 80));
        let mut piped = terminal();
        piped.input_is_terminal = false;
        assert!(!can_prompt(&piped, false, 80));
    }

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let style = usual(&terminal(), &["fix502"]);
        let mut ui = Ui::on(style, Box::new(Gone), Box::new(Gone));
        assert!(ui.line("one").is_ok());
        assert!(ui.reader_is_gone());
        assert!(ui.line("two").is_ok());
        ui.complain("nobody hears this", Some("nor this"));
    }
}
