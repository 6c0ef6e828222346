//! `Get-CimInstance Win32_Process | … | ConvertTo-Json` (learn.microsoft.com, "`Win32_Process` class").

use serde_json::Value;

use super::objects;
use crate::evidence::Process;

/// The processes.
pub fn processes(bytes: &[u8]) -> Vec<Process> {
    objects(bytes).iter().filter_map(process).collect()
}

fn process(object: &Value) -> Option<Process> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| {
        object
            .get(name)
            .and_then(Value::as_u64)
            .and_then(|number| u32::try_from(number).ok())
    };
    let pid = number("ProcessId")?;
    let name = text("Name");
    let mut arguments = arguments(text("CommandLine"));
    // The whole path of the program, where the command line has only its name.
    let path = text("ExecutablePath");
    if !path.is_empty() {
        match arguments.first_mut() {
            Some(first) => path.clone_into(first),
            None => arguments.push(path.to_owned()),
        }
    }
    Some(Process {
        pid,
        parent: number("ParentProcessId").unwrap_or_default(),
        name: name
            .strip_suffix(".exe")
            .or_else(|| name.strip_suffix(".EXE"))
            .unwrap_or(name)
            .to_owned(),
        arguments,
        state: "R".to_owned(),
        started_ms: object.get("CreationDate").and_then(started_ms).unwrap_or_default(),
        resident_bytes: object
            .get("WorkingSetSize")
            .and_then(Value::as_u64)
            .unwrap_or_default(),
        ..Process::default()
    })
}

/// `"\/Date(1795366800000)\/"` of Windows PowerShell, or the ISO form of later ones.
fn started_ms(value: &Value) -> Option<i64> {
    let text = match value {
        Value::String(text) => text.as_str(),
        // PowerShell 5 nests it where the object was selected with `@{}`.
        Value::Object(fields) => fields.get("value").and_then(Value::as_str)?,
        _ => return None,
    };
    if let Some(rest) = text.split_once("Date(") {
        return rest.1.split([')', '+']).next()?.parse().ok();
    }
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_millisecond)
}

/// Words of a command line as Windows programs split it: double quotes group, backslashes stand for themselves.
fn arguments(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for character in line.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                any = true;
            }
            character if character.is_whitespace() && !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            character => word.push(character),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_read_with_their_whole_path() {
        let text = r#"[{"ProcessId":4100,"ParentProcessId":900,"Name":"nginx.exe","CommandLine":"\"C:\\Program Files\\nginx\\nginx.exe\" -p C:\\nginx","ExecutablePath":"C:\\Program Files\\nginx\\nginx.exe","WorkingSetSize":7340032,"CreationDate":"\/Date(1795366800000)\/"},{"ProcessId":4,"ParentProcessId":0,"Name":"System","CommandLine":null,"ExecutablePath":null,"WorkingSetSize":1024,"CreationDate":"2026-11-22T17:00:00Z"}]"#;
        let all = processes(text.as_bytes());
        assert_eq!(
            all[0].arguments,
            [r"C:\Program Files\nginx\nginx.exe", "-p", r"C:\nginx"]
        );
        assert_eq!(
            (all[0].name.as_str(), all[0].started_ms),
            ("nginx", 1_795_366_800_000)
        );
        assert_eq!(
            (all[1].name.as_str(), all[1].started_ms),
            ("System", 1_795_366_800_000)
        );
        assert!(processes(b"Get-CimInstance : Access denied").is_empty());
    }
}
