//! The demo as a newcomer runs it: each fault is found under its own name, and nothing stays behind.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fix502::demo::{Demo, FAULTS, find};
use fix502::host::Host;
use fix502::steps::{Plan, collect};
use fix502::verdict;
use tempfile::TempDir;

/// Demos inside the test binary take turns: each counts the threads and sockets of the whole process.
pub(crate) static IN_THIS_PROCESS: Mutex<()> = Mutex::new(());

fn place() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    // Another user has to be able to work in it.
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).expect("our own");
    directory
}

fn command(place: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fix502"));
    command
        .arg("demo")
        .args(arguments)
        .env("TMPDIR", place)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(place: &Path, arguments: &[&str]) -> Output {
    command(place, arguments).output().expect("the program runs")
}

fn left_behind(place: &Path) -> Vec<String> {
    std::fs::read_dir(place)
        .expect("our own directory")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect()
}

fn verdict(output: &Output) -> serde_json::Value {
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    report["verdict"].clone()
}

/// What a fault of this name has to give: the cause, the status, the exit code.
fn expected(name: &str) -> (serde_json::Value, &'static str, i32) {
    if name == "healthy" {
        (serde_json::Value::Null, "healthy", 0)
    } else {
        (name.into(), "found", 1)
    }
}

fn assert_found(name: &str, output: &Output) {
    let verdict = verdict(output);
    let (cause, status, code) = expected(name);
    assert_eq!(verdict["cause"], cause, "{name}: {verdict:#}");
    assert_eq!(verdict["status"], status, "{name}: {verdict:#}");
    assert_eq!(output.status.code(), Some(code), "{name}");
}

#[test]
fn every_fault_is_found_under_its_own_name_and_leaves_nothing_behind() {
    assert!(FAULTS.len() > 8);
    let check = |name: &str| {
        let place = place();
        let output = run(place.path(), &[name, "--format", "json"]);
        assert_found(name, &output);
        assert_eq!(left_behind(place.path()), Vec::<String>::new(), "{name}");
    };
    for faults in FAULTS.chunks(4) {
        std::thread::scope(|scope| {
            for fault in faults {
                scope.spawn(|| check(fault.name));
            }
        });
    }
}

#[test]
fn without_a_name_the_first_fault_is_shown_with_two_lines_about_the_stage() {
    let place = place();
    let output = run(place.path(), &["--width", "80"]);
    assert_eq!(output.status.code(), Some(1));
    let screen = String::from_utf8_lossy(&output.stdout);
    assert!(screen.starts_with("502  http://127.0.0.1:"), "{screen}");
    assert!(screen.contains("upstream-not-running"), "{screen}");
    let notes = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = notes.lines().collect();
    assert!(matches!(lines.as_slice(), [_, _, ""]), "{notes}");
    assert!(lines[0].len() <= 80, "{notes}");
    assert!(
        notes.contains("127.0.0.1:") && notes.contains("fix502-demo-"),
        "{notes}"
    );
}

#[test]
fn the_list_names_each_fault_in_one_line_and_starts_nothing() {
    let place = place();
    let output = run(place.path(), &["--list"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.lines().count(), FAULTS.len());
    for (line, fault) in text.lines().zip(FAULTS) {
        assert!(
            line.starts_with(fault.name) && line.ends_with(fault.summary),
            "{line}"
        );
        assert!(line.len() <= 80, "{line}");
        assert!(
            format!("demo {}: {}", fault.name, fault.summary).len() <= 80,
            "{line}"
        );
    }
}

#[test]
fn an_unknown_fault_is_a_usage_error_with_the_nearest_name() {
    let place = place();
    let output = run(place.path(), &["upstream-to-slow"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("tip: fix502 demo upstream-too-slow"), "{text}");
    assert!(left_behind(place.path()).is_empty());
}

#[test]
fn a_place_that_cannot_be_written_is_said_and_leaves_nothing() {
    let output = run(Path::new("/nonexistent-for-fix502"), &[]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("the demo cannot start"), "{text}");
}

#[test]
fn two_demos_at_the_same_time_do_not_disturb_each_other() {
    let place = place();
    let start = |name: &str| -> Child {
        command(place.path(), &[name, "--format", "json"])
            .spawn()
            .expect("the program runs")
    };
    let running: Vec<(&str, Child)> = ["upstream-not-running", "upstream-wrong-port", "unix-socket-stale"]
        .map(|name| (name, start(name)))
        .into();
    for (name, child) in running {
        let output = child.wait_with_output().expect("it ends");
        assert_found(name, &output);
    }
    assert!(left_behind(place.path()).is_empty());
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn another_user_than_root_sees_the_same() {
    let user_is_root = std::fs::read_to_string("/proc/self/status")
        .expect("proc")
        .lines()
        .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"));
    let setpriv = Path::new("/usr/bin/setpriv");
    if !user_is_root || !setpriv.exists() {
        eprintln!("skipped: needs root and setpriv");
        return;
    }
    let place = place();
    // The directory of the build may be closed to others.
    let program = place.path().join("fix502");
    super::programs::install(Path::new(env!("CARGO_BIN_EXE_fix502")), &program);
    for name in ["upstream-not-running", "upstream-wrong-port", "unix-socket-stale"] {
        let output = Command::new(setpriv)
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(&program)
            .args(["demo", name, "--format", "json"])
            .env("TMPDIR", place.path())
            .stdin(Stdio::null())
            .output()
            .expect("setpriv runs");
        assert_found(name, &output);
    }
    assert_eq!(left_behind(place.path()), ["fix502"]);
}

#[test]
fn ctrl_c_ends_the_demo_at_once_and_leaves_nothing_behind() {
    for name in ["INT", "TERM"] {
        let place = place();
        // The slow application keeps the walk busy for a while.
        let mut child = command(place.path(), &["upstream-too-slow"])
            .spawn()
            .expect("the program runs");
        let mut waited = 0;
        while left_behind(place.path()).is_empty() {
            std::thread::sleep(Duration::from_millis(5));
            waited += 1;
            assert!(waited < 1_000, "the demo never started");
        }
        let status = Command::new("kill")
            .args(["-s", name, &child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success());
        let code = child.wait().expect("it ends").code();
        assert_eq!(code, Some(130), "{name}");
        assert_eq!(left_behind(place.path()), Vec::<String>::new(), "{name}");
    }
}

fn threads_of_a_demo() -> usize {
    std::fs::read_dir("/proc/self/task")
        .expect("proc")
        .filter_map(|task| std::fs::read_to_string(task.expect("an entry").path().join("comm")).ok())
        .filter(|name| name.starts_with("demo-"))
        .count()
}

#[test]
fn a_recorded_demo_is_judged_the_same_when_it_is_gone() {
    let _turn = IN_THIS_PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
    let fault = find(Some("unix-socket-path-mismatch")).expect("a fault");
    let demo = Demo::start(fault).expect("it starts");
    let plan = demo.plan(Plan::default());
    let front = ("127.0.0.1", plan.target.port);
    let host = Host::live(Some(demo.root().to_path_buf()), Duration::from_secs(30));
    let live = verdict::decide(&collect(&host, &plan, &|_, _| {}));
    assert!(threads_of_a_demo() >= 2);
    // A request that nobody ends must not hold up the end.
    let open = TcpStream::connect(front).expect("the front door is open");
    let root = demo.root().to_path_buf();
    let began = Instant::now();
    drop(demo);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    drop(open);
    assert_eq!(threads_of_a_demo(), 0);
    assert!(TcpStream::connect(front).is_err());
    assert!(!root.exists());

    let replayed = verdict::decide(&collect(&Host::Replay(host.transcript()), &plan, &|_, _| {}));
    assert_eq!(live.verdict.cause.as_deref(), Some(fault.name));
    assert_eq!(replayed.verdict, live.verdict);
}

#[test]
fn a_machine_with_no_tools_and_a_proxy_variable_makes_no_difference() {
    let place = place();
    let output = command(place.path(), &["response-header-too-big", "--format", "json"])
        .env("PATH", "/nonexistent")
        .env("http_proxy", "http://127.0.0.1:9")
        .output()
        .expect("the program runs");
    assert_found("response-header-too-big", &output);
}
