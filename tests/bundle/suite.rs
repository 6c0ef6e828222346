//! The planted suite: no secret of any kind, in any place, is in anything that is given out.

use std::collections::BTreeSet;

use fix502::bundle::selftest::{self, Spot};
use fix502::bundle::{self, BundleInputs, Redactor};
use fix502::report::{FORMATS, TextStyle, render_text};

use super::planted::{TEXT, report, transcript};

#[test]
fn many_secrets_of_many_kinds_are_planted_everywhere() {
    let plants = selftest::plants();
    let secrets: BTreeSet<&String> = plants.iter().flat_map(|plant| &plant.secrets).collect();
    let kinds: BTreeSet<&str> = plants.iter().map(|plant| plant.kind).collect();
    let spots: BTreeSet<Spot> = plants.iter().map(|plant| plant.spot).collect();
    assert!(secrets.len() >= 280, "{}", secrets.len());
    assert!(kinds.len() >= 30, "{}", kinds.len());
    assert_eq!(spots.len(), 10);
    assert_eq!(
        plants.len(),
        include_str!("../../src/bundle/selftest/plants.tsv").lines().count()
    );
    for plant in &plants {
        assert!(!plant.secrets.is_empty(), "{plant:?}");
        assert!(
            plant.secrets.iter().all(|secret| plant.text.contains(secret)),
            "{plant:?}"
        );
    }
}

#[test]
fn each_planted_text_is_redacted_by_itself() {
    let plants = selftest::plants();
    let mut leaks = Vec::new();
    for plant in plants.iter().filter(|plant| plant.spot != Spot::Environment) {
        let redacted = Redactor::new().text(&plant.text);
        for leak in selftest::find(std::slice::from_ref(plant), "", redacted.as_bytes()) {
            leaks.push(format!(
                "{:?} {}: {} in {redacted:?}",
                plant.spot, plant.kind, leak.secret
            ));
        }
    }
    assert!(leaks.is_empty(), "{} leaks\n{}", leaks.len(), leaks.join("\n"));
}

#[test]
fn no_secret_of_the_trial_is_in_its_bundle() {
    for keep_addresses in [true, false] {
        let inputs = BundleInputs {
            report: &report(),
            text: TEXT,
            included: &[],
            tool_version: "0.1.0",
            keep_addresses,
        };
        let trial = selftest::trial(&inputs, &transcript()).unwrap();
        let leaks: Vec<String> = trial.leaks.iter().map(|leak| format!("{leak:?}")).collect();
        assert!(leaks.is_empty(), "{} leaks\n{}", leaks.len(), leaks.join("\n"));
        assert!(trial.planted >= 280 && trial.kinds >= 30);
    }
}

#[test]
fn no_secret_is_in_a_report_of_any_format_or_on_the_terminal() {
    // A variable of any name is known for a secret in the environment of a process alone.
    let mut plants = selftest::plants();
    plants.retain(|plant| plant.spot != Spot::Environment);
    let report = selftest::with_exhibits(&report(), &plants).unwrap();
    let shown = bundle::without_secrets(&report, bundle::names(&report.snapshot)).unwrap();
    let mut outputs = Vec::new();
    for format in FORMATS {
        let mut out = Vec::new();
        (format.render)(&shown, &mut out).unwrap();
        outputs.push((format.name.to_owned(), out));
    }
    for detail in 0..3 {
        let style = TextStyle {
            color: true,
            unicode: true,
            width: 80,
            detail,
        };
        let mut out = Vec::new();
        render_text(&shown, &style, &mut out).unwrap();
        outputs.push((format!("terminal {detail}"), out));
    }
    assert!(outputs.len() >= 10);
    let leaks: Vec<_> = outputs
        .iter()
        .flat_map(|(name, out)| selftest::find(&plants, name, out))
        .collect();
    assert!(leaks.is_empty(), "{leaks:?}");
    // Without redaction they are there: the test can fail.
    let mut out = Vec::new();
    render_text(
        &report,
        &TextStyle {
            color: true,
            unicode: true,
            width: 80,
            detail: 2,
        },
        &mut out,
    )
    .unwrap();
    assert!(selftest::find(&plants, "", &out).len() > 100);
}
