//! Commands: argv only, no shell, each with a deadline and a byte cap.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Identity, Live, Query, obstacle, platform};
use crate::evidence::{Bytes, Observed, Obstacle};

/// Bytes of a stream that are read at once.
const STREAM_BYTES: usize = 64 * 1024;

/// Runs a program that only reads.
#[derive(Clone, Debug, Serialize)]
pub struct RunCommand {
    /// Program and arguments. The program is looked up in PATH, then in the system directories.
    pub argv: Vec<String>,
    /// Its own limit, in milliseconds.
    pub limit_ms: u64,
    /// How much of each stream is kept.
    pub cap_bytes: u64,
    /// Run in the network namespace of this process.
    #[serde(skip_serializing_if = "Identity::is_own")]
    pub identity: Identity,
    /// Distinguishes runs of the same command at different moments of one diagnosis.
    #[serde(skip_serializing_if = "is_first")]
    pub moment: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_first(moment: &u32) -> bool {
    *moment == 0
}

/// What a program printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandOutput {
    /// Exit code; `None`: ended by a signal.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: Bytes,
    /// Standard error.
    pub stderr: Bytes,
}

impl RunCommand {
    /// A command with the usual limits: two seconds, one MiB.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            limit_ms: 2_000,
            cap_bytes: 1 << 20,
            identity: Identity::default(),
            moment: 0,
        }
    }

    /// Runs it in the network namespace of another process.
    #[must_use]
    pub fn within(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Runs it again, at a later moment of the diagnosis.
    #[must_use]
    pub fn at_moment(mut self, moment: u32) -> Self {
        self.moment = moment;
        self
    }

    /// With another byte cap.
    #[must_use]
    pub fn cap_bytes(mut self, cap_bytes: u64) -> Self {
        self.cap_bytes = cap_bytes;
        self
    }
}

impl Query for RunCommand {
    type Answer = CommandOutput;
    const NAME: &'static str = "run_command";

    fn perform(&self, live: &Live) -> Observed<CommandOutput> {
        let Some((program, arguments)) = self.argv.split_first() else {
            return Observed::Unavailable(Obstacle::Failed("empty command".to_owned()));
        };
        let Some(path) = locate(program) else {
            return Observed::Unavailable(Obstacle::NotInstalled(program.clone()));
        };
        let limit = live.within(self.limit_ms);
        let cap_bytes = self.cap_bytes;
        let (arguments, program) = (arguments.to_vec(), program.clone());
        self.identity
            .network_only()
            .act(move || run(&path, &program, &arguments, limit, cap_bytes))
            .unwrap_or_else(Observed::Unavailable)
    }
}

/// Where a program is: PATH first, then where system tools live even if PATH forgets them.
fn locate(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<_> = std::env::split_paths(&path)
        .filter(|place| place.is_absolute())
        .collect();
    places.extend(platform::tool_places());
    let places = std::env::join_paths(places).ok()?;
    which::which_in(program, Some(places), "/").ok()
}

fn run(
    path: &std::path::Path,
    program: &str,
    arguments: &[String],
    limit: Duration,
    cap_bytes: u64,
) -> Observed<CommandOutput> {
    let began = Instant::now();
    let mut child = match prepared(path, arguments).stderr(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return Observed::Unavailable(obstacle(&error)),
    };
    let (sender, receiver) = mpsc::channel();

    let streams = [
        child
            .stdout
            .take()
            .map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        child
            .stderr
            .take()
            .map(|stream| Box::new(stream) as Box<dyn Read + Send>),
    ];
    for (index, stream) in streams.into_iter().enumerate() {
        let sender = sender.clone();
        // A grandchild may hold the pipe open for ever; the thread is left behind then.
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            if let Some(mut stream) = stream {
                let _ = (&mut stream).take(cap_bytes).read_to_end(&mut kept);
                let _ = std::io::copy(&mut stream, &mut std::io::sink());
            }
            let _ = sender.send((index, kept));
        });
    }
    let mut kept = [Vec::new(), Vec::new()];
    for _ in 0..2 {
        if let Ok((index, bytes)) = receiver.recv_timeout(limit.saturating_sub(began.elapsed())) {
            kept[index] = bytes;
        } else {
            platform::end(&mut child);
            return Observed::Unavailable(Obstacle::Failed(format!(
                "{program} did not end within {} ms",
                limit.as_millis()
            )));
        }
    }
    // Both streams are closed, so the end is near; a program that only closed them is not waited for.
    while began.elapsed() < limit {
        if let Ok(Some(status)) = child.try_wait() {
            let [stdout, stderr] = kept;
            return Observed::Seen(CommandOutput {
                status: status.code(),
                stdout: Bytes(stdout),
                stderr: Bytes(stderr),
            });
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    platform::end(&mut child);
    Observed::Unavailable(Obstacle::TimedOut)
}

/// A program in its own process group, with nothing of our environment and nothing to read.
fn prepared(path: &std::path::Path, arguments: &[String]) -> Command {
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    platform::apart(&mut command);
    command
}

/// Hands over what a program prints, piece by piece, however much that is.
///
/// # Errors
/// When it cannot be started, does not end in time, or ends with an error.
pub(super) fn stream(argv: &[String], limit: Duration, mut each: impl FnMut(&[u8])) -> Result<(), Obstacle> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Obstacle::Failed("empty command".to_owned()));
    };
    let path = locate(program).ok_or_else(|| Obstacle::NotInstalled(program.clone()))?;
    let began = Instant::now();
    let mut child = prepared(&path, arguments)
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| obstacle(&error))?;
    // Two pieces may wait, so that a slow reader slows the program down and memory stays bounded.
    let (sender, receiver) = mpsc::sync_channel::<Vec<u8>>(2);
    let stdout = child.stdout.take();
    std::thread::spawn(move || {
        let Some(mut stdout) = stdout else { return };
        loop {
            let mut piece = vec![0_u8; STREAM_BYTES];
            match stdout.read(&mut piece) {
                Ok(0) => return,
                Ok(length) => piece.truncate(length),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => return,
            }
            if sender.send(piece).is_err() {
                return;
            }
        }
    });
    loop {
        match receiver.recv_timeout(limit.saturating_sub(began.elapsed())) {
            Ok(piece) => each(&piece),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                platform::end(&mut child);
                return Err(Obstacle::TimedOut);
            }
        }
    }
    while began.elapsed() < limit {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(_)) => return Err(Obstacle::Failed(format!("{program} failed"))),
            Ok(None) => std::thread::sleep(Duration::from_micros(300)),
            Err(error) => return Err(obstacle(&error)),
        }
    }
    platform::end(&mut child);
    Err(Obstacle::TimedOut)
}
