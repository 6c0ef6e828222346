//! systemd's units and their journals.

use super::machine::text;
use super::plan::Plan;
use crate::evidence::{Observed, Obstacle, Unit};
use crate::host::{CommandOutput, Host, ListDirectory, RunCommand};
use crate::system::systemd;

/// Units: all that are loaded, and those that could be.
pub(super) fn ask(host: &Host, plan: &Plan) -> Observed<Vec<Unit>> {
    // A host inside this program has no services, and those of this machine have no part in its faults.
    if plan.inside.is_some() {
        return Observed::Absent;
    }
    if let Some(platform) = super::systems::elsewhere(host) {
        return super::systems::units(host, platform);
    }
    if text(host, "/proc/1/comm").is_none_or(|name| name.trim() != "systemd") {
        return Observed::Absent;
    }
    let show = |patterns: &[String]| {
        let mut argv = vec![
            "systemctl".to_owned(),
            "show".to_owned(),
            "--timestamp=unix".to_owned(),
        ];
        argv.push("-p".to_owned());
        argv.push(systemd::PROPERTIES.to_owned());
        argv.extend_from_slice(patterns);
        host.ask(&RunCommand::new(argv))
    };
    let loaded = std::thread::scope(|scope| {
        let files = scope.spawn(|| {
            host.ask(&RunCommand::new([
                "systemctl",
                "list-unit-files",
                "--no-legend",
                "--plain",
                "--type=service,socket",
                "--state=disabled,enabled,static,linked,indirect",
            ]))
        });
        let loaded = show(&["*.service".to_owned(), "*.socket".to_owned()]);
        (loaded, files.join().unwrap_or_default())
    });
    let (output, files) = loaded;
    let output = match output {
        Observed::Seen(output) => output,
        Observed::Absent => return Observed::Absent,
        Observed::Unavailable(obstacle) => return Observed::Unavailable(obstacle),
    };
    let mut units = systemd::units(&output.stdout.0);
    if units.is_empty() {
        return Observed::Unavailable(Obstacle::Failed(first_line(&output)));
    }
    // A service that was never started is not loaded; those of the administrator are looked at too.
    let local = host
        .ask(&ListDirectory {
            path: "/etc/systemd/system".to_owned(),
        })
        .into_seen()
        .unwrap_or_default();
    let unloaded: Vec<String> = systemd::unit_names(&files.into_seen().unwrap_or_default().stdout.0)
        .into_iter()
        .filter(|name| {
            local.contains(name) && !name.contains('@') && !units.iter().any(|unit| unit.name == *name)
        })
        .take(60)
        .collect();
    if !unloaded.is_empty()
        && let Some(output) = show(&unloaded).into_seen()
    {
        units.extend(systemd::units(&output.stdout.0));
    }
    journals(host, &mut units, "-1h");
    Observed::Seen(units)
}

pub(super) fn first_line(output: &CommandOutput) -> String {
    output
        .stderr
        .text()
        .lines()
        .next()
        .unwrap_or("it printed nothing")
        .to_owned()
}

/// True for units whose story may matter: not well, changed lately, or the administrator's own.
fn eventful(unit: &Unit) -> bool {
    let local = unit.fragment.starts_with("/etc/systemd/system") || unit.fragment.starts_with("/run/systemd");
    unit.active == "failed"
        || unit.active == "activating"
        || unit.sub == "auto-restart"
        || unit.restarts > 0
        || local
}

/// Adds the newest journal lines of the units whose story may matter, as far as they are not there yet.
pub(super) fn journals(host: &Host, units: &mut [Unit], since: &str) {
    let names: Vec<String> = units
        .iter()
        .filter(|unit| eventful(unit))
        .map(|unit| unit.name.clone())
        .take(12)
        .collect();
    if names.is_empty() {
        return;
    }
    let mut argv: Vec<String> = [
        "journalctl",
        "-o",
        "json",
        "--no-pager",
        "-n",
        "400",
        "--since",
        since,
    ]
    .map(str::to_owned)
    .to_vec();
    for name in names {
        argv.extend(["-u".to_owned(), name]);
    }
    let Some(output) = host.ask(&RunCommand::new(argv)).into_seen() else {
        return;
    };
    for (name, line) in systemd::journal(&output.stdout.0) {
        if let Some(unit) = units.iter_mut().find(|unit| Some(&unit.name) == name.as_ref())
            && !unit.journal.contains(&line)
        {
            unit.journal.push(line);
        }
    }
    for unit in units {
        let surplus = unit.journal.len().saturating_sub(60);
        unit.journal.drain(..surplus);
    }
}
