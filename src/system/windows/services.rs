//! `sc query` / `sc queryex` and `Get-CimInstance Win32_Service | … | ConvertTo-Json` (learn.microsoft.com).

use serde_json::Value;

use super::{objects, text};
use crate::evidence::Unit;

/// The services of `sc query` or `sc queryex`, as units. The number of the state is gone by, for its word is translated.
pub fn services(bytes: &[u8]) -> Vec<Unit> {
    let text = text(bytes);
    let mut units: Vec<Unit> = Vec::new();
    for line in text.lines() {
        let Some((label, value)) = line.split_once(':') else {
            continue;
        };
        let (label, value) = (label.trim(), value.trim());
        if !line.starts_with(char::is_whitespace) && label.ends_with("_NAME") && label.starts_with("SERVICE")
        {
            units.push(Unit {
                name: format!("{value}.service"),
                ..Unit::default()
            });
            continue;
        }
        let Some(unit) = units.last_mut() else { continue };
        let number = value
            .split_whitespace()
            .next()
            .and_then(|word| word.parse::<i64>().ok());
        match (label, number) {
            ("STATE" | "STATUS" | "ÉTAT" | "ESTADO" | "STATO", Some(state)) => set_state(unit, state),
            ("WIN32_EXIT_CODE", Some(code)) => set_exit(unit, code),
            ("PID", Some(pid)) => unit.main_pid = u32::try_from(pid).unwrap_or_default(),
            _ => {}
        }
    }
    units.retain(|unit| !unit.active.is_empty());
    units
}

/// The states of a service, by their numbers in winsvc.h.
fn set_state(unit: &mut Unit, state: i64) {
    let (active, sub) = match state {
        4 => ("active", "running"),
        2 | 5 => ("activating", "start"),
        3 => ("deactivating", "stop"),
        6 | 7 => ("inactive", "paused"),
        _ => ("inactive", "dead"),
    };
    active.clone_into(&mut unit.active);
    sub.clone_into(&mut unit.sub);
    settle(unit);
}

/// The code it ended with: 0 none, 1077 never started since the boot.
fn set_exit(unit: &mut Unit, code: i64) {
    if code != 0 && code != 1_077 {
        unit.exec_main_code = 1;
        unit.exec_main_status = i32::try_from(code).unwrap_or(i32::MAX);
    }
    settle(unit);
}

fn settle(unit: &mut Unit) {
    if unit.active == "inactive" && unit.exec_main_status != 0 {
        "failed".clone_into(&mut unit.active);
        "exit-code".clone_into(&mut unit.result);
    } else if unit.result.is_empty() {
        "success".clone_into(&mut unit.result);
    }
}

/// What `Win32_Service` adds to the services: command line, process, how they start.
pub fn details(units: &mut [Unit], bytes: &[u8]) {
    for object in objects(bytes) {
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = format!("{}.service", text("Name"));
        let Some(unit) = units.iter_mut().find(|unit| unit.name.eq_ignore_ascii_case(&name)) else {
            continue;
        };
        text("PathName").clone_into(&mut unit.exec_start);
        text("DisplayName").clone_into(&mut unit.description);
        match text("StartMode") {
            "Auto" => "enabled",
            "Disabled" => "disabled",
            _ => "static",
        }
        .clone_into(&mut unit.file_state);
        // Those of Windows itself lie below its own directory; what somebody installed does not.
        if !text("PathName").to_lowercase().contains(r":\windows\") {
            text("PathName").clone_into(&mut unit.fragment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = "\r\nSERVICE_NAME: Dnscache\r\nDISPLAY_NAME: DNS Client\r\n        TYPE               : 30  WIN32  \r\n        STATE              : 4  RUNNING \r\n                                (NOT_STOPPABLE, NOT_PAUSABLE, IGNORES_SHUTDOWN)\r\n        WIN32_EXIT_CODE    : 0  (0x0)\r\n        SERVICE_EXIT_CODE  : 0  (0x0)\r\n        CHECKPOINT         : 0x0\r\n        WAIT_HINT          : 0x0\r\n        PID                : 1804\r\n        FLAGS              : \r\n\r\nSERVICE_NAME: ShopApp\r\nDISPLAY_NAME: Shop application\r\n        TYPE               : 10  WIN32_OWN_PROCESS  \r\n        STATUS             : 1  BEENDET \r\n        WIN32_EXIT_CODE    : 1067  (0x42b)\r\n        SERVICE_EXIT_CODE  : 0  (0x0)\r\n        PID                : 0\r\n\r\nSERVICE_NAME: Idle\r\nDISPLAY_NAME: Idle\r\n        STATE              : 1  STOPPED \r\n        WIN32_EXIT_CODE    : 1077  (0x435)\r\n";

    #[test]
    fn states_are_read_by_their_numbers() {
        let found: Vec<(String, String, i32, u32)> = services(QUERY.as_bytes())
            .into_iter()
            .map(|unit| (unit.name, unit.active, unit.exec_main_status, unit.main_pid))
            .collect();
        assert_eq!(
            found,
            [
                ("Dnscache.service".to_owned(), "active".to_owned(), 0, 1_804),
                ("ShopApp.service".to_owned(), "failed".to_owned(), 1_067, 0),
                ("Idle.service".to_owned(), "inactive".to_owned(), 0, 0),
            ]
        );
    }

    #[test]
    fn only_what_somebody_installed_has_a_place_of_its_own() {
        let mut units = services(QUERY.as_bytes());
        details(
            &mut units,
            br#"[{"Name":"Dnscache","DisplayName":"DNS Client","PathName":"C:\\WINDOWS\\system32\\svchost.exe -k NetworkService -p","StartMode":"Auto"},{"Name":"ShopApp","DisplayName":"Shop application","PathName":"\"C:\\Shop\\shop.exe\" --port 3000","StartMode":"Manual"}]"#,
        );
        assert_eq!(units[0].fragment, "");
        assert!(units[1].fragment.contains("shop.exe"));
        assert_eq!(units[1].exec_start, r#""C:\Shop\shop.exe" --port 3000"#);
    }
}
