//! Files: read with a cap, never waiting on a FIFO or a device.

use std::io::{Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

use super::{Live, Query, obstacle, platform};
use crate::evidence::{Bytes, Observed, Obstacle};

/// Reads a file, from its start or its end.
#[derive(Clone, Debug, Serialize)]
pub struct ReadFile {
    /// Absolute path.
    pub path: String,
    /// Read the last bytes instead of the first.
    pub from_end: bool,
    /// How many at the most.
    pub cap_bytes: u64,
    /// Distinguishes readings of the same file at different moments of one run.
    pub moment: u32,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileContent {
    /// The bytes.
    pub bytes: Bytes,
    /// The file is longer than what was read.
    pub truncated: bool,
    /// Its length when it was opened.
    pub length_bytes: u64,
    /// Modification time, milliseconds since 1970.
    pub modified_ms: Option<i64>,
}

/// Opens a regular file; what is none (a FIFO, a device) is never waited for.
pub(super) fn open_regular(path: &std::path::Path) -> Observed<std::fs::File> {
    open_with_metadata(path).map(|(file, _)| file)
}

/// The same, with what the system says of the file.
fn open_with_metadata(path: &std::path::Path) -> Observed<(std::fs::File, std::fs::Metadata)> {
    // Without O_NONBLOCK the opening of a FIFO would wait for a writer for ever.
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    platform::never_wait(&mut options);
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Observed::Absent,
        Err(error) => return Observed::Unavailable(obstacle(&error)),
    };
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => Observed::Seen((file, metadata)),
        Ok(metadata) if metadata.is_dir() => {
            Observed::Unavailable(Obstacle::Failed("is a directory".to_owned()))
        }
        Ok(_) => Observed::Unavailable(Obstacle::Failed("is not a regular file".to_owned())),
        Err(error) => Observed::Unavailable(obstacle(&error)),
    }
}

impl ReadFile {
    /// The first bytes of a file.
    pub fn start(path: impl Into<String>, cap_bytes: u64) -> Self {
        Self {
            path: path.into(),
            from_end: false,
            cap_bytes,
            moment: 0,
        }
    }

    /// The last bytes of a file.
    pub fn end(path: impl Into<String>, cap_bytes: u64) -> Self {
        Self {
            path: path.into(),
            from_end: true,
            cap_bytes,
            moment: 0,
        }
    }
}

/// The most room that is made before there is anything to fill it: a sparse file is longer than it is large.
const ROOM_BYTES: usize = 4 << 20;

impl Query for ReadFile {
    type Answer = FileContent;
    const NAME: &'static str = "read_file";

    fn perform(&self, live: &Live) -> Observed<FileContent> {
        let (mut file, metadata) = match open_with_metadata(&live.located(&self.path)) {
            Observed::Seen(opened) => opened,
            Observed::Absent => return Observed::Absent,
            Observed::Unavailable(obstacle) => return Observed::Unavailable(obstacle),
        };
        let length_bytes = metadata.len();
        // Room for the whole file, so that it takes one call to read it and one to see its end.
        let room = usize::try_from(length_bytes.min(self.cap_bytes)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(room.min(ROOM_BYTES).saturating_add(1));
        let read = if self.from_end && length_bytes > self.cap_bytes {
            file.seek(SeekFrom::Start(length_bytes - self.cap_bytes))
                .and_then(|_| (&mut file).take(self.cap_bytes).read_to_end(&mut bytes))
        } else {
            (&mut file).take(self.cap_bytes).read_to_end(&mut bytes)
        };
        match read {
            Ok(read) => Observed::Seen(FileContent {
                truncated: length_bytes > read as u64,
                length_bytes,
                modified_ms: modified_ms(&metadata),
                bytes: Bytes(bytes),
            }),
            Err(error) => Observed::Unavailable(obstacle(&error)),
        }
    }
}

/// Names in a directory, sorted.
#[derive(Clone, Debug, Serialize)]
pub struct ListDirectory {
    /// Absolute path.
    pub path: String,
}

impl Query for ListDirectory {
    type Answer = Vec<String>;
    const NAME: &'static str = "list_directory";

    fn perform(&self, live: &Live) -> Observed<Vec<String>> {
        match std::fs::read_dir(live.located(&self.path)) {
            Ok(entries) => {
                let mut names: Vec<String> = entries
                    .flatten()
                    .take(20_000)
                    .map(|entry| entry.file_name().to_string_lossy().into_owned())
                    .collect();
                names.sort();
                Observed::Seen(names)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Observed::Absent,
            Err(error) => Observed::Unavailable(obstacle(&error)),
        }
    }
}

/// The metadata of a path, following symbolic links.
#[derive(Clone, Debug, Serialize)]
pub struct StatPath {
    /// Absolute path.
    pub path: String,
}

/// Metadata of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// `socket`, `file`, `directory`, `fifo`, `other`.
    pub kind: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size.
    pub length_bytes: u64,
    /// Modification time, milliseconds since 1970.
    pub modified_ms: Option<i64>,
}

impl Query for StatPath {
    type Answer = Metadata;
    const NAME: &'static str = "stat";

    fn perform(&self, live: &Live) -> Observed<Metadata> {
        match std::fs::metadata(live.located(&self.path)) {
            Ok(metadata) => {
                let (kind, mode, uid, gid) = platform::kind_and_owner(&metadata);
                Observed::Seen(Metadata {
                    kind: kind.to_owned(),
                    mode,
                    uid,
                    gid,
                    length_bytes: metadata.len(),
                    modified_ms: modified_ms(&metadata),
                })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Observed::Absent,
            Err(error) => Observed::Unavailable(obstacle(&error)),
        }
    }
}

pub(super) fn modified_ms(metadata: &std::fs::Metadata) -> Option<i64> {
    let modified = metadata.modified().ok()?;
    match modified.duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).ok(),
        Err(before) => i64::try_from(before.duration().as_millis()).ok()?.checked_neg(),
    }
}
