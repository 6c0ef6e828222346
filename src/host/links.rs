//! Where symbolic links point, those of /proc among them.

use serde::Serialize;

use super::{Live, Query, obstacle};
use crate::evidence::Observed;

/// The target of a symbolic link.
#[derive(Clone, Debug, Serialize)]
pub struct ReadLink {
    /// Absolute path.
    pub path: String,
}

impl Query for ReadLink {
    type Answer = String;
    const NAME: &'static str = "read_link";

    fn perform(&self, live: &Live) -> Observed<String> {
        match std::fs::read_link(live.located(&self.path)) {
            Ok(target) => Observed::Seen(target.to_string_lossy().into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Observed::Absent,
            Err(error) => Observed::Unavailable(obstacle(&error)),
        }
    }
}

/// The regular files that a process has open for writing only: its logs, mostly.
#[derive(Clone, Debug, Serialize)]
pub struct WrittenFiles {
    /// The process.
    pub pid: u32,
}

/// Descriptors of a process that are looked at.
const DESCRIPTORS: usize = 4_096;
/// Files that are named.
const MOST: usize = 40;

impl Query for WrittenFiles {
    type Answer = Vec<String>;
    const NAME: &'static str = "written_files";

    fn perform(&self, _: &Live) -> Observed<Vec<String>> {
        let listed = match std::fs::read_dir(format!("/proc/{}/fd", self.pid)) {
            Ok(listed) => listed,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Observed::Absent,
            Err(error) => return Observed::Unavailable(obstacle(&error)),
        };
        let mut files: Vec<String> = Vec::new();
        for entry in listed.flatten().take(DESCRIPTORS) {
            let Ok(target) = std::fs::read_link(entry.path()) else {
                continue;
            };
            let file = target.to_string_lossy().into_owned();
            let plain = file.starts_with('/') && !file.starts_with("/dev/") && !file.ends_with(" (deleted)");
            if plain && !files.contains(&file) && self.only_writes(&entry.file_name()) && target.is_file() {
                files.push(file);
            }
        }
        files.sort();
        files.truncate(MOST);
        Observed::Seen(files)
    }
}

impl WrittenFiles {
    /// True when a descriptor was opened for writing and not for reading.
    fn only_writes(&self, descriptor: &std::ffi::OsStr) -> bool {
        let path = format!("/proc/{}/fdinfo/{}", self.pid, descriptor.to_string_lossy());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
        // The last octal digit holds the access mode: 1 is O_WRONLY.
        flags.is_some_and(|flags| flags.trim().ends_with('1'))
    }
}
