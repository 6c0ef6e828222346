//! The arguments of `fix502 bundle`.

use std::path::PathBuf;

use clap::Args;

use super::{ReportArguments, Screen, Search, StepArguments, options};
use crate::finding::StepId;
use crate::options::{Action, BundleOptions, Options, SelfTest, UsageError, parse_since};

#[derive(Debug, Args)]
pub(super) struct BundleArguments {
    /// The URL that fails; without a scheme http:// is meant, with port 443 https://
    #[arg(value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    content: BundleContent,
    #[command(flatten)]
    search: Search,
    #[command(flatten)]
    report: ReportArguments,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "What the bundle holds")]
struct BundleContent {
    /// List every file that was read, every command that was run and every file of the bundle; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Put this file, or the files of this directory, into the bundle, redacted (repeatable)
    #[arg(long = "include", value_name = "PATH")]
    includes: Vec<PathBuf>,
    /// Leave addresses and host names as they are; without it each becomes a pseudonym, and the map is
    /// written beside the bundle
    #[arg(long)]
    keep_addresses: bool,
    /// Plant known secrets into the evidence of this host, or of the bundle named instead of a URL, make a
    /// bundle of it and look for them; write nothing
    #[arg(long)]
    selftest: bool,
}

impl BundleArguments {
    /// Joins them with what stands before the command.
    pub(super) fn understood(self, outer: StepArguments, screen: &Screen) -> Result<Options, UsageError> {
        let Self {
            url,
            content,
            search,
            report,
        } = self;
        let (file, url) = match url {
            Some(file) if content.selftest && (file.ends_with(".tar.gz") || file.starts_with(['/', '.'])) => {
                (Some(PathBuf::from(file)), None)
            }
            url => (None, url),
        };
        let mut arguments = outer.with(StepArguments { url, search, report })?;
        // What is not read is not packed; a bundle may also begin at a time, and not only a span ago.
        let since = match arguments.search.since.as_deref() {
            None | Some("all") => None,
            Some(text) => Some(parse_since(text)?),
        };
        if since.is_some() {
            arguments.search.since = None;
        }
        let options = options(Action::Step(StepId::Bundle), arguments, screen)?;
        Ok(Options {
            bundle: BundleOptions {
                dry_run: content.dry_run,
                includes: content.includes,
                since,
                keep_addresses: content.keep_addresses,
                self_test: content
                    .selftest
                    .then(|| file.map_or(SelfTest::Host, SelfTest::Bundle)),
            },
            ..options
        })
    }
}
