//! The command line: clap's derive, and no behaviour.
//!
//! Everything is text here until [`parse`] turns it into [`Options`]; a value that cannot be meant ends
//! there as a usage error (exit code 2). A flag is added when it works, not before.

mod bundle;
mod generate;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use crate::options::{
    Action, Address, BundleOptions, ColorChoice, Credentials, FailOn, KindName, Options, OutputFormat,
    ProxyAddress, UsageError, parse_address, parse_proxy, parse_target,
};
pub use generate::{completions, man};

use crate::evidence::ProblemLevel;
use crate::finding::StepId;
use crate::options::{distance, parse_duration, parse_window};
use crate::report::sanitize::escaped;
use bundle::BundleArguments;

const AFTER_HELP: &str = "\
Examples:
  fix502 https://shop.example.com/cart      walk the eight steps for this URL
  sudo fix502 --ci shop.example.com         all at once, no questions, with every right
  fix502 --format json localhost:8080       for a program
  fix502 lint /etc/nginx                    what is wrong in the configuration, from its files alone
  fix502 route https://shop.example.com/    which server, location and upstream serve this URL
  fix502 explain upstream-oom-killed        what a cause means and how it is repaired

Exit codes:
  0    healthy
  1    the cause of a 502 was found
  2    usage error, or an input that cannot be read
  3    undecided: a 502 was seen or something could not be looked at, and no cause is proved
  70   a bug in fix502
  130  interrupted

Data goes to stdout, everything else to stderr.";

/// Says which hop made a 502 Bad Gateway, why, with the proof, and the exact repair.
///
/// Run it on the host whose proxy answers 502. It reads the proxy's configuration and logs, asks the
/// upstream the same question as the proxy does, looks at services, sockets, packet filters and names, and
/// joins all that into one verdict. It changes nothing.
///
/// On a terminal it walks the eight steps of the guide with you; with --ci, or when it writes to a pipe or
/// file, it takes them all at once. Without a URL it checks the host.
#[derive(Debug, Parser)]
#[command(name = "fix502", version, max_term_width = 100, after_long_help = AFTER_HELP)]
#[command(disable_help_subcommand = true)]
#[command(override_usage = "fix502 [OPTIONS] [URL]\n       fix502 <COMMAND> [OPTIONS] ...")]
struct Line {
    /// The URL that fails; without a scheme http:// is meant, with port 443 https://
    #[arg(value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    search: Search,
    #[command(flatten)]
    report: ReportArguments,
    #[command(flatten)]
    screen: Screen,
    #[command(subcommand)]
    command: Option<Word>,
}

#[derive(Debug, Subcommand)]
enum Word {
    /// Step 1: ask again, and look at the proxy service
    ///
    /// Asks the URL several times, with a pause between: is it every time, now and then, or over? Then who
    /// made the answer, and whether the proxy itself runs.
    Retry(StepArguments),
    /// Step 2: ask the upstream what the proxy asks it
    ///
    /// Connects to every upstream of the URL as the proxy would, in its network namespace and with its
    /// protocol, and joins what comes back with the listener, the service, the kernel's log and the
    /// proxy's error log.
    Probe(StepArguments),
    /// Step 3: read the proxy's configuration
    ///
    /// Follows the URL through the configuration to the upstream, with file and line; checks the syntax
    /// and the settings that make a 502.
    ///
    /// With a file or a directory, or with --config and no URL: those files alone are read, and nothing is
    /// asked of this host. A part of a configuration (a file of sites-available) is read where it belongs.
    /// Exit code 1 means that something was found, 2 that a file cannot be read.
    Lint(LintArguments),
    /// Follow a URL through the configuration to its upstream
    ///
    /// Prints listener, server, location, upstream and peers with file and line, what is sent upstream, and
    /// the settings in force there. Sends nothing. Exit code 0: something serves the URL; 1: nothing does, or
    /// the configuration itself answers with an error of 500 or above; 3: it cannot be told from here.
    Route(RouteArguments),
    /// Step 4: would a packet filter stop the proxy?
    ///
    /// Walks the rules of nftables and iptables for the packet that the proxy sends to the upstream, and
    /// names the rule that drops or rejects it.
    Firewall(StepArguments),
    /// Step 5: compare what the upstream takes with what it is given
    ///
    /// Every limit on the way of the request with its file and line, beside the time that was measured.
    Timeouts(StepArguments),
    /// Step 6: compare what each name server says
    ///
    /// Asks every name server for the names on the way, and compares the answers with the addresses that
    /// the proxy really dials.
    Dns(StepArguments),
    /// Step 7: ask by another way
    ///
    /// Sends the same request directly and through each --proxy, and says where the ways part.
    Proxy(StepArguments),
    /// Step 8: write what the hosting provider needs into one file
    ///
    /// A .tar.gz with a summary, the report, a text for the ticket, the configuration of the way, the log
    /// lines around the errors and all raw answers, redacted. With --output FILE it gets that name. With
    /// --dry-run it only lists what was read, what was run and what the file would hold.
    Bundle(BundleArguments),
    /// Explain a cause, a step, how to read a verdict, or a line of a log
    ///
    /// Without an argument: the eight steps and all causes. With the id of a cause, the id or number of a
    /// step, or a status (500, 502, 503, 504): its page. With a line of a log between single quotes: what it
    /// means, what it does not mean, and which causes it leaves open. Works offline.
    Explain {
        /// The id of a cause, the id or number of a step, a status, or a line of a log
        #[arg(value_name = "ID")]
        topic: Option<String>,
    },
    /// Break a small host inside the program, and diagnose it
    ///
    /// Real sockets on loopback, nothing to install and nothing left behind.
    Demo {
        /// Which fault
        #[arg(value_name = "FAULT")]
        fault: Option<String>,
        /// List the faults and stop
        #[arg(long, conflicts_with = "fault")]
        list: bool,
        #[command(flatten)]
        report: ReportArguments,
    },
    /// Diagnose whatever was sent: logs, configurations, responses, tickets, bundles
    ///
    /// Any mix of error and access logs, configurations and parts of them, saved responses (curl -i, curl -v), the output of
    /// ss, systemctl status, journalctl, dmesg, iptables-save, nginx -T and docker ps, a pasted ticket, directories,
    /// archives (.tar.gz, .zip), or a bundle written by "fix502 bundle". What a piece is, is told from its content.
    /// Nothing is asked of this host.
    Triage {
        /// Files, directories, archives; "-" is standard input
        #[arg(value_name = "FILE", required = true)]
        paths: Vec<PathBuf>,
        /// Of the logs only so much before their newest line: 10m, 6h, 2d, all [default: all]
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        #[command(flatten)]
        report: ReportArguments,
    },
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
struct StepArguments {
    /// The URL that fails; without a scheme http:// is meant, with port 443 https://
    #[arg(value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    search: Search,
    #[command(flatten)]
    report: ReportArguments,
}

#[derive(Debug, Args)]
struct LintArguments {
    /// Files or a directory to lint, or the URL that fails
    #[arg(value_name = "FILE|DIR|URL")]
    targets: Vec<String>,
    /// Exit with 1 from this level on [default: error]
    #[arg(long, value_enum, value_name = "LEVEL")]
    fail_on: Option<FailOn>,
    /// Whose configuration the files are [default: told from the files]
    #[arg(long, value_enum, value_name = "KIND")]
    proxy_kind: Option<KindName>,
    #[command(flatten)]
    search: Search,
    #[command(flatten)]
    report: ReportArguments,
}

#[derive(Debug, Args)]
struct RouteArguments {
    /// The URL; without a scheme http:// is meant, with port 443 https://
    #[arg(value_name = "URL", required = true)]
    url: String,
    /// Read this proxy configuration (repeatable; default: the one the running proxy was started with)
    #[arg(long = "config", value_name = "FILE")]
    configs: Vec<PathBuf>,
    /// Take files from this directory instead of / (a container's root, a mounted disk)
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Whose configuration the files are [default: told from the files]
    #[arg(long, value_enum, value_name = "KIND")]
    proxy_kind: Option<KindName>,
    #[command(flatten)]
    report: ReportArguments,
}

#[derive(Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "What to look at")]
struct Search {
    /// Take files from this directory instead of / (a container's root, a mounted disk)
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Read this proxy configuration (repeatable; default: the one the running proxy was started with)
    #[arg(long = "config", value_name = "FILE")]
    configs: Vec<PathBuf>,
    /// The forward proxy that the failing request goes through; it is then the suspect
    #[arg(long, value_name = "URL")]
    via: Option<String>,
    /// Another way to try in step 7 (repeatable)
    #[arg(long = "proxy", value_name = "URL")]
    proxies: Vec<String>,
    /// Further ways to try in step 7 from a file, one URL to a line, a name for it after it (repeatable)
    #[arg(long = "proxies", value_name = "FILE")]
    proxy_files: Vec<PathBuf>,
    /// Take only this step, by id or number (repeatable)
    #[arg(long = "step", value_name = "ID")]
    steps: Vec<String>,
    /// Leave this step out, by id or number (repeatable)
    #[arg(long = "skip", value_name = "ID")]
    skips: Vec<String>,
    /// Look no longer than this in all: 30s, 500ms, 2m; a plain number is seconds [default: 30s]
    #[arg(long, value_name = "TIME")]
    deadline: Option<String>,
    /// Read the logs so far back: 10m, 6h, 2d, all [default: 1h, and further when errors began before]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Ask the URL so many times, 1 to 100 [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    attempts: Option<u8>,
}

#[derive(Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Report")]
struct ReportArguments {
    /// The format of the report [default: text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<OutputFormat>,
    /// Write to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Terminal")]
struct Screen {
    /// Never ask, take all steps at once; also so when stdin or stdout is no terminal
    #[arg(long = "ci", visible_alias = "non-interactive", global = true)]
    never_prompt: bool,
    /// When to use colour.
    #[arg(
        long,
        help = "When to use colour; NO_COLOR is honoured",
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        global = true,
        hide_possible_values = false
    )]
    color: ColorChoice,
    /// Columns of the report, 20 to 1000 (default: those of the terminal)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(20..=1000), global = true)]
    width: Option<u16>,
    /// Only verdict and repair
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// All findings and all evidence; twice: also what fix502 asked
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
}

/// The command as clap sees it, for help, completions and the manual page.
pub fn command() -> clap::Command {
    Line::command()
}

/// Reads a command line, the name of the program first.
///
/// # Errors
/// clap's error, which prints itself and knows its exit code: 2 for a usage error, 0 for `--help` and
/// `--version`.
pub fn parse<I, S>(arguments: I) -> Result<Options, clap::Error>
where
    I: IntoIterator<Item = S>,
    S: Into<OsString> + Clone,
{
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    let line = Line::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    line.understood().map_err(|error| {
        let mut text = error.message;
        if let Some(hint) = error.hint {
            text.push_str("\n\n  tip: ");
            text.push_str(&hint);
        }
        command.error(ErrorKind::ValueValidation, escaped_but_for_lines(&text))
    })
}

/// What stood on the command line may come from a ticket; it is shown, and does nothing to the terminal.
fn escaped_but_for_lines(text: &str) -> String {
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}

impl Line {
    fn understood(self) -> Result<Options, UsageError> {
        let Self {
            url,
            search,
            report,
            screen,
            command,
        } = self;
        let outer = StepArguments { url, search, report };
        let Some(word) = command else {
            if let Some(url) = &outer.url {
                not_a_slip(url)?;
            }
            return options(Action::Walk, outer, &screen);
        };
        let (action, arguments) = match word {
            Word::Retry(inner) => (Action::Step(StepId::Retry), outer.with(inner)?),
            Word::Probe(inner) => (Action::Step(StepId::Upstream), outer.with(inner)?),
            Word::Lint(inner) => return inner.understood(outer, &screen),
            Word::Route(inner) => return inner.understood(outer, &screen),
            Word::Firewall(inner) => (Action::Step(StepId::Firewall), outer.with(inner)?),
            Word::Timeouts(inner) => (Action::Step(StepId::Timeouts), outer.with(inner)?),
            Word::Dns(inner) => (Action::Step(StepId::Dns), outer.with(inner)?),
            Word::Proxy(inner) => (Action::Step(StepId::Route), outer.with(inner)?),
            Word::Bundle(inner) => return inner.understood(outer, &screen),
            Word::Demo { fault, list, report } => (Action::Demo { fault, list }, outer.reporting(report)?),
            Word::Triage { paths, since, report } => {
                let mut arguments = outer.reporting(report)?;
                arguments.search.since = since;
                (Action::Triage(paths), arguments)
            }
            Word::Explain { topic } => (Action::Explain(topic), outer.alone()?),
            Word::Completions { shell } => (Action::Completions(shell), outer.alone()?),
            Word::Man => (Action::Man, outer.alone()?),
        };
        options(action, arguments, &screen)
    }
}

impl LintArguments {
    fn understood(self, outer: StepArguments, screen: &Screen) -> Result<Options, UsageError> {
        let Self {
            targets,
            fail_on,
            proxy_kind,
            search,
            report,
        } = self;
        let mut arguments = outer.with(StepArguments {
            url: None,
            search,
            report,
        })?;
        let mut perhaps_path = None;
        let mut paths = Vec::new();
        match targets.as_slice() {
            [] => {
                if arguments.url.is_none() {
                    paths.clone_from(&arguments.search.configs);
                }
            }
            [one] if !is_path(one) && (one.contains("://") || parse_address(one).is_ok()) => {
                if arguments.url.is_some() {
                    return Err(two_urls());
                }
                if !one.contains("://") {
                    perhaps_path = Some(PathBuf::from(one));
                }
                arguments.url = Some(one.clone());
            }
            several => {
                if let Some(url) = several.iter().find(|target| target.contains("://")) {
                    return Err(UsageError::new(format!("{url} is a URL among files"))
                        .hint("one URL, or any number of files and directories"));
                }
                paths = several.iter().map(PathBuf::from).collect();
            }
        }
        let action = if paths.is_empty() {
            Action::Step(StepId::Config)
        } else {
            Action::Lint(paths)
        };
        Ok(Options {
            perhaps_path,
            proxy_kind: proxy_kind.map(KindName::kind),
            fail_on: fail_on.unwrap_or_default().level(),
            ..options(action, arguments, screen)?
        })
    }
}

impl RouteArguments {
    fn understood(self, outer: StepArguments, screen: &Screen) -> Result<Options, UsageError> {
        let proxy_kind = self.proxy_kind.map(KindName::kind);
        let arguments = outer.with(StepArguments {
            url: Some(self.url),
            search: Search {
                root: self.root,
                configs: self.configs,
                ..Search::default()
            },
            report: self.report,
        })?;
        let options = options(Action::Way, arguments, screen)?;
        if !matches!(options.format, OutputFormat::Text | OutputFormat::Json) {
            return Err(UsageError::new("route prints text or json"));
        }
        Ok(Options {
            proxy_kind,
            ..options
        })
    }
}

/// True for what can only be meant as a path.
fn is_path(target: &str) -> bool {
    let ending = std::path::Path::new(target).extension();
    !target.contains("://")
        && (target.starts_with(['/', '.', '~']) || ending.is_some_and(|ending| ending == "conf"))
}

fn two_urls() -> UsageError {
    UsageError::new("there are two URLs, before the command and after it")
}

impl StepArguments {
    /// Joins what stands before the command with what stands after it, which wins.
    fn with(self, inner: Self) -> Result<Self, UsageError> {
        if self.url.is_some() && inner.url.is_some() {
            return Err(two_urls());
        }
        let join = |mut before: Vec<String>, after: Vec<String>| {
            before.extend(after);
            before
        };
        let mut configs = self.search.configs;
        configs.extend(inner.search.configs);
        let mut proxy_files = self.search.proxy_files;
        proxy_files.extend(inner.search.proxy_files);
        Ok(Self {
            url: inner.url.or(self.url),
            search: Search {
                root: inner.search.root.or(self.search.root),
                configs,
                via: inner.search.via.or(self.search.via),
                proxies: join(self.search.proxies, inner.search.proxies),
                proxy_files,
                steps: join(self.search.steps, inner.search.steps),
                skips: join(self.search.skips, inner.search.skips),
                deadline: inner.search.deadline.or(self.search.deadline),
                since: inner.search.since.or(self.search.since),
                attempts: inner.search.attempts.or(self.search.attempts),
            },
            report: self.report.with(inner.report),
        })
    }

    /// For a command that makes a report and asks nothing of this host.
    fn reporting(self, report: ReportArguments) -> Result<Self, UsageError> {
        if self.url.is_some() || self.search != Search::default() {
            return Err(UsageError::new(
                "this command takes no URL and no options on what to look at",
            ));
        }
        Ok(Self {
            report: self.report.with(report),
            ..self
        })
    }

    /// For a command that only prints.
    fn alone(self) -> Result<Self, UsageError> {
        if self.report != ReportArguments::default() {
            return Err(UsageError::new(
                "this command makes no report: it takes neither --format nor --output",
            ));
        }
        self.reporting(ReportArguments::default())
    }
}

impl ReportArguments {
    fn with(self, inner: Self) -> Self {
        Self {
            format: inner.format.or(self.format),
            output: inner.output.or(self.output),
        }
    }
}

fn options(action: Action, arguments: StepArguments, screen: &Screen) -> Result<Options, UsageError> {
    let StepArguments { url, search, report } = arguments;
    let steps = chosen_steps(&search.steps, &search.skips)?;
    let via = search.via.as_deref().map(parse_proxy).transpose()?;
    let mut address = url.as_deref().map(parse_address).transpose()?;
    if let (Some(address), Some(via)) = (&mut address, &via) {
        address.target.via = Some(via.url.clone());
    }
    Ok(Options {
        action,
        address,
        never_prompt: screen.never_prompt,
        format: report.format.unwrap_or_default(),
        output: report.output,
        root: search.root,
        configs: search.configs,
        proxy_kind: None,
        fail_on: ProblemLevel::Error,
        perhaps_path: None,
        via,
        bundle: BundleOptions::default(),
        proxies: search
            .proxies
            .iter()
            .map(|text| parse_proxy(text))
            .collect::<Result<_, _>>()?,
        proxy_files: search.proxy_files,
        steps,
        deadline: parse_duration(search.deadline.as_deref().unwrap_or("30s"))?,
        since_ms: search.since.as_deref().map(parse_window).transpose()?,
        attempts: search.attempts.unwrap_or(5),
        color: screen.color,
        width: screen.width,
        detail: if screen.quiet {
            0
        } else {
            screen.verbose.saturating_add(1)
        },
    })
}

fn chosen_steps(only: &[String], without: &[String]) -> Result<Vec<StepId>, UsageError> {
    let read = |text: &String| {
        StepId::parse(text).ok_or_else(|| {
            let known: Vec<&str> = StepId::ALL.iter().map(|step| step.id()).collect();
            UsageError::new(format!("{text:?} is no step"))
                .hint(format!("write one of {}, or its number 1 to 8", known.join(", ")))
        })
    };
    let only = only.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let without = without.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let steps: Vec<StepId> = StepId::ALL
        .into_iter()
        .filter(|step| only.is_empty() || only.contains(step))
        .filter(|step| !without.contains(step))
        .collect();
    if steps.is_empty() {
        return Err(UsageError::new("--step and --skip leave no step to take"));
    }
    Ok(steps)
}

/// A bare word near the name of a command is a slip of the hand rather than the name of a host.
fn not_a_slip(url: &str) -> Result<(), UsageError> {
    if url.contains(['.', ':', '/', '@']) || url.len() < 3 || url == "localhost" {
        return Ok(());
    }
    let near = command()
        .get_subcommands()
        .map(|word| word.get_name().to_owned())
        .find(|name| distance(name, url) <= 2);
    match near {
        Some(name) => Err(UsageError::new(format!("{url:?} is no command")).hint(format!(
            "did you mean: fix502 {name}; for a host of this name write http://{url}/"
        ))),
        None => Ok(()),
    }
}
