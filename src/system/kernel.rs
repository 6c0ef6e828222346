//! The kernel log: `dmesg` and `journalctl -k`.

use crate::evidence::{KernelEvent, KernelEventKind};

/// Lines that bear on a 502. `boot_ms` turns the seconds since boot that dmesg prints into a time.
pub fn events(bytes: &[u8], boot_ms: Option<i64>) -> Vec<KernelEvent> {
    let text = String::from_utf8_lossy(bytes);
    let mut events: Vec<KernelEvent> = Vec::new();
    // The control group stands in the line before "Killed process".
    let mut oom_cgroup: Option<String> = None;
    for line in text.lines() {
        let (seconds, message) = split(line);
        if let Some(rest) = message.strip_prefix("oom-kill:") {
            oom_cgroup = field(rest, "task_memcg=").map(str::to_owned);
            continue;
        }
        let Some(kind) = kind(message) else { continue };
        let (pid, process) = match kind {
            KernelEventKind::OomKill => victim(message),
            KernelEventKind::Segfault => crashed(message),
            _ => (
                field(message, "pid=").and_then(|text| text.parse().ok()),
                field(message, "comm=\"").map(str::to_owned),
            ),
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "seconds since boot in milliseconds fit"
        )]
        let at_ms = seconds
            .zip(boot_ms)
            .map(|(seconds, boot_ms)| boot_ms + (seconds * 1000.0) as i64)
            // `dmesg -T` and the journal write a time of day.
            .or_else(|| seconds.is_none().then(|| super::log_time::line_ms(line, 0)).flatten());
        events.push(KernelEvent {
            at_ms,
            kind,
            process,
            pid,
            cgroup: if kind == KernelEventKind::OomKill {
                oom_cgroup.take()
            } else {
                None
            },
            text: message.chars().take(300).collect(),
        });
    }
    let keep = events.len().saturating_sub(200);
    events.split_off(keep)
}

/// `[  12.5] message` → 12.5 and the message.
fn split(line: &str) -> (Option<f64>, &str) {
    let trimmed = line.trim_start_matches(|character: char| {
        character == '<' || character == '>' || character.is_ascii_digit()
    });
    let rest = if trimmed.starts_with('[') { trimmed } else { line };
    match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((seconds, message)) => (seconds.trim().parse().ok(), message.trim_start()),
        None => (
            None,
            line.split_once("kernel: ").map_or(line, |(_, message)| message),
        ),
    }
}

fn kind(message: &str) -> Option<KernelEventKind> {
    let has = |text: &str| message.contains(text);
    if has("Killed process ") {
        Some(KernelEventKind::OomKill)
    } else if has(": segfault at ") || has("general protection fault") || has("trap invalid opcode") {
        Some(KernelEventKind::Segfault)
    } else if has("nf_conntrack: ") && has("table full") {
        Some(KernelEventKind::ConntrackFull)
    } else if has("Possible SYN flooding on port") {
        Some(KernelEventKind::SynFlood)
    } else if has("avc:") && has("denied") {
        Some(KernelEventKind::SelinuxDenial)
    } else if has("apparmor=\"DENIED\"") {
        Some(KernelEventKind::ApparmorDenial)
    } else {
        None
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let start = text.find(name)? + name.len();
    let rest = text.get(start..)?;
    rest.split([',', '"', ' ']).next().filter(|value| !value.is_empty())
}

/// `Killed process 123 (python3) total-vm:…`.
fn victim(message: &str) -> (Option<u32>, Option<String>) {
    let rest = message.split("Killed process ").nth(1).unwrap_or_default();
    let pid = rest.split([' ', ',']).next().and_then(|word| word.parse().ok());
    let name = rest
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .map(|(name, _)| name.to_owned());
    (pid, name)
}

/// `nginx[123]: segfault at …`.
fn crashed(message: &str) -> (Option<u32>, Option<String>) {
    let Some((name, rest)) = message.split_once('[') else {
        return (None, None);
    };
    let pid = rest.split(']').next().and_then(|word| word.parse().ok());
    (pid, Some(name.trim_start_matches("traps: ").to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oom_kill_is_read_with_its_control_group() {
        let log = b"[  100.000000] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/app,task_memcg=/app.service,task=python3,pid=77,uid=0\n[  100.500000] Memory cgroup out of memory: Killed process 77 (python3) total-vm:1kB\n";
        let events = events(log, Some(1_000_000));
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].kind, KernelEventKind::OomKill);
        assert_eq!(events[0].pid, Some(77));
        assert_eq!(events[0].process.as_deref(), Some("python3"));
        assert_eq!(events[0].cgroup.as_deref(), Some("/app.service"));
        assert_eq!(events[0].at_ms, Some(1_100_500));
    }

    #[test]
    fn other_lines_are_left_alone() {
        assert!(events(b"[    1.0] usb 1-1: new device\nnonsense\n[", Some(0)).is_empty());
    }
}
