//! Every format of every report, held against what defines it: the JSON Schema of `docs/formats/`, the schema of
//! SARIF 2.1.0, a schema of `JUnit` XML, the commands of a GitHub workflow. Hostile text stays text in each.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use fix502::causes::CAUSES;
use fix502::evidence::{Place, ProblemLevel, Snapshot, TextEdit};
use fix502::finding::{Applicability, Confidence, Finding, Remedy, Severity, StepId};
use fix502::report::{Examined, FORMATS, Report, RuleNote};
use fix502::verdict::{Incomplete, decide};
use serde_json::Value;

fn file(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The schema of our own reports, which allows no field that it does not know: the tests are stricter than
/// the promise, so that no field is forgotten in it.
pub(crate) fn report_schema(definition: Option<&str>) -> jsonschema::Validator {
    let mut schema: Value = serde_json::from_str(&file("docs/formats/report-v1.schema.json")).expect("JSON");
    if let Some(name) = definition {
        schema = serde_json::json!({"$ref": format!("#/$defs/{name}"), "$defs": schema["$defs"]});
    }
    close(&mut schema);
    jsonschema::validator_for(&schema).expect("a JSON Schema")
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            object.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

static REPORT: LazyLock<jsonschema::Validator> = LazyLock::new(|| report_schema(None));

pub(crate) static SARIF: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let mut schema: Value =
        serde_json::from_str(&file("tests/fixtures/schemas/sarif-2.1.0.json")).expect("JSON");
    // This one pattern has a bracket too many; only ECMAScript without its `u` flag reads it.
    for definition in ["run", "toolComponent"] {
        if let Some(language) = schema["definitions"][definition]["properties"]["language"].as_object_mut() {
            language.remove("pattern");
        }
    }
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("a JSON Schema")
});

fn rendered(report: &Report, format: &str) -> String {
    let format = FORMATS
        .iter()
        .find(|known| known.name == format)
        .unwrap_or_else(|| panic!("{format}"));
    let mut bytes = Vec::new();
    (format.render)(report, &mut bytes).expect("a vector takes everything");
    String::from_utf8(bytes).expect("every format is UTF-8")
}

pub(crate) fn valid(schema: &jsonschema::Validator, text: &str, about: &str) -> Value {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{about}: {error}\n{text}"));
    let errors: Vec<String> = schema
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{about}: {errors:#?}");
    value
}

/// Has xmllint hold a `JUnit` report against the schema; false: there is no xmllint here.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn valid_junit(text: &str, about: &str) -> bool {
    let schema = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schemas/junit.xsd");
    let started = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .arg(schema)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(_) if std::env::var_os("FIX502_LAB").is_none_or(|lab| lab != "require") => {
            eprintln!("skipped: xmllint is not installed");
            return false;
        }
        Err(error) => panic!("xmllint: {error}"),
    };
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("xmllint reads");
    drop(input);
    let output = child.wait_with_output().expect("xmllint ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{about}: {said}\n{text}");
    true
}

fn all_formats_hold(report: &Report, about: &str) {
    valid(&REPORT, &rendered(report, "json"), about);
    valid(&SARIF, &rendered(report, "sarif"), about);
    for line in rendered(report, "github").lines() {
        let command = ["::error ", "::warning ", "::notice ", "fix502: "];
        assert!(
            command.iter().any(|start| line.starts_with(start)),
            "{about}: {line}"
        );
    }
    assert!(rendered(report, "markdown").starts_with("## fix502"), "{about}");
}

fn walk(snapshot: Snapshot) -> Report {
    let diagnosis = decide(&snapshot);
    let steps = StepId::ALL
        .into_iter()
        .map(|step| fix502::steps::summarise(step, &snapshot, &diagnosis))
        .collect();
    Report::new(snapshot, diagnosis, steps)
}

#[test]
fn every_case_of_the_catalogue_is_valid_in_every_format() {
    for cause in CAUSES {
        for kind in ["found", "ruled-out"] {
            let about = format!("{}/{kind}", cause.id);
            let case: Value =
                serde_json::from_str(&file(&format!("tests/cases/{about}.json"))).expect("a case");
            let snapshot: Snapshot = serde_json::from_value(case["snapshot"].clone()).expect("a snapshot");
            let report = walk(snapshot);
            all_formats_hold(&report, &about);
            if kind == "found" && cause.id.starts_with('u') {
                valid_junit(&rendered(&report, "junit"), &about);
            }
        }
    }
}

/// Text that would be markup, a command or an escape somewhere.
const HOSTILE: &str = "a\u{1b}[2J\u{0}\u{ffff}\r\n::error file=x::owned\n%0A::warning::x <b>&amp;\"' ]]></failure> \
                       {0} [a](http://evil.test) @everyone #1 ``` | \u{202e}www.evil.test";

fn hostile() -> Report {
    let place = Place {
        file: format!("/srv/repo/conf/{HOSTILE}.conf"),
        line: 3,
        column: 2,
    };
    let finding = Finding {
        rule: Some("N020-no-resolver".to_owned()),
        effect: HOSTILE.to_owned(),
        excerpt: format!("é {HOSTILE}"),
        remedies: vec![Remedy {
            summary: HOSTILE.to_owned(),
            text_edit: Some(TextEdit {
                file: place.file.clone(),
                start: (3, 2),
                end: (3, 9),
                replacement: HOSTILE.to_owned(),
            }),
            applicability: Applicability::Unsafe,
            ..Remedy::default()
        }],
        ..Finding::new("", StepId::Config, Confidence::Confirmed, HOSTILE)
    }
    .at(&place);
    let lint = Examined {
        files: vec![place.file.clone()],
        rules: vec![RuleNote {
            id: "N020-no-resolver".to_owned(),
            title: HOSTILE.to_owned(),
            level: ProblemLevel::Error,
            cause: Some("dns-no-resolver".to_owned()),
            lacks: None,
            lacks_host: false,
        }],
        fail_on: ProblemLevel::Error,
        ..Examined::default()
    };
    let mut report = Report {
        findings: vec![finding],
        lint: Some(lint),
        base: "/srv/repo".to_owned(),
        incomplete: vec![Incomplete {
            what: HOSTILE.to_owned(),
            why: HOSTILE.to_owned(),
            settle_with: HOSTILE.to_owned(),
        }],
        ..Report::default()
    };
    HOSTILE.clone_into(&mut report.verdict.title);
    report
}

#[test]
fn hostile_text_stays_text_in_every_format() {
    let report = hostile();
    all_formats_hold(&report, "hostile");
    valid_junit(&rendered(&report, "junit"), "hostile");
    let mut as_walk = report.clone();
    as_walk.lint = None;
    all_formats_hold(&as_walk, "hostile walk");
    for format in ["github", "junit", "markdown"] {
        let text = rendered(&report, format);
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{format}: {text}"
        );
    }
}

#[test]
fn a_github_annotation_is_one_line_and_its_properties_cannot_be_broken_out_of() {
    let text = rendered(&hostile(), "github");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    let properties = lines[0]
        .strip_prefix("::error ")
        .and_then(|rest| rest.split("::").next())
        .expect("an error command");
    assert_eq!(properties.matches(',').count(), 3, "{properties}");
    assert!(
        lines[0].contains("%250A"),
        "a percent sign is written out: {text}"
    );
}

#[test]
fn markdown_from_outside_makes_no_link_no_mention_and_no_markup() {
    let text = rendered(&hostile(), "markdown");
    for markup in ["[a](", "@everyone", " #1", "://evil", "<b>\n"] {
        let prose: Vec<&str> = text.lines().filter(|line| !line.starts_with('`')).collect();
        assert!(
            !prose.iter().any(|line| line.contains(markup) && !line.contains('`')),
            "{markup}: {text}"
        );
    }
}

#[test]
fn sarif_paths_are_relative_to_the_source_root_and_columns_count_characters() {
    let report = hostile();
    let log = valid(&SARIF, &rendered(&report, "sarif"), "hostile");
    let run = &log["runs"][0];
    assert_eq!(run["originalUriBaseIds"]["SRCROOT"]["uri"], "file:///srv/repo/");
    let result = &run["results"][0];
    let artifact = &result["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(artifact["uriBaseId"], "SRCROOT");
    let uri = artifact["uri"].as_str().expect("a URI");
    assert!(uri.starts_with("conf/a%1B%5B2J%00"), "{uri}");
    // The excerpt begins with a letter of two bytes: byte column 9 is character column 8.
    let deleted = &result["fixes"][0]["artifactChanges"][0]["replacements"][0]["deletedRegion"];
    assert_eq!(deleted["endColumn"], 8, "{deleted}");
    let text = result["message"]["text"].as_str().expect("text");
    assert!(text.contains("{{0}") && text.contains("\\]("), "{text}");
}

#[test]
fn code_scanning_gets_no_more_results_than_it_takes_and_the_worst_of_them() {
    let small = |severity: Severity, index: u32| {
        let place = Place {
            file: "/srv/repo/a.conf".to_owned(),
            line: index,
            column: 1,
        };
        Finding {
            rule: Some("N080-fixed-502".to_owned()),
            severity,
            excerpt: "return 502;".to_owned(),
            ..Finding::new("configured-502", StepId::Config, Confidence::Confirmed, "m")
        }
        .at(&place)
    };
    let mut findings: Vec<Finding> = (1..=25_010).map(|line| small(Severity::Info, line)).collect();
    findings.push(small(Severity::Error, 30_000));
    let report = Report {
        findings,
        lint: Some(Examined::default()),
        ..Report::default()
    };
    let log: Value = serde_json::from_str(&rendered(&report, "sarif")).expect("JSON");
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), 25_000);
    assert_eq!(results[0]["level"], "error");
    let prints: std::collections::BTreeSet<String> = results
        .iter()
        .map(|result| result["partialFingerprints"].to_string())
        .collect();
    assert_eq!(
        prints.len(),
        results.len(),
        "equal lines have their own fingerprints"
    );
    let notes = log["runs"][0]["invocations"][0]["toolExecutionNotifications"].to_string();
    assert!(notes.contains("11 findings are left out"), "{notes}");
}

#[test]
fn many_long_findings_stay_below_the_sizes_that_github_and_gitlab_take() {
    let place = |line: u32| Place {
        file: format!("/srv/repo/conf/site-{}.conf", line % 700),
        line,
        column: 3,
    };
    let findings: Vec<Finding> = (1..=25_000)
        .map(|line| {
            Finding {
                rule: Some("N080-fixed-502".to_owned()),
                severity: Severity::Error,
                excerpt: format!(
                    "    location /way/{line} {{ return 502 \"{}\"; }}",
                    "x".repeat(80)
                ),
                remedies: vec![Remedy {
                    summary: format!("let the upstream answer for /way/{line} {}", "y".repeat(120)),
                    ..Remedy::default()
                }],
                ..Finding::new(
                    "configured-502",
                    StepId::Config,
                    Confidence::Confirmed,
                    format!("the configuration itself answers 502 for /way/{line}"),
                )
            }
            .at(&place(line))
        })
        .collect();
    let report = Report {
        findings,
        lint: Some(Examined {
            rules: vec![RuleNote {
                id: "N080-fixed-502".to_owned(),
                title: "a fixed 502".to_owned(),
                level: ProblemLevel::Error,
                cause: Some("configured-502".to_owned()),
                lacks: None,
                lacks_host: false,
            }],
            ..Examined::default()
        }),
        base: "/srv/repo".to_owned(),
        ..Report::default()
    };
    let junit = rendered(&report, "junit");
    assert!(junit.len() < 30_000_000, "{} bytes", junit.len());
    assert!(junit.contains("and 24800 more"), "the rest is counted");
    valid_junit(&junit, "many findings");
    let sarif = rendered(&report, "sarif");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(sarif.as_bytes()).expect("a vector takes everything");
    let packed = packed.finish().expect("a vector takes everything");
    assert!(packed.len() < 10_000_000, "{} bytes", packed.len());
    let log: Value = serde_json::from_str(&sarif).expect("JSON");
    for rule in log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules") {
        let tags = rule["properties"]["tags"].as_array().map_or(0, Vec::len);
        assert!(tags <= 10, "{rule}");
    }
    for line in rendered(&report, "github").lines() {
        assert!(line.len() < 4_096, "{line}");
    }
}

#[test]
fn what_nobody_could_look_at_is_skipped_in_junit_and_never_passed() {
    let mut report = hostile();
    report.findings.clear();
    if let Some(rule) = report.lint.as_mut().and_then(|lint| lint.rules.first_mut()) {
        rule.lacks = Some("the listening sockets".to_owned());
    }
    let text = rendered(&report, "junit");
    assert!(
        text.contains("<skipped message=\"it needs the listening sockets\"/>"),
        "{text}"
    );
    assert!(text.contains("skipped=\"1\""), "{text}");
}
