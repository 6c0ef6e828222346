use super::*;
use crate::evidence::{ErrorEntry, Symptom};
use crate::report::text::tests::{found, healthy, poisoned, undecided};

fn page(report: &Report) -> String {
    let mut out = Vec::new();
    render(report, &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("a page is UTF-8")
}

/// The page without its style, which is a file of its own.
fn body(report: &Report) -> String {
    let page = page(report);
    page.split_once("</style>").expect("the style ends").1.to_owned()
}

/// A report with an hour of errors.
fn with_errors() -> Report {
    let mut report = found();
    let begin = 1_700_000_000_000;
    report.snapshot.host.boot_ms = Some(begin - 60_000);
    report.snapshot.log.before = (0..120)
        .map(|minute| ErrorEntry {
            at_ms: Some(begin + minute * 30_000),
            symptom: Some(Symptom::ConnectionRefused),
            ..ErrorEntry::default()
        })
        .collect();
    report
}

#[test]
fn the_page_of_a_found_cause_says_all_of_it() {
    insta::assert_snapshot!(body(&with_errors()).replace("><", ">\n<"));
}

#[test]
fn a_healthy_and_an_undecided_host_have_their_own_pages() {
    assert!(body(&healthy()).contains("<section class=\"verdict healthy\""));
    let page = body(&undecided());
    assert!(page.contains("<section class=\"verdict undecided\""));
    assert!(page.contains("<h2>Not checked</h2>"));
    assert!(!page.contains("<svg"), "no error has a time");
}

#[test]
fn hostile_evidence_stays_text_everywhere() {
    let poison = "<script>alert(1)</script><img src=x onerror=alert(2)>\" onclick='x' \u{1b}[2J\u{202e}";
    let page = page(&poisoned(poison));
    assert!(!page.contains("<script"), "no script of any origin");
    assert!(!page.contains("<img"));
    assert!(page.contains("&lt;script&gt;"));
    assert!(
        !page
            .chars()
            .any(|c| c != '\n' && crate::report::sanitize::is_deceptive(c))
    );
    // Attributes hold only this program's own words.
    for tag in page.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        assert!(!tag.contains("onclick"), "{tag}");
        assert!(!tag.contains("onerror"), "{tag}");
    }
}

#[test]
fn the_page_fetches_nothing_and_allows_only_its_own_style() {
    let page = page(&with_errors());
    for word in [
        "http-equiv=\"refresh\"",
        "src=",
        "<link",
        "@import",
        "url(",
        "<script",
        " style=",
        "href=",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    let style = page
        .split_once("<style>")
        .and_then(|(_, rest)| rest.split_once("</style>"))
        .map(|(style, _)| style)
        .expect("there is a style");
    let hash = STANDARD.encode(Sha256::digest(style.as_bytes()));
    assert!(page.contains(&format!("style-src 'sha256-{hash}'")));
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_log_of_years_and_one_of_a_moment_are_both_drawn() {
    for (first, last) in [
        (0_i64, 0_i64),
        (0, 1),
        (0, i64::MAX),
        (i64::MIN, i64::MAX),
        (5, 94_608_000_000),
    ] {
        let mut report = found();
        report.snapshot.log.before = [first, last]
            .into_iter()
            .map(|at_ms| ErrorEntry {
                at_ms: Some(at_ms),
                symptom: Some(Symptom::ConnectionRefused),
                ..ErrorEntry::default()
            })
            .collect();
        assert!(body(&report).contains("<rect class=\"bar\""), "{first} {last}");
    }
}
