//! One world: namespaces, a directory, the servers in them, and the requests made there.
//!
//! Processes are started by a shell inside the namespaces and go to the background by themselves, as on a real host. Nothing
//! here knows what the program under test should say; that is [`super::report`].

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Where programs are looked for in every world, whatever the environment of the tests says.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How a world's namespaces are made: what runs in them ends with whoever asked for them.
const UNSHARE: [&str; 8] = [
    "--net",
    "--mount",
    "--pid",
    "--uts",
    "--ipc",
    "--fork",
    "--kill-child",
    "--mount-proc",
];
/// Where nginx listens.
pub(super) const FRONT: &str = "127.0.0.1:8460";
/// The request that fails.
pub(super) const URL: &str = "http://www.bakery.test:8460/orders";

/// Namespaces with a directory, which end when this is dropped.
pub(super) struct World {
    directory: tempfile::TempDir,
    first: Child,
    /// The process id of the systemd host's process 1, as numbered in the namespaces.
    pub(super) host: Option<u32>,
    group: Option<String>,
}

/// What a command said.
pub(super) struct Said {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) wall: Duration,
}

impl World {
    /// A world in which the named programs can be run; `None`, having said why, where that is not possible.
    pub(super) fn start(programs: &[&str]) -> Option<Self> {
        Self::make(programs, false)
    }

    /// A world that is a whole host with systemd as its process 1.
    pub(super) fn start_host(programs: &[&str]) -> Option<Self> {
        Self::make(programs, true)
    }

    fn make(programs: &[&str], host: bool) -> Option<Self> {
        static POSSIBLE: OnceLock<Result<(), String>> = OnceLock::new();
        let always = ["nginx", "curl", "ip", "python3", "pgrep"];
        let systemd: &[&str] = if host { &["systemd-nspawn"] } else { &[] };
        let made = POSSIBLE
            .get_or_init(namespaces_work)
            .clone()
            .and_then(|()| {
                let needed = || always.iter().chain(systemd).chain(programs);
                let missing: Vec<_> = needed().filter(|program| !installed(program)).copied().collect();
                if missing.is_empty() {
                    Ok(())
                } else {
                    Err(format!("{} not installed", missing.join(", ")))
                }
            })
            .and_then(|()| Self::enter(host));
        match made {
            Ok(world) => Some(world),
            Err(why) => {
                assert!(
                    std::env::var_os("FIX502_LAB").is_none_or(|value| value != "require"),
                    "cannot be skipped: {why}"
                );
                eprintln_skipped(&why);
                None
            }
        }
    }

    fn enter(host: bool) -> Result<Self, String> {
        let directory = temporary_directory().map_err(|error| format!("no temporary directory: {error}"))?;
        let d = directory.path();
        for name in ["conf/sites", "logs/tmp", "run", "app"] {
            std::fs::create_dir_all(d.join(name)).map_err(|error| error.to_string())?;
        }
        let scripts = [
            ("oven.py", include_str!("oven.py")),
            ("namespaces.sh", include_str!("namespaces.sh")),
        ];
        for (name, text) in scripts {
            std::fs::write(d.join("app").join(name), text).map_err(|error| error.to_string())?;
        }
        let group = host.then(|| format!("fix502-{}", d.file_name().unwrap_or_default().to_string_lossy()));
        let mut first = Command::new("unshare")
            .args(UNSHARE)
            .arg("bash")
            .arg(d.join("app/namespaces.sh"))
            .args([d, &tool()])
            .arg(group.as_deref().unwrap_or("none"))
            .env_clear()
            .envs([("PATH", PATH), ("LANG", "C.UTF-8"), ("HOME", "/root")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("unshare: {error}"))?;
        let mut line = String::new();
        if let Some(stdout) = first.stdout.as_mut() {
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        let mut world = Self {
            directory,
            first,
            host: None,
            group,
        };
        if line.trim() != "ready" {
            world.end();
            let mut said = String::new();
            if let Some(stderr) = world.first.stderr.as_mut() {
                let _ = stderr.read_to_string(&mut said);
            }
            return Err(format!("no namespaces: {}{said}", line.trim()));
        }
        if host {
            world.host = world.read("logs/first").trim().parse().ok();
        }
        Ok(world)
    }

    /// The world's directory, under the same path inside and outside.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The path of a file in the world's directory, as text for a configuration.
    pub(super) fn path(&self, name: &str) -> String {
        self.directory().join(name).to_string_lossy().into_owned()
    }

    /// Write a file into the world's directory.
    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.directory().join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a parent"))
            .expect("the directory can be made");
        std::fs::write(path, text).expect("the file can be written");
    }

    pub(super) fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.directory().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A command inside the namespaces, its standard input empty, ended after 70 seconds.
    fn command(&self, words: &[&str]) -> Command {
        let from = format!("/proc/{}/ns", self.first.id());
        let mut command = Command::new("nsenter");
        command.args([
            format!("--net={from}/net"),
            format!("--mount={from}/mnt"),
            format!("--uts={from}/uts"),
            format!("--ipc={from}/ipc"),
            format!("--pid={from}/pid_for_children"),
        ]);
        if let Some(host) = self.host {
            command.args(["nsenter", "-t", &host.to_string(), "-a"]);
        }
        command.args(["timeout", "--kill-after=1", "70"]).args(words);
        command.env_clear().envs([
            ("PATH", PATH),
            ("LANG", "C.UTF-8"),
            ("HOME", "/root"),
            ("TZ", "UTC"),
        ]);
        command.stdin(Stdio::null());
        command
    }

    /// Run a command inside, whatever comes of it.
    pub(super) fn say(&self, words: &[&str]) -> Said {
        let begun = Instant::now();
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(words).output().expect("nsenter can be run");
        Said {
            code: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            wall: begun.elapsed(),
        }
    }

    /// Run a shell script in the world's directory, whatever comes of it.
    pub(super) fn attempt(&self, script: &str) -> Said {
        let place = if self.host.is_some() { "/" } else { &self.path("") };
        self.say(&["bash", "-c", &format!("cd {place}\n{script}")])
    }

    /// Run a shell script in the world's directory; it has to succeed. Returns what it printed.
    pub(super) fn run(&self, script: &str) -> String {
        let said = self.attempt(&format!("set -eu -o pipefail\n{script}"));
        assert_eq!(
            said.code,
            Some(0),
            "the lab is broken: {script}\n{}{}",
            said.stdout,
            said.stderr
        );
        said.stdout
    }

    /// End everything in the namespaces and wait until it is gone.
    fn end(&mut self) {
        drop(self.first.stdin.take());
        let begun = Instant::now();
        while matches!(self.first.try_wait(), Ok(None)) {
            if begun.elapsed() > Duration::from_secs(5) {
                let _ = self.first.kill();
                let _ = self.first.wait();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.end();
        if let Some(group) = &self.group {
            for controller in [".", "systemd", "unified", "memory", "pids"] {
                remove_group(&Path::new("/sys/fs/cgroup").join(controller).join(group));
            }
        }
    }
}

/// Remove an empty cgroup and those in it; its files are no files.
fn remove_group(path: &Path) {
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(path);
}

/// A directory that every user may enter, since the workers of nginx are not root; short, since it holds unix sockets.
fn temporary_directory() -> std::io::Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt as _;
    let open = |path: &Path| {
        path.ancestors()
            .all(|place| std::fs::metadata(place).is_ok_and(|found| found.permissions().mode() & 0o001 != 0))
    };
    let wanted = std::env::var_os("TMPDIR").map(PathBuf::from);
    let base = wanted.filter(|path| path.as_os_str().len() < 50 && path.is_absolute() && open(path));
    tempfile::Builder::new()
        .prefix("bakery-")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir_in(base.unwrap_or_else(|| PathBuf::from("/var/tmp")))
}

/// The program under test.
pub(super) fn tool() -> PathBuf {
    std::env::var_os("FIX502_LAB_TOOL")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_fix502")), PathBuf::from)
}

fn installed(program: &str) -> bool {
    if program == "php-fpm" {
        let names = std::fs::read_dir("/usr/sbin").into_iter().flatten().flatten();
        return names
            .map(|entry| entry.file_name())
            .any(|name| name.to_string_lossy().starts_with("php-fpm"));
    }
    which::which_in(program, Some(PATH), "/").is_ok()
}

fn namespaces_work() -> Result<(), String> {
    if !nix::unistd::geteuid().is_root() {
        return Err("needs root".to_owned());
    }
    let tried = Command::new("unshare")
        .args(UNSHARE)
        .arg("true")
        .output()
        .map_err(|error| format!("unshare: {error}"))?;
    let said = String::from_utf8_lossy(&tried.stderr);
    if tried.status.success() {
        Ok(())
    } else {
        Err(format!("namespaces cannot be made: {}", said.trim()))
    }
}

#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn eprintln_skipped(why: &str) {
    eprintln!("skipped: {why}");
}
