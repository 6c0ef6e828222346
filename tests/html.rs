//! The HTML report in a real browser: it runs no script, complains of nothing and asks the network for
//! nothing. With `FIX502_SCREENSHOTS=DIR` the pages are also drawn, light, dark and as wide as a telephone.
#![expect(clippy::print_stdout, reason = "the skipping is worth seeing")]

use std::path::Path;
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

fn draw(page: &Path, name: &str) {
    let Some(directory) = std::env::var_os("FIX502_SCREENSHOTS") else {
        return;
    };
    let place = tempfile::tempdir().expect("a temporary directory");
    for (kind, flags) in [
        ("light", &["--window-size=1000,2400"][..]),
        ("dark", &["--window-size=1000,2400", "--force-dark-mode"]),
        ("phone", &["--window-size=500,3600"]),
    ] {
        let picture = Path::new(&directory).join(format!("{name}-{kind}.png"));
        let mut browser = browser().expect("it was there a moment ago");
        let output = browser
            .args(flags)
            .arg(format!("--user-data-dir={}", place.path().display()))
            .arg(format!("--screenshot={}", picture.display()))
            .arg(format!("file://{}", page.display()))
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
    draw(&page, "hostile");
}
