//! Sections: what opens, what closes, and what is skipped.

use super::super::lexer;
use super::{LogicalLine, MOST_TOLD, New, Open, Reader, Source, conditions, words};

/// Sections deeper than this are not read: httpd knows none that can be nested so often, and whoever asks for
/// the sections around a statement walks through all of them.
const DEEPEST_SECTION: usize = 100;

/// Containers, innermost first, that the one which a wrong end belongs to is looked for among.
pub(super) const MOST_LOOKED_AT: usize = 1_000;

impl Reader<'_> {
    pub(super) fn close(&mut self, line: &LogicalLine, written: &str, closing: &str) {
        let floor = self.floor();
        let name = closing.strip_suffix('>').unwrap_or(closing);
        let whole = written
            .strip_prefix("</")
            .and_then(|rest| rest.strip_suffix('>'))
            .unwrap_or_default();
        let inner = self.open.get(floor..).unwrap_or_default();
        let fits = |open: &Open, exact: bool| match open {
            Open::Section(id) => self.tree.get(*id).name().eq_ignore_ascii_case(name),
            Open::Condition(condition, ..) => {
                condition.eq_ignore_ascii_case(if exact { whole } else { name })
            }
        };
        match inner.last() {
            Some(last) if fits(last, true) => {
                if matches!(last, Open::Section(_)) && !closing.ends_with('>') {
                    let place = self.place(line, 0);
                    self.error("syntax", place, format!("</{name} has no closing \">\""));
                }
                self.open.pop();
            }
            Some(last) => {
                let message = match last {
                    Open::Section(id) => {
                        format!("expected </{}> but saw </{name}>", self.tree.get(*id).name())
                    }
                    Open::Condition(..) => format!("</{name}> without matching <{name}> section"),
                };
                let last = inner.iter().enumerate().rev().take(MOST_LOOKED_AT);
                let known = last.into_iter().find(|(_, open)| fits(open, false)).map(|(at, _)| at);
                let place = self.place(line, 0);
                self.error("syntax", place, message);
                if let Some(known) = known {
                    self.open.truncate(floor.saturating_add(known));
                }
            }
            None => {
                let place = self.place(line, 0);
                self.error(
                    "syntax",
                    place,
                    format!("</{name}> without matching <{name}> section"),
                );
            }
        }
    }

    pub(super) fn open_container(&mut self, line: &LogicalLine, name: &str, rest: &str, next: usize) {
        let at = line.place(0);
        let bare = name.strip_suffix('>').unwrap_or(name);
        if name.is_empty() {
            let place = self.place(line, 0);
            self.error("syntax", place, "\"<\" alone opens no section".to_owned());
            return;
        }
        if bare.eq_ignore_ascii_case("Macro") && self.modules.has("macro_module") {
            self.define_macro(line, rest);
            return;
        }
        if let Some(kind) = conditions::kind(bare) {
            let Some((argument, _)) = rest.rsplit_once('>') else {
                let place = self.place(line, 0);
                self.error(
                    "syntax",
                    place,
                    format!("<{bare}> directive missing closing \">\""),
                );
                self.open.push(Open::Condition(bare.into(), at, self.section()));
                return;
            };
            let context = conditions::Context {
                modules: &self.modules,
                defines: &self.defines,
                version: self.environment.version_or_default(),
                server_root: &self.server_root,
                files: self.files,
            };
            match conditions::holds(kind, argument, &context) {
                Ok(true) => {
                    self.open.push(Open::Condition(bare.into(), at, self.section()));
                }
                Ok(false) => {
                    if self.skipped.len() < MOST_TOLD {
                        let place = self.place(line, 0);
                        self.skipped
                            .push((bare.to_owned(), argument.trim().to_owned(), place));
                    }
                    self.skipping.push(bare, at);
                }
                Err(message) => {
                    let place = self.place(line, 0);
                    self.error("syntax", place, message);
                    self.skipping.push(bare, at);
                }
            }
            return;
        }
        let raw_body = bare.eq_ignore_ascii_case("Perl")
            || bare.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("Lua"));
        if raw_body {
            self.skip_raw(line, bare);
            return;
        }
        if self.tree.around(self.section()).nth(DEEPEST_SECTION - 1).is_some() {
            if !std::mem::replace(&mut self.told_depth, true) {
                let message = format!("sections are nested deeper than {DEEPEST_SECTION}");
                let place = self.place(line, 0);
                self.error("nesting-too-deep", place, message);
            }
            self.skipping.push(bare, at);
            return;
        }
        // The words end at the last `>`; what follows it is of no meaning.
        let end = line.text.rfind('>').filter(|end| *end >= next);
        let mut arguments = words(line, next);
        if let Some(end) = end {
            let inside = line.text.get(next..end).unwrap_or_default();
            let count = lexer::split(inside);
            arguments.truncate(count.len());
            for (word, text) in arguments.iter_mut().zip(count) {
                word.text = text;
            }
        } else if !name.ends_with('>') {
            let place = self.place(line, 0);
            self.error(
                "syntax",
                place,
                format!("<{bare}> directive missing closing \">\""),
            );
        }
        let id = self.push(New {
            name: bare,
            first: &format!("<{name}"),
            line,
            words: &arguments,
            rest: next,
            file: 0,
            from_macro: false,
            is_section: true,
        });
        if let Some(id) = id {
            self.open.push(Open::Section(id));
        }
    }

    /// A section whose body is another language: up to its end, lines mean nothing here.
    pub(super) fn skip_raw(&mut self, line: &LogicalLine, name: &str) {
        let end = format!("</{name}>");
        let place = self.place(line, 0);
        loop {
            match self.next_line_of_container() {
                Some(line) if line.text.eq_ignore_ascii_case(&end) => return,
                Some(_) => {}
                None => {
                    self.error("syntax", place, format!("<{name}> is not closed"));
                    return;
                }
            }
        }
    }

    /// The next line for a container that takes lines as they are: from a macro that ends, reading goes on
    /// in the file around it.
    pub(super) fn next_line_of_container(&mut self) -> Option<LogicalLine> {
        loop {
            if let Some(line) = self.next_line() {
                return Some(line);
            }
            if matches!(self.frames.last()?.source, Source::File(_)) {
                return None;
            }
            self.frames.pop();
        }
    }
}
