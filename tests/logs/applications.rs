//! Logs of application servers beside the proxy's: found through the process that writes them, read, and used.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use fix502::evidence::{LogAccount, LogEventKind};
use fix502::host::{Host, WrittenFiles};
use fix502::proxy::logs::{LogKind, LogReader, recognise};

/// Ends a child when the test ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn read(text: &str) -> LogAccount {
    let mut reader = LogReader::default();
    reader.begin(&LogKind::Application, "app.log", 0);
    reader.feed(text.as_bytes());
    reader.account()
}

fn events(text: &str) -> Vec<LogEventKind> {
    read(text).events.iter().map(|event| event.kind).collect()
}

#[test]
fn the_files_that_a_process_only_writes_are_found_whatever_its_configuration() {
    let directory = tempfile::tempdir().expect("a directory");
    let here: PathBuf = directory.path().canonicalize().expect("a path");
    let path = |name: &str| here.join(name);
    std::fs::write(path("read.log"), b"x").expect("written");
    // Descriptors 4 and 5 are written, 6 is read, 7 is read and written.
    let script = format!(
        "exec 4>>{0}/error.log 5>{0}/catalina.2026-11-22.log 6<{0}/read.log 7<>{0}/store.log; echo ready; exec sleep 60",
        here.display()
    );
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    let mut ready = [0_u8; 6];
    let mut stdout = child.stdout.take().expect("a pipe");
    std::io::Read::read_exact(&mut stdout, &mut ready).expect("it is ready");
    let child = Ended(child);
    let host = Host::live(None, std::time::Duration::from_secs(5));
    let found = host
        .ask(&WrittenFiles { pid: child.0.id() })
        .into_seen()
        .unwrap_or_default();
    let expected = ["catalina.2026-11-22.log", "error.log"].map(|name| path(name).display().to_string());
    assert_eq!(found, expected);
}

#[test]
fn what_happened_to_workers_is_told_by_the_logs_of_every_server() {
    use LogEventKind::{OutOfMemory, Reloaded, Started, Stopped, WorkerCrashed, WorkerTimedOut, WorkersBusy};
    for (text, expected) in [
        (
            "[22-Nov-2026 18:10:55] WARNING: [pool www] server reached pm.max_children setting (5), consider raising it\n",
            WorkersBusy,
        ),
        (
            "[22-Nov-2026 18:10:55] WARNING: [pool www] child 96 exited on signal 11 (SIGSEGV) after 3.5 seconds from start\n",
            WorkerCrashed,
        ),
        (
            "[22-Nov-2026 18:10:55] WARNING: [pool www] child 96, script '/srv/x.php' (request: \"GET /x.php\") execution timed out (3.1 sec), terminating\n",
            WorkerTimedOut,
        ),
        (
            "[2026-11-22 18:10:55 +0000] [10] [CRITICAL] WORKER TIMEOUT (pid:11)\n",
            WorkerTimedOut,
        ),
        (
            "[2026-11-22 18:10:55 +0000] [10] [INFO] Handling signal: hup\n",
            Reloaded,
        ),
        (
            "Sun Nov 22 18:10:55 2026 - *** HARAKIRI ON WORKER 1 (pid: 9, try: 1) ***\n",
            WorkerTimedOut,
        ),
        (
            "Sun Nov 22 18:10:55 2026 - DAMN ! worker 1 (pid: 9) died, killed by signal 9 :( trying respawn ...\n",
            WorkerCrashed,
        ),
        ("=== puma startup: 2026-11-22 18:10:55 +0000 ===\n", Started),
        (
            "2026-11-22 18:10:55 [7] ! Terminating timed out worker (worker failed to check in within 60 seconds): 96\n",
            WorkerTimedOut,
        ),
        (
            "2026-11-22 18:10:55 [7] - Gracefully stopping, waiting for requests to finish\n",
            Stopped,
        ),
        (
            "2026-11-22T18:10:55.000Z FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n",
            OutOfMemory,
        ),
        (
            "22-Nov-2026 18:10:55.123 INFO [main] org.apache.catalina.startup.Catalina.start Server startup in [1234] milliseconds\n",
            Started,
        ),
        (
            "22-Nov-2026 18:10:55.123 SEVERE [http-nio-8080-exec-1] java.lang.OutOfMemoryError: Java heap space\n",
            OutOfMemory,
        ),
        (
            "22-Nov-2026 18:10:55.123 INFO [Thread-1] org.apache.catalina.core.StandardService.stopInternal Stopping service [Catalina]\n",
            Stopped,
        ),
    ] {
        let account = read(text);
        assert_eq!(events(text), [expected], "{text}");
        assert_eq!(
            account.first_ms.map(|at_ms| at_ms / 1_000),
            Some(1_795_371_055),
            "{text}"
        );
    }
}

#[test]
fn logs_of_application_servers_are_recognised_in_what_was_sent() {
    for text in [
        "[22-Nov-2026 18:10:55] NOTICE: fpm is running, pid 7\n[22-Nov-2026 18:10:55] NOTICE: ready to handle connections\n",
        "[2026-11-22 18:10:55 +0000] [10] [INFO] Listening at: http://127.0.0.1:8000 (10)\n",
        "*** Starting uWSGI 2.0.21 (64bit) on [Sun Nov 22 18:10:55 2026] ***\n",
        "=== puma startup: 2026-11-22 18:10:55 +0000 ===\n",
        "22-Nov-2026 18:10:55.123 INFO [main] org.apache.catalina.startup.Catalina.start Server startup in [1234] milliseconds\n",
        "2026-11-22T18:10:55.000Z FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n",
    ] {
        assert_eq!(recognise(text.as_bytes()), Some(LogKind::Application), "{text}");
    }
}

/// A php-fpm that really runs, in the foreground, on a socket of the test.
fn fpm(here: &Path) -> Option<Ended> {
    let program = std::fs::read_dir("/usr/sbin")
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("php-fpm"))
        })?;
    let at = here.display();
    let text = format!(
        "[global]\nerror_log = {at}/fpm-errors\ndaemonize = no\n[www]\nlisten = {at}/fpm.sock\nuser = nobody\npm = ondemand\npm.max_children = 1\n"
    );
    let configuration = here.join("fpm.conf");
    let mut file = std::fs::File::create(&configuration).ok()?;
    file.write_all(text.as_bytes()).ok()?;
    let child = Command::new(program)
        .args(["-F", "-c", "/dev/null", "-y"])
        .arg(&configuration)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.ok().map(Ended)
}

#[test]
fn a_running_php_fpm_is_seen_to_write_its_log_whatever_its_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path().canonicalize().expect("a path");
    let Some(fpm) = fpm(&here) else { return };
    let log = here.join("fpm-errors");
    let began = std::time::Instant::now();
    let ready = || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("fpm is running"));
    while !ready() && began.elapsed() < std::time::Duration::from_secs(10) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let host = Host::live(None, std::time::Duration::from_secs(5));
    let found = host
        .ask(&WrittenFiles { pid: fpm.0.id() })
        .into_seen()
        .unwrap_or_default();
    assert_eq!(found, [log.display().to_string()]);
    let text = std::fs::read_to_string(&log).expect("its log");
    assert!(events(&text).contains(&LogEventKind::Started), "{text}");
}
