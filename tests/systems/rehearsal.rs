//! A recorded host out of a text file.

use fix502::evidence::{Bytes, Connect, End, Exchange, NameOutcome, Observed, Obstacle};
use fix502::host::{ClockReading, CommandOutput, Entry, FileContent, Host, Transcript};
use serde_json::{Value, json};

/// When everything was recorded.
const NOW_MS: i64 = 1_795_366_800_000;

/// The blocks of a file: what stands after `== `, and the lines below it.
pub(super) struct Recorded {
    system: String,
    blocks: Vec<(String, String)>,
}

impl Recorded {
    pub(super) fn read(name: &str) -> Self {
        let path = format!("{}/tests/fixtures/systems/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut blocks: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            if let Some(base) = line.strip_prefix("== like ") {
                // Everything of another host, before what is different here.
                let other = Self::read(base);
                blocks.extend(other.blocks);
                blocks.push(("system".to_owned(), other.system));
            } else if let Some(head) = line.strip_prefix("== ") {
                // The later block of a head stands.
                blocks.retain(|(known, _)| known != head);
                blocks.push((head.to_owned(), String::new()));
            } else if let Some((_, body)) = blocks.last_mut() {
                body.push_str(line);
                body.push('\n');
            }
        }
        let system = blocks
            .iter()
            .find(|(head, _)| head == "system")
            .map(|(_, body)| body.trim().to_owned())
            .expect("a host says which system it is");
        Self { system, blocks }
    }

    fn block(&self, head: &str) -> Option<&str> {
        self.blocks
            .iter()
            .find(|(known, _)| known == head)
            .map(|(_, body)| body.as_str())
    }

    /// A transcript that answers what `walk` asks, and the commands among its questions.
    pub(super) fn answer_all(&self, walk: impl Fn(&Host)) -> (Transcript, Vec<Vec<String>>) {
        // Which system it is decides what is asked at all, so that is known from the start.
        let mut entries: Vec<Entry> = vec![Entry {
            query: "operating_system".to_owned(),
            question: json!({}),
            answer: json!({"seen": self.system}),
        }];
        let mut commands: Vec<Vec<String>> = Vec::new();
        // An answer brings further questions about; after a few rounds there are none.
        for _ in 0..12 {
            let host = Host::rehearsal(Transcript::from_entries(entries.clone()));
            walk(&host);
            let asked = host.unanswered();
            let mut answered = 0;
            for entry in asked.entries() {
                if let Some(answer) = self.answer(&entry.query, &entry.question, &mut commands) {
                    answered += 1;
                    entries.push(Entry {
                        answer,
                        ..entry.clone()
                    });
                }
            }
            if answered == 0 {
                return (Transcript::from_entries(entries), commands);
            }
        }
        panic!("the questions find no end");
    }

    fn answer(&self, query: &str, question: &Value, commands: &mut Vec<Vec<String>>) -> Option<Value> {
        let text = |name: &str| question[name].as_str().unwrap_or_default().to_owned();
        let moment = question["moment"].as_u64().unwrap_or_default();
        // What changed in the meantime stands in a block of its own.
        let block = |head: &str| {
            Some(moment)
                .filter(|moment| *moment > 0)
                .and_then(|_| self.block(&format!("{head} (later)")))
                .or_else(|| self.block(head))
        };
        let value = match query {
            "clock" => seen(&ClockReading {
                now_ms: NOW_MS,
                ..ClockReading::default()
            }),
            "run_command" => {
                let argv: Vec<String> = question["argv"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|word| word.as_str().unwrap_or_default().to_owned())
                    .collect();
                let line = argv.join(" ");
                let answer = match block(&format!("command {line}")) {
                    Some(printed) => {
                        let failed = printed.strip_prefix("!\n");
                        let bytes = |text: &str| Bytes(text.as_bytes().to_vec());
                        seen(&CommandOutput {
                            status: Some(i32::from(failed.is_some())),
                            // nginx -V writes to the other stream; parsers take both together.
                            stdout: bytes(if failed.is_some() { "" } else { printed }),
                            stderr: bytes(failed.unwrap_or_default()),
                        })
                    }
                    None => unavailable(Obstacle::NotInstalled(argv.first().cloned().unwrap_or_default())),
                };
                commands.push(argv);
                answer
            }
            "read_file" => match block(&format!("file {}", text("path"))) {
                Some(content) => seen(&FileContent {
                    bytes: Bytes(content.as_bytes().to_vec()),
                    truncated: false,
                    length_bytes: content.len() as u64,
                    modified_ms: Some(NOW_MS - 86_400_000),
                }),
                None => json!("absent"),
            },
            "exchange" => {
                // An exchange for a connection alone asks for nothing.
                let head = format!("exchange {}", text("endpoint"));
                let found = self
                    .blocks
                    .iter()
                    .rev()
                    .find_map(|(known, body)| Some((known.strip_prefix(&head)?, body)))?;
                seen(&exchange(found.0.trim(), found.1))
            }
            "system_lookup" => match self.block(&format!("name {}", text("name"))) {
                Some(addresses) => {
                    let addresses: Vec<&str> = addresses.split_whitespace().collect();
                    json!({"seen": addresses})
                }
                None => json!("absent"),
            },
            "nameserver_lookup" => {
                let head = format!("nameserver {} {}", text("server"), text("name"));
                let outcome = match self.block(&head) {
                    Some(lines) => NameOutcome::Addresses(
                        lines
                            .lines()
                            .filter_map(|line| {
                                let (address, seconds) = line.split_once(' ')?;
                                Some((address.parse().ok()?, seconds.parse().ok()?))
                            })
                            .collect(),
                    ),
                    None => NameOutcome::NxDomain,
                };
                seen(&(outcome, 1_200_u64))
            }
            "authority_lookup" | "environment_variable" | "list_directory" | "stat" | "read_link" => {
                json!("absent")
            }
            // Questions that only Linux can answer must not be put to others.
            "process_table" | "socket_owners" | "descriptor_use" => {
                panic!("{query} is asked of {}", self.system)
            }
            _ => return None,
        };
        Some(value)
    }
}

fn seen<T: serde::Serialize>(value: &T) -> Value {
    json!({"seen": serde_json::to_value(value).expect("plain data")})
}

fn unavailable(obstacle: Obstacle) -> Value {
    serde_json::to_value(Observed::<()>::Unavailable(obstacle)).expect("plain data")
}

/// `failed 111`, `silent`, or an answer.
fn exchange(how: &str, body: &str) -> Exchange {
    if let Some(number) = how.strip_prefix("failed ") {
        return Exchange {
            connect: Connect::Failed(number.parse().expect("a number")),
            connect_us: 900,
            total_us: 900,
            ..Exchange::default()
        };
    }
    if how == "silent" {
        return Exchange {
            connect: Connect::TimedOut,
            connect_us: 3_200_000,
            total_us: 3_200_000,
            ..Exchange::default()
        };
    }
    let bytes = body.trim_end().replace('\n', "\r\n").into_bytes();
    Exchange {
        connect: Connect::Connected,
        connect_us: 200,
        total_us: 4_000,
        first_byte_us: Some(3_000),
        received_bytes: bytes.len() as u64,
        bytes: Bytes(bytes),
        end: End::Complete,
        ..Exchange::default()
    }
}
