//! THE COMMANDS OF EACH SYSTEM: what a person types on Linux, macOS and Windows to do the same thing.
//!
//! One table for each system, of plain words (`argv`): nothing here runs anything. Steps and causes take from it
//! what they print, by [`Platform`], which is recorded with the other evidence; so a bundle of a Mac is explained
//! on Linux with the commands of the Mac. To add a command: a field or method here and its words in each file.

mod linux;
mod macos;
mod windows;

use std::net::{IpAddr, SocketAddr};

use crate::evidence::{Platform, ProxyKind};

/// Words of one command.
pub type Argv = Vec<String>;

/// What is done to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop and start it.
    Restart,
    /// Start it now and at every boot.
    Enable,
    /// Show how it is.
    Status,
    /// Show what it wrote last.
    Log,
}

/// The commands for one proxy server, and where it keeps its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyCommands {
    /// Tests the configuration.
    pub test: Argv,
    /// Reads the configuration again, keeping connections.
    pub reload: Argv,
    /// Ends it and starts it again.
    pub restart: Argv,
    /// Starts it.
    pub start: Argv,
    /// Ends it.
    pub stop: Argv,
    /// Says whether it runs.
    pub status: Argv,
    /// Main configuration files, the likeliest first.
    pub configs: &'static [&'static str],
    /// Error logs, the likeliest first.
    pub logs: &'static [&'static str],
}

/// Emptying a cache of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flush {
    /// The cache.
    pub cache: &'static str,
    /// Commands that empty it, in their order.
    pub argv: &'static [&'static [&'static str]],
    /// The command that shows what it holds, or how it is.
    pub show: &'static [&'static str],
}

/// A command that shows something, with what that is.
pub type Shown = (&'static str, &'static [&'static str]);

/// The words of a command as owned strings.
fn words<S: AsRef<str>>(argv: &[S]) -> Argv {
    argv.iter().map(|word| word.as_ref().to_owned()).collect()
}

/// The commands for a proxy server. `prefix` is the directory it runs from, when that is known.
pub fn proxy(platform: Platform, kind: ProxyKind, prefix: Option<&str>) -> ProxyCommands {
    match platform {
        Platform::Macos => macos::proxy(kind),
        Platform::Windows => windows::proxy(kind, prefix),
        Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => linux::proxy(platform, kind),
    }
}

/// What is done to a service by its name.
pub fn service(platform: Platform, verb: Verb, name: &str) -> Argv {
    match platform {
        Platform::Macos => macos::service(verb, name),
        Platform::Windows => windows::service(verb, name),
        Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => {
            linux::service(platform, verb, name)
        }
    }
}

/// Lists the services, the failed ones among them.
pub fn services(platform: Platform) -> &'static [Shown] {
    match platform {
        Platform::Macos => macos::SERVICES,
        Platform::Windows => windows::SERVICES,
        Platform::LinuxSystemd => linux::SERVICES,
        Platform::LinuxOpenrc => linux::SERVICES_OPENRC,
        Platform::LinuxPlain => linux::SERVICES_PLAIN,
    }
}

/// The caches of names that this system may have.
pub fn flushes(platform: Platform) -> &'static [Flush] {
    match platform {
        Platform::Macos => macos::FLUSHES,
        Platform::Windows => windows::FLUSHES,
        Platform::LinuxSystemd => linux::FLUSHES,
        Platform::LinuxOpenrc | Platform::LinuxPlain => linux::FLUSHES_OTHER,
    }
}

/// Shows the rules of the firewalls.
pub fn firewall(platform: Platform) -> &'static [Shown] {
    match platform {
        Platform::Macos => macos::FIREWALL,
        Platform::Windows => windows::FIREWALL,
        Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => linux::FIREWALL,
    }
}

/// Lets TCP connections of this host to an endpoint through, and the command that takes that back.
pub fn allow(platform: Platform, endpoint: SocketAddr) -> (Argv, Argv) {
    match platform {
        Platform::Macos => macos::allow(endpoint),
        Platform::Windows => windows::allow(endpoint),
        Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => linux::allow(endpoint),
    }
}

/// Lists who listens on a port.
pub fn listeners(platform: Platform, port: u16) -> Argv {
    match platform {
        Platform::Macos => words(&["lsof", "-nP", &format!("-iTCP:{port}"), "-sTCP:LISTEN"]),
        Platform::Windows => windows::powershell(&format!(
            "Get-NetTCPConnection -State Listen -LocalPort {port} | Format-Table LocalAddress,LocalPort,OwningProcess"
        )),
        Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => {
            words(&["ss", "-Hltnp", &format!("sport = :{port}")])
        }
    }
}

/// Lists every listener.
pub fn all_listeners(platform: Platform) -> Argv {
    match platform {
        Platform::Macos => words(&["lsof", "-nP", "-iTCP", "-sTCP:LISTEN"]),
        Platform::Windows => words(&["netstat", "-ano"]),
        Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => words(&["ss", "-Hltnp"]),
    }
}

/// Lists the connections with the processes that hold them.
pub fn connections(platform: Platform) -> Argv {
    match platform {
        Platform::Macos => words(&["lsof", "-nP", "-iTCP"]),
        Platform::Windows => words(&["netstat", "-ano"]),
        Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => words(&["ss", "-tnp"]),
    }
}

/// Says which way packets to an address take.
pub fn route_to(platform: Platform, address: IpAddr) -> Argv {
    let text = address.to_string();
    match platform {
        Platform::Macos if address.is_ipv6() => words(&["route", "-n", "get", "-inet6", &text]),
        Platform::Macos => words(&["route", "-n", "get", &text]),
        Platform::Windows => windows::powershell(&format!("Find-NetRoute -RemoteIPAddress {text}")),
        Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => {
            words(&["ip", "route", "get", &text])
        }
    }
}

/// Says whether the next hop of an address answers.
pub fn neighbour(platform: Platform, address: IpAddr) -> Argv {
    let text = address.to_string();
    match platform {
        Platform::Macos if address.is_ipv6() => words(&["ndp", "-an"]),
        Platform::Macos => words(&["arp", "-n", &text]),
        Platform::Windows => windows::powershell(&format!("Get-NetNeighbor -IPAddress {text}")),
        Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => {
            words(&["ip", "neigh", "show", &text])
        }
    }
}

/// Says whether a connection to an endpoint can be made.
pub fn reach(platform: Platform, endpoint: SocketAddr) -> Argv {
    let (address, port) = (endpoint.ip().to_string(), endpoint.port().to_string());
    match platform {
        Platform::Macos => words(&["nc", "-vz", "-G", "3", &address, &port]),
        Platform::Windows => windows::powershell(&format!("Test-NetConnection {address} -Port {port}")),
        Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => {
            words(&["nc", "-vz", "-w3", &address, &port])
        }
    }
}

/// Three echo requests, each waited for three seconds: the flags mean other things on each system.
pub fn ping(platform: Platform, address: IpAddr) -> Argv {
    let text = address.to_string();
    match platform {
        // -W of macOS counts milliseconds; IPv6 has a program of its own, without that option.
        Platform::Macos if address.is_ipv6() => words(&["ping6", "-c", "3", &text]),
        Platform::Macos => words(&["ping", "-c", "3", "-W", "3000", &text]),
        // -n counts on Windows, and -w counts milliseconds.
        Platform::Windows => words(&["ping", "-n", "3", "-w", "3000", &text]),
        Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => {
            words(&["ping", "-c", "3", "-W", "3", &text])
        }
    }
}

/// Resolves a name as programs of this system do.
pub fn resolve(platform: Platform, name: &str) -> Argv {
    match platform {
        Platform::Macos => words(&["dscacheutil", "-q", "host", "-a", "name", name]),
        Platform::Windows => windows::powershell(&format!("Resolve-DnsName {name}")),
        Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => {
            words(&["getent", "ahosts", name])
        }
    }
}

/// Asks one nameserver for a name.
pub fn ask_nameserver(platform: Platform, name: &str, server: &str) -> Argv {
    match platform {
        Platform::Windows => words(&["nslookup", name, server]),
        Platform::Macos | Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => {
            words(&["dig", &format!("@{server}"), name])
        }
    }
}

/// The file of names that stands before every nameserver.
pub fn hosts_file(platform: Platform) -> &'static str {
    match platform {
        Platform::Windows => r"C:\Windows\System32\drivers\etc\hosts",
        _ => "/etc/hosts",
    }
}

/// The last lines of a file.
pub fn tail(platform: Platform, file: &str, lines: u32) -> Argv {
    match platform {
        Platform::Windows => windows::powershell(&format!(
            "Get-Content -Tail {lines} '{}'",
            file.replace('\'', "''")
        )),
        _ => words(&["tail", "-n", &lines.to_string(), file]),
    }
}

/// Lines of a file that hold a word, with their numbers.
pub fn search(platform: Platform, word: &str, file: &str) -> Argv {
    match platform {
        Platform::Windows => words(&["findstr", "/n", &format!("/c:{word}"), file]),
        _ => words(&["grep", "-nF", word, file]),
    }
}

/// Load, memory and disks at a glance.
pub fn load(platform: Platform) -> &'static [Shown] {
    match platform {
        Platform::Macos => macos::LOAD,
        Platform::Windows => windows::LOAD,
        Platform::LinuxSystemd | Platform::LinuxOpenrc | Platform::LinuxPlain => linux::LOAD,
    }
}

/// A command as a person types it on this system.
pub fn typed<S: AsRef<str>>(platform: Platform, argv: &[S]) -> String {
    platform.typed(argv)
}

#[cfg(test)]
mod tests;
