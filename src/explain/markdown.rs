//! Markdown as a person reads it on a terminal: headings bold, code apart, paragraphs wrapped.

use std::io::{self, Write};

use crate::report::TextStyle;
use crate::report::layout::{Page, Tone};

/// Writes Markdown for a terminal of this style. For a pipe or file, write the text as it is instead.
///
/// # Errors
/// When `out` cannot be written.
pub fn print(markdown: &str, style: &TextStyle, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(style);
    let mut block = Block::default();
    let mut fenced = false;
    for line in markdown.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if text.starts_with("```") {
            block.flush(&mut page);
            fenced = !fenced;
        } else if fenced {
            page.verbatim(4, line);
        } else if text.is_empty() {
            block.flush(&mut page);
            page.blank();
        } else if block.text.is_empty() && indent >= block.edge + 4 {
            page.verbatim(indent, text);
        } else if let Some(heading) = heading(line) {
            block.flush(&mut page);
            page.prose(0, heading, Tone::Strong);
            block.edge = 0;
        } else if line.starts_with('|') {
            block.flush(&mut page);
            page.verbatim(0, line);
        } else if let Some((marker, rest)) = item(text) {
            block.flush(&mut page);
            block = Block {
                edge: indent + marker.len() + 1,
                marker: format!("{}{marker} ", " ".repeat(indent)),
                text: rest.to_owned(),
            };
        } else {
            if block.text.is_empty() {
                block.edge = indent.min(block.edge);
            } else {
                block.text.push(' ');
            }
            block.text.push_str(text);
        }
    }
    block.flush(&mut page);
    page.write(out)
}

/// A paragraph or item that is being read. Its left edge stays in force for the code that follows it.
#[derive(Default)]
struct Block {
    edge: usize,
    marker: String,
    text: String,
}

impl Block {
    fn flush(&mut self, page: &mut Page<'_>) {
        if self.text.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        let marker = std::mem::take(&mut self.marker);
        if marker.is_empty() {
            page.labelled(&[], self.edge, &text, Tone::Plain);
        } else {
            page.labelled(&[(&marker, Tone::Faint)], self.edge, &text, Tone::Plain);
        }
    }
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let rank = line.len() - text.len();
    (1..=6)
        .contains(&rank)
        .then_some(text)
        .and_then(|text| text.strip_prefix(' '))
}

/// The marker of a list item and its text.
fn item(text: &str) -> Option<(&str, &str)> {
    let (marker, rest) = text.split_once(' ')?;
    let bullet = matches!(marker, "-" | "*" | "+");
    let number = marker.strip_suffix('.').is_some_and(|digits| {
        !digits.is_empty() && digits.len() < 4 && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    (bullet || number).then(|| (marker, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(markdown: &str, width: usize) -> String {
        let style = TextStyle {
            color: false,
            unicode: true,
            width,
            detail: 1,
        };
        let mut out = Vec::new();
        print(markdown, &style, &mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("text is UTF-8")
    }

    #[test]
    fn a_page_is_laid_out_for_a_person() {
        let page = "# an-id\n\nThe first paragraph, which is\nwritten in two lines.\n\n## Log lines\n\n    nginx:\n      \
                    connect() failed (111: Connection refused) while connecting to upstream\n\n| a | b |\n|---|---|\n\n\
                    ## Repair\n\n1. Do this, and then do that, and then\n   something else:\n\n       sudo do --this\n\n   \
                    And more.\n2. Or that.\n- bullet `code`\n";
        insta::assert_snapshot!(shown(page, 40));
    }

    #[test]
    fn code_is_never_wrapped_and_prose_is() {
        let text = shown(
            "one two three four five six seven eight\n\n    a command that is longer than the page is\n",
            24,
        );
        assert_eq!(
            text,
            "one two three four five\nsix seven eight\n\n    a command that is longer than the page is\n"
        );
    }

    #[test]
    fn an_item_hangs_at_its_own_edge_and_its_code_below_it() {
        let text = shown("- one two three four five six\n\n      code here\n\n  more\n", 20);
        assert_eq!(
            text,
            "- one two three four\n  five six\n\n      code here\n\n  more\n"
        );
    }

    #[test]
    fn fences_are_not_shown() {
        assert_eq!(shown("```sh\nls  -l\n```\n", 20), "    ls  -l\n");
    }
}
