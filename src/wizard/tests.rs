use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Write;
use std::rc::Rc;

use super::*;
use crate::finding::{Confidence, Remedy};
use crate::verdict::{Status, Verdict};

/// A diagnosis that is ready after a few questions, and healthy from the second start on.
#[derive(Default)]
struct Recorded {
    starts: Vec<Option<String>>,
    secrets: usize,
    questions: u32,
    sites: Vec<String>,
    bundles: usize,
    never_ready: bool,
}

impl Recorded {
    fn healthy(&self) -> bool {
        self.starts.len() > 1
    }
}

impl Walk for Recorded {
    fn start(&mut self, target: &Target, credentials: Option<&Credentials>) {
        self.starts.push(target.url.clone());
        self.secrets += usize::from(credentials.is_some());
        self.questions = 0;
    }

    fn poll(&mut self, step: StepId) -> Option<(StepSummary, Vec<Finding>)> {
        self.questions += 1;
        if self.never_ready || self.questions < 3 {
            return None;
        }
        let faulty = step == StepId::Upstream && !self.healthy();
        let summary = StepSummary {
            number: step.number(),
            id: step,
            status: if faulty {
                StepStatus::Problem
            } else {
                StepStatus::Ok
            },
            summary: if faulty { "127.0.0.1:8080 refused" } else { "fine" }.to_owned(),
            details: vec![format!("details of {}\u{1b}[2J", step.id())],
            recommended: Vec::new(),
            differs: None,
            ways: Vec::new(),
        };
        let findings = faulty
            .then(|| {
                Finding::new(
                    "upstream-not-running",
                    step,
                    Confidence::Confirmed,
                    "nothing listens on 127.0.0.1:8080",
                )
                .remedy(Remedy::run("starts it", ["systemctl", "start", "app"]))
            })
            .into_iter()
            .collect();
        Some((summary, findings))
    }

    fn verdict(&mut self) -> Option<Report> {
        let status = if self.healthy() {
            Status::Healthy
        } else {
            Status::Found
        };
        Some(Report {
            verdict: Verdict {
                status,
                title: "the title".to_owned(),
                cause: Some("upstream-not-running".to_owned()),
                ..Verdict::default()
            },
            ..Report::default()
        })
    }

    fn write_bundle(&mut self) -> Result<PathBuf, String> {
        self.bundles += 1;
        Ok("/tmp/fix502-web-1.tar.gz".into())
    }

    fn bundle_preview(&self) -> Vec<String> {
        vec!["report.json\u{202e}".to_owned()]
    }

    fn sites(&self) -> Vec<String> {
        self.sites.clone()
    }
}

/// A person who says these things in turn, and then Ctrl-C.
struct Script {
    words: VecDeque<&'static str>,
    urls: VecDeque<&'static str>,
    asked: Vec<Vec<String>>,
}

impl Prompt for Script {
    fn choose(&mut self, _: &str, items: &[String], _: usize) -> Result<usize, NoAnswer> {
        self.asked.push(items.to_vec());
        let word = self.words.pop_front().ok_or(NoAnswer::Interrupted)?;
        items
            .iter()
            .position(|item| item == word)
            .ok_or_else(|| panic!("{word} is not offered: {items:?}"))
    }

    fn address(&mut self, _: &str) -> Result<Option<Address>, NoAnswer> {
        let text = self.urls.pop_front().ok_or(NoAnswer::Gone)?;
        Ok(parse_address(text).ok())
    }
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Outcome {
    exit: Exit,
    text: String,
    walk: Recorded,
    person: Script,
}

fn walked(
    mut recorded: Recorded,
    url: Option<&str>,
    words: &[&'static str],
    urls: &[&'static str],
) -> Outcome {
    let out = Shared::default();
    let style = TextStyle {
        color: false,
        unicode: true,
        width: 80,
        detail: 1,
    };
    let mut ui = Ui::on(style, Box::new(out.clone()), Box::new(out.clone()));
    let mut person = Script {
        words: words.iter().copied().collect(),
        urls: urls.iter().copied().collect(),
        asked: Vec::new(),
    };
    let address = url.map(|url| parse_address(url).expect("a URL"));
    let exit = walk(
        &mut recorded,
        &mut person,
        &mut ui,
        address,
        &StepId::ALL,
        &AtomicBool::new(false),
    )
    .expect("memory takes everything");
    let text = String::from_utf8(out.0.borrow().clone()).expect("text is UTF-8");
    Outcome {
        exit,
        text,
        walk: recorded,
        person,
    }
}

#[test]
fn eight_times_next_ends_with_the_report() {
    let mut words = vec!["Next"; 7];
    words.push("See the verdict");
    let outcome = walked(Recorded::default(), Some("http://x.example/"), &words, &[]);
    assert_eq!(outcome.exit, Exit::Found);
    assert!(outcome.person.words.is_empty());
    insta::assert_snapshot!(outcome.text);
}

#[test]
fn a_repair_is_seen_when_the_step_is_checked_again() {
    let words = ["Next", "Check this step again", "Skip to verdict"];
    let outcome = walked(Recorded::default(), Some("http://x.example/"), &words, &[]);
    assert_eq!(outcome.exit, Exit::Healthy);
    assert_eq!(outcome.walk.starts.len(), 2);
    let text = &outcome.text;
    assert!(text.contains("gone: nothing listens on 127.0.0.1:8080"), "{text}");
    assert!(text.contains("changed: a problem -> fine"), "{text}");
}

#[test]
fn checking_again_without_a_repair_says_so() {
    let outcome = walked(
        Recorded::default(),
        Some("x.example"),
        &["Check this step again", "Quit"],
        &[],
    );
    assert!(outcome.text.contains("nothing has changed"), "{}", outcome.text);
    assert_eq!(outcome.exit, Exit::Undecided);
}

#[test]
fn evidence_is_shown_on_request_and_harmless() {
    let outcome = walked(
        Recorded::default(),
        Some("x.example"),
        &["Show the evidence", "Quit"],
        &[],
    );
    assert!(
        outcome.text.contains(r"details of retry\x1b[2J"),
        "{}",
        outcome.text
    );
}

#[test]
fn the_bundle_is_previewed_and_written_only_when_wanted() {
    let words = [
        "Write the support bundle",
        "Not now",
        "Write the support bundle",
        "Write it",
        "Quit",
    ];
    let outcome = walked(Recorded::default(), Some("x.example"), &words, &[]);
    assert_eq!(outcome.walk.bundles, 1);
    assert!(outcome.text.contains(r"report.json\u{202e}"), "{}", outcome.text);
    assert!(
        outcome.text.contains("written: /tmp/fix502-web-1.tar.gz"),
        "{}",
        outcome.text
    );
}

#[test]
fn without_a_url_the_sites_are_offered() {
    let recorded = || Recorded {
        sites: ["shop.example", "*.shop.example", "~^www", "shop.example"]
            .map(str::to_owned)
            .to_vec(),
        ..Recorded::default()
    };
    let outcome = walked(recorded(), None, &["http://shop.example/", "Quit"], &[]);
    assert_eq!(outcome.walk.starts, [Some("http://shop.example/".to_owned())]);
    assert_eq!(outcome.person.asked[0].len(), 3);
    let outcome = walked(
        recorded(),
        None,
        &["another URL", "Quit"],
        &["https://joe:pw@other.example/"],
    );
    assert_eq!(outcome.walk.starts, [Some("https://other.example/".to_owned())]);
    assert_eq!(outcome.walk.secrets, 1);
    let outcome = walked(recorded(), None, &["no URL: check this host", "Quit"], &[]);
    assert_eq!(outcome.walk.starts, [None]);
}

#[test]
fn without_a_url_and_sites_the_person_is_asked() {
    let outcome = walked(Recorded::default(), None, &["Quit"], &["x.example:8080"]);
    assert_eq!(outcome.walk.starts, [Some("http://x.example:8080/".to_owned())]);
    let outcome = walked(Recorded::default(), None, &["Quit"], &[""]);
    assert_eq!(outcome.walk.starts, [None]);
}

#[test]
fn ctrl_c_at_a_prompt_ends_as_interrupted() {
    let outcome = walked(Recorded::default(), Some("x.example"), &["Next"], &[]);
    assert_eq!(outcome.exit, Exit::Interrupted);
}

#[test]
fn a_terminal_that_went_away_ends_the_walk() {
    let outcome = walked(Recorded::default(), None, &[], &[]);
    assert_eq!(outcome.exit, Exit::Undecided);
    assert!(outcome.walk.starts.is_empty());
}

#[test]
fn ctrl_c_while_waiting_ends_as_interrupted() {
    let mut recorded = Recorded {
        never_ready: true,
        ..Recorded::default()
    };
    let style = TextStyle {
        color: false,
        unicode: true,
        width: 80,
        detail: 1,
    };
    let mut ui = Ui::on(style, Box::new(io::sink()), Box::new(io::sink()));
    let mut person = Script {
        words: VecDeque::new(),
        urls: VecDeque::new(),
        asked: Vec::new(),
    };
    let address = parse_address("x.example").ok();
    let interrupted = AtomicBool::new(true);
    let exit = walk(
        &mut recorded,
        &mut person,
        &mut ui,
        address,
        &StepId::ALL,
        &interrupted,
    );
    assert_eq!(exit.ok(), Some(Exit::Interrupted));
}
