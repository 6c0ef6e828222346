//! What differs between operating systems for this program itself: the one place that names `nix` and `std::os`.
//!
//! Every function has a form for each system it is built for; where a system cannot do a thing, that is an error or
//! nothing, never a guess. To add a system: a form behind its `cfg` where one is missing.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::process::{Child, Command};

use crate::evidence::Obstacle;
#[cfg(not(target_os = "linux"))]
use crate::evidence::errno;

/// Lets an opening never wait for a FIFO or a device.
#[cfg(unix)]
pub(super) fn never_wait(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits() | nix::fcntl::OFlag::O_NOCTTY.bits());
}

/// Windows has no such files in its directories.
#[cfg(not(unix))]
pub(super) fn never_wait(_: &mut OpenOptions) {}

/// Makes a new file its owner's alone.
#[cfg(unix)]
pub(super) fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

/// On Windows a file has the rights of the directory it is in.
#[cfg(not(unix))]
pub(super) fn private(_: &mut OpenOptions) {}

/// Makes a new directory its owner's alone.
#[cfg(unix)]
pub(super) fn private_directory(builder: &mut DirBuilder) {
    use std::os::unix::fs::DirBuilderExt as _;
    builder.mode(0o700);
}

/// The place for temporary files of a Windows user is that user's alone.
#[cfg(not(unix))]
pub(super) fn private_directory(_: &mut DirBuilder) {}

/// A file without a name in a directory: nothing of it is left when this program is killed.
#[cfg(target_os = "linux")]
pub(super) fn nameless(directory: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new()
        .write(true)
        .custom_flags(nix::fcntl::OFlag::O_TMPFILE.bits())
        .mode(0o600)
        .open(directory)
}

/// Only Linux has them.
#[cfg(not(target_os = "linux"))]
pub(super) fn nameless(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Gives a file without a name its name; false: it has none.
#[cfg(target_os = "linux")]
pub(super) fn named(file: &File, path: &Path) -> bool {
    let own = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
    nix::unistd::linkat(
        nix::fcntl::AT_FDCWD,
        own.as_str(),
        nix::fcntl::AT_FDCWD,
        path,
        nix::fcntl::AtFlags::AT_SYMLINK_FOLLOW,
    )
    .is_ok()
}

/// Only Linux has them.
#[cfg(not(target_os = "linux"))]
pub(super) fn named(_: &File, _: &Path) -> bool {
    false
}

/// Starts a program in a process group of its own, with an environment that decides nothing: messages in the words of
/// the C locale, no pager, the directories of the system.
#[cfg(unix)]
pub(super) fn apart(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    // Homebrew has directories of its own, and does nothing without a home.
    let places = if cfg!(target_os = "macos") {
        "/opt/homebrew/sbin:/opt/homebrew/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    } else {
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    };
    command
        .env_clear()
        .env("PATH", places)
        .env("LC_ALL", "C")
        .env("LANG", "C")
        .env("SYSTEMD_COLORS", "0")
        .env("SYSTEMD_PAGER", "")
        .current_dir("/")
        .process_group(0);
    if cfg!(target_os = "macos")
        && let Some(home) = std::env::var_os("HOME")
    {
        command.env("HOME", home).env("HOMEBREW_NO_AUTO_UPDATE", "1");
    }
}

/// Programs of Windows need much of their environment (`SystemRoot`), and have no groups of this kind.
#[cfg(not(unix))]
pub(super) fn apart(_: &mut Command) {}

/// Where tools of the system live, even if PATH forgets them.
pub(super) fn tool_places() -> Vec<std::path::PathBuf> {
    let places: &[&str] = if cfg!(target_os = "macos") {
        &[
            "/opt/homebrew/bin",
            "/opt/homebrew/sbin",
            "/usr/local/bin",
            "/usr/local/sbin",
            "/usr/sbin",
            "/sbin",
            "/usr/bin",
            "/bin",
        ]
    } else if cfg!(windows) {
        &[
            r"C:\Windows\System32",
            r"C:\Windows\System32\WindowsPowerShell\v1.0",
            r"C:\nginx",
        ]
    } else {
        &["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]
    };
    places.iter().map(Into::into).collect()
}

/// Ends a child of ours with its process group, which is its own.
pub(super) fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Ok(pid) = i32::try_from(child.id()) {
        let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// What a file is, beyond what every system knows: kind, permission bits, owner, group.
#[cfg(unix)]
pub(super) fn kind_and_owner(metadata: &Metadata) -> (&'static str, u32, u32, u32) {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let kind = metadata.file_type();
    let word = if kind.is_socket() {
        "socket"
    } else if kind.is_dir() {
        "directory"
    } else if kind.is_file() {
        "file"
    } else if kind.is_fifo() {
        "fifo"
    } else {
        "other"
    };
    (word, metadata.mode() & 0o7777, metadata.uid(), metadata.gid())
}

/// Windows has neither permission bits nor owners by number.
#[cfg(not(unix))]
pub(super) fn kind_and_owner(metadata: &Metadata) -> (&'static str, u32, u32, u32) {
    let kind = if metadata.is_dir() {
        "directory"
    } else if metadata.is_file() {
        "file"
    } else {
        "other"
    };
    (kind, 0, 0, 0)
}

/// Enters the network namespace of a process, for this thread.
#[cfg(target_os = "linux")]
pub(super) fn enter_network(pid: u32) -> Result<(), Obstacle> {
    let namespace = File::open(format!("/proc/{pid}/ns/net")).map_err(|error| super::obstacle(&error))?;
    nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).map_err(|error| match error {
        nix::errno::Errno::EPERM => Obstacle::Denied,
        other => Obstacle::Failed(format!(
            "cannot enter the network of process {pid}: {}",
            other.desc()
        )),
    })
}

/// Only Linux has network namespaces.
#[cfg(not(target_os = "linux"))]
pub(super) fn enter_network(_: u32) -> Result<(), Obstacle> {
    Err(Obstacle::Failed(
        "this system has no network namespaces".to_owned(),
    ))
}

/// Takes on a user and a group for files and sockets, for this thread.
#[cfg(target_os = "linux")]
pub(super) fn take_on(uid: u32, gid: u32) -> Result<(), Obstacle> {
    let (uid, gid) = (nix::unistd::Uid::from_raw(uid), nix::unistd::Gid::from_raw(gid));
    nix::unistd::setfsgid(gid);
    nix::unistd::setfsuid(uid);
    // The call reports no error; asking again tells whether it took.
    if nix::unistd::setfsuid(uid) == uid {
        Ok(())
    } else {
        Err(Obstacle::Denied)
    }
}

/// Elsewhere a user is that of the whole process, and this program does not change its own.
#[cfg(not(target_os = "linux"))]
pub(super) fn take_on(_: u32, _: u32) -> Result<(), Obstacle> {
    // The probe then runs as ourselves: permissions of a socket file are judged by its mode.
    Ok(())
}

/// The number that Linux has for an error, which is what evidence holds whatever the system.
pub(super) fn linux_errno(error: &io::Error) -> Option<i32> {
    #[cfg(target_os = "linux")]
    return error.raw_os_error();
    #[cfg(not(target_os = "linux"))]
    return Some(errno_of(error.kind()));
}

/// The same by the kind of the error, which every system tells.
#[cfg(not(target_os = "linux"))]
fn errno_of(kind: io::ErrorKind) -> i32 {
    match kind {
        io::ErrorKind::ConnectionRefused => errno::ECONNREFUSED,
        io::ErrorKind::ConnectionReset => errno::ECONNRESET,
        io::ErrorKind::HostUnreachable => errno::EHOSTUNREACH,
        io::ErrorKind::NetworkUnreachable => errno::ENETUNREACH,
        io::ErrorKind::AddrNotAvailable => errno::EADDRNOTAVAIL,
        io::ErrorKind::PermissionDenied => errno::EACCES,
        io::ErrorKind::NotFound => errno::ENOENT,
        io::ErrorKind::TimedOut => errno::ETIMEDOUT,
        io::ErrorKind::WouldBlock => errno::EAGAIN,
        _ => errno::EINVAL,
    }
}
