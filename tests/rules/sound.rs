//! Configurations as people run them, `tests/fixtures/configs/<server>/*.conf`: a rule that reports an error
//! in one of them is wrong. To add one: the file; it is written as an example of a page is.

use std::path::{Path, PathBuf};

use fix502::evidence::{ProblemLevel, Snapshot};

fn texts(server: &str) -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/configs")
        .join(server);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory)
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// So many files there are at least.
fn fewest(server: &str) -> usize {
    match server {
        "nginx" => 11,
        "apache" => 8,
        _ => 0,
    }
}

#[test]
fn configurations_that_work_get_no_error() {
    let mut wrong = Vec::new();
    for server in ["nginx", "apache", "squid"] {
        let texts = texts(server);
        assert!(texts.len() >= fewest(server), "only {} files", texts.len());
        for (name, text) in texts {
            let text = super::whole(server, &text);
            let configuration = super::read(server, &text, None);
            let errors = configuration.summary().errors;
            let found: Vec<_> = configuration
                .lint(&Snapshot::default())
                .problems
                .into_iter()
                // What is said of those of nginx is known: see below.
                .filter(|problem| {
                    problem.level == ProblemLevel::Error
                        || server == "apache" && problem.level == ProblemLevel::Warning
                })
                .collect();
            if !(errors.is_empty() && found.is_empty()) {
                let (errors, found) = (super::shown(&errors), super::shown(&found));
                wrong.push(format!("{server}/{name}\n{errors}\n{found}"));
            }
            if let Some(judgement) = super::servers::accepts(server, &text)
                && !judgement.accepted
            {
                wrong.push(format!("{server}/{name}: refused\n{}", judgement.output));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Warnings about them are few, and each was looked at: it is true of the file.
#[test]
fn what_is_said_of_configurations_that_work_is_known() {
    let mut said = String::new();
    for (name, text) in texts("nginx") {
        let text = super::whole("nginx", &text);
        for problem in super::read("nginx", &text, None).lint(&Snapshot::default()).problems {
            use std::fmt::Write as _;
            let (level, line) = (problem.level, problem.place.line);
            writeln!(said, "{name}:{line}: {level:?} {}", problem.rule).unwrap();
        }
    }
    insta::assert_snapshot!(said);
}

#[test]
fn configurations_of_squid_that_work_get_no_warning() {
    let texts = texts("squid");
    assert!(texts.len() >= 5, "only {} files", texts.len());
    for (name, text) in texts {
        let found = super::read("squid", &text, None).lint(&Snapshot::default()).problems;
        let loud: Vec<_> = found
            .into_iter()
            .filter(|problem| problem.level != ProblemLevel::Info)
            .collect();
        assert!(loud.is_empty(), "{name}\n{}", super::shown(&loud));
    }
}
