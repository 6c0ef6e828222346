//! The questions to a Windows host.

use std::net::IpAddr;

use super::{Filters, Rules, common, output};
use crate::evidence::{
    CachedAddress, FirewallAnswer, HeldConnection, HostFacts, Listener, Observed, Process,
    ResolverConfiguration, Unit,
};
use crate::host::{Host, RunCommand};
use crate::system::windows;

/// What is asked of every process. There is no program that prints command lines in every version but this.
const PROCESSES: &str = "Get-CimInstance Win32_Process | Select-Object ProcessId,ParentProcessId,Name,CommandLine,ExecutablePath,WorkingSetSize,CreationDate | ConvertTo-Json -Compress";
/// What is asked of every service beside its state.
const SERVICES: &str = "Get-CimInstance Win32_Service | Select-Object Name,DisplayName,PathName,StartMode | ConvertTo-Json -Compress";

/// PowerShell with a fixed line: no profile, no prompt.
fn powershell(host: &Host, line: &str) -> Observed<Vec<u8>> {
    let mut question = RunCommand::new(["powershell", "-NoProfile", "-NonInteractive", "-Command", line]);
    // It takes a second to start.
    question.limit_ms = 8_000;
    match host.ask(&question.cap_bytes(16 << 20)) {
        Observed::Seen(answer) if answer.status == Some(0) => Observed::Seen(answer.stdout.0),
        Observed::Seen(answer) => {
            Observed::Unavailable(crate::evidence::Obstacle::Failed(super::complaint(&answer)))
        }
        Observed::Absent => Observed::Absent,
        Observed::Unavailable(obstacle) => Observed::Unavailable(obstacle),
    }
}

pub(super) fn facts(host: &Host) -> HostFacts {
    let registry = output(
        host,
        &[
            "reg",
            "query",
            r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion",
        ],
    )
    .into_seen()
    .unwrap_or_default();
    let registry = String::from_utf8_lossy(&registry).into_owned();
    // `    ProductName    REG_SZ    Windows Server 2022 Standard`.
    let value = |name: &str| {
        registry
            .lines()
            .find_map(|line| {
                let rest = line.trim().strip_prefix(name)?;
                rest.trim_start().strip_prefix("REG_SZ").map(str::trim)
            })
            .unwrap_or_default()
            .to_owned()
    };
    let groups = output(host, &["whoami", "/groups"]).into_seen().unwrap_or_default();
    HostFacts {
        system: format!("{} build {}", value("ProductName"), value("CurrentBuild")),
        // The high mandatory level: an elevated prompt.
        root: String::from_utf8_lossy(&groups).contains("S-1-16-12288"),
        ..common(host)
    }
}

pub(super) fn processes(host: &Host, units: &[Unit]) -> Observed<Vec<Process>> {
    powershell(host, PROCESSES).map(|bytes| {
        let mut processes = windows::processes(&bytes);
        for process in &mut processes {
            let unit = units
                .iter()
                .find(|unit| unit.main_pid != 0 && unit.main_pid == process.pid);
            process.unit = unit.map(|unit| unit.name.clone());
        }
        processes
    })
}

pub(super) fn units(host: &Host) -> Observed<Vec<Unit>> {
    let (states, details) = std::thread::scope(|scope| {
        let details = scope.spawn(|| powershell(host, SERVICES));
        let states = output(host, &["sc.exe", "queryex", "type=", "service", "state=", "all"]);
        (states, details.join().unwrap_or_default())
    });
    states.map(|bytes| {
        let mut units = windows::services(&bytes);
        windows::details(&mut units, &details.into_seen().unwrap_or_default());
        units
    })
}

pub(super) fn listeners(host: &Host, processes: &[Process]) -> Observed<Vec<Listener>> {
    output(host, &["netstat", "-ano"]).map(|bytes| windows::listeners(&bytes, processes))
}

pub(super) fn connections(host: &Host, of: &[u32]) -> Vec<HeldConnection> {
    let question = RunCommand::new(["netstat", "-ano"]).at_moment(1);
    let bytes = host.ask(&question).into_seen().map(|output| output.stdout.0);
    windows::connections(&bytes.unwrap_or_default(), of)
}

pub(super) fn addresses(host: &Host) -> Vec<(IpAddr, String)> {
    windows::addresses(&output(host, &["ipconfig", "/all"]).into_seen().unwrap_or_default())
}

pub(super) fn resolver(host: &Host) -> Observed<ResolverConfiguration> {
    output(host, &["ipconfig", "/all"]).map(|bytes| windows::resolver(&bytes))
}

pub(super) fn cached(host: &Host, name: &str) -> Vec<CachedAddress> {
    let bytes = output(host, &["ipconfig", "/displaydns"])
        .into_seen()
        .unwrap_or_default();
    windows::cached(&bytes, name)
}

pub(super) fn filters(host: &Host) -> Filters {
    let mut answer = FirewallAnswer::default();
    let name = "Windows Defender Firewall".to_owned();
    let (all, current, rules) = std::thread::scope(|scope| {
        let all = scope.spawn(|| output(host, &["netsh", "advfirewall", "show", "allprofiles"]));
        let current = scope.spawn(|| output(host, &["netsh", "advfirewall", "show", "currentprofile"]));
        let mut question = RunCommand::new([
            "netsh",
            "advfirewall",
            "firewall",
            "show",
            "rule",
            "name=all",
            "verbose",
        ]);
        // Some hosts have a thousand rules.
        question.limit_ms = 8_000;
        let rules = host.ask(&question.cap_bytes(16 << 20));
        (
            all.join().unwrap_or_default(),
            current.join().unwrap_or_default(),
            rules,
        )
    });
    let obstacle = [all.obstacle(), rules.obstacle()]
        .into_iter()
        .flatten()
        .next()
        .cloned();
    let read = windows::firewall(
        &current.into_seen().unwrap_or_default(),
        &all.into_seen().unwrap_or_default(),
        &rules.into_seen().unwrap_or_default().stdout.0,
    );
    let rules = match (read, obstacle) {
        (Some(firewall), _) => {
            answer.rules = firewall.rule_count();
            answer.managed_by = Some(name.clone());
            answer.read.push(name);
            Rules::Windows(firewall)
        }
        (None, Some(obstacle)) => {
            answer.unread.push((name, obstacle.to_string()));
            Rules::None
        }
        (None, None) => {
            answer.unread.push((
                name,
                "netsh prints in a language that is not read here".to_owned(),
            ));
            Rules::None
        }
    };
    Filters { answer, rules }
}
