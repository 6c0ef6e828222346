//! The HTML report in a real browser: it runs no script, complains of nothing and asks the network for
//! nothing. With `FIX502_SCREENSHOTS=DIR` the pages are also drawn, light, dark and as wide as a small telephone.
#![expect(clippy::print_stdout, reason = "the skipping is worth seeing")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What the browser said about one page.
struct Visit {
    document: String,
    console: Vec<String>,
    /// URLs that the page itself asked for.
    requests: Vec<String>,
}

/// Chromium in a network namespace of its own, in which nothing can be reached; `None`: it is not here, or
/// no namespace can be made.
fn browser() -> Option<Command> {
    let found = ["/usr/bin/chromium", "/usr/bin/chromium-browser"]
        .into_iter()
        .find(|path| Path::new(path).exists())?;
    let mut trial = Command::new("unshare");
    if !trial
        .args(["--net", "true"])
        .stderr(Stdio::null())
        .status()
        .ok()?
        .success()
    {
        return None;
    }
    let mut command = Command::new("unshare");
    command.args([
        "--net",
        found,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--enable-logging=stderr",
    ]);
    command.stdin(Stdio::null());
    Some(command)
}

fn visit(mut browser: Command, place: &Path, page: &Path) -> Visit {
    let log = place.join("net.json");
    let output = browser
        .arg(format!("--user-data-dir={}", place.join("profile").display()))
        .arg(format!("--log-net-log={}", log.display()))
        .args(["--net-log-capture-mode=Everything", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser runs");
    let complaints = String::from_utf8_lossy(&output.stderr);
    let log: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&log).expect("the browser kept its log")).expect("JSON");
    let requests = log["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| &event["params"])
        // What the browser asks for its own ends has no origin; what a local page asks has the origin "null".
        .filter(|parameters| parameters["initiator"] == "null")
        .filter_map(|parameters| parameters["url"].as_str().map(str::to_owned))
        .collect();
    Visit {
        document: String::from_utf8_lossy(&output.stdout).into_owned(),
        console: complaints
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .map(str::to_owned)
            .collect(),
        requests,
    }
}

fn report(page: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fix502"))
        .args(arguments)
        .args(["--format", "html", "--output"])
        .arg(page)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs")
}

/// A page that shows this one as wide as a small telephone, for no window of the browser is; its title becomes the
/// width that the content needs.
fn framed(place: &Path, page: &Path) -> PathBuf {
    let frame = place.join("frame.html");
    let text = format!(
        "<body style='margin:0'><iframe src='file://{}' width=360 height=3600 style='border:0'></iframe><script>
         const frame = document.querySelector('iframe');
         frame.onload = () => document.title = 'needs ' + frame.contentDocument.documentElement.scrollWidth;</script>",
        page.display()
    );
    std::fs::write(&frame, text).expect("written");
    frame
}

/// Nothing has to be scrolled sideways on a telephone.
fn fits_a_telephone(place: &Path, page: &Path) {
    let mut browser = browser().expect("there");
    browser.arg("--allow-file-access-from-files");
    let seen = visit(browser, place, &framed(place, page));
    assert!(
        seen.document.contains("<title>needs 360</title>"),
        "{}",
        seen.document
    );
}

fn draw(page: &Path, name: &str) {
    let Some(directory) = std::env::var_os("FIX502_SCREENSHOTS") else {
        return;
    };
    let place = tempfile::tempdir().expect("a temporary directory");
    for (kind, flags) in [
        ("light", &["--window-size=1000,2400"][..]),
        ("dark", &["--window-size=1000,2400", "--force-dark-mode"]),
        ("phone", &["--window-size=500,3600"]),
        ("dark-phone", &["--window-size=500,3600", "--force-dark-mode"]),
    ] {
        let picture = Path::new(&directory).join(format!("{name}-{kind}.png"));
        let shown = if kind.ends_with("phone") {
            framed(place.path(), page)
        } else {
            page.to_owned()
        };
        let mut browser = browser().expect("it was there a moment ago");
        let output = browser
            .args(flags)
            .arg(format!("--user-data-dir={}", place.path().display()))
            .arg(format!("--screenshot={}", picture.display()))
            .arg(format!("file://{}", shown.display()))
            .output()
            .expect("the browser runs");
        assert!(picture.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_browser_shows_the_page_and_asks_the_network_for_nothing() {
    if browser().is_none() {
        println!("skipped: no Chromium, or no network namespace can be made");
        return;
    }
    let place = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| place.path().join(name);

    // The ways of seeing are proved on a page that does both.
    let control = at("control.html");
    std::fs::write(
        &control,
        "<img src='http://page.test/x.png'><script>console.error('seen')</script>",
    )
    .expect("written");
    let seen = visit(browser().expect("there"), place.path(), &control);
    assert!(
        seen.requests.iter().any(|url| url.contains("page.test")),
        "{:?}",
        seen.requests
    );
    assert!(seen.console.iter().any(|line| line.contains("seen")));

    let page = at("demo.html");
    let output = report(&page, &["demo"]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let seen = visit(browser().expect("there"), place.path(), &page);
    assert_eq!(seen.console, [""; 0]);
    assert_eq!(seen.requests, [""; 0]);
    assert!(seen.document.contains("upstream-not-running"));
    fits_a_telephone(place.path(), &page);
    draw(&page, "demo");

    // Nobody listens on the discard port of this host; the path comes back in every part of the report.
    let page = at("hostile.html");
    let url = "http://127.0.0.1:9/<script>document.title='taken'</script><img/src=http://page.test/y>";
    report(&page, &["--ci", "--skip", "bundle", url]);
    let seen = visit(browser().expect("there"), place.path(), &page);
    assert_eq!(seen.console, [""; 0]);
    assert_eq!(seen.requests, [""; 0]);
    assert!(
        seen.document.contains("&lt;script&gt;document.title"),
        "{}",
        seen.document
    );
    assert!(!seen.document.contains("<title>taken"));
    fits_a_telephone(place.path(), &page);
    draw(&page, "hostile");

    // Hours of errors of a host with a long name, and what happened in between.
    let log = at("error.log");
    std::fs::write(&log, hours_of_errors()).expect("written");
    let page = at("hours.html");
    report(&page, &["triage", log.to_str().expect("text")]);
    let seen = visit(browser().expect("there"), place.path(), &page);
    assert_eq!(seen.console, [""; 0]);
    assert!(
        seen.document.contains("900 lines of failed requests"),
        "{}",
        seen.document
    );
    assert!(seen.document.contains("tells of a reload"), "{}", seen.document);
    fits_a_telephone(place.path(), &page);
    draw(&page, "hours");
}

fn hours_of_errors() -> String {
    let mut log = String::new();
    for line in 0..900 {
        let (hour, minute, second) = (10 + line / 300, line / 5 % 60, line % 5 * 11);
        let time = format!("2026/11/22 {hour}:{minute:02}:{second:02}");
        if line % 300 == 150 {
            let _ = writeln!(
                log,
                "{time} [notice] 7#7: signal 1 (SIGHUP) received from 1, reconfiguring"
            );
        }
        let host = "a-service-with-a-long-name.department.subsidiary.example.com";
        let path = "never-ending".repeat(20);
        let _ = writeln!(
            log,
            "{time} [error] 8#8: *{line} connect() failed (111: Connection refused) while connecting to upstream, client: \
             192.0.2.7, server: {host}, request: \"GET /{path} HTTP/1.1\", upstream: \"http://192.0.2.30:8080/{path}\", host: \"{host}\""
        );
    }
    log
}
