//! `systemctl status` as a person pastes it.

use super::log_time;
use super::syslog;
use crate::evidence::{JournalLine, Unit};

/// The signs before a unit's name, by its state.
const SIGNS: [char; 6] = ['●', '○', '×', '↻', '*', '◌'];

/// True for the first line of a status: `● app.service - The application`.
pub fn begins(line: &str) -> bool {
    name(line).is_some()
}

fn name(line: &str) -> Option<&str> {
    let rest = line.strip_prefix(SIGNS)?.strip_prefix(' ')?;
    let name = rest.split(' ').next()?;
    let (stem, ending) = name.rsplit_once('.')?;
    (!stem.is_empty() && matches!(ending, "service" | "socket" | "timer" | "scope")).then_some(name)
}

/// Reads one or more statuses that follow each other.
pub fn units(text: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for line in text.lines() {
        if let Some(name) = name(line) {
            units.push(Unit {
                name: name.to_owned(),
                description: line.split_once(" - ").map_or("", |(_, rest)| rest).to_owned(),
                ..Unit::default()
            });
        } else if let Some(unit) = units.last_mut() {
            property(unit, line.trim());
        }
    }
    units
}

fn property(unit: &mut Unit, line: &str) {
    let value = |name: &str| line.strip_prefix(name).map(str::trim);
    if let Some(loaded) = value("Loaded:") {
        between(loaded, "(", ";")
            .unwrap_or_default()
            .clone_into(&mut unit.fragment);
        loaded
            .split("; ")
            .nth(1)
            .map_or("", |word| word.trim_end_matches(')'))
            .clone_into(&mut unit.file_state);
    } else if let Some(active) = value("Active:") {
        active
            .split(' ')
            .next()
            .unwrap_or_default()
            .clone_into(&mut unit.active);
        let inside = between(active, "(", ")").unwrap_or_default();
        let (sub, result) = match inside.split_once(") (") {
            Some((sub, result)) => (sub, Some(result)),
            None => (inside, None),
        };
        sub.clone_into(&mut unit.sub);
        if let Some(result) = result.or_else(|| between(active, "Result: ", ")")) {
            result.clone_into(&mut unit.result);
        }
        // `failed (Result: oom-kill)` has no state of its own in front.
        if let Some(result) = unit.sub.strip_prefix("Result: ") {
            unit.result = result.to_owned();
            "failed".clone_into(&mut unit.sub);
        }
        let since_ms = active
            .split_once(" since ")
            .and_then(|(_, time)| log_time::line_ms(time.split_once(' ').map_or(time, |(_, rest)| rest), 0));
        if unit.active == "active" {
            unit.active_since_ms = since_ms;
        } else {
            unit.inactive_since_ms = since_ms;
        }
    } else if let Some(process) = value("Main PID:") {
        unit.main_pid = process
            .split(' ')
            .next()
            .and_then(|pid| pid.parse().ok())
            .unwrap_or_default();
        ended(unit, process);
    } else if let Some(process) = value("Process:") {
        if unit.exec_start.is_empty()
            && let Some(command) = between(process, "ExecStart=", " (")
        {
            command.clone_into(&mut unit.exec_start);
        }
        if process.contains("ExecStart=") {
            ended(unit, process);
        }
    } else if let Some(listen) = value("Listen:") {
        unit.listens
            .push(listen.split(" (").next().unwrap_or(listen).to_owned());
    } else if let Some(triggered) = value("TriggeredBy:") {
        unit.triggered_by_timer = triggered.contains(".timer");
    } else if line.starts_with(['├', '└']) && unit.exec_start.is_empty() {
        // The tree of the control group: `├─1234 /usr/bin/app --port 8080`.
        let words = line.trim_start_matches(|c: char| "├└─".contains(c) || c.is_ascii_digit());
        words.trim().clone_into(&mut unit.exec_start);
    } else if let Some(entry) = syslog::line(line, None, 0)
        && entry.message.len() < 4_000
    {
        if entry.message.contains("Failed with result '")
            && let Some(result) = between(&entry.message, "Failed with result '", "'")
            && unit.result.is_empty()
        {
            result.clone_into(&mut unit.result);
        }
        if let Some(count) = between(&entry.message, "restart counter is at ", ".") {
            unit.restarts = count.parse().unwrap_or(unit.restarts);
        }
        unit.journal.push(JournalLine {
            at_ms: entry.at_ms.unwrap_or_default(),
            from: entry.from,
            message: entry.message.chars().take(500).collect(),
        });
    }
}

/// `(code=exited, status=1/FAILURE)`, `(code=killed, signal=KILL)`.
fn ended(unit: &mut Unit, text: &str) {
    let Some(code) = text.split("code=").nth(1) else {
        return;
    };
    unit.exec_main_code = match code.split([',', ')']).next().unwrap_or_default() {
        "exited" => 1,
        "killed" => 2,
        "dumped" => 3,
        _ => return,
    };
    if let Some(status) = code.split("status=").nth(1) {
        let digits = status.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        unit.exec_main_status = digits.parse().unwrap_or_default();
    }
    if let Some(signal) = code.split("signal=").nth(1) {
        let name = signal.split([')', ',', ' ']).next().unwrap_or_default();
        unit.exec_main_status = match name {
            "ABRT" => 6,
            "KILL" => 9,
            "SEGV" => 11,
            "TERM" => 15,
            _ => unit.exec_main_status,
        };
    }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(from)?;
    // A status may have two brackets: `inactive (dead) (Result: exit-code)`.
    let (inside, _) = rest.split_once(to)?;
    Some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = "× shop.service - Shop\n     Loaded: loaded (/etc/systemd/system/shop.service; enabled; preset: enabled)\n     Active: failed (Result: exit-code) since Sun 2026-11-22 14:28:28 UTC; 3min ago\n    Process: 812 ExecStart=/usr/bin/python3 app.py --port 8080 (code=exited, status=1/FAILURE)\n   Main PID: 812 (code=exited, status=1/FAILURE)\n\nNov 22 14:28:28 web-1 systemd[1]: shop.service: Scheduled restart job, restart counter is at 5.\nNov 22 14:28:28 web-1 python3[812]: ModuleNotFoundError: No module named 'flask'\n";

    #[test]
    fn a_failed_unit_is_read() {
        let units = units(FAILED);
        let unit = &units[0];
        assert_eq!(
            (unit.name.as_str(), unit.active.as_str()),
            ("shop.service", "failed")
        );
        assert_eq!(
            (unit.result.as_str(), unit.file_state.as_str()),
            ("exit-code", "enabled")
        );
        assert_eq!((unit.exec_main_code, unit.exec_main_status), (1, 1));
        assert_eq!(unit.exec_start, "/usr/bin/python3 app.py --port 8080");
        assert_eq!(unit.restarts, 5);
        assert_eq!(unit.journal.len(), 2);
    }

    #[test]
    fn a_running_and_a_stopped_unit_are_told_apart() {
        let units = units(
            "● a.service - A\n     Active: active (running) since Sun 2026-11-22 10:00:00 UTC; 4h ago\n     CGroup: /system.slice/a.service\n             └─77 /usr/bin/a --port 9000\n○ b.service - B\n     Active: inactive (dead)\n",
        );
        assert_eq!(
            (units[0].active.as_str(), units[0].sub.as_str()),
            ("active", "running")
        );
        assert_eq!(units[0].exec_start, "/usr/bin/a --port 9000");
        assert_eq!(
            (units[1].active.as_str(), units[1].sub.as_str()),
            ("inactive", "dead")
        );
    }

    #[test]
    fn prose_is_no_status() {
        for line in [
            "* we restarted app.service - no change",
            "● ",
            "● x",
            "- a.service - b",
        ] {
            assert!(!begins(line) || line.contains("we"), "{line:?}");
        }
        assert!(!begins("* we restarted app.service - no change"));
    }
}
