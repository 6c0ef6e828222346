//! What a bundle is made of, piece by piece: JSON values, bytes, questions with their answers. Which part of them is a
//! text of its own is decided here; what is secret in a text is not.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Redactor, binary, commands, escape, files, marker, names};
use crate::evidence::Bytes;
use crate::host::{Entry, Transcript};

impl Redactor {
    /// A JSON value without its secrets, question or answer, whatever it describes.
    pub fn value(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => self.array(items),
            Value::Object(fields) => {
                let mut fields = fields;
                if fields.len() == 1
                    && let Some(bytes) = taken_bytes(&mut fields)
                {
                    let before = std::mem::replace(&mut self.place.bytes, true);
                    let redacted = self.bytes(&bytes);
                    self.place.bytes = before;
                    return bytes_value(redacted);
                }
                // In the order of their names: markers are numbered as secrets are met, in every build alike.
                let exchange = fields.contains_key("received_bytes") && fields.contains_key("connect");
                let fields: BTreeMap<String, Value> = fields.into_iter().collect();
                let redacted = fields.into_iter().map(|(name, value)| {
                    let before = self.keep_length;
                    self.keep_length |= exchange && name == "bytes";
                    let value = match value {
                        Value::String(text) => Value::String(self.named(&name, &text)),
                        other => self.value(other),
                    };
                    self.keep_length = before;
                    (self.text(&name), value)
                });
                Value::Object(redacted.collect())
            }
            other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
        }
    }

    /// Bytes without their secrets: text, text with foreign bytes in it, or a request of
    /// `FastCGI`, uwsgi or SCGI.
    pub fn bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        if let Some(redacted) = binary::redact(self, bytes) {
            return redacted;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if !escape::holds_escapes(text) => self.text(text).into_bytes(),
            _ => escape::bytes(&self.text(&escape::text(bytes))),
        }
    }

    /// A transcript without its secrets; each answer is found under its redacted question.
    pub fn transcript(&mut self, transcript: Transcript) -> Transcript {
        transcript.map_entries(|entry| self.entry(entry))
    }

    fn entry(&mut self, entry: Entry) -> Entry {
        let Entry {
            query,
            question,
            answer,
        } = entry;
        let path = question.get("path").and_then(Value::as_str).unwrap_or_default();
        let content = match files::content_of(path) {
            files::Content::Open => None,
            closed => Some(closed),
        };
        let path = path.to_owned();
        let question = self.value(question);
        let answer = match content {
            Some(content) if query == "read_file" => self.closed(answer, content),
            _ => {
                self.keep_length = query == "exchange";
                let mut answer = self.value(answer);
                self.keep_length = false;
                if query == "read_file" && files::is_socket_table(&path) {
                    self.sockets(&mut answer);
                }
                answer
            }
        };
        Entry {
            query,
            question,
            answer,
        }
    }

    /// Addresses in a table of sockets are hexadecimal.
    fn sockets(&mut self, answer: &mut Value) {
        if let Some(pseudonyms) = &mut self.pseudonyms
            && let Some(bytes) = answer.pointer_mut("/seen/bytes")
            && let Ok(content) = serde_json::from_value::<Bytes>(bytes.clone())
        {
            let text = pseudonyms.sockets(&content.text(), self.place.given);
            *bytes = serde_json::to_value(Bytes(text.into_bytes())).unwrap_or(Value::Null);
        }
    }

    /// The answer for a file that ought not to have been read: its bytes go as a whole.
    fn closed(&mut self, mut answer: Value, content: files::Content) -> Value {
        if let Some(bytes) = answer.pointer_mut("/seen/bytes")
            && let Ok(content_bytes) = serde_json::from_value::<Bytes>(bytes.clone())
        {
            let text = content_bytes.text();
            let redacted = if content == files::Content::Environment {
                files::environment(self, &text)
            } else if marker::is_marker(text.trim()) {
                text.into_owned()
            } else {
                self.replace("secret-file", &text)
            };
            *bytes = serde_json::to_value(Bytes(redacted.into_bytes())).unwrap_or(Value::Null);
        }
        self.value(answer)
    }

    fn array(&mut self, items: Vec<Value>) -> Value {
        let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
        let Some(texts) = texts else {
            return Value::Array(items.into_iter().map(|item| self.value(item)).collect());
        };
        let words = match texts[..] {
            // Headers, parameters and variables are kept as pairs.
            [name, value]
                if names::is_secret_header(name)
                    || names::is_secret(name, value)
                    || names::is_query_string(name) =>
            {
                vec![self.text(name), self.named(name, value)]
            }
            _ => commands::arguments(self, &texts),
        };
        Value::Array(words.into_iter().map(Value::String).collect())
    }
}

/// The bytes that an object with a single field stands for, taken out of it: a log may have megabytes.
fn taken_bytes(fields: &mut serde_json::Map<String, Value>) -> Option<Vec<u8>> {
    if let Some(Value::String(text)) = fields.get_mut("text") {
        return Some(std::mem::take(text).into_bytes());
    }
    if !fields.contains_key("base64") {
        return None;
    }
    serde_json::from_value::<Bytes>(Value::Object(fields.clone()))
        .ok()
        .map(|bytes| bytes.0)
}

/// The object that stands for bytes, as [`Bytes`] writes it.
fn bytes_value(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => Value::Object(std::iter::once(("text".to_owned(), Value::String(text))).collect()),
        Err(error) => serde_json::to_value(Bytes(error.into_bytes())).unwrap_or(Value::Null),
    }
}
