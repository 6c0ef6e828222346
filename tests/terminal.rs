//! The wizard on a real terminal: the binary in tmux, at two sizes, with a server that answers 502.
//!
//! Without tmux these tests say so and stop.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test starts programs, listens on loopback, and says why it is skipped"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A server on a free port of loopback that answers every request with 502; it ends with this process.
fn failing_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a listener has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let mut request = [0; 2048];
                if stream.read(&mut request).is_ok_and(|bytes| bytes > 0) {
                    let body = "<html><head><title>502 Bad Gateway</title></head></html>\r\n";
                    let _ = write!(
                        stream,
                        "HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    );
                }
            });
        }
    });
    format!("http://{address}/cart")
}

/// A terminal of its own, gone when this value is.
struct Screen {
    socket: String,
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = Command::new("tmux")
            .args(["-L", &self.socket, "kill-server"])
            .output();
    }
}

impl Screen {
    /// `None`: there is no tmux here.
    fn open(width: u16, height: u16) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let screen = Self {
            socket: format!("fix502-test-{}-{count}", std::process::id()),
        };
        let (width, height) = (width.to_string(), height.to_string());
        let started = Command::new("tmux")
            .args([
                "-f",
                "/dev/null",
                "-L",
                &screen.socket,
                "new-session",
                "-d",
                "-x",
                &width,
                "-y",
                &height,
            ])
            .args([
                "env",
                "PS1=ready$ ",
                "LC_ALL=C.UTF-8",
                "bash",
                "--norc",
                "--noprofile",
            ])
            .output();
        match started {
            Ok(output) if output.status.success() => {
                screen.wait_for("ready$");
                Some(screen)
            }
            Ok(output) => panic!("tmux: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: tmux is not installed");
                None
            }
            Err(error) => panic!("tmux: {error}"),
        }
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-L", &self.socket])
            .args(arguments)
            .output()
            .expect("tmux was there a moment ago");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn text(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-S", "-200"])
    }

    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    fn write(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    fn run(&self, line: &str) {
        // The line as typed must not hold what is waited for.
        self.write(&format!("clear; {line}; echo co''de=$?"));
        self.press("Enter");
    }

    /// Waits until this is on the screen.
    fn wait_for(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let screen = self.text();
            if screen.contains(text) {
                return screen;
            }
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "{text:?} never came:\n{screen}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn cursor_is_visible(&self) -> bool {
        self.tmux(&["display-message", "-p", "#{cursor_flag}"]).trim() == "1"
    }
}

const FIX502: &str = env!("CARGO_BIN_EXE_fix502");

fn walk_and_quit(width: u16, height: u16) {
    let Some(screen) = Screen::open(width, height) else {
        return;
    };
    let url = failing_server();
    screen.run(&format!("{FIX502} --deadline 10s {url}"));
    let first = screen.wait_for("What next?");
    assert!(
        first.contains("Step 1 of 8") && first.contains("Retry"),
        "{first}"
    );
    assert!(first.contains("502"), "{first}");
    screen.press("Enter");
    screen.wait_for("Step 2 of 8");
    let second = screen.wait_for("Back");
    assert!(
        second.lines().all(|line| line.chars().count() <= usize::from(width)),
        "{second}"
    );
    // The last entry of the menu is to quit.
    screen.press("Up");
    screen.press("Enter");
    let end = screen.wait_for("code=");
    assert!(end.contains("code=3"), "{end}");
    assert!(screen.cursor_is_visible());
}

#[test]
fn a_person_walks_and_quits_at_80_by_24() {
    walk_and_quit(80, 24);
}

#[test]
fn a_person_walks_and_quits_at_200_by_50() {
    walk_and_quit(200, 50);
}

#[test]
fn a_person_goes_straight_to_the_verdict() {
    let Some(screen) = Screen::open(100, 50) else {
        return;
    };
    let url = failing_server();
    screen.run(&format!("{FIX502} --deadline 10s {url}"));
    screen.wait_for("What next?");
    // Next, evidence, again, verdict.
    for key in ["Down", "Down", "Down", "Enter"] {
        screen.press(key);
    }
    let end = screen.wait_for("code=");
    assert!(end.contains("VERDICT") && end.contains("8 "), "{end}");
    assert!(end.contains("code=1") || end.contains("code=3"), "{end}");
}

#[test]
fn step_8_shows_what_the_bundle_holds_then_writes_it_and_names_the_next_step() {
    let Some(screen) = Screen::open(120, 50) else {
        return;
    };
    let url = failing_server();
    let place = tempfile::tempdir().expect("a directory can be made");
    screen.run(&format!(
        "cd {} && {FIX502} --deadline 10s --step bundle {url}",
        place.path().display()
    ));
    screen.wait_for("What next?");
    let menu = screen.wait_for("Write the support bundle");
    let entries: Vec<&str> = menu
        .lines()
        .skip_while(|line| !line.contains("What next?"))
        .skip(1)
        .collect();
    let down = entries
        .iter()
        .position(|line| line.contains("Write the support bundle"))
        .expect("it was there a moment ago");
    for _ in 0..down {
        screen.press("Down");
    }
    screen.press("Enter");
    let preview = screen.wait_for("Write the bundle?");
    for expected in [
        "The bundle holds, after redaction:",
        "MANIFEST.json",
        "ticket.md",
        "transcript/transcript.jsonl",
        "and is written to fix502-",
    ] {
        assert!(preview.contains(expected), "{expected}: {preview}");
    }
    let written = || std::fs::read_dir(place.path()).map_or(0, Iterator::count);
    assert_eq!(written(), 0, "nothing is written before the answer");
    screen.press("Enter");
    let end = screen.wait_for("fix502 triage fix502-");
    assert!(end.contains("written: fix502-"), "{end}");
    assert!(written() >= 1);
    screen.press("C-c");
    screen.wait_for("code=");
}

#[test]
fn ctrl_c_at_a_menu_ends_with_130_and_leaves_the_cursor() {
    let Some(screen) = Screen::open(80, 24) else {
        return;
    };
    let url = failing_server();
    screen.run(&format!("{FIX502} --deadline 10s {url}"));
    screen.wait_for("What next?");
    screen.press("C-c");
    let end = screen.wait_for("code=");
    assert!(end.contains("code=130"), "{end}");
    assert!(screen.cursor_is_visible());
}

#[test]
fn without_a_url_the_person_is_asked_and_a_slip_is_explained() {
    let Some(screen) = Screen::open(80, 24) else {
        return;
    };
    let url = failing_server();
    screen.run(&format!("{FIX502} --deadline 10s --skip bundle"));
    let question = screen.wait_for("answers 502");
    if question.contains("another URL") {
        // This host has sites of its own: they are offered first, "another URL" is the last but one.
        for key in ["Up", "Up", "Enter"] {
            screen.press(key);
        }
        screen.wait_for("empty: check this host");
    }
    screen.write("ftp://x.example");
    screen.press("Enter");
    screen.wait_for("no scheme");
    screen.press("C-u");
    for _ in 0.."ftp://x.example".len() {
        screen.press("BSpace");
    }
    screen.write(&url);
    screen.press("Enter");
    screen.wait_for("Step 1 of 7");
    screen.press("C-c");
    assert!(screen.wait_for("code=").contains("code=130"));
}

fn is_not_asked(command: &str) {
    let Some(screen) = Screen::open(80, 50) else {
        return;
    };
    let url = failing_server();
    screen.run(&format!("{command} --deadline 10s {url}"));
    let end = screen.wait_for("code=");
    assert!(end.contains("VERDICT") && !end.contains("What next?"), "{end}");
}

#[test]
fn on_a_dumb_terminal_nobody_is_asked() {
    is_not_asked(&format!("TERM=dumb {FIX502}"));
}

#[test]
fn with_ci_nobody_is_asked() {
    is_not_asked(&format!("{FIX502} --ci"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let Some(screen) = Screen::open(80, 24) else {
        return;
    };
    screen.run(&format!(
        "{FIX502} explain | head -1; echo pi''pe=${{PIPESTATUS[0]}}"
    ));
    let end = screen.wait_for("code=");
    assert!(end.contains("pipe=0") && !end.contains("panicked"), "{end}");
}
