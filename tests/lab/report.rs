//! What is demanded of a report, whatever the fault: the promise to users, in checks.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::world::Said;

/// A report of fix502 as JSON, with how the program ended.
pub(super) struct Report {
    value: Value,
    code: Option<i32>,
    pub(super) wall: Duration,
}

impl Report {
    /// Parse what the program printed, and hold it to what every report promises.
    pub(super) fn read(said: &Said) -> Self {
        said.did_not_crash();
        let value: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| {
            panic!(
                "no JSON ({error}), exit {:?}\nstdout: {}\nstderr: {}",
                said.code, said.stdout, said.stderr
            )
        });
        let report = Self {
            value,
            code: said.code,
            wall: said.wall,
        };
        assert_eq!(report.value["schema"], "fix502.report/v1");
        let numbers: Vec<_> = report
            .list("steps")
            .iter()
            .filter_map(|step| step["number"].as_u64())
            .collect();
        assert_eq!(
            numbers,
            [1, 2, 3, 4, 5, 6, 7, 8],
            "all eight steps, in order: {}",
            report.text()
        );
        for step in report.list("steps") {
            let status = step["status"].as_str().unwrap_or_default();
            let known = ["ok", "problem", "warning", "could_not_check", "skipped"].contains(&status);
            assert!(
                known && !blank(&step["id"]) && !blank(&step["summary"]),
                "a step says too little: {step}"
            );
        }
        for entry in report.list("incomplete") {
            assert!(
                !blank(&entry["what"]) && !blank(&entry["why"]),
                "an entry that does not say enough: {entry}"
            );
        }
        report
    }

    /// The list under this name; empty where there is none.
    pub(super) fn list(&self, name: &str) -> &[Value] {
        self.value[name].as_array().map_or(&[], Vec::as_slice)
    }

    /// The verdict's `found`, `healthy` or `undecided`.
    pub(super) fn status(&self) -> &str {
        self.value["verdict"]["status"].as_str().unwrap_or_default()
    }

    /// The verdict in one sentence.
    pub(super) fn title(&self) -> &str {
        self.value["verdict"]["title"].as_str().unwrap_or_default()
    }

    /// The root cause of the verdict; empty where there is none.
    pub(super) fn cause(&self) -> &str {
        self.value["verdict"]["cause"].as_str().unwrap_or_default()
    }

    /// The exit code.
    pub(super) fn code(&self) -> Option<i32> {
        self.code
    }

    /// Assert that this is the verdict, with proof and something to do about it.
    pub(super) fn finds(&self, cause: &str) {
        assert_eq!((self.status(), self.cause()), ("found", cause), "{}", self.text());
        assert_eq!(self.code, Some(1), "{}", self.text());
        let chain: Vec<_> = self.value["verdict"]["chain"]
            .as_array()
            .into_iter()
            .flatten()
            .collect();
        assert!(
            chain.first().is_some_and(|first| *first == cause),
            "the root comes first: {chain:?}"
        );
        assert!(!blank(&self.value["verdict"]["title"]), "{}", self.text());
        assert!(
            self.list("findings").iter().any(|finding| finding["cause"] == cause),
            "{}",
            self.text()
        );
        self.proves_its_findings();
    }

    /// Assert that nothing is wrong with the request, and that the program says so.
    pub(super) fn is_healthy(&self) {
        assert_eq!((self.status(), self.cause()), ("healthy", ""), "{}", self.text());
        assert_eq!(self.code, Some(0), "{}", self.text());
        self.proves_its_findings();
    }

    fn proves_its_findings(&self) {
        for finding in self.list("findings") {
            let proof = finding["evidence"]
                .as_array()
                .is_some_and(|list| list.iter().any(|one| !blank(&one["text"])));
            let remedy = finding["remedies"].as_array().is_some_and(|list| !list.is_empty());
            assert!(proof, "a finding without evidence: {finding}");
            assert!(
                remedy || !blank(&finding["docs"]),
                "a finding without a remedy: {finding}"
            );
        }
    }

    /// Assert that the report says, with its reason, that something of which one of these words speaks was not looked at.
    pub(super) fn could_not_look_at(&self, words: &[&str]) {
        let said = self.list("incomplete").iter().any(|entry| {
            let text = entry.to_string();
            words.iter().any(|word| text.contains(word))
        });
        assert!(said, "nothing about {words:?} under incomplete: {}", self.text());
    }

    /// Does any finding or incomplete entry speak of this?
    pub(super) fn mentions(&self, word: &str) -> bool {
        ["findings", "incomplete", "steps"]
            .iter()
            .any(|name| self.value[*name].to_string().contains(word))
    }

    /// The report in short, for whoever looks at a failed test.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "exit {:?} after {:?}, verdict {}",
            self.code, self.wall, self.value["verdict"]
        );
        for (name, keys) in [
            ("steps", ["number", "status", "summary"]),
            ("findings", ["cause", "confidence", "message"]),
            ("incomplete", ["what", "why", "settle_with"]),
        ] {
            for entry in self.list(name) {
                let [first, second, third] = keys.map(|key| &entry[key]);
                let _ = write!(text, "\n  {name}: {first} {second} {third}");
            }
        }
        text
    }
}

impl Said {
    /// Assert that the program ended by itself with one of its exit codes, without a panic.
    pub(super) fn did_not_crash(&self) {
        let crashed = self.stderr.contains("panicked at") || self.stderr.contains("RUST_BACKTRACE");
        let code = self.code.unwrap_or(-1);
        assert!(
            !crashed && (0..=4).contains(&code),
            "exit {code} after {:?}\n{}{}",
            self.wall,
            self.stdout,
            self.stderr
        );
    }
}

fn blank(value: &Value) -> bool {
    value.as_str().is_none_or(|text| text.trim().is_empty())
}
