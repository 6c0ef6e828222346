//! `systemctl show` and `journalctl -o json`.

use crate::evidence::{JournalLine, Unit};

/// The properties that [`units`] reads, for `systemctl show -p`.
pub const PROPERTIES: &str = "Id,Type,TriggeredBy,Description,ActiveState,SubState,Result,ExecMainStatus,ExecMainCode,NRestarts,UnitFileState,MainPID,ExecStart,FragmentPath,ActiveEnterTimestamp,InactiveEnterTimestamp,StateChangeTimestamp,MemoryMax,WatchdogUSec,PrivateTmp,PrivateNetwork,ProtectHome,ProtectSystem,RootDirectory,InaccessiblePaths,IPAddressDeny,IPAddressAllow,RestrictAddressFamilies,NetworkNamespacePath,LimitNOFILE,Listen";

const SANDBOX: [&str; 9] = [
    "PrivateTmp",
    "PrivateNetwork",
    "ProtectHome",
    "RootDirectory",
    "InaccessiblePaths",
    "IPAddressDeny",
    "IPAddressAllow",
    "RestrictAddressFamilies",
    "NetworkNamespacePath",
];

/// Reads the output of `systemctl show --timestamp=unix -p … UNIT…`: paragraphs of `Name=value`.
pub fn units(bytes: &[u8]) -> Vec<Unit> {
    let text = String::from_utf8_lossy(bytes);
    text.split("\n\n").filter_map(unit).collect()
}

fn unit(paragraph: &str) -> Option<Unit> {
    let mut unit = Unit::default();
    for line in paragraph.lines() {
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let number = || value.parse().unwrap_or_default();
        match name {
            "Id" => value.clone_into(&mut unit.name),
            "Type" => value.clone_into(&mut unit.service_type),
            "TriggeredBy" => {
                unit.triggered_by_timer = value
                    .split_whitespace()
                    .any(|trigger| trigger.rsplit_once('.').is_some_and(|(_, kind)| kind == "timer"));
            }
            "Description" => value.clone_into(&mut unit.description),
            "ActiveState" => value.clone_into(&mut unit.active),
            "SubState" => value.clone_into(&mut unit.sub),
            "Result" => value.clone_into(&mut unit.result),
            "ExecMainStatus" => unit.exec_main_status = number(),
            "ExecMainCode" => unit.exec_main_code = number(),
            "NRestarts" => unit.restarts = value.parse().unwrap_or_default(),
            "UnitFileState" => value.clone_into(&mut unit.file_state),
            "MainPID" => unit.main_pid = value.parse().unwrap_or_default(),
            "ExecStart" if unit.exec_start.is_empty() => unit.exec_start = exec_start(value),
            "FragmentPath" => value.clone_into(&mut unit.fragment),
            "ActiveEnterTimestamp" => unit.active_since_ms = timestamp(value),
            "InactiveEnterTimestamp" => unit.inactive_since_ms = timestamp(value),
            "MemoryMax" => unit.memory_max_bytes = value.parse().ok(),
            "WatchdogUSec" => unit.watchdog_us = duration_us(value),
            "Listen" => unit
                .listens
                .push(value.split(" (").next().unwrap_or(value).to_owned()),
            _ => {}
        }
        let set = !value.is_empty() && !matches!(value, "no" | "[]" | "n/a" | "~");
        if set && SANDBOX.contains(&name) {
            unit.sandbox.push((name.to_owned(), value.to_owned()));
        }
    }
    (!unit.name.is_empty()).then_some(unit)
}

/// `{ path=/usr/bin/app ; argv[]=/usr/bin/app --port 1 ; …}` → `/usr/bin/app --port 1`.
fn exec_start(value: &str) -> String {
    value
        .split("argv[]=")
        .nth(1)
        .and_then(|rest| rest.split(" ; ").next())
        .unwrap_or(value)
        .trim()
        .to_owned()
}

/// `@1763820000`, or with a fraction; milliseconds.
fn timestamp(value: &str) -> Option<i64> {
    let seconds: f64 = value.strip_prefix('@')?.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "seconds since 1970 in milliseconds fit"
    )]
    let milliseconds = (seconds * 1000.0) as i64;
    (milliseconds > 0).then_some(milliseconds)
}

/// `1s`, `500ms`, `1min 30s`, `0`, `infinity`.
fn duration_us(value: &str) -> Option<u64> {
    let mut total = 0_u64;
    for word in value.split_whitespace() {
        let digits = word.trim_end_matches(|character: char| character.is_ascii_alphabetic());
        let number: u64 = digits.parse().ok()?;
        let scale = match &word[digits.len()..] {
            "us" | "" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "min" => 60_000_000,
            "h" => 3_600_000_000,
            _ => return None,
        };
        total = total.saturating_add(number.saturating_mul(scale));
    }
    (total > 0).then_some(total)
}

/// Names from `systemctl list-units --plain --no-legend`: the first word that is a unit.
pub fn unit_names(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.contains('.')))
        .map(str::to_owned)
        .collect()
}

/// Lines of `journalctl -o json`.
pub fn journal(bytes: &[u8]) -> Vec<(Option<String>, JournalLine)> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .filter_map(|entry| {
            let text = |name: &str| entry.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
            let at_us: i64 = text("__REALTIME_TIMESTAMP")?.parse().ok()?;
            let message: String = text("MESSAGE")?.chars().take(500).collect();
            // What systemd says about a unit names it in UNIT; what the unit itself says, in _SYSTEMD_UNIT.
            let unit = text("UNIT").or_else(|| text("_SYSTEMD_UNIT"));
            let from = text("SYSLOG_IDENTIFIER")
                .or_else(|| text("_COMM"))
                .unwrap_or_default();
            Some((
                unit,
                JournalLine {
                    at_ms: at_us / 1000,
                    from,
                    message,
                },
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_unit_is_read() {
        let text = b"Id=app.service\nActiveState=failed\nSubState=failed\nResult=oom-kill\nExecMainStatus=9\nExecMainCode=2\nNRestarts=3\nExecStart={ path=/opt/app ; argv[]=/opt/app --port 8080 ; ignore_errors=no }\nMemoryMax=536870912\nPrivateTmp=yes\nWatchdogUSec=1min 30s\nActiveEnterTimestamp=@1763820000\n\nId=b.service\nActiveState=active\n";
        let units = units(text);
        assert_eq!(units.len(), 2);
        assert_eq!(units[0].result, "oom-kill");
        assert_eq!(units[0].exec_start, "/opt/app --port 8080");
        assert_eq!(units[0].memory_max_bytes, Some(536_870_912));
        assert_eq!(units[0].watchdog_us, Some(90_000_000));
        assert_eq!(units[0].sandbox, [("PrivateTmp".to_owned(), "yes".to_owned())]);
        assert_eq!(units[0].active_since_ms, Some(1_763_820_000_000));
    }
}
