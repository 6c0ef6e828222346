//! Captures of real servers: each failing exchange gives the symptom that was expected of it, and where only
//! one cause remains, that cause. `tests/fixtures/captures.jsonl` holds head, page and log lines of each.

use fix502::verdict::Status;

use super::pasted;

#[derive(serde::Deserialize)]
struct Capture {
    name: String,
    /// The symptom; several with `|` between them; none: no line tells of a failure.
    symptom: Option<String>,
    /// The cause, where only one remains.
    cause: Option<String>,
    text: String,
}

fn captures() -> Vec<Capture> {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/captures.jsonl"
    ))
    .expect("captures");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a capture"))
        .collect()
}

#[test]
fn every_capture_with_a_5xx_gives_its_symptom() {
    let mut wrong = Vec::new();
    let captures = captures();
    for capture in &captures {
        let (snapshot, diagnosis) = pasted(&capture.text);
        let pieces = snapshot.pieces.expect("pieces");
        let found = pieces.failures.first().map(|failure| {
            serde_json::to_value(failure.symptom)
                .expect("a name")
                .as_str()
                .expect("a name")
                .to_owned()
        });
        let as_expected = match (&capture.symptom, &found) {
            (Some(expected), Some(found)) => expected.split('|').any(|one| one == found),
            (None, None) => true,
            _ => false,
        };
        if !as_expected {
            wrong.push(format!(
                "{}: {found:?}, expected {:?}",
                capture.name, capture.symptom
            ));
        }
        let verdict = &diagnosis.verdict;
        match &capture.cause {
            Some(cause) if verdict.cause.as_ref() != Some(cause) => {
                wrong.push(format!(
                    "{}: {:?} {:?}, expected {cause}",
                    capture.name, verdict.cause, verdict.also_possible
                ));
            }
            None if verdict.status == Status::Found => {
                wrong.push(format!(
                    "{}: decided {:?}, and several remain",
                    capture.name, verdict.cause
                ));
            }
            _ => {}
        }
        if verdict.status == Status::Healthy {
            wrong.push(format!("{}: called healthy", capture.name));
        }
    }
    assert!(captures.len() > 150, "{}", captures.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
