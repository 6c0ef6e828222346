//! Lines of coloured words on a page of a given width.
//!
//! Whatever is put on a page is escaped here, so nothing from outside reaches a terminal as it came. No
//! line is wider than the page, except a command: a command that is broken cannot be pasted.

use std::io::{self, Write};

use console::Style;

use super::TextStyle;
use crate::report::sanitize::{ascii, escaped};

/// What a word means; the colour follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Strong,
    Faint,
    Good,
    Warning,
    Bad,
    Command,
}

/// Words of one tone.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// The lines so far.
pub(crate) struct Page<'a> {
    pub(crate) style: &'a TextStyle,
    lines: Vec<Vec<Span>>,
}

/// Columns that a text takes.
pub(crate) fn columns(text: &str) -> usize {
    console::measure_text_width(text)
}

/// Prose wider than this is hard to read; only the path uses more.
const PROSE: usize = 110;

impl<'a> Page<'a> {
    pub(crate) fn new(style: &'a TextStyle) -> Self {
        Self {
            style,
            lines: Vec::new(),
        }
    }

    /// All columns there are.
    pub(crate) fn full_width(&self) -> usize {
        self.style.width.max(20)
    }

    /// Columns for prose.
    pub(crate) fn width(&self) -> usize {
        self.full_width().min(PROSE)
    }

    /// Text fit for this terminal.
    pub(crate) fn clean(&self, text: &str) -> String {
        let clean = escaped(text);
        if self.style.unicode {
            clean.into_owned()
        } else {
            ascii(&clean).into_owned()
        }
    }

    pub(crate) fn span(&self, text: &str, tone: Tone) -> Span {
        Span {
            text: self.clean(text),
            tone,
        }
    }

    /// An empty line, never two in a row and none at the top.
    pub(crate) fn blank(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(Vec::new());
        }
    }

    /// A line as it is.
    pub(crate) fn line(&mut self, spans: Vec<Span>) {
        self.lines.push(spans);
    }

    /// A label and a text beside it, wrapped at its own left edge; on a narrow page the text goes below.
    pub(crate) fn labelled(&mut self, label: &[(&str, Tone)], indent: usize, text: &str, tone: Tone) {
        let mut head: Vec<Span> = label.iter().map(|(text, tone)| self.span(text, *tone)).collect();
        let used: usize = head.iter().map(|span| columns(&span.text)).sum();
        let clean = self.clean(text);
        let touches = used == indent && !label.last().is_some_and(|(text, _)| text.ends_with(' '));
        let narrow = indent * 2 >= self.width() && indent + columns(&clean) > self.width();
        let below = used > 0 && (used > indent || touches || narrow);
        let left = if below { self.hanging(indent) } else { indent };
        let mut rows = wrapped(&clean, self.width().saturating_sub(left).max(8)).into_iter();
        if below {
            self.lines.push(head);
        } else if let Some(first) = rows.next() {
            head.push(Span {
                text: " ".repeat(indent.saturating_sub(used)),
                tone: Tone::Plain,
            });
            head.push(Span { text: first, tone });
            self.lines.push(head);
        }
        for row in rows {
            let margin = Span {
                text: " ".repeat(left),
                tone: Tone::Plain,
            };
            self.lines.push(vec![margin, Span { text: row, tone }]);
        }
    }

    /// A text wrapped at this left edge.
    pub(crate) fn prose(&mut self, indent: usize, text: &str, tone: Tone) {
        self.labelled(&[], self.hanging(indent), text, tone);
    }

    /// A command with `$`, whole, however wide.
    pub(crate) fn command(&mut self, indent: usize, command: &str) {
        let margin = format!("{}$ ", " ".repeat(self.hanging(indent)));
        let spans = vec![self.span(&margin, Tone::Faint), self.span(command, Tone::Command)];
        self.lines.push(spans);
    }

    /// A line drawn elsewhere from clean text.
    pub(crate) fn quoted(&mut self, indent: usize, line: &str) {
        let text = format!("{}{}", " ".repeat(indent), self.clean(line));
        self.lines.push(vec![Span {
            text,
            tone: Tone::Plain,
        }]);
    }

    /// A line that must stay as it is, such as a line of code.
    pub(crate) fn verbatim(&mut self, indent: usize, line: &str) {
        let spans = vec![
            self.span(&" ".repeat(indent), Tone::Plain),
            self.span(line, Tone::Command),
        ];
        self.lines.push(spans);
    }

    /// The left edge that is left of an indentation on a narrow page.
    pub(crate) fn hanging(&self, indent: usize) -> usize {
        if indent * 2 >= self.width() {
            indent.min(4)
        } else {
            indent
        }
    }

    /// Left and right on one line when both fit; otherwise the right goes below the left.
    pub(crate) fn opposed(
        &mut self,
        label: (&str, Tone),
        indent: usize,
        left: (&str, Tone),
        right: (&str, Tone),
    ) {
        let (left_clean, right_clean) = (self.clean(left.0), self.clean(right.0));
        let needed = indent + columns(&left_clean) + 2 + columns(&right_clean);
        if right_clean.is_empty()
            || needed > self.width()
            || columns(label.0) > indent
            || (columns(label.0) == indent && !label.0.ends_with(' '))
        {
            self.labelled(&[label], indent, left.0, left.1);
            if !right_clean.is_empty() {
                self.prose(indent, right.0, right.1);
            }
            return;
        }
        let gap = self.width() - needed + 2;
        let spans = vec![
            self.span(&format!("{:indent$}", label.0), label.1),
            Span {
                text: left_clean,
                tone: left.1,
            },
            Span {
                text: " ".repeat(gap),
                tone: Tone::Plain,
            },
            Span {
                text: right_clean,
                tone: right.1,
            },
        ];
        self.lines.push(spans);
    }

    /// Writes the page.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in &self.lines {
            let mut text = String::new();
            let last = line.iter().rposition(|span| !span.text.trim_end().is_empty());
            for (index, span) in line.iter().enumerate() {
                let Some(last) = last else { break };
                let words = match index.cmp(&last) {
                    std::cmp::Ordering::Less => span.text.as_str(),
                    std::cmp::Ordering::Equal => span.text.trim_end(),
                    std::cmp::Ordering::Greater => break,
                };
                text.push_str(&self.painted(words, span.tone));
            }
            writeln!(out, "{text}")?;
        }
        Ok(())
    }

    fn painted(&self, words: &str, tone: Tone) -> String {
        if !self.style.color || tone == Tone::Plain || words.trim().is_empty() {
            return words.to_owned();
        }
        let style = Style::new().force_styling(true);
        let style = match tone {
            Tone::Plain => style,
            Tone::Strong => style.bold(),
            Tone::Faint => style.dim(),
            Tone::Good => style.green(),
            Tone::Warning => style.yellow(),
            Tone::Bad => style.red().bold(),
            Tone::Command => style.cyan(),
        };
        style.apply_to(words).to_string()
    }
}

/// Breaks a text into rows of at most `width` columns, between words where it can.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut rows = Vec::new();
    let mut row = String::new();
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let wide = columns(word);
        if used > 0 && used + 1 + wide > width {
            rows.push(std::mem::take(&mut row));
            used = 0;
        }
        if used > 0 {
            row.push(' ');
            used += 1;
        }
        if used + wide <= width {
            row.push_str(word);
            used += wide;
            continue;
        }
        for character in word.chars() {
            let wide = columns(character.encode_utf8(&mut [0; 4]));
            if used + wide > width && used > 0 {
                rows.push(std::mem::take(&mut row));
                used = 0;
            }
            row.push(character);
            used += wide;
        }
    }
    if !row.is_empty() || rows.is_empty() {
        rows.push(row);
    }
    rows
}
