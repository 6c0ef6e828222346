//! Every cause has a case that finds it and one that rules it out.
//!
//! A case is `tests/cases/<id>/found.json` or `ruled-out.json`: `about` says in one sentence what is going on,
//! `verdict` is the cause that the whole catalogue must settle on (or `healthy`, `undecided`), and `snapshot` holds the facts
//! that matter; what is left out has its default. In `ruled-out.json` something looks like the cause and is not.
//! Further cases stand beside them as `found-<what>.json` and `ruled-out-<what>.json`, and `open-<what>.json` where
//! the cause is possible and the verdict stays undecided.

use std::path::PathBuf;

use fix502::causes::CAUSES;
use fix502::evidence::Snapshot;
use fix502::verdict::{Answer, Status, decide};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    verdict: String,
    snapshot: serde_json::Value,
}

fn case(id: &str, kind: &str) -> (Case, Snapshot) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/{id}/{kind}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let case: Case =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let snapshot: Snapshot = serde_json::from_value(case.snapshot.clone())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // A misspelt field would be left out in silence: everything written must come back.
    let back = serde_json::to_value(&snapshot).expect("a snapshot serialises");
    assert_contained(&case.snapshot, &back, id);
    assert!(case.about.len() > 20, "{id}/{kind}: says what is going on");
    (case, snapshot)
}

/// The cases of a cause: `found.json` or `ruled-out.json` first, then what stands beside it.
fn cases(id: &str, kind: &str) -> Vec<(String, Case, Snapshot)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/{id}"));
    let files =
        std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let further = format!("{kind}-");
    let mut names: Vec<String> = files
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .filter(|name| name.starts_with(&further))
        .collect();
    names.sort_unstable();
    if kind != "open" {
        names.insert(0, kind.to_owned());
    }
    names
        .into_iter()
        .map(|name| {
            let (read, snapshot) = case(id, &name);
            (format!("{id}/{name}"), read, snapshot)
        })
        .collect()
}

fn assert_contained(written: &serde_json::Value, read: &serde_json::Value, at: &str) {
    if let serde_json::Value::Object(fields) = written {
        for (name, value) in fields {
            let read = read
                .get(name)
                .unwrap_or_else(|| panic!("{at}: there is no field {name:?}"));
            assert_contained(value, read, &format!("{at}.{name}"));
        }
    }
    if let (serde_json::Value::Array(written), serde_json::Value::Array(read)) = (written, read) {
        for (index, value) in written.iter().enumerate() {
            assert_contained(value, &read[index], &format!("{at}[{index}]"));
        }
    }
}

fn verdict(snapshot: &Snapshot) -> String {
    let diagnosis = decide(snapshot);
    match diagnosis.verdict.status {
        Status::Found => diagnosis.verdict.cause.expect("a found verdict has a cause"),
        Status::Healthy => "healthy".to_owned(),
        Status::Undecided => "undecided".to_owned(),
    }
}

#[test]
fn every_cause_is_found_by_its_case() {
    let mut wrong = Vec::new();
    for cause in CAUSES {
        for (name, case, snapshot) in cases(cause.id, "found") {
            assert_eq!(case.verdict, cause.id, "{name} is about its own cause");
            match (cause.diagnose)(&snapshot) {
                Answer::Found(finding) => {
                    assert!(
                        !finding.evidence.is_empty(),
                        "{name}: no verdict without evidence"
                    );
                    assert!(
                        !finding.remedies.is_empty(),
                        "{name}: no finding without a remedy"
                    );
                    assert!(
                        finding
                            .evidence
                            .iter()
                            .all(|exhibit| exhibit.command.is_some() || exhibit.kind == "log"),
                        "{name}: every exhibit says how to see it by hand"
                    );
                }
                other => wrong.push(format!("{name}: its own case gives {other:?}")),
            }
            let verdict = verdict(&snapshot);
            if verdict != cause.id {
                wrong.push(format!("{name}: the catalogue settles on {verdict}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_cause_that_is_only_possible_leaves_the_verdict_open_and_is_named() {
    let mut count = 0;
    for cause in CAUSES {
        for (name, case, snapshot) in cases(cause.id, "open") {
            assert_eq!(case.verdict, "undecided", "{name} is left open");
            let verdict = decide(&snapshot).verdict;
            assert_eq!(verdict.status, Status::Undecided, "{name}: {}", verdict.title);
            assert!(
                verdict.also_possible.iter().any(|id| id == cause.id),
                "{name}: {:?}",
                verdict.also_possible
            );
            count += 1;
        }
    }
    assert!(count >= 2, "{count} cases");
}

#[test]
fn every_cause_is_ruled_out_by_its_counter_case() {
    let mut wrong = Vec::new();
    for cause in CAUSES {
        for (name, case, snapshot) in cases(cause.id, "ruled-out") {
            if let Answer::Found(finding) = (cause.diagnose)(&snapshot)
                && finding.severity == fix502::finding::Severity::Error
            {
                wrong.push(format!("{name}: found although {}", case.about));
            }
            let verdict = verdict(&snapshot);
            if verdict != case.verdict {
                wrong.push(format!(
                    "{name}: the catalogue settles on {verdict}, not on {}",
                    case.verdict
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ids_are_unique_and_have_their_page() {
    let mut ids: Vec<&str> = CAUSES.iter().map(|cause| cause.id).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "ids are unique");
    for id in &ids {
        assert!(fix502::explain::page(Some(id)).is_ok(), "{id} has a page");
    }
    for cause in CAUSES {
        for explained in cause.explains {
            assert!(
                fix502::explain::page(Some(explained)).is_ok(),
                "{} explains {explained}, which does not exist",
                cause.id
            );
        }
    }
}

#[test]
fn the_log_of_an_application_says_why_it_answers_500() {
    let (_, snapshot) = case("upstream-returned-502", "found-500");
    let diagnosis = decide(&snapshot);
    let root = diagnosis.findings.first().expect("something is found");
    let logged: Vec<&str> = root
        .evidence
        .iter()
        .filter(|exhibit| exhibit.kind == "log")
        .map(|exhibit| exhibit.text.as_str())
        .collect();
    // Neither the old error, nor the request, nor a line of the stack.
    let why = "TypeError: Cannot read properties of undefined (reading 'price')";
    assert_eq!(logged.first(), Some(&why), "{logged:#?}");
    assert!(
        !logged
            .iter()
            .any(|line| line.contains("of long ago") || line.contains("of an unknown time"))
    );
}
