//! `ip route get`, `ip neigh`, `ip address`, resolv.conf, /etc/hosts, passwd.

use std::net::IpAddr;

use crate::evidence::{HostsEntry, KernelRoute, ResolverConfiguration};

/// Reads `ip route get ADDRESS`: standard output and standard error of the command.
pub fn kernel_route(stdout: &[u8], stderr: &[u8]) -> KernelRoute {
    let (out, err) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
    let text = out
        .lines()
        .next()
        .or_else(|| err.lines().next())
        .unwrap_or_default()
        .trim()
        .to_owned();
    let after = |word: &str| {
        let mut words = text.split_whitespace().skip_while(|other| *other != word);
        words.nth(1).map(str::to_owned)
    };
    let kinds = ["prohibit", "blackhole", "unreachable", "throw"];
    let mut refused_by = text
        .split_whitespace()
        .next()
        .filter(|word| kinds.contains(word))
        .map(str::to_owned);
    // The kernel answers for such a route with an error, and each kind has its own.
    if err.contains("Permission denied") || err.contains("Operation not permitted") {
        refused_by = Some("prohibit".to_owned());
    } else if err.contains("Invalid argument") {
        refused_by = Some("blackhole".to_owned());
    } else if err.contains("No route to host") {
        refused_by = Some("unreachable".to_owned());
    }
    KernelRoute {
        no_route: err.contains("Network is unreachable"),
        refused_by,
        device: after("dev"),
        gateway: after("via"),
        source: after("src"),
        device_down: text.contains("linkdown"),
        text,
    }
}

/// Reads `ip -o route show default`: the interface of the default route that is taken, when it looks like a
/// VPN's.
pub fn vpn_default_route(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let after = |line: &str, word: &str| {
        let mut words = line.split_whitespace().skip_while(|other| *other != word);
        words.nth(1).map(str::to_owned)
    };
    text.lines()
        .filter(|line| line.starts_with("default") && !line.contains("linkdown"))
        .filter_map(|line| {
            let metric: u64 = match after(line, "metric") {
                None => 0,
                Some(metric) => metric.parse().ok()?,
            };
            Some((metric, after(line, "dev")?))
        })
        // Of equal metrics the first one listed is taken.
        .min_by_key(|(metric, _)| *metric)
        .map(|(_, device)| device)
        .filter(|device| is_vpn(device))
}

/// True for the names that VPN software gives its interfaces.
fn is_vpn(device: &str) -> bool {
    let numbered = |prefix: &str| {
        device.strip_prefix(prefix).is_some_and(|rest| {
            rest.starts_with(|character: char| character.is_ascii_digit() || character == '-')
        })
    };
    ["tun", "tap", "ppp", "utun", "wg", "ipsec"]
        .iter()
        .any(|prefix| numbered(prefix))
        || ["tailscale", "nordlynx", "proton", "wg-", "mullvad"]
            .iter()
            .any(|prefix| device.starts_with(prefix))
}

/// Reads `ip -o address show`: addresses with their interface.
pub fn addresses(bytes: &[u8]) -> Vec<(IpAddr, String)> {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let name = words.get(1)?.trim_end_matches(':').split('@').next()?;
            let address = words.get(3)?.split('/').next()?.parse().ok()?;
            Some((address, name.to_owned()))
        })
        .collect()
}

/// Reads `ip -o link show`: names of interfaces that are not up.
pub fn interfaces_down(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| {
            let (_, rest) = line.split_once(": ")?;
            let (name, rest) = rest.split_once(':')?;
            let flags = rest.split(['<', '>']).nth(1)?;
            let up = flags.split(',').any(|flag| flag == "UP");
            (!up).then(|| name.split('@').next().unwrap_or(name).to_owned())
        })
        .collect()
}

/// The state of a neighbour entry in `ip neigh show ADDRESS`.
pub fn neighbour(bytes: &[u8]) -> Option<String> {
    String::from_utf8_lossy(bytes)
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().next_back().map(str::to_owned))
}

/// Reads /etc/resolv.conf.
pub fn resolver(bytes: &[u8]) -> ResolverConfiguration {
    let mut configuration = ResolverConfiguration::default();
    for line in String::from_utf8_lossy(bytes).lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => {
                let address: Option<IpAddr> =
                    words.next().and_then(|word| word.split('%').next()?.parse().ok());
                configuration.nameservers.extend(address);
            }
            Some("search" | "domain") => configuration.search = words.map(str::to_owned).collect(),
            Some("options") => {
                let ndots = words.find_map(|word| word.strip_prefix("ndots:")?.parse().ok());
                configuration.ndots = ndots.or(configuration.ndots);
            }
            _ => {}
        }
    }
    configuration
}

/// The sources of the `hosts` line of nsswitch.conf, without its `[actions]`.
pub fn name_order(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut depth = false;
    text.lines()
        .filter_map(|line| line.split('#').next()?.trim().strip_prefix("hosts:"))
        .flat_map(str::split_whitespace)
        .filter(|word| {
            let inside = depth || word.starts_with('[');
            depth = inside && !word.ends_with(']');
            !inside
        })
        .map(str::to_owned)
        .collect()
}

/// The names that the system asks nameservers for, in its order: with at least `ndots` dots as it stands
/// first, else the search list first; a dot at the end forbids the list.
pub fn asked_names(name: &str, configuration: &ResolverConfiguration) -> Vec<String> {
    let listed = configuration.search.iter().filter(|domain| *domain != ".");
    let completed = listed.map(|domain| format!("{name}.{domain}"));
    let dots = name.bytes().filter(|byte| *byte == b'.').count();
    let enough = usize::try_from(configuration.ndots.unwrap_or(1)).is_ok_and(|wanted| dots >= wanted);
    match (name.ends_with('.'), enough) {
        (true, _) => vec![name.to_owned()],
        (false, true) => std::iter::once(name.to_owned()).chain(completed).collect(),
        (false, false) => completed.chain(std::iter::once(name.to_owned())).collect(),
    }
}

/// Addresses that a hosts file gives for a name.
pub fn hosts_entries(bytes: &[u8], name: &str) -> Vec<IpAddr> {
    hosts_file(bytes)
        .into_iter()
        .filter(|entry| entry.names.iter().any(|word| word.eq_ignore_ascii_case(name)))
        .map(|entry| entry.address)
        .collect()
}

/// All lines of `/etc/hosts` that have an address.
pub fn hosts_file(bytes: &[u8]) -> Vec<HostsEntry> {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            Some(HostsEntry {
                address: words.next()?.parse().ok()?,
                names: words.map(str::to_owned).collect(),
            })
        })
        .collect()
}

/// Name of a user or group id in passwd or group; the number itself when it has none.
pub fn account_name(bytes: &[u8], id: u32) -> String {
    let id = id.to_string();
    String::from_utf8_lossy(bytes)
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == id).then(|| name.to_owned())
        })
        .unwrap_or(id)
}

/// User and primary group of a name in passwd.
pub fn account(bytes: &[u8], name: &str) -> Option<(u32, u32)> {
    String::from_utf8_lossy(bytes).lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.first() == Some(&name)).then_some(())?;
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    })
}

/// `TcpExt ListenOverflows` from /proc/net/netstat.
pub fn listen_overflows(bytes: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let names = lines.next()?.split_whitespace();
    let values = lines.next()?.split_whitespace();
    names
        .zip(values)
        .find(|(name, _)| *name == "ListenOverflows")?
        .1
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_list_comes_before_a_name_with_too_few_dots() {
        let configuration =
            resolver(b"nameserver 10.0.0.2\nsearch a.test b.test\noptions timeout:1 ndots:2\n");
        assert_eq!(configuration.ndots, Some(2));
        assert_eq!(
            asked_names("oven.x", &configuration),
            ["oven.x.a.test", "oven.x.b.test", "oven.x"]
        );
        assert_eq!(asked_names("a.b.c", &configuration)[0], "a.b.c");
        assert_eq!(asked_names("oven.", &configuration), ["oven."]);
    }

    #[test]
    fn actions_are_no_sources_of_names() {
        let text = b"passwd: files\nhosts:  files mdns4_minimal [NOTFOUND=return] dns # local\n";
        assert_eq!(name_order(text), ["files", "mdns4_minimal", "dns"]);
    }

    #[test]
    fn a_prohibited_route_is_told_from_a_missing_one() {
        let prohibited = kernel_route(b"", b"RTNETLINK answers: Permission denied\n");
        assert_eq!(prohibited.refused_by.as_deref(), Some("prohibit"));
        let missing = kernel_route(b"", b"RTNETLINK answers: Network is unreachable\n");
        assert!(missing.no_route && missing.refused_by.is_none());
        let good = kernel_route(
            b"10.0.0.2 via 10.1.0.1 dev eth0 src 10.1.0.5 uid 0\n    cache\n",
            b"",
        );
        assert_eq!(good.device.as_deref(), Some("eth0"));
        assert_eq!(good.source.as_deref(), Some("10.1.0.5"));
    }

    #[test]
    fn a_default_route_through_a_vpn_is_named_by_its_interface() {
        let vpn = |text: &str| vpn_default_route(text.as_bytes());
        assert_eq!(vpn("default dev wg0 scope link \n"), Some("wg0".to_owned()));
        assert_eq!(
            vpn(
                "default via 192.0.2.1 dev eth0 proto dhcp metric 100 \ndefault via 10.8.0.1 dev tun0 proto static metric 50 \n"
            ),
            Some("tun0".to_owned())
        );
        // The VPN's route is there, but another one is taken.
        assert_eq!(
            vpn("default via 192.0.2.1 dev eth0 \ndefault via 10.8.0.1 dev tun0 metric 50 \n"),
            None
        );
        for device in [
            "tap1",
            "ppp0",
            "utun3",
            "tailscale0",
            "nordlynx",
            "proton0",
            "wg-office",
            "mullvad-de",
        ] {
            assert_eq!(
                vpn(&format!("default dev {device} scope link")),
                Some(device.to_owned())
            );
        }
        for device in ["eth0", "tunnelbroker", "wlan0", "tapestry", "bond0"] {
            assert_eq!(
                vpn(&format!("default via 10.0.0.1 dev {device}")),
                None,
                "{device}"
            );
        }
        assert_eq!(vpn("default via 10.8.0.1 dev tun0 linkdown"), None);
        assert_eq!(vpn(""), None);
        assert_eq!(vpn("default metric 5 dev"), None);
    }

    #[test]
    fn names_come_from_the_hosts_file() {
        let hosts = b"127.0.0.1 localhost\n10.0.0.5 app.test App # comment\n";
        assert_eq!(
            hosts_entries(hosts, "APP.test"),
            ["10.0.0.5".parse::<IpAddr>().expect("address")]
        );
    }

    #[test]
    fn an_interface_that_is_down_is_listed() {
        let links = b"1: lo: <LOOPBACK> mtu 65536 qdisc noop state DOWN\n2: eth0@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500\n";
        assert_eq!(interfaces_down(links), ["lo"]);
    }
}
