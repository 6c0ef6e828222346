//! `fix502 bundle` as a user runs it: what it lists, what it writes, and what it leaves behind when it cannot.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::planted::files;

/// Nobody listens on the discard port; the walk is over at once.
const URL: &str = "http://127.0.0.1:9/cart";

fn tool(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fix502"));
    command
        .current_dir(directory)
        .args(["bundle", URL, "--ci", "--attempts", "1", "--deadline", "20s"])
        .stdin(Stdio::null());
    command
}

/// The same without the network of this machine, whose sockets may be many; the process id is that of the tool.
fn alone(directory: &Path) -> Command {
    let tried = Command::new("unshare").args(["--net", "true"]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        return tool(directory);
    }
    let mut command = Command::new("unshare");
    let inner = tool(directory);
    command
        .arg("--net")
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(directory)
        .stdin(Stdio::null());
    command
}

/// Text that no compression makes small.
fn noise() -> String {
    let lines: Vec<String> = (0_u64..20_000)
        .map(|number| format!("{:x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        .collect();
    lines.join("\n")
}

fn said(output: &Output) -> (String, String) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A host whose nginx configuration and logs lie in a directory, with nginx dead.
fn dead_host() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "etc/nginx/nginx.conf",
        "events {}\nhttp {\n  access_log /var/log/nginx/access.log;\n  error_log /var/log/nginx/error.log;\n  include sites/*.conf;\n}\n",
    );
    write(
        "etc/nginx/sites/shop.conf",
        "server {\n  listen 127.0.0.1:9;\n  location / { proxy_set_header X-Api-Key plant-config-1; proxy_pass http://127.0.0.1:7; }\n}\n",
    );
    write("etc/nginx/unused.conf", "# nobody includes this\n");
    let line = |time: &str| {
        format!(
            "2026/11/22 {time} [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.9, server: , request: \"GET /cart HTTP/1.1\", upstream: \"http://127.0.0.1:7/cart\", host: \"127.0.0.1:9\"\n"
        )
    };
    write(
        "var/log/nginx/error.log",
        &[line("03:00:00"), line("04:00:00"), line("05:00:00")].concat(),
    );
    write(
        "var/log/nginx/access.log",
        "192.0.2.9 - - [22/Nov/2026:04:00:00 +0000] \"GET /cart HTTP/1.1\" 502 157 \"-\" \"curl/8\"\n",
    );
    root
}

fn of_dead_host(root: &Path, directory: &Path) -> Command {
    let mut command = tool(directory);
    command
        .arg("--root")
        .arg(root)
        .args(["--config", "/etc/nginx/nginx.conf"]);
    command
}

#[test]
fn a_dry_run_lists_files_commands_and_contents_and_writes_nothing() {
    let (root, place) = (dead_host(), tempfile::tempdir().unwrap());
    std::fs::write(
        place.path().join("note.txt"),
        "seen since Monday, password=plant-note-1\n",
    )
    .unwrap();
    let output = of_dead_host(root.path(), place.path())
        .args(["--dry-run", "--include", "note.txt"])
        .output()
        .unwrap();
    let (stdout, stderr) = said(&output);
    for expected in [
        "Nothing is written.",
        "files read (",
        "  /etc/nginx/nginx.conf  ",
        "  /etc/nginx/sites/shop.conf  ",
        "  /var/log/nginx/error.log  ",
        "commands run (",
        "connections made (",
        "files included (1)",
        "configs/etc-nginx-sites-shop.conf",
        "logs/var-log-nginx-error.log",
        "note.txt",
        "transcript/transcript.jsonl",
        "MANIFEST.json",
    ] {
        assert!(stdout.contains(expected), "{expected}: {stdout}{stderr}");
    }
    assert!(!stdout.contains("plant-"), "{stdout}");
    assert_eq!(names(place.path()), ["note.txt"]);
}

#[test]
fn what_is_included_and_configured_is_redacted_and_older_lines_are_left_out() {
    let (root, place) = (dead_host(), tempfile::tempdir().unwrap());
    std::fs::create_dir(place.path().join("more")).unwrap();
    for (name, text) in [
        ("note.txt", "seen since Monday, password=plant-note-1\n"),
        ("more/app.log", "Authorization: Bearer plant-log-1\n"),
        ("more/shop.key", "plant-key-1\n"),
        ("more/core", "plant\0core"),
    ] {
        std::fs::write(place.path().join(name), text).unwrap();
    }
    let output = of_dead_host(root.path(), place.path())
        .args([
            "--include",
            "note.txt",
            "--include",
            "more",
            "--since",
            "2026-11-22T03:30Z",
        ])
        .args(["--output", "b.tar.gz"])
        .output()
        .unwrap();
    let (stdout, stderr) = said(&output);
    assert_eq!(stdout, "b.tar.gz\n", "{stderr}");
    assert!(stderr.contains("shop.key holds nothing but secrets"), "{stderr}");
    assert!(stderr.contains("core is no text"), "{stderr}");
    let path = place.path().join("b.tar.gz");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    let contents = files(&std::fs::read(&path).unwrap());
    let named = |end: &str| {
        let found: Vec<_> = contents.iter().filter(|(name, _)| name.ends_with(end)).collect();
        assert_eq!(found.len(), 1, "{end}");
        String::from_utf8_lossy(&found[0].1).into_owned()
    };
    assert!(named("note.txt").starts_with("seen since Monday, password=«redacted:"));
    assert!(named("app.log").starts_with("Authorization: Bearer «redacted:"));
    assert!(named("configs/etc-nginx-sites-shop.conf").contains("X-Api-Key «redacted:"));
    assert!(!contents.iter().any(|(name, _)| name.contains("unused")));
    let log = named("logs/var-log-nginx-error.log");
    assert_eq!(log.lines().count(), 2, "{log}");
    for (name, content) in &contents {
        let text = String::from_utf8_lossy(content);
        assert!(!text.contains("plant-"), "{name}: {text}");
        assert!(!text.contains("2026/11/22 03:00:00"), "{name}: {text}");
    }
    // What was left out is left out in a replay as well.
    let again = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_fix502"))
            .current_dir(place.path())
            .args(["triage", "b.tar.gz", "--ci", "--format", "json"])
            .args(arguments)
            .output()
            .unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["verdict"].clone()
    };
    let recorded: serde_json::Value = serde_json::from_str(&named("report.json")).unwrap();
    assert_eq!(again(&[]), recorded["verdict"]);
}

#[test]
fn what_cannot_be_included_is_a_usage_error_before_anything_is_asked() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("shop.key"), "x").unwrap();
    for (name, why) in [
        ("missing.txt", "no such file"),
        ("shop.key", "holds nothing but secrets"),
        ("/dev/zero", "is not a regular file"),
    ] {
        let output = tool(place.path()).args(["--include", name]).output().unwrap();
        let (stdout, stderr) = said(&output);
        assert_eq!(output.status.code(), Some(2), "{stdout}{stderr}");
        assert!(stderr.contains(why), "{name}: {stderr}");
    }
    assert_eq!(names(place.path()), ["shop.key"]);
}

#[test]
fn a_directory_takes_the_bundle_under_its_usual_name() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("here")).unwrap();
    let output = tool(place.path()).args(["--output", "here"]).output().unwrap();
    let (stdout, stderr) = said(&output);
    assert!(stdout.starts_with("here/fix502-"), "{stdout}{stderr}");
    let names = names(&place.path().join("here"));
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0].ends_with("Z.tar.gz"), "{names:?}");
    // Which pseudonym is which stays with its owner.
    assert!(names[1].ends_with("Z.tar.gz.pseudonyms.json"), "{names:?}");
}

#[test]
fn without_root_the_bundle_is_written_and_belongs_to_its_writer() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let (root, place) = (dead_host(), tempfile::tempdir().unwrap());
    for path in [root.path(), place.path()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    // The program may lie where nobody else may go.
    let copy = place.path().join("fix502");
    crate::programs::install(std::path::Path::new(env!("CARGO_BIN_EXE_fix502")), &copy);
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&copy)
        .args([
            "bundle",
            URL,
            "--attempts",
            "1",
            "--deadline",
            "20s",
            "--output",
            "b.tar.gz",
        ])
        .arg("--root")
        .arg(root.path())
        .args(["--config", "/etc/nginx/nginx.conf"])
        .current_dir(place.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (stdout, stderr) = said(&output);
    assert_eq!(stdout, "b.tar.gz\n", "{stderr}");
    let metadata = place.path().join("b.tar.gz").metadata().unwrap();
    assert_eq!((metadata.uid(), metadata.mode() & 0o7777), (65534, 0o600));
}

#[test]
fn a_full_disk_is_said_and_nothing_half_written_is_left() {
    let place = tempfile::tempdir().unwrap();
    let disk = place.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    std::fs::write(place.path().join("noise.txt"), noise()).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=64k none {disk} || exit 99
         {tool} bundle {URL} --ci --attempts 1 --deadline 20s --include {noise} --output {disk}/b.tar.gz
         code=$?; ls -A {disk}; exit $code",
        disk = disk.display(),
        tool = env!("CARGO_BIN_EXE_fix502"),
        noise = place.path().join("noise.txt").display(),
    );
    let output = Command::new("unshare")
        .args(["--mount", "bash", "-c", &script])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (stdout, stderr) = said(&output);
    if output.status.code() == Some(99) || !nix::unistd::geteuid().is_root() {
        return;
    }
    assert_eq!(output.status.code(), Some(2), "{stdout}{stderr}");
    assert!(
        stderr.to_lowercase().contains("no space left on device"),
        "{stderr}"
    );
    assert!(stderr.contains("nothing was left behind"), "{stderr}");
    assert_eq!(stdout, "", "the disk is empty again");
}

/// Waits until a process has this file open, or any file without a name below this directory.
fn is_writing(child: u32, directory: &Path) -> bool {
    let descriptors = std::fs::read_dir(format!("/proc/{child}/fd"));
    descriptors.into_iter().flatten().flatten().any(|entry| {
        std::fs::read_link(entry.path()).is_ok_and(|target: PathBuf| {
            target.starts_with(directory) && !target.to_string_lossy().ends_with("noise.txt")
        })
    })
}

#[test]
fn a_kill_while_it_is_written_leaves_no_part_of_a_bundle_under_its_name() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("out");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(place.path().join("noise.txt"), noise()).unwrap();
    let (mut in_time, mut whole) = (0, 0);
    for turn in 0..4 {
        let target = directory.join("b.tar.gz");
        let _ = std::fs::remove_file(&target);
        let mut child = alone(place.path())
            .args(["--include", "noise.txt", "--output", "out/b.tar.gz"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        let mut caught = false;
        while child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_mins(1) {
            if is_writing(child.id(), &directory) {
                caught = true;
                std::thread::sleep(Duration::from_micros(turn * 100));
                break;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        in_time += u32::from(caught);
        if let Ok(bytes) = std::fs::read(&target) {
            fix502::bundle::read(&bytes).expect("what has the name is whole");
            whole += 1;
        }
        let left: Vec<_> = names(&directory)
            .into_iter()
            .filter(|name| name != "b.tar.gz")
            .collect();
        for name in left {
            // Only a whole file may have waited to be renamed.
            let bytes = std::fs::read(directory.join(&name)).unwrap();
            if name.ends_with(".pseudonyms.json") {
                serde_json::from_slice::<serde_json::Value>(&bytes).expect("the map is whole");
            } else {
                fix502::bundle::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
            std::fs::remove_file(directory.join(name)).unwrap();
        }
    }
    assert!(
        in_time > 0,
        "no kill came while it was written ({whole} were whole)"
    );
}
