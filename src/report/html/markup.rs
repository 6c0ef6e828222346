//! HTML as bytes: every text that goes in is escaped, so foreign text stays text.

use std::fmt::Write as _;

use crate::report::sanitize::escaped;

/// A document that is being written.
#[derive(Default)]
pub(super) struct Markup {
    text: String,
}

impl Markup {
    /// Markup of this program, as it is.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.text.push_str(markup);
        self
    }

    /// Text from anywhere: nothing in it is markup, nothing in it hides or turns what stands beside it.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        push_escaped(&mut self.text, &escaped(text));
        self
    }

    /// Text of several lines, whose line ends stay.
    pub(super) fn lines(&mut self, text: &str) -> &mut Self {
        for (index, line) in text.lines().enumerate() {
            if index > 0 {
                self.text.push('\n');
            }
            self.text(line);
        }
        self
    }

    /// An element without attributes around a text.
    pub(super) fn element(&mut self, name: &str, text: &str) -> &mut Self {
        self.classed(name, "", text)
    }

    /// An element of a class around a text. Name and class are this program's own.
    pub(super) fn classed(&mut self, name: &str, class: &str, text: &str) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = if class.is_empty() {
            write!(self.text, "<{name}>")
        } else {
            write!(self.text, "<{name} class=\"{class}\">")
        };
        self.lines(text);
        let _ = write!(self.text, "</{name}>");
        self
    }

    /// What was written.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

fn push_escaped(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        let mut markup = Markup::default();
        markup.classed("p", "x", "<script>alert('a' & \"b\")</script>\u{1b}[31m\u{202e}");
        assert_eq!(
            markup.finish(),
            "<p class=\"x\">&lt;script&gt;alert(&#39;a&#39; &amp; &quot;b&quot;)&lt;/script&gt;\\x1b[31m\\u{202e}</p>"
        );
    }
}
