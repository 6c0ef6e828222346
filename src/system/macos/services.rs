//! `brew services list` and `launchctl list` (`brew services --help`, launchctl(1)).

use crate::evidence::Unit;

/// The services of Homebrew, as units: `Name Status User File`.
pub fn services(bytes: &[u8]) -> Vec<Unit> {
    let text = String::from_utf8_lossy(bytes);
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().peekable();
            let name = words.next()?;
            let status = words.next()?;
            let (active, sub) = match status {
                "started" => ("active", "running"),
                "scheduled" => ("active", "waiting"),
                "stopped" | "none" => ("inactive", "dead"),
                "error" => ("failed", "failed"),
                // `unknown` and `other`: launchd knows the job and Homebrew cannot say how it is.
                "unknown" | "other" => ("unknown", "unknown"),
                _ => return None,
            };
            // After `error` stands the exit status of the last run.
            let code = words.peek().and_then(|word| word.parse::<i32>().ok());
            let fragment = line
                .split_whitespace()
                .last()
                .filter(|word| word.contains('/'))
                .unwrap_or_default();
            Some(Unit {
                name: format!("{name}.service"),
                description: format!("Homebrew's service {name}"),
                active: active.to_owned(),
                sub: sub.to_owned(),
                result: if active == "failed" {
                    "exit-code"
                } else {
                    "success"
                }
                .to_owned(),
                exec_main_code: i32::from(code.is_some()),
                exec_main_status: code.unwrap_or_default(),
                fragment: fragment.to_owned(),
                ..Unit::default()
            })
        })
        .collect()
}

/// The jobs of `launchctl list`, as units: `PID Status Label`. A negative status is the signal that ended the job.
/// Apple's own are left out: there are hundreds, and none is an upstream.
pub fn jobs(bytes: &[u8]) -> Vec<Unit> {
    let text = String::from_utf8_lossy(bytes);
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (pid, status, label) = (words.next()?, words.next()?, words.next()?);
            let status: i32 = status.parse().ok()?;
            if label.starts_with("com.apple.") || label.starts_with("application.") {
                return None;
            }
            let pid: Option<u32> = pid.parse().ok();
            let (active, sub) = match (pid, status) {
                (Some(_), _) => ("active", "running"),
                (None, 0) => ("inactive", "dead"),
                (None, _) => ("failed", "failed"),
            };
            Some(Unit {
                name: format!(
                    "{}.service",
                    label.strip_prefix("homebrew.mxcl.").unwrap_or(label)
                ),
                description: format!("launchd's job {label}"),
                active: active.to_owned(),
                sub: sub.to_owned(),
                result: match status {
                    0 => "success",
                    status if status < 0 => "signal",
                    _ => "exit-code",
                }
                .to_owned(),
                exec_main_code: match status {
                    0 => 0,
                    status if status < 0 => 2,
                    _ => 1,
                },
                exec_main_status: status.saturating_abs(),
                main_pid: pid.unwrap_or_default(),
                ..Unit::default()
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homebrew_and_launchd_tell_the_same_states() {
        let brew = "Name    Status     User File\nnginx   started    user ~/Library/LaunchAgents/homebrew.mxcl.nginx.plist\nphp     none\nredis   error  256 user ~/Library/LaunchAgents/homebrew.mxcl.redis.plist\n";
        let found: Vec<(String, String, i32)> = services(brew.as_bytes())
            .into_iter()
            .map(|unit| (unit.name, unit.active, unit.exec_main_status))
            .collect();
        assert_eq!(
            found,
            [
                ("nginx.service".to_owned(), "active".to_owned(), 0),
                ("php.service".to_owned(), "inactive".to_owned(), 0),
                ("redis.service".to_owned(), "failed".to_owned(), 256),
            ]
        );
        let launchd = "PID\tStatus\tLabel\n812\t0\thomebrew.mxcl.nginx\n-\t-9\tcom.example.app\n-\t0\tcom.apple.Safari.History\n-\t78\tcom.example.worker\n";
        let found: Vec<(String, String, i32, i32)> = jobs(launchd.as_bytes())
            .into_iter()
            .map(|unit| (unit.name, unit.active, unit.exec_main_code, unit.exec_main_status))
            .collect();
        assert_eq!(
            found,
            [
                ("nginx.service".to_owned(), "active".to_owned(), 0, 0),
                ("com.example.app.service".to_owned(), "failed".to_owned(), 2, 9),
                (
                    "com.example.worker.service".to_owned(),
                    "failed".to_owned(),
                    1,
                    78
                ),
            ]
        );
    }
}
