//! Step 8: everything into one file, or a list of what that file would hold.

mod self_test;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Failure, absolute, collected, exit, judged, live_host, plan};
use crate::bundle::{BundleInputs, INCLUDED_CAP_BYTES, Included};
use crate::exit::Exit;
use crate::finding::StepId;
use crate::host::{self, Clock, Host, ReadFile};
use crate::options::{Options, UsageError};
use crate::report::{Report, TextStyle, render_text};
use crate::steps;
use crate::ui::Ui;

/// Files that `--include` takes, all together.
const MOST_INCLUDED: usize = 200;
/// Their bytes, all together.
const MOST_INCLUDED_BYTES: usize = 16 << 20;

/// Writes the bundle, or says what it would hold.
pub(super) fn bundle(options: &Options, ui: &mut Ui) -> Result<Exit, Failure> {
    if options.bundle.self_test.is_some() {
        return self_test::self_test(options, ui);
    }
    // What was named has to be there before anything is asked.
    let included = included(options, ui)?;
    let mut plan = plan(options)?;
    plan.skipped.clear();
    let host = Arc::new(live_host(options));
    let now_ms = host.ask(&Clock { moment: 0 }).into_seen().unwrap_or_default().now_ms;
    if let Some(since) = options.bundle.since {
        let since_ms = since.at_ms(now_ms);
        plan.since_ms = Some(since_ms);
        plan.log_window_ms = Some(u64::try_from(now_ms.saturating_sub(since_ms)).unwrap_or(0).max(1));
    }
    let snapshot = collected(&host, plan, ui)?;
    let report = judged(snapshot, &StepId::ALL);
    if options.bundle.dry_run {
        return dry_run(&host, &report, &included, options, ui);
    }
    // Nothing is asked any more, so there need not be two copies of all answers.
    let path = write_answers(host.take_transcript(), &report, &included, options)?;
    ui.line(&path.display().to_string())?;
    if options.bundle.keep_addresses {
        ui.note("secrets are redacted, addresses and host names are kept: read it before you pass it on");
    } else {
        ui.note(
            "secrets are redacted, addresses and host names are pseudonyms: read it before you pass it on",
        );
        ui.note(&format!(
            "which is which, for you alone: {}",
            map_place(&path).display()
        ));
    }
    ui.note(&format!(
        "to read it on another machine: fix502 triage {}",
        path.display()
    ));
    Ok(exit(&report))
}

/// Says what was asked and what the bundle would hold. Nothing is written.
fn dry_run(
    host: &Host,
    report: &Report,
    included: &[Included],
    options: &Options,
    ui: &mut Ui,
) -> Result<Exit, Failure> {
    let path = place(report, options);
    let text = plain_text(report).map_err(UsageError::new)?;
    let transcript = steps::packed_transcript(host.transcript(), &report.snapshot);
    let inputs = inputs(report, included, &text, options);
    ui.line("Nothing is written. This was asked of the host, and a bundle would be made from the answers:")?;
    ui.line("")?;
    for line in crate::bundle::listing(&transcript) {
        ui.line(&line)?;
    }
    if !included.is_empty() {
        ui.line(&format!("files included ({})", included.len()))?;
        for file in included {
            ui.line(&format!("  {}  {} bytes", file.path, file.bytes.len()))?;
        }
    }
    ui.line("")?;
    ui.line(&format!("{} would hold, after redaction:", path.display()))?;
    for line in crate::bundle::preview(&inputs, transcript) {
        ui.line(&format!("  {line}"))?;
    }
    Ok(exit(report))
}

/// The files that `--include` names.
fn included(options: &Options, ui: &mut Ui) -> Result<Vec<Included>, Failure> {
    let reader = Host::live(None, options.deadline);
    let (mut files, mut bytes) = (Vec::new(), 0_usize);
    for path in &options.bundle.includes {
        let shown = path.display().to_string();
        let unreadable = |why: &str| UsageError::new(format!("{shown} cannot be included: {why}"));
        if !host::is_directory(path) {
            files.push(include(&reader, path).map_err(|why| unreadable(&why))?);
            continue;
        }
        let below = host::files_below(path).map_err(|error| unreadable(&error.to_string()))?;
        if below.len() > MOST_INCLUDED {
            let why = format!("it holds {} files, and {MOST_INCLUDED} are the most", below.len());
            return Err(unreadable(&why).into());
        }
        for path in below {
            // In a directory one file that cannot go is left out, and said.
            match include(&reader, &path) {
                Ok(file) => files.push(file),
                Err(why) => ui.note(&format!("left out: {} {why}", path.display())),
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files.dedup_by(|one, other| one.path == other.path);
    for file in &files {
        bytes = bytes.saturating_add(file.bytes.len());
    }
    if files.len() > MOST_INCLUDED || bytes > MOST_INCLUDED_BYTES {
        return Err(UsageError::new(format!(
            "--include names {} files with {bytes} bytes; {MOST_INCLUDED} files and {MOST_INCLUDED_BYTES} bytes are the most",
            files.len()
        ))
        .into());
    }
    Ok(files)
}

/// One file, or why it cannot go.
fn include(reader: &Host, path: &Path) -> Result<Included, String> {
    let path = absolute(path);
    // By its name alone: what is nothing but secrets is not even opened.
    if let Some(why) = Included::obstacle(&path, &[]) {
        return Err(why.to_owned());
    }
    let answer = reader.ask(&ReadFile::end(&path, INCLUDED_CAP_BYTES));
    if answer.is_absent() {
        return Err("no such file".to_owned());
    }
    if let Some(obstacle) = answer.obstacle() {
        return Err(obstacle.to_string());
    }
    let content = answer.into_seen().unwrap_or_default();
    if let Some(why) = Included::obstacle(&path, &content.bytes.0) {
        return Err(why.to_owned());
    }
    Ok(Included {
        path,
        truncated: content.truncated,
        bytes: content.bytes.0,
    })
}

/// Writes the bundle of a diagnosis and says where.
///
/// # Errors
/// When it cannot be made or written; nothing is left behind then.
pub(super) fn write(
    host: &Host,
    report: &Report,
    included: &[Included],
    options: &Options,
) -> Result<PathBuf, UsageError> {
    write_answers(host.transcript(), report, included, options)
}

fn write_answers(
    transcript: host::Transcript,
    report: &Report,
    included: &[Included],
    options: &Options,
) -> Result<PathBuf, UsageError> {
    let text = plain_text(report).map_err(UsageError::new)?;
    let transcript = steps::packed_transcript(transcript, &report.snapshot);
    let inputs = inputs(report, included, &text, options);
    let written = crate::bundle::write_with_map(&inputs, transcript)
        .map_err(|error| UsageError::new(error.to_string()).hint(error.hint()))?;
    let bytes = written.archive;
    let path = place(report, options);
    host::write_private(&path, &bytes).map_err(|error| {
        let told = UsageError::new(format!("{} cannot be written: {error}", path.display()));
        if error.kind() == std::io::ErrorKind::StorageFull {
            told.hint(format!(
                "nothing was left behind; {} bytes are needed: --output FILE writes it to another disk",
                bytes.len()
            ))
        } else {
            told.hint("--output FILE writes it to another place")
        }
    })?;
    if let Some(map) = written.map {
        let place = map_place(&path);
        let map = serde_json::to_vec_pretty(&map).unwrap_or_default();
        host::write_private(&place, &map).map_err(|error| {
            UsageError::new(format!("{} cannot be written: {error}", place.display()))
                .hint("the bundle itself is complete; --keep-addresses writes one that needs no map")
        })?;
    }
    Ok(path)
}

/// Where the map of the pseudonyms of a bundle lies: beside it.
fn map_place(bundle: &Path) -> PathBuf {
    let name = bundle.file_name().unwrap_or_default().to_string_lossy();
    bundle.with_file_name(format!("{name}.pseudonyms.json"))
}

/// What the bundle will hold, line by line.
pub(super) fn preview(host: &Host, report: &Report, options: &Options) -> Vec<String> {
    let text = plain_text(report).unwrap_or_default();
    let transcript = steps::packed_transcript(host.transcript(), &report.snapshot);
    crate::bundle::preview(&inputs(report, &[], &text, options), transcript)
}

/// Where a bundle goes: the file that was named, or a name of its own in the directory that was named.
pub(super) fn place(report: &Report, options: &Options) -> PathBuf {
    let name = if options.bundle.keep_addresses {
        crate::bundle::file_name(&report.snapshot)
    } else {
        crate::bundle::public_file_name(&report.snapshot)
    };
    match options.output.as_deref() {
        Some(path) if host::is_directory(path) => path.join(name),
        Some(path) => path.to_path_buf(),
        None => PathBuf::from(name),
    }
}

fn inputs<'a>(
    report: &'a Report,
    included: &'a [Included],
    text: &'a str,
    options: &Options,
) -> BundleInputs<'a> {
    BundleInputs {
        report,
        text,
        included,
        tool_version: env!("CARGO_PKG_VERSION"),
        keep_addresses: options.bundle.keep_addresses,
    }
}

/// The text report as a file holds it.
fn plain_text(report: &Report) -> Result<String, String> {
    let style = TextStyle {
        color: false,
        unicode: true,
        width: 100,
        detail: 2,
    };
    let mut text = Vec::new();
    render_text(report, &style, &mut text).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
