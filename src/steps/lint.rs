//! What `fix502 lint` asks: files that were named, or the configuration of this host, and every finding in
//! them. Nothing here runs a program or looks at a process when files were named.

use super::config_lint::HostFiles;
use super::plan::Plan;
use super::{config_lint, machine};
use crate::evidence::{
    ConfigProblem, Observed, ProblemLevel, ProxyKind, Route, Snapshot, SuppressedProblem, Target,
};
use crate::finding::{Applicability, Confidence, Finding, Remedy, Severity, StepId};
use crate::host::{Host, ListDirectory, ReadFile, StatPath};
use crate::proxy::{self, Around, Configuration, Extent, lint};
use crate::report::{Examined, RuleNote, Suppressed};

/// Bytes that are enough to tell whose configuration a file is.
const ENOUGH_BYTES: u64 = 256 << 10;

/// The names of main files; a directory that holds one is linted from there.
const MAIN_FILES: [&str; 4] = ["nginx.conf", "apache2.conf", "httpd.conf", "squid.conf"];

/// Directories deeper than this are not looked into.
const DEEPEST: usize = 4;

/// More files than this are no configuration directory.
const MOST_FILES: usize = 10_000;

/// Why files cannot be linted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LintError {
    /// A file or directory cannot be read.
    #[error("{path} cannot be read: {why}")]
    Unreadable {
        /// Which.
        path: String,
        /// A lower-case fragment.
        why: String,
    },
    /// The bytes do not tell whose configuration it is.
    #[error("{0} is no configuration that fix502 recognises")]
    Unrecognised(String),
    /// A directory without configuration files.
    #[error("{0} holds no configuration: no main file, no *.conf and no sites-* directory")]
    Nothing(String),
    /// A server whose configuration has no reader.
    #[error("{path} is a configuration of {kind}, which fix502 does not read")]
    NoReader {
        /// Which file.
        path: String,
        /// Whose it is.
        kind: &'static str,
    },
}

/// Reads the configurations that these files and directories are; one for each main file, and one for all
/// parts of the same server in one directory.
///
/// # Errors
/// When one of them cannot be read, or it is not known whose configuration it is.
pub fn read_named(
    host: &Host,
    paths: &[String],
    kind: Option<ProxyKind>,
) -> Result<Vec<Configuration>, LintError> {
    let files = HostFiles::of(host);
    let mut found = Vec::new();
    let mut whole = |kind: ProxyKind, path: &String, extent: Extent| {
        let read = proxy::read(
            kind,
            std::slice::from_ref(path),
            extent,
            &files,
            &Around::default(),
        );
        match read {
            Some(configuration) => {
                found.push(configuration);
                Ok(())
            }
            None => Err(no_reader(path, kind)),
        }
    };
    let mut parts: Vec<(ProxyKind, Vec<String>)> = Vec::new();
    for path in paths {
        let metadata = host.ask(&StatPath { path: path.clone() });
        if metadata.seen().is_none_or(|metadata| metadata.kind != "directory") {
            whole(kind_of(host, path, kind)?, path, Extent::Unknown)?;
            continue;
        }
        let names = listed(host, path);
        let main: Vec<String> = MAIN_FILES
            .iter()
            .filter(|name| names.iter().any(|known| known == *name))
            .map(|name| below(path, name))
            .collect();
        for file in &main {
            whole(kind_of(host, file, kind)?, file, Extent::Whole)?;
        }
        if main.is_empty() {
            for file in parts_below(host, path)? {
                // A directory holds other things as well; only what is recognised is meant.
                let Ok(kind) = kind_of(host, &file, kind) else {
                    continue;
                };
                match parts.iter_mut().find(|(known, _)| *known == kind) {
                    Some((_, files)) => files.push(file),
                    None => parts.push((kind, vec![file])),
                }
            }
            if parts.is_empty() {
                return Err(LintError::Nothing(path.clone()));
            }
        }
    }
    // Only nginx's parts can be judged together; of the others each is read by itself, so that none is left out.
    let parts = parts.into_iter().flat_map(|(kind, paths)| match kind {
        ProxyKind::Nginx => vec![(kind, paths)],
        ProxyKind::Apache | ProxyKind::Haproxy | ProxyKind::Squid => {
            paths.into_iter().map(|path| (kind, vec![path])).collect()
        }
    });
    for (kind, paths) in parts {
        match proxy::read(kind, &paths, Extent::Parts, &files, &Around::default()) {
            Some(configuration) => found.push(configuration),
            None => return Err(no_reader(paths.first().map_or("", String::as_str), kind)),
        }
    }
    Ok(found)
}

fn no_reader(path: &str, kind: ProxyKind) -> LintError {
    LintError::NoReader {
        path: path.to_owned(),
        kind: kind.name(),
    }
}

/// Whose configuration a file is.
fn kind_of(host: &Host, path: &str, given: Option<ProxyKind>) -> Result<ProxyKind, LintError> {
    let unreadable = |why: String| LintError::Unreadable {
        path: path.to_owned(),
        why,
    };
    let content = match host.ask(&ReadFile::start(path, ENOUGH_BYTES)) {
        Observed::Seen(content) => content,
        Observed::Absent => return Err(unreadable("no such file".to_owned())),
        Observed::Unavailable(obstacle) => return Err(unreadable(obstacle.to_string())),
    };
    given
        .or_else(|| by_name(path))
        .or_else(|| proxy::detect(&content.bytes.0))
        .ok_or_else(|| LintError::Unrecognised(path.to_owned()))
}

/// The names that only one server's main file has.
fn by_name(path: &str) -> Option<ProxyKind> {
    match path.rsplit('/').next()? {
        "nginx.conf" => Some(ProxyKind::Nginx),
        "apache2.conf" | "httpd.conf" => Some(ProxyKind::Apache),
        "squid.conf" => Some(ProxyKind::Squid),
        _ => None,
    }
}

fn listed(host: &Host, directory: &str) -> Vec<String> {
    host.ask(&ListDirectory {
        path: directory.to_owned(),
    })
    .into_seen()
    .unwrap_or_default()
}

fn below(directory: &str, name: &str) -> String {
    format!("{}/{name}", directory.trim_end_matches('/'))
}

/// Every `*.conf` below a directory, and every file of a `sites-*` directory; what is enabled is not taken a
/// second time from where it is available.
fn parts_below(host: &Host, directory: &str) -> Result<Vec<String>, LintError> {
    let mut found: Vec<String> = Vec::new();
    let mut waiting = vec![(directory.to_owned(), 0_usize)];
    while let Some((place, depth)) = waiting.pop() {
        let names = match host.ask(&ListDirectory { path: place.clone() }) {
            Observed::Seen(names) => names,
            Observed::Absent => Vec::new(),
            Observed::Unavailable(why) => {
                return Err(LintError::Unreadable {
                    path: place,
                    why: why.to_string(),
                });
            }
        };
        let of_sites = place
            .rsplit('/')
            .next()
            .is_some_and(|name| name.starts_with("sites-"));
        for name in names.iter().filter(|name| !name.starts_with('.')) {
            let path = below(&place, name);
            let is_backup = name.ends_with(['~', '#']) || name.contains(".bak") || name.contains(".dpkg-");
            match host.ask(&StatPath { path: path.clone() }).into_seen() {
                Some(metadata) if metadata.kind == "directory" && depth < DEEPEST => {
                    waiting.push((path, depth + 1));
                }
                Some(metadata) if metadata.kind == "file" && !is_backup => {
                    let is_conf = std::path::Path::new(name)
                        .extension()
                        .is_some_and(|ending| ending == "conf");
                    if (is_conf || of_sites) && found.len() < MOST_FILES {
                        found.push(path);
                    }
                }
                _ => {}
            }
        }
    }
    let enabled: std::collections::BTreeSet<String> = found
        .iter()
        .filter(|path| path.contains("/sites-enabled/"))
        .map(|path| path.replace("/sites-enabled/", "/sites-available/"))
        .collect();
    found.retain(|path| !enabled.contains(path));
    found.sort();
    Ok(found)
}

/// Looks at the configuration of this host, and at what its rules need to know of the host. No request is
/// made, no name is resolved and no program tests anything.
pub fn configuration_of_host(host: &Host, plan: &Plan) -> Snapshot {
    let plan = Plan {
        files_only: true,
        ..plan.clone()
    };
    let mut snapshot = Snapshot {
        target: plan.target.clone(),
        ..Snapshot::default()
    };
    machine::facts(host, &plan, &mut snapshot);
    config_lint::ask(host, &plan, &mut snapshot);
    snapshot
}

/// The way of a target through a configuration, as a client would ask.
pub fn follow(configuration: &Configuration, target: &Target) -> Option<Route> {
    configuration.route(&config_lint::request(target))
}

/// Everything found in configurations, as findings: errors of the reader, then what the rules found, each in
/// the order of the files.
pub fn examined(configurations: &[Configuration], around: &Snapshot) -> (Examined, Vec<Finding>) {
    let (mut problems, mut suppressed) = (Vec::new(), Vec::new());
    let mut files = Vec::new();
    let (mut proxies, mut parts) = (Vec::new(), Vec::new());
    for configuration in configurations {
        let (read, mut errors) = configuration.reading();
        errors.retain(|problem| !may_stand_elsewhere(configuration, problem));
        files.extend(read.into_iter().map(|file| file.path));
        problems.extend(errors);
        let found = configuration.lint(around);
        problems.extend(found.problems);
        suppressed.extend(found.suppressed);
        if matches!(configuration, Configuration::Apache(config) if config.is_part()) {
            parts.push(ProxyKind::Apache);
        }
        if !proxies.contains(&configuration.kind()) {
            proxies.push(configuration.kind());
        }
    }
    (
        noted(proxies, &parts, files, suppressed, around),
        findings(problems),
    )
}

/// True for what a part of a configuration need not hold: modules and macros of Apache httpd are there, and lists of Squid
/// defined, in a file that is read before it. A file that does such things itself is judged whole.
fn may_stand_elsewhere(configuration: &Configuration, problem: &ConfigProblem) -> bool {
    match (configuration, problem.rule.as_str()) {
        // Another module has it, or another file defines it.
        (Configuration::Apache(config), "unknown-directive" | "macro-undefined") => config.is_part(),
        (Configuration::Squid(config), "unknown-acl") => !config.listens(),
        _ => false,
    }
}

/// The same for a configuration that was read as part of a walk.
pub fn examined_on_host(snapshot: &Snapshot) -> (Examined, Vec<Finding>) {
    let Some(summary) = snapshot.config.seen() else {
        return (Examined::default(), Vec::new());
    };
    let kind = snapshot
        .route
        .seen()
        .map(|route| route.proxy)
        .or(snapshot.proxy.as_ref().map(|proxy| proxy.kind))
        .unwrap_or_default();
    let files = summary.files.iter().map(|file| file.path.clone()).collect();
    let problems = summary.errors.iter().chain(&summary.lint).cloned().collect();
    let suppressed = summary.suppressed.clone();
    (
        noted(vec![kind], &[], files, suppressed, snapshot),
        findings(problems),
    )
}

fn noted(
    proxies: Vec<ProxyKind>,
    parts: &[ProxyKind],
    mut files: Vec<String>,
    suppressed: Vec<SuppressedProblem>,
    around: &Snapshot,
) -> Examined {
    let mut known = std::collections::BTreeSet::new();
    files.retain(|file| known.insert(file.clone()));
    let rules = lint::rules()
        .filter(|rule| proxies.contains(&rule.proxy))
        .map(|rule| RuleNote {
            id: rule.id.to_owned(),
            title: rule.title.to_owned(),
            level: rule.level,
            cause: rule.cause.map(str::to_owned),
            lacks: rule
                .needs
                .filter(|need| !need.is_met(around, parts.contains(&rule.proxy)))
                .map(|need| need.words().to_owned()),
            lacks_host: rule.needs_host(),
        })
        .collect();
    let suppressed = suppressed.into_iter().map(|suppressed| Suppressed {
        finding: finding(suppressed.problem),
        reason: suppressed.reason,
        comment: suppressed.comment,
    });
    Examined {
        proxies,
        files,
        rules,
        suppressed: suppressed.collect(),
        ..Examined::default()
    }
}

fn findings(problems: Vec<ConfigProblem>) -> Vec<Finding> {
    problems.into_iter().map(finding).collect()
}

/// A problem of a configuration as a finding of step 3.
fn finding(problem: ConfigProblem) -> Finding {
    let rule = lint::rule(&problem.rule);
    let severity = match problem.level {
        ProblemLevel::Error => Severity::Error,
        ProblemLevel::Warning => Severity::Warning,
        ProblemLevel::Info => Severity::Info,
    };
    let mut remedies = Vec::new();
    if problem.repair.is_some() || problem.edit.is_some() {
        let summary = problem
            .repair
            .or_else(|| problem.edit.as_ref().map(|edit| edit.replacement.trim().to_owned()))
            .unwrap_or_default();
        let applicability = match problem.edit {
            Some(_) => Applicability::Unsafe,
            None => Applicability::DisplayOnly,
        };
        remedies.push(Remedy {
            summary,
            text_edit: problem.edit,
            applicability,
            ..Remedy::default()
        });
    }
    Finding {
        cause: rule.and_then(|rule| rule.cause).unwrap_or_default().to_owned(),
        step: StepId::Config,
        severity,
        confidence: Confidence::Confirmed,
        message: problem.message,
        effect: problem.effect,
        at: (!problem.place.file.is_empty()).then_some(problem.place),
        excerpt: problem.excerpt,
        docs: rule.map_or_else(String::new, |rule| format!("docs/rules/{}.md", rule.id)),
        rule: Some(problem.rule),
        remedies,
        ..Finding::default()
    }
}
