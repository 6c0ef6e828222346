//! What is asked in a world: the failing request with curl, which proves the fault, and the walk of fix502.

use std::time::Duration;

use super::report::Report;
use super::world::{Said, URL, World};

/// Seconds that fix502 is given.
const DEADLINE_S: u64 = 20;

impl World {
    /// What nginx has logged about errors.
    pub(super) fn error_log(&self) -> String {
        if self.host.is_some() {
            self.run("cat /var/log/nginx/error.log")
        } else {
            self.read("logs/error.log")
        }
    }

    /// Make the failing request with curl and prove the fault: this status, and this text in the error log ("" for a log
    /// without errors).
    pub(super) fn shows(&self, status: u16, logged: &str) {
        self.shows_at(URL, status, logged);
    }

    /// The same for another address.
    pub(super) fn shows_at(&self, url: &str, status: u16, logged: &str) {
        let got = self.run(&format!(
            "curl -sS -o /dev/null -m 10 -w '%{{http_code}}' '{url}'"
        ));
        let log = self.error_log();
        let clean = !log.contains("[error]") && !log.contains("[crit]");
        assert_eq!(
            got,
            status.to_string(),
            "the lab is broken: another status than the fault has; logged:\n{log}"
        );
        assert!(
            if logged.is_empty() {
                clean
            } else {
                log.contains(logged)
            },
            "the lab is broken: {logged:?} not in\n{log}"
        );
    }

    /// Run fix502 inside with these arguments, as root.
    pub(super) fn fix502(&self, arguments: &[&str]) -> Said {
        let mut words = vec![self.program()];
        words.extend(arguments);
        self.say(&words)
    }

    /// Where the program under test stands inside.
    pub(super) fn program(&self) -> &'static str {
        if self.host.is_some() {
            "/usr/local/bin/fix502"
        } else {
            "/run/tool/fix502"
        }
    }

    /// Walk the failing request and read the report. The walk must not change anything but what nginx logs.
    pub(super) fn diagnose(&self) -> Report {
        self.diagnose_at(URL)
    }

    /// The same for another address.
    pub(super) fn diagnose_at(&self, url: &str) -> Report {
        let before = self.fingerprint();
        let said = self.fix502(&[
            url,
            "--ci",
            "--format",
            "json",
            "--deadline",
            &format!("{DEADLINE_S}s"),
        ]);
        assert!(
            said.wall < Duration::from_secs(DEADLINE_S + 3),
            "the deadline passed: {:?}",
            said.wall
        );
        let after = self.fingerprint();
        let changed: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
        let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        assert!(
            changed.is_empty() && new.is_empty(),
            "fix502 changed the host: was {changed:#?}, is {new:#?}"
        );
        Report::read(&said)
    }

    /// Every file of the world with its owner, mode, size, times and content, and the packet filter's rules; without logs.
    fn fingerprint(&self) -> Vec<String> {
        let (places, logs) = if self.host.is_some() {
            ("/etc /opt", "/var/log")
        } else {
            (".", "./logs")
        };
        let text = self.run(&format!(
            "find {places} -path {logs} -prune -o -printf '%p %y %m %U %G %s %T@ %l\\n'
             find {places} -path {logs} -prune -o -type f -size -8M -exec sha256sum {{}} +
             if command -v nft > /dev/null; then nft -s list ruleset; fi"
        ));
        text.lines().map(str::to_owned).collect()
    }
}
