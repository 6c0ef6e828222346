//! One world: namespaces, a directory, the servers in them, and the requests made there.
//!
//! Processes are started by a shell inside the namespaces and go to the background by themselves, as on a real host. Nothing
//! here knows what the program under test should say; that is [`super::report`].

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::report::Report;

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
/// Seconds that fix502 is given.
const DEADLINE_S: u64 = 20;

/// Namespaces with a directory, which end when this is dropped.
pub(super) struct World {
    directory: tempfile::TempDir,
    first: Child,
    /// The process id of the systemd host's process 1, as numbered in the namespaces.
    host: Option<u32>,
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

    fn read(&self, name: &str) -> String {
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

    fn say(&self, words: &[&str]) -> Said {
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

    /// The configuration of nginx with one server of the given content, and `http` beside it; the files only.
    pub(super) fn configure(&self, server: &str, http: &str) {
        let d = self.path("");
        let d = d.trim_end_matches('/');
        let mut temporary = String::new();
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            let _ = writeln!(temporary, "    {kind}_temp_path {d}/logs/tmp/{kind};");
        }
        self.write(
            "conf/nginx.conf",
            &format!(
                "user www-data;\nworker_processes 1;\npid {d}/run/nginx.pid;\nerror_log {d}/logs/error.log;\n\n\
                 events {{\n    worker_connections 128;\n}}\n\nhttp {{\n    access_log {d}/logs/access.log;\n\
                 {temporary}    proxy_connect_timeout 1s;\n    proxy_read_timeout 1s;\n    fastcgi_connect_timeout 1s;\n    \
                 fastcgi_read_timeout 1s;\n    resolver_timeout 1s;\n    include {d}/conf/sites/*.conf;\n}}\n"
            ),
        );
        self.write(
            "conf/sites/bakery.conf",
            &format!("{http}\nserver {{\n    listen {FRONT};\n    server_name www.bakery.test;\n\n    {server}\n}}\n"),
        );
    }

    /// Start nginx with one server of the given content; its logs have the owner and mode that Debian gives them.
    pub(super) fn nginx(&self, server: &str, http: &str) {
        self.configure(server, http);
        self.run(
            "for log in error access; do install -m 640 -o www-data -g adm /dev/null logs/$log.log; done
             nginx -c $PWD/conf/nginx.conf > logs/nginx.out 2>&1",
        );
    }

    /// Start nginx in front of `http://ADDRESS`, without anything special.
    pub(super) fn nginx_to(&self, upstream: &str) {
        self.nginx(&format!("location / {{ proxy_pass {upstream}; }}"), "");
    }

    /// Start the application in one of its modes.
    pub(super) fn oven(&self, mode: &str, address: &str) {
        self.oven_with(mode, address, "");
    }

    /// Start the application with further arguments.
    pub(super) fn oven_with(&self, mode: &str, address: &str, more: &str) {
        self.run(&format!(
            "python3 -I $PWD/app/oven.py {mode} {address} {more} > logs/oven.out 2>&1"
        ));
    }

    /// Kill the application without a chance to clean up, and wait until it is gone.
    pub(super) fn kill_the_oven(&self) {
        self.run("pkill -KILL -f '^python3 .*oven[.]py'; while pgrep -f '^python3 .*oven[.]py' > /dev/null; do sleep 0.02; done");
    }

    /// Start php-fpm with one pool that listens as said, on a socket that www-data may open.
    pub(super) fn php_fpm(&self, listen: &str) {
        let d = self.path("");
        self.write(
            "conf/php-fpm.conf",
            &format!(
                "[global]\nerror_log = {d}logs/php-fpm.log\npid = {d}run/php-fpm.pid\n[bakery]\nuser = www-data\n\
                 group = www-data\nlisten = {listen}\nlisten.owner = www-data\nlisten.group = www-data\npm = static\n\
                 pm.max_children = 3\n"
            ),
        );
        self.write("www/orders.php", "<?php echo \"bread\\n\";\n");
        self.run("$(ls /usr/sbin/php-fpm* | tail -n 1) -y $PWD/conf/php-fpm.conf -D > logs/php-fpm.out 2>&1");
    }

    /// The location block that hands PHP scripts to a pool.
    pub(super) fn fastcgi(&self, address: &str) -> String {
        format!(
            "root {}; location / {{ fastcgi_pass {address}; fastcgi_param SCRIPT_FILENAME $document_root/orders.php; \
             fastcgi_param REQUEST_METHOD $request_method; fastcgi_param QUERY_STRING $query_string; }}",
            self.path("www")
        )
    }

    /// A second machine behind a cable: 10.61.7.1 is this side, 10.61.7.2 the other.
    pub(super) fn cable(&self) {
        self.run(
            "ip link add oven0 type veth peer name oven1
             ip addr add 10.61.7.1/24 dev oven0
             ip link set oven0 up
             ip link set oven1 up",
        );
    }

    /// A certificate for `oven.bakery.test` and its key, in `conf/oven.pem`.
    pub(super) fn certificate(&self) {
        self.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=oven.bakery.test \
                -addext subjectAltName=DNS:oven.bakery.test -keyout run/key -out run/certificate 2> logs/openssl
             cat run/certificate run/key > conf/oven.pem; rm run/certificate run/key",
        );
    }

    /// What nginx has logged about errors.
    pub(super) fn error_log(&self) -> String {
        if self.host.is_some() {
            self.run("cat /var/log/nginx/error.log")
        } else {
            self.read("logs/error.log")
        }
    }

    /// Make the failing request with curl and prove the fault: this status, and this text in the error log ("" for a log
    /// without errors).
    pub(super) fn shows(&self, status: u16, logged: &str) {
        self.shows_at(URL, status, logged);
    }

    /// The same for another address.
    pub(super) fn shows_at(&self, url: &str, status: u16, logged: &str) {
        let got = self.run(&format!(
            "curl -sS -o /dev/null -m 10 -w '%{{http_code}}' '{url}'"
        ));
        let log = self.error_log();
        let clean = !log.contains("[error]") && !log.contains("[crit]");
        assert_eq!(
            got,
            status.to_string(),
            "the lab is broken: another status than the fault has; logged:\n{log}"
        );
        assert!(
            if logged.is_empty() {
                clean
            } else {
                log.contains(logged)
            },
            "the lab is broken: {logged:?} not in\n{log}"
        );
    }

    /// Run fix502 inside with these arguments, as root.
    pub(super) fn fix502(&self, arguments: &[&str]) -> Said {
        let mut words = vec![self.program()];
        words.extend(arguments);
        self.say(&words)
    }

    /// Where the program under test stands inside.
    pub(super) fn program(&self) -> &'static str {
        if self.host.is_some() {
            "/usr/local/bin/fix502"
        } else {
            "/run/tool/fix502"
        }
    }

    /// Walk the failing request and read the report. The walk must not change anything but what nginx logs.
    pub(super) fn diagnose(&self) -> Report {
        self.diagnose_at(URL)
    }

    /// The same for another address.
    pub(super) fn diagnose_at(&self, url: &str) -> Report {
        let before = self.fingerprint();
        let said = self.fix502(&[
            url,
            "--ci",
            "--format",
            "json",
            "--deadline",
            &format!("{DEADLINE_S}s"),
        ]);
        assert!(
            said.wall < Duration::from_secs(DEADLINE_S + 3),
            "the deadline passed: {:?}",
            said.wall
        );
        let after = self.fingerprint();
        let changed: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
        let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        assert!(
            changed.is_empty() && new.is_empty(),
            "fix502 changed the host: was {changed:#?}, is {new:#?}"
        );
        Report::read(&said)
    }

    /// Every file of the world with its owner, mode, size, times and content, and the packet filter's rules; without logs.
    fn fingerprint(&self) -> Vec<String> {
        let (places, logs) = if self.host.is_some() {
            ("/etc /opt", "/var/log")
        } else {
            (".", "./logs")
        };
        let text = self.run(&format!(
            "find {places} -path {logs} -prune -o -printf '%p %y %m %U %G %s %T@ %l\\n'
             find {places} -path {logs} -prune -o -type f -size -8M -exec sha256sum {{}} +
             if command -v nft > /dev/null; then nft -s list ruleset; fi"
        ));
        text.lines().map(str::to_owned).collect()
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
