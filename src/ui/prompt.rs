//! Questions to a person at a terminal.
//!
//! [`Prompt`] is what the wizard needs; [`Terminal`] asks with dialoguer on stderr. Ctrl-C and a terminal
//! that went away are answers too.

use std::io;

use console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Input, Select};

use crate::options::{Address, parse_address};
use crate::report::TextStyle;
use crate::report::sanitize::{ascii, escaped};

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// The terminal is gone, or cannot do it.
    #[error("the terminal is gone")]
    Gone,
}

/// Somebody who can be asked.
pub trait Prompt {
    /// Which of these? The answer is an index into `items`.
    ///
    /// # Errors
    /// When there is no answer.
    fn choose(&mut self, question: &str, items: &[String], default: usize) -> Result<usize, NoAnswer>;

    /// Which URL? `None`: none in particular, check the host.
    ///
    /// # Errors
    /// When there is no answer.
    fn address(&mut self, question: &str) -> Result<Option<Address>, NoAnswer>;
}

/// A person at the terminal of this process.
pub struct Terminal {
    stderr: Term,
    theme: Box<dyn Theme>,
    style: TextStyle,
}

impl Terminal {
    /// Asks in this style.
    pub fn new(style: TextStyle) -> Self {
        console::set_colors_enabled_stderr(style.color);
        Self {
            stderr: Term::stderr(),
            theme: if style.color && style.unicode {
                Box::new(ColorfulTheme::default())
            } else {
                Box::new(SimpleTheme)
            },
            style,
        }
    }

    /// A text on one line of this terminal.
    fn short(&self, text: &str) -> String {
        let text = escaped(text);
        let text = if self.style.unicode {
            text.into_owned()
        } else {
            ascii(&text).into_owned()
        };
        console::truncate_str(&text, self.style.width.saturating_sub(6).max(8), "...").into_owned()
    }

    /// Whatever a prompt was doing: the cursor is seen again.
    fn ended<T>(&self, error: &dialoguer::Error) -> Result<T, NoAnswer> {
        // There is nothing to be done about a terminal that is gone.
        let _ = self.stderr.show_cursor();
        let dialoguer::Error::IO(error) = error;
        Err(match error.kind() {
            io::ErrorKind::Interrupted => NoAnswer::Interrupted,
            _ => NoAnswer::Gone,
        })
    }
}

impl Prompt for Terminal {
    fn choose(&mut self, question: &str, items: &[String], default: usize) -> Result<usize, NoAnswer> {
        let items: Vec<String> = items.iter().map(|item| self.short(item)).collect();
        Select::with_theme(self.theme.as_ref())
            .with_prompt(self.short(question))
            .items(&items)
            .default(default.min(items.len().saturating_sub(1)))
            .report(false)
            .interact_on(&self.stderr)
            .or_else(|error| self.ended(&error))
    }

    fn address(&mut self, question: &str) -> Result<Option<Address>, NoAnswer> {
        // A longer line would not be cleared again.
        let width = self.style.width.saturating_sub(4).max(8);
        let text: String = Input::with_theme(self.theme.as_ref())
            .with_prompt(self.short(question))
            .allow_empty(true)
            .validate_with(|text: &String| match text.trim() {
                "" => Ok(()),
                text => parse_address(text).map(|_| ()).map_err(|error| {
                    let hint = error.hint.map(|hint| format!(": {hint}")).unwrap_or_default();
                    let line = format!("{}{hint}", error.message);
                    console::truncate_str(&escaped(&line), width, "...").into_owned()
                }),
            })
            .interact_text_on(&self.stderr)
            .or_else(|error| self.ended(&error))?;
        Ok(parse_address(text.trim()).ok())
    }
}
