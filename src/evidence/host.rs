//! The machine: processes, listeners, units, kernel events, limits.

use serde::{Deserialize, Serialize};

use super::{Endpoint, Observed, ProxyKind};

/// What machine this is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostFacts {
    /// Its name.
    pub name: String,
    /// `Linux 6.1.0`.
    pub system: String,
    /// `Debian GNU/Linux 12 (bookworm)`.
    pub distribution: Option<String>,
    /// Milliseconds since 1970, when the diagnosis began.
    pub now_ms: i64,
    /// Milliseconds since 1970 at boot.
    pub boot_ms: Option<i64>,
    /// We are root.
    pub root: bool,
    /// systemd runs as process 1.
    pub systemd: bool,
    /// The operating system, with what starts and stops its services: decides which commands are printed.
    pub platform: Platform,
    /// The cloud provider, by DMI.
    pub cloud: Option<Cloud>,
    /// An interface that looks like a VPN carries the default route.
    pub vpn_default_route: Option<String>,
}

/// An operating system, and what starts and stops services on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// Linux with systemd; what was recorded before systems were told apart is taken for it.
    #[default]
    LinuxSystemd,
    /// Linux with `OpenRC`.
    LinuxOpenrc,
    /// Linux without either: most containers.
    LinuxPlain,
    /// macOS, with Homebrew's services and launchd.
    Macos,
    /// Windows, with its service control.
    Windows,
}

impl Platform {
    /// True for every Linux.
    pub fn is_linux(self) -> bool {
        !matches!(self, Self::Macos | Self::Windows)
    }

    /// A command as a person types it on this system. Windows knows no single quotes.
    pub fn typed<S: AsRef<str>>(self, argv: &[S]) -> String {
        let typed: Vec<String> = argv.iter().map(|word| self.typed_word(word.as_ref())).collect();
        typed.join(" ")
    }

    fn typed_word(self, word: &str) -> String {
        let windows = self == Self::Windows;
        let more = if windows { "-_./:=@%+,[]\\" } else { "-_./:=@%+,[]" };
        let plain = |character: char| character.is_ascii_alphanumeric() || more.contains(character);
        if !word.is_empty() && word.chars().all(plain) {
            word.to_owned()
        } else if windows {
            format!("\"{}\"", word.replace('"', "\\\""))
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    }

    /// Its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Macos => "macOS",
            Self::Windows => "Windows",
            Self::LinuxSystemd | Self::LinuxOpenrc | Self::LinuxPlain => "Linux",
        }
    }
}

/// A cloud provider and where it says how it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cloud {
    /// `Amazon EC2`.
    pub name: String,
    /// Management console.
    pub console: String,
    /// Status page.
    pub status: String,
}

/// One process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Id.
    pub pid: u32,
    /// Parent.
    pub parent: u32,
    /// `comm`.
    pub name: String,
    /// Arguments.
    pub arguments: Vec<String>,
    /// `R`, `S`, `D`, `T`, `Z`.
    pub state: String,
    /// Effective user and group.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Start, milliseconds since 1970.
    pub started_ms: i64,
    /// systemd unit from the control group.
    pub unit: Option<String>,
    /// The control group path.
    pub cgroup: Option<String>,
    /// Inode of the network namespace.
    pub network_namespace: Option<u64>,
    /// Inode of the mount namespace.
    pub mount_namespace: Option<u64>,
    /// Working directory.
    pub directory: Option<String>,
    /// Resident memory.
    pub resident_bytes: u64,
}

/// A running proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyProcess {
    /// Which software.
    pub kind: ProxyKind,
    /// The master.
    pub master: Process,
    /// The workers.
    pub workers: Vec<Process>,
    /// `1.22.1`.
    pub version: Option<String>,
    /// Main configuration file.
    pub config: String,
    /// Prefix for relative paths.
    pub prefix: String,
    /// It lives in another network namespace than we do.
    pub other_network: bool,
    /// It lives in another mount namespace than we do.
    pub other_mounts: bool,
    /// Open descriptors of the busiest worker, and its limit.
    pub descriptors: Observed<Descriptors>,
}

/// Use of file descriptors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptors {
    /// In use.
    pub open: u64,
    /// Soft limit.
    pub limit: u64,
}

/// A listening socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// IPv6 wildcard that takes IPv4 too.
    #[serde(default)]
    pub dual_stack: bool,
    /// Connections that wait to be accepted.
    #[serde(default)]
    pub waiting: u64,
    /// Length of the accept queue, when known.
    #[serde(default)]
    pub queue: Option<u64>,
    /// Owners.
    #[serde(default)]
    pub processes: Vec<ListenerOwner>,
}

/// Who owns a listening socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerOwner {
    /// Process.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: Option<String>,
}

/// A systemd unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Unit {
    /// `app.service`.
    pub name: String,
    /// `Type=`: `simple`, `notify`, `forking`, `oneshot`, …; empty when not known.
    pub service_type: String,
    /// A timer starts it: a job, not a service that others rely on.
    pub triggered_by_timer: bool,
    /// `Description=`.
    pub description: String,
    /// `active`, `inactive`, `failed`, `activating`, …
    pub active: String,
    /// `running`, `dead`, `auto-restart`, `start-pre`, …
    pub sub: String,
    /// `success`, `exit-code`, `signal`, `oom-kill`, `start-limit-hit`, `watchdog`, …
    pub result: String,
    /// Exit status or signal of the main process.
    pub exec_main_status: i32,
    /// 1 exited, 2 killed, 3 dumped.
    pub exec_main_code: i32,
    /// Automatic restarts so far.
    pub restarts: u32,
    /// `enabled`, `disabled`, `static`, …
    pub file_state: String,
    /// Main process.
    pub main_pid: u32,
    /// `ExecStart=` as argv text.
    pub exec_start: String,
    /// Unit file.
    pub fragment: String,
    /// Became active, milliseconds since 1970.
    pub active_since_ms: Option<i64>,
    /// Became inactive, milliseconds since 1970.
    pub inactive_since_ms: Option<i64>,
    /// `MemoryMax=` in bytes.
    pub memory_max_bytes: Option<u64>,
    /// `WatchdogUSec=`.
    pub watchdog_us: Option<u64>,
    /// Sandboxing properties that are set (`PrivateTmp=yes`).
    pub sandbox: Vec<(String, String)>,
    /// What a socket unit listens on.
    pub listens: Vec<String>,
    /// The last lines of its journal.
    pub journal: Vec<JournalLine>,
}

/// One journal line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalLine {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Who wrote it (`systemd`, `gunicorn`).
    pub from: String,
    /// The message, cut at 500 bytes.
    pub message: String,
}

/// A kernel log line that bears on a 502.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelEvent {
    /// Milliseconds since 1970, when the line has a time.
    #[serde(default)]
    pub at_ms: Option<i64>,
    /// What it is.
    pub kind: KernelEventKind,
    /// The process named in it.
    #[serde(default)]
    pub process: Option<String>,
    /// Its id, in the numbering of the outermost namespace.
    #[serde(default)]
    pub pid: Option<u32>,
    /// The control group named in it.
    #[serde(default)]
    pub cgroup: Option<String>,
    /// The line.
    pub text: String,
}

/// Kinds of kernel log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KernelEventKind {
    /// `Killed process … (name)`.
    OomKill,
    /// `segfault at …`.
    Segfault,
    /// `nf_conntrack: table full, dropping packet`.
    ConntrackFull,
    /// `Possible SYN flooding on port`.
    SynFlood,
    /// `avc: denied`.
    SelinuxDenial,
    /// `apparmor="DENIED"`.
    ApparmorDenial,
}

/// Limits of the kernel and their use, in the proxy's network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Entries in the conntrack table.
    pub conntrack_count: Option<u64>,
    /// Its size.
    pub conntrack_max: Option<u64>,
    /// Ephemeral ports: first and last.
    pub port_range: Option<(u16, u16)>,
    /// Local ports in use towards each endpoint of the route.
    pub ports_used: Vec<(Endpoint, u64)>,
    /// `TcpExt ListenOverflows`.
    pub listen_overflows: Option<u64>,
    /// `net.core.somaxconn`.
    pub somaxconn: Option<u64>,
    /// `SELinux` is enforcing.
    pub selinux_enforcing: Option<bool>,
    /// `net.ipv4.ip_nonlocal_bind` is on: connections may come from addresses that no interface has.
    pub nonlocal_bind: Option<bool>,
    /// Switches of the `SELinux` policy about web servers, as they are in force (`httpd_can_network_connect`).
    pub selinux_booleans: Vec<(String, bool)>,
    /// The `SELinux` or `AppArmor` label of the proxy's workers.
    pub proxy_label: Option<String>,
    /// Addresses of this host, with their interface.
    pub addresses: Vec<(std::net::IpAddr, String)>,
    /// Interfaces that are down (`lo` among them matters).
    pub interfaces_down: Vec<String>,
}

/// The configuration of an application server, as far as it bears on a 502.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AppServer {
    /// `php-fpm`, `gunicorn`, `uwsgi`, `node`, `java`.
    pub kind: String,
    /// Its master process.
    pub pid: u32,
    /// Where it listens, as far as its configuration or command line says.
    pub listens: Vec<String>,
    /// The protocol of its listener, when its options say so: `http`, `uwsgi`, `fastcgi`.
    pub protocol: Option<String>,
    /// Seconds after which it kills a worker; 0: never.
    pub worker_timeout_s: Option<u64>,
    /// Workers (or threads) that can serve at the same time.
    pub capacity: Option<u64>,
    /// Seconds for which it keeps an idle connection.
    pub keepalive_s: Option<u64>,
    /// Length of its accept queue as configured.
    pub backlog: Option<u64>,
    /// Client addresses it admits (`listen.allowed_clients`).
    pub allowed_clients: Vec<String>,
    /// Its log, newest lines last.
    pub log: Vec<ErrorEntryText>,
    /// The configuration or log files that were read.
    pub files: Vec<String>,
    /// The name under which it logs to syslog, when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syslog_tag: Option<String>,
}

/// A line of a backend's own log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorEntryText {
    /// The file (or `journal`).
    pub file: String,
    /// Milliseconds since 1970, when the line has a time.
    #[serde(default)]
    pub at_ms: Option<i64>,
    /// The line, cut at 500 bytes.
    pub text: String,
}

/// A change of the configuration that the host keeps in git.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigCommit {
    /// When it was committed, milliseconds since 1970.
    pub at_ms: i64,
    /// The directory that the repository keeps: `/etc`.
    pub repository: String,
    /// Its short id.
    pub id: String,
    /// The first line of its message, cut at 200 characters.
    pub subject: String,
    /// The files it touches, relative to the repository; 20 at the most.
    pub files: Vec<String>,
}

/// A change of an installed package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PackageChange {
    /// When, milliseconds since 1970; `None` when the line has no readable time.
    pub at_ms: Option<i64>,
    /// Its name, without the architecture.
    pub package: String,
    /// The version before, as the packager writes it; `None`: it was not installed, or is not known.
    pub old: Option<String>,
    /// The version after; `None`: it was removed.
    pub new: Option<String>,
    /// The log that says so.
    pub file: String,
}
