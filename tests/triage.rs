//! `fix502 triage`: tickets with what is behind them, captures of real servers, hostile pastes.

mod captures;
mod hostile;
mod window;
mod zones;

use std::path::{Path, PathBuf};

use fix502::evidence::Snapshot;
use fix502::triage::{self, Input};
use fix502::verdict::{self, Diagnosis, Status};

/// What is behind a ticket: written from the catalogue of causes, before the program saw it.
#[derive(serde::Deserialize)]
struct Expectation {
    /// The causes that it may be; the verdict is one of them, or they are among the possible ones. Empty: it
    /// cannot be told at all.
    truth: Vec<String>,
    /// `found`, `undecided` or `either`.
    status: String,
    /// Causes that a hasty reader would name.
    #[serde(default)]
    tempting: Vec<String>,
}

fn tickets() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tickets");
    let mut found: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("tickets")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    found.sort();
    found
}

fn inputs(ticket: &Path) -> Vec<Input> {
    let mut inputs: Vec<Input> = std::fs::read_dir(ticket)
        .expect("a ticket")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.file_name().is_some_and(|name| name != "expect.json"))
        .map(|path| Input {
            name: path.file_name().expect("a name").to_string_lossy().into_owned(),
            bytes: std::fs::read(&path).expect("readable"),
            account: None,
        })
        .collect();
    inputs.sort_by(|one, other| one.name.cmp(&other.name));
    inputs
}

fn judged(inputs: Vec<Input>) -> (Snapshot, Diagnosis) {
    let snapshot = triage::snapshot(&triage::sort(inputs));
    let diagnosis = verdict::decide(&snapshot);
    (snapshot, diagnosis)
}

fn pasted(text: &str) -> (Snapshot, Diagnosis) {
    judged(vec![Input {
        name: "ticket".to_owned(),
        bytes: text.as_bytes().to_vec(),
        account: None,
    }])
}

#[test]
fn no_ticket_gets_a_wrong_verdict() {
    let mut wrong = Vec::new();
    let (mut right, mut open, mut tempting) = (0, 0, 0);
    for ticket in tickets() {
        let name = ticket.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read(ticket.join("expect.json")).expect("an expectation");
        let expected: Expectation = serde_json::from_slice(&text).expect("an expectation");
        tempting += usize::from(!expected.tempting.is_empty());
        let (_, diagnosis) = judged(inputs(&ticket));
        let verdict = &diagnosis.verdict;
        let decided = verdict.status == Status::Found;
        let said = match &verdict.cause {
            Some(cause) => format!("found {cause} ({:?})", verdict.confidence),
            None => format!("{:?} {:?}", verdict.status, verdict.also_possible),
        };
        let names_it = match &verdict.cause {
            Some(cause) => expected.truth.contains(cause),
            None => {
                expected.truth.is_empty()
                    || expected
                        .truth
                        .iter()
                        .any(|cause| verdict.also_possible.contains(cause))
            }
        };
        let status = match expected.status.as_str() {
            "found" => decided,
            "undecided" => verdict.status == Status::Undecided,
            _ => true,
        };
        let settles = decided
            || diagnosis
                .incomplete
                .first()
                .is_some_and(|gap| !gap.settle_with.is_empty());
        if !names_it || !status || !settles {
            wrong.push(format!(
                "{name}: {said}, expected {} {:?}",
                expected.status, expected.truth
            ));
        } else if decided {
            right += 1;
        } else {
            open += 1;
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(right + open >= 60 && tempting * 2 >= right + open);
    // Caution is no excuse: what can be decided is.
    assert!(
        right >= 27,
        "{right} decided right, {open} undecided with the right cause among the possible ones"
    );
}
