//! Questions and raw answers: what a bundle carries and a replay reads.

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Query;
use crate::evidence::Observed;

/// The name of the format.
pub(super) const FORMAT: &str = "fix502.transcript/v1";

/// Everything asked of one host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    entries: BTreeMap<String, Entry>,
}

/// One question with its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The kind of question.
    pub query: String,
    /// The question.
    pub question: Value,
    /// The raw answer.
    pub answer: Value,
}

impl Entry {
    fn key(&self) -> String {
        format!("{} {}", self.query, self.question)
    }
}

/// Why a transcript cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// Not the format this version reads.
    #[error("the transcript has the format {0:?}; this version reads {FORMAT:?}")]
    Format(String),
    /// A line is no entry.
    #[error("line {0} of the transcript cannot be read: {1}")]
    Line(usize, String),
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
}

impl Transcript {
    pub(super) fn answer<Q: Query>(&self, query: &Q) -> Option<Observed<Q::Answer>> {
        let entry = self.entries.get(&key(query)?)?;
        Observed::<Q::Answer>::deserialize(&entry.answer).ok()
    }

    pub(super) fn record<Q: Query>(&mut self, query: &Q, answer: &Observed<Q::Answer>) {
        // Plain data always serialises; were one not to, only its record would be missing.
        if let (Some(key), Ok(question), Ok(answer)) = (
            key(query),
            serde_json::to_value(query),
            serde_json::to_value(answer),
        ) {
            self.entries.insert(
                key,
                Entry {
                    query: Q::NAME.to_owned(),
                    question: sorted(question),
                    answer: sorted(answer),
                },
            );
        }
    }

    /// A transcript of these entries; of two entries with the same question the later one stays.
    pub fn from_entries(entries: impl IntoIterator<Item = Entry>) -> Self {
        let entries = entries
            .into_iter()
            .map(|mut entry| {
                entry.question = sorted(entry.question);
                (entry.key(), entry)
            })
            .collect();
        Self { entries }
    }

    /// Changes every entry, question and answer alike; each is then found under its changed question.
    #[must_use]
    pub fn map_entries(self, change: impl FnMut(Entry) -> Entry) -> Self {
        Self::from_entries(self.entries.into_values().map(change))
    }

    /// The entries, in a stable order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// One JSON object a line: the format first, then the entries in a stable order.
    pub fn to_lines(&self) -> Vec<u8> {
        let mut out = head();
        for entry in self.entries.values() {
            append(&mut out, entry);
        }
        out
    }

    /// The same, one line after the other.
    pub fn lines(&self) -> TranscriptLines<'_> {
        TranscriptLines {
            entries: self.entries.values(),
            line: Vec::new(),
            read: 0,
            began: false,
        }
    }

    /// Reads what [`Self::to_lines`] wrote.
    ///
    /// # Errors
    /// When the first line names another format, or a line is no entry.
    pub fn from_lines(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let mut lines = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .enumerate();
        let head: Head = match lines.next() {
            Some((_, line)) => {
                serde_json::from_slice(line).map_err(|error| TranscriptError::Line(1, error.to_string()))?
            }
            None => return Err(TranscriptError::Format(String::new())),
        };
        if head.format != FORMAT {
            return Err(TranscriptError::Format(head.format));
        }
        let mut entries = Vec::new();
        for (index, line) in lines {
            let entry: Entry = serde_json::from_slice(line)
                .map_err(|error| TranscriptError::Line(index + 1, error.to_string()))?;
            entries.push(entry);
        }
        Ok(Self::from_entries(entries))
    }
}

/// The lines of a transcript: each is made when it is wanted, in the room of the one before.
pub struct TranscriptLines<'a> {
    entries: std::collections::btree_map::Values<'a, String, Entry>,
    line: Vec<u8>,
    /// So many bytes of the line were read.
    read: usize,
    began: bool,
}

impl TranscriptLines<'_> {
    /// The next line, with its end.
    pub fn advance(&mut self) -> Option<&[u8]> {
        self.line.clear();
        self.read = 0;
        if std::mem::replace(&mut self.began, true) {
            append(&mut self.line, self.entries.next()?);
        } else {
            self.line = head();
        }
        Some(&self.line)
    }
}

impl Read for TranscriptLines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.read >= self.line.len() && self.advance().is_none() {
            return Ok(0);
        }
        let mut rest = self.line.get(self.read..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.read += count;
        Ok(count)
    }
}

fn head() -> Vec<u8> {
    let mut out = serde_json::to_vec(&Head {
        format: FORMAT.to_owned(),
    })
    .unwrap_or_default();
    out.push(b'\n');
    out
}

fn append(out: &mut Vec<u8>, entry: &Entry) {
    let length = out.len();
    if serde_json::to_writer(&mut *out, entry).is_err() {
        // Plain data always serialises; were one not to, only its line would be empty.
        out.truncate(length);
    }
    out.push(b'\n');
}

fn key<Q: Query>(query: &Q) -> Option<String> {
    let question = sorted(serde_json::to_value(query).ok()?);
    Some(format!("{} {question}", Q::NAME))
}

/// A value with the fields of its objects in the order of their names. Whether `serde_json` keeps them so by
/// itself depends on the features that other crates of a build ask for, and a question has to be found by
/// every build.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> = fields
                .into_iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect();
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ExchangeQuery;

    #[test]
    fn a_question_is_found_whatever_the_order_of_its_fields_in_the_file() {
        let query = ExchangeQuery::default();
        let question = serde_json::to_value(&query).expect("a question is plain data");
        let mut fields: Vec<String> = question
            .as_object()
            .expect("a question has fields")
            .iter()
            .map(|(name, value)| format!("{name:?}:{value}"))
            .collect();
        for turn in 0..fields.len() {
            fields.rotate_left(1);
            let lines = format!(
                "{{\"format\":{FORMAT:?}}}\n{{\"answer\":\"absent\",\"question\":{{{}}},\"query\":\"exchange\"}}\n",
                fields.join(",")
            );
            let transcript = Transcript::from_lines(lines.as_bytes()).expect("all lines are entries");
            assert_eq!(transcript.answer(&query), Some(Observed::Absent), "turn {turn}");
        }
        let other = ExchangeQuery { moment: 1, ..query };
        assert_eq!(Transcript::default().answer(&other), None);
    }
}
