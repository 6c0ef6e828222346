//! Walks the row of rooms: all at once (batch), step by step (the wizard), one step alone, or from a
//! recording. The only room that knows all others; it holds no judgement and no wording of findings.

mod bundle;
mod lint;
mod live;
mod route;
mod triage;

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::cli;
use crate::demo;
use crate::evidence::Snapshot;
use crate::exit::Exit;
use crate::explain;
use crate::finding::StepId;
use crate::host::{self, EnvironmentVariable, Host, Secret};
use crate::options::{
    Action, Address, Credentials, Options, OutputFormat, ProxyAddress, UsageError, parse_proxy,
    parse_proxy_list,
};
use crate::report::{FORMATS, Report, StepStatus, StepSummary, render_step, render_text};
use crate::steps::{self, Collection, Plan, ProxySecret};
use crate::ui::Ui;
use crate::ui::prompt::Terminal;
use crate::verdict::{self, Status};
use crate::wizard;

/// A list of ten thousand proxies is smaller.
const MOST_PROXY_LIST_BYTES: u64 = 4 << 20;

/// Set by Ctrl-C; whoever waits looks at it.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Runs the program with these arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Exit {
    let options = match cli::parse(arguments) {
        Ok(options) => options,
        Err(error) => {
            // Nothing is left to do where even the complaint cannot be written.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Healthy
            };
        }
    };
    let mut ui = Ui::new(&host::terminal_facts(), &options);
    match act(&options, &mut ui) {
        Ok(exit) => exit,
        Err(Failure::Usage(error)) => {
            ui.complain(&error.message, error.hint.as_deref());
            Exit::Usage
        }
        Err(Failure::Output(error)) => {
            ui.complain(&format!("the output cannot be written: {error}"), None);
            Exit::Usage
        }
        Err(Failure::Interrupted) => Exit::Interrupted,
    }
}

/// Why a run ends without its result.
enum Failure {
    Usage(UsageError),
    Output(io::Error),
    Interrupted,
}

impl From<UsageError> for Failure {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn act(options: &Options, ui: &mut Ui) -> Result<Exit, Failure> {
    match &options.action {
        Action::Explain(topic) => {
            let page = triage::page(topic.as_deref())?;
            let style = ui.style();
            ui.print(|out| explain::print(&page, &style, out))?;
            Ok(Exit::Healthy)
        }
        Action::Completions(shell) => {
            ui.print(|out| cli::completions(*shell, out))?;
            Ok(Exit::Healthy)
        }
        Action::Man => {
            ui.print(cli::man)?;
            Ok(Exit::Healthy)
        }
        Action::Walk
            if ui.can_prompt() && options.output.is_none() && options.format == OutputFormat::Text =>
        {
            let _ = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed));
            let mut walk = live::LiveWalk::new(options);
            let mut person = Terminal::new(ui.style());
            let address = options.address.clone();
            Ok(wizard::walk(
                &mut walk,
                &mut person,
                ui,
                address,
                &options.steps,
                &INTERRUPTED,
            )?)
        }
        Action::Walk => {
            let report = batch(options, ui, plan(options)?)?;
            say(&report, options, ui)?;
            Ok(exit(&report))
        }
        Action::Step(StepId::Bundle) => bundle::bundle(options, ui),
        Action::Step(StepId::Config) => lint::lint(options, ui),
        Action::Lint(paths) => lint::files(paths, options, ui),
        Action::Way => route::route(options, ui),
        Action::Step(step) => one_step(*step, options, ui),
        Action::Triage(paths) => triage::triage(paths, options, ui),
        Action::Demo { list: true, .. } => {
            let width = demo::FAULTS.iter().map(|fault| fault.name.len()).max().unwrap_or(0);
            for fault in demo::FAULTS {
                ui.line(&format!("{:width$}  {}", fault.name, fault.summary))?;
            }
            Ok(Exit::Healthy)
        }
        Action::Demo { fault, .. } => demonstrate(fault.as_deref(), options, ui),
    }
}

/// Walks a host that is broken in this way and lives only as long.
fn demonstrate(name: Option<&str>, options: &Options, ui: &mut Ui) -> Result<Exit, Failure> {
    let fault = demo::find(name).ok_or_else(|| {
        UsageError::new(format!("there is no fault {:?}", name.unwrap_or_default())).hint(
            name.and_then(demo::nearest).map_or_else(
                || "fix502 demo --list".to_owned(),
                |near| format!("fix502 demo {near}"),
            ),
        )
    })?;
    // Before anything is there that would be left behind.
    let _ = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed));
    let broken = demo::Demo::start(fault)
        .map_err(|error| UsageError::new(format!("the demo cannot start: {error}")))?;
    if options.detail > 0 {
        for line in broken.description(fault) {
            ui.note(&line);
        }
        ui.note("");
    }
    let plan = broken.plan(Plan {
        attempts: u32::from(options.attempts),
        deadline_ms: u64::try_from(options.deadline.as_millis()).unwrap_or(u64::MAX),
        ..Plan::default()
    });
    let host = Arc::new(Host::live(Some(broken.root().to_path_buf()), options.deadline));
    let snapshot = collected(&host, plan, ui)?;
    drop(broken);
    // There is nobody to send a bundle of it to.
    let steps: Vec<StepId> = StepId::ALL
        .into_iter()
        .filter(|step| *step != StepId::Bundle)
        .collect();
    let report = judged(snapshot, &steps);
    say(&report, options, ui)?;
    Ok(exit(&report))
}

/// The plan of a run with these options.
fn plan(options: &Options) -> Result<Plan, UsageError> {
    plan_for(options, options.address.as_ref())
}

/// The plan of a run with these options for this address.
fn plan_for(options: &Options, address: Option<&Address>) -> Result<Plan, UsageError> {
    let mut plan = Plan {
        target: address.map(|address| address.target.clone()).unwrap_or_default(),
        config_files: options.configs.iter().map(|path| absolute(path)).collect(),
        attempts: u32::from(options.attempts),
        attempts_fixed: options.attempts != 5,
        deadline_ms: u64::try_from(options.deadline.as_millis()).unwrap_or(u64::MAX),
        log_window_ms: options.since_ms,
        skipped: StepId::ALL
            .into_iter()
            .filter(|step| !options.steps.contains(step))
            .collect(),
        other_root: options.root.is_some(),
        authorization: address.and_then(|address| address.credentials.as_ref()).map(secret),
        ..Plan::default()
    };
    let mut proxies: Vec<ProxyAddress> = options.proxies.clone();
    for file in &options.proxy_files {
        proxies.extend(listed_proxies(file)?);
    }
    if let Some(via) = &options.via {
        plan.target.via = Some(via.url.clone());
        proxies.push(via.clone());
    }
    if plan.target.url.is_some() {
        proxies.extend(proxy_variables(
            &plan.target.scheme,
            &plan.target.host,
            plan.target.port,
        )?);
    }
    for proxy in proxies {
        if plan.proxies.contains(&proxy.url) {
            continue;
        }
        if let Some(label) = proxy.label {
            plan.labels.insert(proxy.url.clone(), label);
        }
        if let Some(secret) = proxy.credentials.as_ref().map(secret) {
            plan.secrets.push(ProxySecret {
                proxy: proxy.url.clone(),
                secret,
            });
        }
        plan.proxies.push(proxy.url);
    }
    Ok(plan)
}

/// The proxies of a file that was named.
fn listed_proxies(file: &Path) -> Result<Vec<ProxyAddress>, UsageError> {
    let shown = file.display().to_string();
    let bytes = host::read_input(file, MOST_PROXY_LIST_BYTES)
        .map_err(|error| UsageError::new(format!("{shown} cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| UsageError::new(format!("{shown} is not UTF-8 text")))?;
    parse_proxy_list(&text, &shown)
}

/// User and password as they are sent.
fn secret(credentials: &Credentials) -> Secret {
    Secret::new(credentials.user(), credentials.password())
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_path_buf())
        .to_string_lossy()
        .into_owned()
}

/// The proxies that the environment names for this scheme, unless it exempts the host.
fn proxy_variables(scheme: &str, target: &str, port: u16) -> Result<Vec<ProxyAddress>, UsageError> {
    let environment = Host::live(None, Duration::from_secs(5));
    let value = |name: &str| {
        [name.to_owned(), name.to_uppercase()]
            .into_iter()
            .find_map(|name| environment.ask(&EnvironmentVariable { name }).into_seen())
    };
    let exempt = value("no_proxy").unwrap_or_default();
    if is_exempt(&exempt, target, port) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for name in [format!("{scheme}_proxy"), "all_proxy".to_owned()] {
        if let Some(text) = value(&name) {
            let proxy = parse_proxy(&text).map_err(|error| {
                UsageError::new(format!("the variable {name} is no proxy: {}", error.message))
            })?;
            found.push(proxy);
        }
    }
    Ok(found)
}

/// True when `no_proxy` names the target: `*`, a host with all below it, a host with a port, an address or
/// a network.
fn is_exempt(exempt: &str, target: &str, port: u16) -> bool {
    let target = target.trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = target.parse().ok();
    exempt
        .split([',', ' ', '\t'])
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .any(|name| {
            if name == "*" {
                return true;
            }
            if let (Some(address), Some((network, length))) = (address, name.split_once('/')) {
                return network
                    .parse()
                    .is_ok_and(|network| in_network(address, network, length));
            }
            let bare = name.trim_start_matches('[').trim_end_matches(']');
            if address.is_some() && bare.parse().ok() == address {
                return true;
            }
            let (name, wanted) = match name.rsplit_once(':') {
                Some((host, number)) if !host.contains(':') || host.ends_with(']') => (host, Some(number)),
                _ => (name.as_str(), None),
            };
            if wanted.is_some_and(|wanted| wanted.parse() != Ok(port)) {
                return false;
            }
            let name = name.trim_start_matches(['*', '.', '[']).trim_end_matches(['.', ']']);
            !name.is_empty()
                && (target == name || (address.is_none() && target.ends_with(&format!(".{name}"))))
        })
}

fn in_network(address: IpAddr, network: IpAddr, length: &str) -> bool {
    let Ok(length) = length.parse::<u32>() else {
        return false;
    };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if length <= 32 => {
            let shift = 32 - length;
            address.to_bits().checked_shr(shift) == network.to_bits().checked_shr(shift)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if length <= 128 => {
            let shift = 128 - length;
            address.to_bits().checked_shr(shift) == network.to_bits().checked_shr(shift)
        }
        _ => false,
    }
}

fn live_host(options: &Options) -> Host {
    Host::live(options.root.clone(), options.deadline)
}

/// Everything at once, with a sign of life on a terminal.
fn batch(options: &Options, ui: &Ui, plan: Plan) -> Result<Report, Failure> {
    let host = Arc::new(live_host(options));
    collected(&host, plan, ui).map(|snapshot| judged(snapshot, &options.steps))
}

fn collected(host: &Arc<Host>, plan: Plan, ui: &Ui) -> Result<Snapshot, Failure> {
    // A second handler cannot be set; the first one serves as well.
    let _ = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed));
    let _progress = ui.progress("asking the host and the upstream");
    let collection = Collection::start(Arc::clone(host), plan);
    loop {
        if let Some(snapshot) = collection.wait_all(Duration::from_millis(100)) {
            return Ok(snapshot);
        }
        if INTERRUPTED.load(Ordering::Relaxed) {
            return Err(Failure::Interrupted);
        }
    }
}

/// The report on what was seen.
fn judged(snapshot: Snapshot, steps: &[StepId]) -> Report {
    let diagnosis = verdict::decide(&snapshot);
    let lines = StepId::ALL
        .into_iter()
        .map(|step| {
            if steps.contains(&step) {
                steps::summarise(step, &snapshot, &diagnosis)
            } else {
                StepSummary {
                    number: step.number(),
                    id: step,
                    status: StepStatus::Skipped,
                    summary: "left out".to_owned(),
                    details: Vec::new(),
                    recommended: Vec::new(),
                    differs: None,
                    ways: Vec::new(),
                }
            }
        })
        .collect();
    Report::new(snapshot, diagnosis, lines)
}

/// Writes a report where the options want it.
/// What is printed holds no secrets, wherever it is printed.
fn shown<T: serde::Serialize + serde::de::DeserializeOwned>(
    value: &T,
    snapshot: &Snapshot,
) -> Result<T, UsageError> {
    crate::bundle::without_secrets(value, crate::bundle::names(snapshot))
        .map_err(|error| UsageError::new(error.to_string()).hint(error.hint()))
}

fn say(report: &Report, options: &Options, ui: &mut Ui) -> Result<(), Failure> {
    let mut report = Report {
        base: absolute(Path::new(".")).trim_end_matches('/').to_owned(),
        root: options.root.as_deref().map(absolute).unwrap_or_default(),
        ..report.clone()
    };
    let style = ui.style();
    let rendered = |report: &Report| -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        match (&options.format, &options.output) {
            (OutputFormat::Text, None) => render_text(report, &style, &mut bytes)?,
            (format, _) => {
                let name = format.name();
                if let Some(format) = FORMATS.iter().find(|format| format.name == name) {
                    (format.render)(report, &mut bytes)?;
                }
            }
        }
        Ok(bytes)
    };
    if report.lint.is_some() {
        // Findings about files hardly ever hold a secret: one thread looks while the other one writes.
        let bare = without_rules(&report);
        let (is_clean, bytes) = std::thread::scope(|scope| {
            let look = scope.spawn(|| crate::bundle::is_free_of_secrets(&bare));
            let bytes = rendered(&report);
            (look.join().unwrap_or(false), bytes)
        });
        if is_clean {
            return write_out(&bytes?, options, ui);
        }
    }
    let rules = report.lint.as_mut().map(|lint| std::mem::take(&mut lint.rules));
    let (base, root) = (report.base.clone(), report.root.clone());
    let mut report = Report {
        base,
        root,
        ..shown(&report, &report.snapshot)?
    };
    if let (Some(lint), Some(rules)) = (&mut report.lint, rules) {
        lint.rules = rules;
    }
    write_out(&rendered(&report)?, options, ui)
}

/// A report without the names of its rules: they are words of our own, and some of them look like the name of a
/// secret.
fn without_rules(report: &Report) -> Report {
    let mut report = report.clone();
    if let Some(lint) = &mut report.lint {
        lint.rules.clear();
    }
    report
}

/// Writes bytes to stdout, or to the file that the options name.
fn write_out(bytes: &[u8], options: &Options, ui: &mut Ui) -> Result<(), Failure> {
    match &options.output {
        None => ui.print(|out| out.write_all(bytes))?,
        Some(path) => host::write_private(path, bytes)
            .map_err(|error| UsageError::new(format!("{} cannot be written: {error}", path.display())))?,
    }
    Ok(())
}

/// The exit code of a report.
fn exit(report: &Report) -> Exit {
    match report.verdict.status {
        Status::Found => Exit::Found,
        Status::Healthy => Exit::Healthy,
        Status::Undecided => Exit::Undecided,
    }
}

/// One step alone: its line, its details, what it found.
fn one_step(step: StepId, options: &Options, ui: &mut Ui) -> Result<Exit, Failure> {
    let mut plan = plan(options)?;
    // Other steps need the attempts to know what the proxy does now; they are few and short.
    let needed: &[StepId] = match step {
        StepId::Retry | StepId::Route => &[StepId::Retry],
        StepId::Firewall => &[StepId::Firewall],
        StepId::Config => &[],
        _ => &[StepId::Retry, StepId::Dns],
    };
    plan.skipped = StepId::ALL
        .into_iter()
        .filter(|other| *other != step && !needed.contains(other))
        .collect();
    let host = Arc::new(live_host(options));
    // Reading a configuration asks nobody on a network.
    let snapshot = if step == StepId::Config && plan.target.url.is_none() {
        steps::inspect(&host, &plan)
    } else {
        collected(&host, plan, ui)?
    };
    let report = judged(snapshot, &[step]);
    let line = report.steps.iter().find(|line| line.id == step).cloned();
    let status = line.as_ref().map_or(StepStatus::CouldNotCheck, |line| line.status);
    if options.format != OutputFormat::Text || options.output.is_some() {
        say(&report, options, ui)?;
    } else if let Some(line) = line {
        let findings: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.step == step)
            .cloned()
            .collect();
        let (line, findings) = shown(&(line, findings), &report.snapshot)?;
        let style = ui.style();
        ui.print(|out| render_step(&line, &findings, &style, out))?;
    }
    Ok(match status {
        StepStatus::Ok | StepStatus::Warning | StepStatus::Skipped => Exit::Healthy,
        StepStatus::Problem => Exit::Found,
        StepStatus::CouldNotCheck => Exit::Undecided,
    })
}

#[cfg(test)]
mod tests {
    use super::is_exempt;

    #[test]
    fn no_proxy_names_hosts_ports_addresses_and_networks() {
        for (exempt, host, port, expected) in [
            ("*", "a.test", 80, true),
            ("a.test", "a.test", 80, true),
            ("A.Test", "b.a.test", 80, true),
            (".a.test", "b.a.test", 80, true),
            ("*.a.test", "b.a.test", 80, true),
            ("a.test", "aa.test", 80, false),
            ("a.test:443", "a.test", 80, false),
            ("a.test:443", "a.test", 443, true),
            ("x, 10.0.0.0/8", "10.1.2.3", 80, true),
            ("10.0.0.0/8", "11.1.2.3", 80, false),
            ("0.0.0.0/0", "11.1.2.3", 80, true),
            ("10.0.0.0/99", "10.1.2.3", 80, false),
            ("127.0.0.1", "127.0.0.1", 80, true),
            ("0.0.1", "127.0.0.1", 80, false),
            ("127.0.0.1:81", "127.0.0.1", 80, false),
            ("::1", "::1", 80, true),
            ("[::1]", "::1", 80, true),
            ("fd00::/8", "fd12::1", 80, true),
            ("", "a.test", 80, false),
        ] {
            assert_eq!(
                is_exempt(exempt, host, port),
                expected,
                "{exempt:?} {host}:{port}"
            );
        }
    }
}
