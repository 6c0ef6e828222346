//! Apache's error log, line by line. One request writes several lines from one thread: what only goes along with
//! a more telling one is not counted, and an upstream that one of them names is that of all.

use super::counts::Counts;
use super::signatures::{self, Meaning, hash};
use super::time::ctime;
use crate::evidence::{Symptom, Zone};
use crate::proxy::apache::error_log::{self, TOGETHER_MS};

/// Requests whose lines may still come.
const GROUPS: usize = 512;

/// The reader, with the lines of requests whose last one may not have come yet.
#[derive(Debug)]
pub(super) struct ErrorLog {
    zone: Zone,
    groups: Vec<Group>,
    previous_counted: bool,
}

/// Lines of one thread that are near each other.
#[derive(Debug)]
struct Group {
    thread: u64,
    client: u64,
    last_ms: i64,
    upstream: Option<String>,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    at_ms: i64,
    symptom: Symptom,
    companion: bool,
    text: Box<str>,
}

impl ErrorLog {
    pub(super) fn new(zone: Zone) -> Self {
        Self {
            zone,
            groups: Vec::new(),
            previous_counted: false,
        }
    }

    /// Reads one line; false when Apache writes none like it.
    pub(super) fn line(&mut self, line: &[u8], counts: &mut Counts) -> bool {
        let time = line.strip_prefix(b"[").and_then(|line| ctime(line, self.zone));
        let Some(at_ms) = time else {
            return !self.previous_counted;
        };
        let at_ms = self.zone.settled(at_ms, counts.before_ms());
        self.previous_counted = counts.at(at_ms);
        if !self.previous_counted {
            return true;
        }
        let text = String::from_utf8_lossy(line);
        let Some(parts) = error_log::parts(&text) else {
            return false;
        };
        let meaning = signatures::apache(parts.message, parts.error, parts.level == "emerg");
        match meaning {
            Meaning::Event(kind) => counts.event(kind, Some(at_ms), line),
            Meaning::Symptom(symptom) => self.member(&parts, symptom, at_ms, &text, counts),
            Meaning::Nothing => {
                counts.other_errors += u64::from(matches!(parts.level, "error" | "crit" | "alert"));
                self.remember(&parts, at_ms);
            }
        }
        true
    }

    /// Counts everything that waited.
    pub(super) fn finish(&mut self, counts: &mut Counts) {
        for group in std::mem::take(&mut self.groups) {
            group.count(counts);
        }
    }

    fn member(
        &mut self,
        parts: &error_log::Parts,
        symptom: Symptom,
        at_ms: i64,
        text: &str,
        counts: &mut Counts,
    ) {
        self.expire(at_ms, counts);
        let companion = error_log::is_companion(parts.message);
        let member = Member {
            at_ms,
            symptom,
            companion,
            text: text.chars().take(1_000).collect(),
        };
        let upstream = parts
            .remote
            .map(str::to_owned)
            .or_else(|| error_log::upstream(parts.message));
        let (thread, client) = names(parts);
        if let Some(group) = self.find(thread, client) {
            group.last_ms = at_ms;
            group.client = group.client.max(client);
            group.upstream = group.upstream.take().or(upstream);
            if group.members.len() < 8 {
                group.members.push(member);
                return;
            }
            // A thread that writes without pause: what has come is counted.
            let members = std::mem::replace(&mut group.members, vec![member]);
            let full = Group {
                thread,
                client,
                last_ms: at_ms,
                upstream: group.upstream.clone(),
                members,
            };
            full.count(counts);
            return;
        }
        let group = Group {
            thread,
            client,
            last_ms: at_ms,
            upstream,
            members: vec![member],
        };
        if thread == 0 {
            group.count(counts);
            return;
        }
        if self.groups.len() >= GROUPS {
            self.groups.remove(0).count(counts);
        }
        self.groups.push(group);
    }

    /// A line without a symptom may name the upstream of one that has.
    fn remember(&mut self, parts: &error_log::Parts, at_ms: i64) {
        let (thread, client) = names(parts);
        if let Some(group) = self.find(thread, client)
            && at_ms.saturating_sub(group.last_ms) <= TOGETHER_MS
            && group.upstream.is_none()
        {
            group.upstream = error_log::upstream(parts.message);
        }
    }

    fn find(&mut self, thread: u64, client: u64) -> Option<&mut Group> {
        self.groups.iter_mut().find(|group| {
            group.thread == thread && (group.client == client || group.client == 0 || client == 0)
        })
    }

    /// Counts the requests that have no more lines to come.
    fn expire(&mut self, at_ms: i64, counts: &mut Counts) {
        let old = |group: &Group| (at_ms - group.last_ms).abs() > TOGETHER_MS;
        if !self.groups.iter().any(old) {
            return;
        }
        let mut kept = Vec::with_capacity(self.groups.len());
        for group in std::mem::take(&mut self.groups) {
            if old(&group) {
                group.count(counts);
            } else {
                kept.push(group);
            }
        }
        self.groups = kept;
    }
}

/// Numbers for the thread and the client of a line; 0: not named.
fn names(parts: &error_log::Parts) -> (u64, u64) {
    let number = |name: Option<&str>| name.map_or(0, |name| hash(name.as_bytes()) | 1);
    (number(parts.process), number(parts.client))
}

impl Group {
    fn count(self, counts: &mut Counts) {
        let upstream = counts
            .tally
            .upstream(self.upstream.as_deref().unwrap_or_default().as_bytes());
        let telling = self.members.iter().any(|member| !member.companion);
        let detailed = self
            .members
            .iter()
            .any(|member| error_log::is_tls_detail(member.symptom));
        for member in self.members {
            let implied = telling && member.companion || detailed && member.symptom == Symptom::TlsFailed;
            if !implied {
                counts.symptom(
                    member.symptom,
                    upstream,
                    Some(member.at_ms),
                    member.text.as_bytes(),
                );
            }
        }
    }
}
