//! Pseudonyms: nothing that names a machine stays, and the diagnosis stays what it was.

use std::collections::BTreeMap;

use fix502::bundle::{Redactor, single_names};
use fix502::evidence::Snapshot;
use fix502::verdict::{Diagnosis, decide};
use regex::Regex;

/// The recorded cases, in which addresses and names of documentation are replaced by such as somebody has:
/// those of documentation would be left as they are.
fn cases() -> Vec<(String, Snapshot)> {
    cases_with(r"\.example\b", ".acme-intern.net")
}

/// The recorded cases, with other names for those of documentation.
fn cases_with(pattern: &str, name: &str) -> Vec<(String, Snapshot)> {
    let directory = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut out = Vec::new();
    let example = Regex::new(pattern).unwrap();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        for kind in ["found", "ruled-out"] {
            let Ok(text) = std::fs::read_to_string(path.join(format!("{kind}.json"))) else {
                continue;
            };
            let mut text = text
                .replace("192.0.2.", "93.184.216.")
                .replace("203.0.113.", "81.2.69.")
                .replace("198.51.100.", "10.77.3.")
                .replace("2001:db8:", "2a01:4f8:")
                .replace("example.com", "acme-shop.de");
            text = example.replace_all(&text, name).into_owned();
            let case: serde_json::Value = serde_json::from_str(&text).unwrap();
            let snapshot = serde_json::from_value(case["snapshot"].clone()).unwrap();
            out.push((
                format!("{}/{kind}", path.file_name().unwrap().to_string_lossy()),
                snapshot,
            ));
        }
    }
    out.sort_by(|one, other| one.0.cmp(&other.0));
    out
}

/// The snapshot as a bundle holds it.
fn redacted(snapshot: &Snapshot) -> (Snapshot, Redactor) {
    let mut redactor = Redactor::new()
        .with_pseudonyms(&snapshot.host.name)
        .with_hosts(single_names(snapshot).iter().map(String::as_str));
    let value = redactor.value(serde_json::to_value(snapshot).unwrap());
    redactor.seal();
    let value = redactor.value(value);
    (serde_json::from_value(value).unwrap(), redactor)
}

/// What a diagnosis decided, without its words.
fn decided(diagnosis: &Diagnosis) -> serde_json::Value {
    let verdict = &diagnosis.verdict;
    serde_json::json!({
        "status": verdict.status, "cause": verdict.cause, "chain": verdict.chain, "confidence": verdict.confidence,
        "also_possible": verdict.also_possible, "made_by": verdict.made_by,
        "findings": diagnosis.findings.iter().map(|finding| {
            let finding = serde_json::to_value(finding).unwrap();
            ["cause", "rule", "step", "severity", "confidence"].map(|field| finding[field].clone())
        }).collect::<Vec<_>>(),
        "incomplete": diagnosis.incomplete.len(),
    })
}

#[test]
fn the_diagnosis_of_every_case_is_the_same_with_pseudonyms() {
    compare(cases());
}

#[test]
fn hosts_without_a_domain_are_replaced_and_the_diagnosis_is_the_same() {
    // `app.internal.example` becomes `app-box7`.
    let of = || cases_with(r"\b([a-z][\w-]*)(?:\.[\w-]+)*\.example\b", "${1}-box7");
    let mut met = 0;
    for (name, snapshot) in of() {
        let before = serde_json::to_string(&snapshot).unwrap();
        let after = serde_json::to_string(&redacted(&snapshot).0).unwrap();
        met += usize::from(before.contains("-box7"));
        for single in single_names(&snapshot) {
            assert!(!after.contains(&single), "{name}: {single} stays in {after}");
        }
    }
    assert!(met > 10, "{met} cases");
    compare(of());
}

fn compare(cases: Vec<(String, Snapshot)>) {
    let mut words = 0;
    let mut wrong = Vec::new();
    for (name, snapshot) in cases {
        let (disguised, mut redactor) = redacted(&snapshot);
        let (before, after) = (decide(&snapshot), decide(&disguised));
        if decided(&before) != decided(&after) {
            wrong.push(format!("{name}: {} became {}", decided(&before), decided(&after)));
        }
        // The words, too, but for the names in them.
        for (one, other) in before.findings.iter().zip(&after.findings) {
            words += 1;
            let one = redactor.text(&one.message);
            if one != other.message {
                wrong.push(format!("{name}: {one:?} became {:?}", other.message));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(words > 60, "{words} findings");
}

#[test]
fn no_address_and_no_name_of_a_case_is_in_its_snapshot_with_pseudonyms() {
    let strange = Regex::new(r"(?i)93\.184\.216\.|81\.2\.69\.|10\.77\.3\.|2a01:4f8|acme").unwrap();
    let mut met = BTreeMap::new();
    for (name, snapshot) in cases() {
        let before = serde_json::to_string(&snapshot).unwrap();
        let after = serde_json::to_string(&redacted(&snapshot).0).unwrap();
        *met.entry(strange.is_match(&before)).or_insert(0) += 1;
        assert!(
            !strange.is_match(&after),
            "{name}: {:?}",
            strange
                .find(&after)
                .map(|found| after.get(found.start().saturating_sub(60)..found.end() + 40))
        );
    }
    assert!(met[&true] > 100, "{met:?}");
}
