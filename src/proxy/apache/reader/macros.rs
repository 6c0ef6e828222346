//! `<Macro>` and `Use`.

use super::super::lexer::{self, Stretch};
use super::{Arc, BTreeSet, Frame, LogicalLine, Reader, Source, next_word, number, size};

/// A line of the file as it is; otherwise one of the texts.
const WHOLE: u32 = 1 << 31;

/// One line of a body.
struct Line {
    /// Where its text begins in the file, or in the texts.
    start: u32,
    /// Its length, with [`WHOLE`].
    length: u32,
    /// Where its places begin, of a line that is not whole.
    places: u32,
}

/// What `<Macro>` defines.
pub(super) struct Macro {
    parameters: Vec<String>,
    lines: Vec<Line>,
    texts: String,
    stretches: Vec<Stretch>,
    /// The last line of each line that is not whole, by where its places end.
    last: Vec<(u32, u32)>,
    file: usize,
}

impl Macro {
    fn push(&mut self, line: LogicalLine) {
        let length = number(line.text.len()).min(WHOLE.saturating_sub(1));
        let places = number(self.stretches.len());
        if line.whole {
            self.lines.push(Line {
                start: line.place(0),
                length: length | WHOLE,
                places,
            });
            return;
        }
        self.lines.push(Line {
            start: number(self.texts.len()),
            length,
            places,
        });
        self.texts.push_str(&line.text);
        self.stretches.extend(line.stretches);
        self.last.push((number(self.stretches.len()), line.last_at));
    }

    /// A line with its arguments put in; `bytes` are those of its file.
    pub(super) fn line(&self, at: usize, bytes: &[u8], values: &[String]) -> Option<LogicalLine> {
        let stored = self.lines.get(at)?;
        let start = size(stored.start);
        let range = start..start.saturating_add(size(stored.length & !WHOLE));
        let line = if stored.length & WHOLE == 0 {
            let end = self.last.partition_point(|(end, _)| *end <= stored.places);
            let (end, last_at) = self.last.get(end).copied().unwrap_or_default();
            let places = self.stretches.get(size(stored.places)..size(end));
            LogicalLine {
                text: self.texts.get(range).unwrap_or_default().to_owned(),
                stretches: places.unwrap_or_default().to_vec(),
                last_at,
                whole: false,
            }
        } else {
            let text = bytes.get(range).unwrap_or_default();
            let text = std::str::from_utf8(text).unwrap_or_default();
            LogicalLine::verbatim(text.to_owned(), stored.start)
        };
        let text = substitute(&line.text, &self.parameters, values);
        Some(if text == line.text {
            line
        } else {
            LogicalLine::replaced(text, &line)
        })
    }
}

impl Reader<'_> {
    pub(super) fn define_macro(&mut self, line: &LogicalLine, rest: &str) {
        let place = self.place(line, 0);
        let Some((header, _)) = rest.rsplit_once('>') else {
            self.error(
                "syntax",
                place,
                "<Macro> directive missing closing \">\"".to_owned(),
            );
            return;
        };
        let mut header = lexer::split(header).into_iter();
        let Some(name) = header.next().filter(|name| !name.is_empty()) else {
            self.error("syntax", place, "<Macro> has no name".to_owned());
            return;
        };
        let parameters: Vec<String> = header.filter(|word| !word.starts_with('/')).collect();
        let mut seen = BTreeSet::new();
        if parameters
            .iter()
            .any(|name| name.is_empty() || !seen.insert(name.as_str()))
        {
            let message = format!("macro \"{name}\" has an empty parameter or one of them twice");
            self.error("syntax", place.clone(), message);
        }
        let file = self.file();
        let mut defined = Macro {
            parameters,
            lines: Vec::new(),
            texts: String::new(),
            stretches: Vec::new(),
            last: Vec::new(),
            file,
        };
        let mut depth = 1_usize;
        loop {
            let Some(line) = self.next_line_of_container() else {
                self.error("syntax", place, "expected token not found: </Macro>".to_owned());
                return;
            };
            if line.text.starts_with('#') {
                continue;
            }
            let first = next_word(&line.text, 0).map(|(word, ..)| word).unwrap_or_default();
            if first.eq_ignore_ascii_case("</Macro>") {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            } else if first.eq_ignore_ascii_case("<Macro") {
                depth = depth.saturating_add(1);
            }
            defined.push(line);
        }
        self.macros.insert(name.to_lowercase(), Arc::new(defined));
    }

    pub(super) fn use_macro(&mut self, line: &LogicalLine, rest: &str) {
        let place = self.place(line, 0);
        let mut values = lexer::split(rest);
        if values.is_empty() {
            self.error("syntax", place, "no macro name specified with Use".to_owned());
            return;
        }
        let name = values.remove(0).to_lowercase();
        let running = self
            .frames
            .iter()
            .rev()
            .take_while(|frame| matches!(frame.source, Source::Macro { .. }))
            .any(|frame| matches!(&frame.source, Source::Macro { name: open, .. } if *open == name));
        let Some(known) = self.macros.get(&name) else {
            self.error(
                "macro-undefined",
                place,
                format!("macro \"{name}\" is not defined"),
            );
            return;
        };
        if running {
            self.error(
                "macro-recursive",
                place,
                format!("recursive use of macro \"{name}\" is invalid"),
            );
            return;
        }
        if known.parameters.len() != values.len() {
            let message = format!(
                "macro \"{name}\" used with {} arguments instead of {}",
                values.len(),
                known.parameters.len()
            );
            self.error("macro-arguments", place, message);
            return;
        }
        let used = Arc::clone(known);
        let file = used.file;
        let floor = self.floor();
        self.frames.push(Frame {
            source: Source::Macro {
                name,
                used,
                values,
                next: 0,
            },
            file,
            floor,
        });
    }
}

/// Puts arguments in place of parameters: from left to right, the longest of those that begin at one place;
/// those that begin with `@` are quoted.
fn substitute(text: &str, parameters: &[String], values: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let mut chosen: Option<(usize, usize)> = None;
        for (index, parameter) in parameters.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let Some(found) = rest.find(parameter.as_str()) else {
                continue;
            };
            let better = chosen.is_none_or(|(at, other)| {
                let length = parameters.get(other).map_or(0, String::len);
                found < at || (found == at && length < parameter.len())
            });
            if better {
                chosen = Some((found, index));
            }
        }
        let Some((at, index)) = chosen else { break };
        let name = parameters.get(index).map_or("", String::as_str);
        let value = values.get(index).map_or("", String::as_str);
        out.push_str(rest.get(..at).unwrap_or_default());
        if name.starts_with('@') && name != value {
            out.push('"');
            for character in value.chars() {
                if character == '"' || character == '\\' {
                    out.push('\\');
                }
                out.push(character);
            }
            out.push('"');
        } else {
            out.push_str(value);
        }
        rest = rest.get(at.saturating_add(name.len())..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::substitute;

    #[test]
    fn the_longest_parameter_is_replaced_and_an_at_sign_quotes() {
        let names = ["$a", "$ab", "@c"].map(str::to_owned);
        let values = ["1", "2", "x \"y"].map(str::to_owned);
        assert_eq!(
            substitute("$a $ab $abc @c", &names, &values),
            "1 2 2c \"x \\\"y\""
        );
    }
}
