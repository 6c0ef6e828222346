//! What changed in the configuration lately, where the host keeps it in git (etckeeper does).

use super::plan::Plan;
use crate::evidence::{ConfigCommit, Observed};
use crate::host::{Host, RunCommand, StatPath};
use crate::system::git_log;

/// Where a repository may begin.
const PLACES: [&str; 5] = ["/etc", "/etc/nginx", "/etc/apache2", "/etc/httpd", "/etc/squid"];

/// What in `/etc` can bear on a 502.
const MATTERS: [&str; 14] = [
    "nginx",
    "apache2",
    "httpd",
    "squid",
    "haproxy",
    "php",
    "systemd",
    "hosts",
    "resolv.conf",
    "nsswitch.conf",
    "nftables.conf",
    "iptables",
    "ssl",
    "letsencrypt",
];

/// The newest commits that touch what matters to a proxy, newest first. Absent: there is no repository.
pub(super) fn ask(host: &Host, plan: &Plan) -> Observed<Vec<ConfigCommit>> {
    if plan.inside.is_some() || plan.other_root || super::systems::elsewhere(host).is_some() {
        return Observed::Absent;
    }
    let mut commits = Vec::new();
    let mut answer = Observed::Absent;
    for place in PLACES {
        let path = format!("{place}/.git");
        if host.ask(&StatPath { path }).seen().is_none() {
            continue;
        }
        let ours = format!("safe.directory={place}");
        let format = format!("--format={}", git_log::FORMAT);
        let mut argv = vec!["git", "-c", &ours, "-c", "log.showSignature=false", "-C", place];
        argv.extend(["log", "--no-color", "--name-only", "-n", "20", &format]);
        if place == "/etc" {
            argv.push("--");
            argv.extend(MATTERS);
        }
        match host.ask(&RunCommand::new(argv)) {
            Observed::Seen(output) if output.status == Some(0) => {
                commits.extend(git_log::commits(&output.stdout.0, place));
                answer = Observed::Seen(());
            }
            Observed::Unavailable(obstacle) if answer.is_absent() => {
                answer = Observed::Unavailable(obstacle);
            }
            Observed::Seen(_) | Observed::Absent | Observed::Unavailable(_) => {}
        }
    }
    commits.sort_by(|one, other| other.at_ms.cmp(&one.at_ms).then_with(|| one.id.cmp(&other.id)));
    answer.map(|()| commits)
}
