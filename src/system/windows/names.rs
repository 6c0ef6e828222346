//! `ipconfig /all` and `ipconfig /displaydns` (learn.microsoft.com, "ipconfig").

use std::net::IpAddr;

use super::{field, text};
use crate::evidence::{CachedAddress, ResolverConfiguration};

/// The nameservers and the search list of `ipconfig /all`.
pub fn resolver(bytes: &[u8]) -> ResolverConfiguration {
    let text = text(bytes);
    let mut configuration = ResolverConfiguration {
        cache: Some("DNS Client (Dnscache)".to_owned()),
        ..ResolverConfiguration::default()
    };
    let mut list = List::Other;
    for line in text.lines() {
        // A further value of the field before stands alone on its line.
        let (label, value) = match field(line) {
            Some((label, value)) if line.contains(". :") => (Some(label), value),
            _ => (None, line.trim()),
        };
        if let Some(label) = label {
            list = kind(label);
        }
        match list {
            List::Nameservers => {
                if let Some(address) = address(value)
                    && !configuration.nameservers.contains(&address)
                {
                    configuration.nameservers.push(address);
                }
            }
            List::Search => {
                let plain = !value.is_empty() && !value.contains([' ', ':']);
                if plain && !configuration.search.iter().any(|known| known == value) {
                    configuration.search.push(value.to_owned());
                }
            }
            List::Other => {}
        }
        if line.trim().is_empty() {
            list = List::Other;
        }
    }
    configuration
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Nameservers,
    Search,
    Other,
}

/// `DNS Servers`, `DNS-Server`, `Serveurs DNS`; `DNS Suffix Search List`, `Connection-specific DNS Suffix`.
fn kind(label: &str) -> List {
    let label = label.to_lowercase();
    if !label.contains("dns") {
        return List::Other;
    }
    if label.contains("suffix") {
        List::Search
    } else if label.contains("serv") {
        List::Nameservers
    } else {
        List::Other
    }
}

/// `192.0.2.5(Preferred)`, `fe80::1%12`.
fn address(text: &str) -> Option<IpAddr> {
    text.split(['(', '%']).next()?.trim().parse().ok()
}

/// The addresses of this host in `ipconfig /all`, each with the name of its adapter. The loopback is not listed there.
pub fn addresses(bytes: &[u8]) -> Vec<(IpAddr, String)> {
    let text = text(bytes);
    let mut adapter = String::new();
    let mut found: Vec<(IpAddr, String)> = vec![
        (std::net::Ipv4Addr::LOCALHOST.into(), "lo".to_owned()),
        (std::net::Ipv6Addr::LOCALHOST.into(), "lo".to_owned()),
    ];
    for line in text.lines() {
        if !line.starts_with(char::is_whitespace) && line.ends_with(':') {
            line.trim_end_matches(':').clone_into(&mut adapter);
            continue;
        }
        if let Some((label, value)) = field(line)
            && (label.contains("IPv4") || label.contains("IPv6"))
            && let Some(address) = address(value)
        {
            found.push((address, adapter.clone()));
        }
    }
    found
}

/// What `ipconfig /displaydns` holds for a name. Six fields make a record: name, type, seconds left, length, section,
/// and the value; only their order is gone by.
pub fn cached(bytes: &[u8], name: &str) -> Vec<CachedAddress> {
    let text = text(bytes);
    let mut found = Vec::new();
    let mut fields: Vec<&str> = Vec::new();
    for line in text.lines() {
        let Some((_, value)) = field(line).filter(|_| line.contains(". :")) else {
            fields.clear();
            continue;
        };
        fields.push(value);
        if let [owner, kind, seconds, _, _, value] = fields.as_slice() {
            let is_address = *kind == "1" || *kind == "28";
            if is_address
                && owner.trim_end_matches('.').eq_ignore_ascii_case(name)
                && let Some(address) = address(value)
            {
                found.push(CachedAddress {
                    address,
                    ttl_s: seconds.parse().ok(),
                });
            }
            fields.clear();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "\r\nWindows IP Configuration\r\n\r\n   Host Name . . . . . . . . . . . . : WEB-1\r\n   Primary Dns Suffix  . . . . . . . : corp.example.test\r\n   DNS Suffix Search List. . . . . . : corp.example.test\r\n                                       example.test\r\n\r\nEthernet adapter Ethernet:\r\n\r\n   Connection-specific DNS Suffix  . : \r\n   Link-local IPv6 Address . . . . . : fe80::5%12(Preferred) \r\n   IPv4 Address. . . . . . . . . . . : 192.0.2.5(Preferred) \r\n   Subnet Mask . . . . . . . . . . . : 255.255.255.0\r\n   Default Gateway . . . . . . . . . : 192.0.2.1\r\n   DNS Servers . . . . . . . . . . . : 192.0.2.53\r\n                                       198.51.100.53\r\n   NetBIOS over Tcpip. . . . . . . . : Enabled\r\n";

    #[test]
    fn nameservers_on_lines_of_their_own_are_found() {
        let configuration = resolver(ALL.as_bytes());
        let servers: Vec<String> = configuration.nameservers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.53", "198.51.100.53"]);
        assert_eq!(configuration.search, ["corp.example.test", "example.test"]);
        let own = addresses(ALL.as_bytes());
        assert_eq!(
            own.last(),
            Some(&(
                "192.0.2.5".parse().expect("an address"),
                "Ethernet adapter Ethernet".to_owned()
            ))
        );
    }

    #[test]
    fn records_of_the_cache_are_read_in_any_language() {
        let english = "\r\nWindows IP Configuration\r\n\r\n    app.example.test\r\n    ----------------------------------------\r\n    Record Name . . . . . : app.example.test\r\n    Record Type . . . . . : 1\r\n    Time To Live  . . . . : 2841\r\n    Data Length . . . . . : 4\r\n    Section . . . . . . . : Answer\r\n    A (Host) Record . . . : 192.0.2.10\r\n\r\n\r\n    www.example.test\r\n    ----------------------------------------\r\n    Name does not exist.\r\n";
        let german = "    app.example.test\n    ----------------------------------------\n    Eintragsname . . . . . : app.example.test\n    Eintragstyp  . . . . . : 1\n    Gültigkeitsdauer . . . : 2841\n    Datenlänge . . . . . . : 4\n    Abschnitt. . . . . . . : Antwort\n    (Host-)A-Eintrag . . . : 192.0.2.10\n";
        for text in [english, german] {
            let found = cached(text.as_bytes(), "App.example.test");
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(
                (found[0].address.to_string(), found[0].ttl_s),
                ("192.0.2.10".to_owned(), Some(2_841))
            );
        }
        assert!(cached(english.as_bytes(), "www.example.test").is_empty());
    }
}
