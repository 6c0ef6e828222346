//! `ps -axww -o pid=,ppid=,uid=,gid=,rss=,stat=,etime=,command=` and `ifconfig` (ps(1), ifconfig(8)).

use std::net::IpAddr;

use crate::evidence::Process;

/// The processes. `now_ms` is the time of the question: `ps` says how long ago a process began, which no time zone
/// can bend.
pub fn processes(bytes: &[u8], now_ms: i64) -> Vec<Process> {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| process(line, now_ms))
        .collect()
}

fn process(line: &str, now_ms: i64) -> Option<Process> {
    let mut rest = line;
    let mut next = || -> Option<&str> {
        rest = rest.trim_start();
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end)?;
        rest = after;
        (!word.is_empty()).then_some(word)
    };
    let pid = next()?.parse().ok()?;
    let parent = next()?.parse().ok()?;
    let uid = account(next()?)?;
    let gid = account(next()?)?;
    let kibibytes: u64 = next()?.parse().ok()?;
    let state = next()?.chars().take(1).collect();
    let seconds = elapsed_s(next()?)?;
    let command = rest.trim();
    // What nginx writes over its title is one argument, as it is on Linux.
    let arguments: Vec<String> = if command.starts_with("nginx: ") {
        vec![command.to_owned()]
    } else {
        command.split_whitespace().map(str::to_owned).collect()
    };
    let name = match command.strip_prefix("nginx: ") {
        Some(_) => "nginx".to_owned(),
        None => base(arguments.first().map_or("", String::as_str)).to_owned(),
    };
    Some(Process {
        pid,
        parent,
        name,
        arguments,
        state,
        uid,
        gid,
        started_ms: now_ms.saturating_sub(seconds.saturating_mul(1_000)),
        resident_bytes: kibibytes.saturating_mul(1_024),
        ..Process::default()
    })
}

/// The number of a user or group; `nobody` is -2 on macOS, which is 4294967294.
fn account(text: &str) -> Option<u32> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<i32>().ok().map(i32::cast_unsigned))
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `[[dd-]hh:]mm:ss` in seconds.
fn elapsed_s(text: &str) -> Option<i64> {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (days.parse::<i64>().ok()?, clock),
        None => (0, text),
    };
    let mut seconds = days;
    let parts: Vec<&str> = clock.split(':').collect();
    let hours = if parts.len() == 3 {
        parts.first()?.parse::<i64>().ok()?
    } else {
        0
    };
    let tail = parts.get(parts.len().checked_sub(2)?..)?;
    let (minutes, last) = (
        tail.first()?.parse::<i64>().ok()?,
        tail.get(1)?.parse::<i64>().ok()?,
    );
    seconds = seconds.checked_mul(24)?.checked_add(hours)?;
    seconds
        .checked_mul(60)?
        .checked_add(minutes)?
        .checked_mul(60)?
        .checked_add(last)
}

/// The addresses of this Mac with their interfaces, from `ifconfig`.
pub fn addresses(bytes: &[u8]) -> Vec<(IpAddr, String)> {
    let text = String::from_utf8_lossy(bytes);
    let mut interface = String::new();
    let mut found = Vec::new();
    for line in text.lines() {
        if !line.starts_with(char::is_whitespace) {
            line.split(':').next().unwrap_or_default().clone_into(&mut interface);
            continue;
        }
        let mut words = line.split_whitespace();
        if let (Some("inet" | "inet6"), Some(address)) = (words.next(), words.next())
            && let Some(address) = address.split('%').next().and_then(|address| address.parse().ok())
        {
            found.push((address, interface.clone()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_of_nginx_stay_whole_and_times_are_counted_back() {
        let text = "    1     0     0     0  19000 Ss   12-03:04:05 /sbin/launchd\n  812     1     0     0   2300 S       01:02:03 nginx: master process /opt/homebrew/opt/nginx/bin/nginx -g daemon off;\n  815   812    -2    -2   3100 S          00:09 nginx: worker process\n  900     1   501    20  90100 S       10:00 node /srv/app/server.js\n";
        let all = processes(text.as_bytes(), 2_000_000_000_000);
        assert_eq!(all.len(), 4, "{all:?}");
        assert_eq!((all[2].parent, all[2].uid), (812, u32::MAX - 1), "nobody");
        assert_eq!(all[1].name, "nginx");
        assert_eq!(all[1].arguments.len(), 1);
        assert_eq!(all[1].started_ms, 2_000_000_000_000 - 3_723_000);
        assert_eq!(
            all[0].started_ms,
            2_000_000_000_000 - (12 * 86_400 + 3 * 3_600 + 4 * 60 + 5) * 1_000
        );
        assert_eq!((all[3].name.as_str(), all[3].uid), ("node", 501));
    }

    #[test]
    fn addresses_stand_below_their_interface() {
        let text = "lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 16384\n\tinet 127.0.0.1 netmask 0xff000000\n\tinet6 ::1 prefixlen 128\n\tinet6 fe80::1%lo0 prefixlen 64 scopeid 0x1\nen0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500\n\tether 00:00:5e:00:53:01\n\tinet 192.0.2.5 netmask 0xffffff00 broadcast 192.0.2.255\n";
        let found = addresses(text.as_bytes());
        assert_eq!(found.len(), 4);
        assert_eq!(
            found[3],
            ("192.0.2.5".parse().expect("an address"), "en0".to_owned())
        );
    }
}
