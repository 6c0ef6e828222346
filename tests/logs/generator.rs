//! An error log of nginx as a busy host writes it, of any length, with the counts that are true of it.
//!
//! The same seed gives the same bytes. Lines have the forms of real captures: twenty signatures over 80 upstreams,
//! remarks that mean nothing, messages that go on in the next lines, connections without a request.

use std::collections::BTreeMap;
use std::io::Write;

use fix502::evidence::Symptom;

/// Lines by symptom, upstream and minute since 1970.
pub(crate) type Truth = BTreeMap<(Symptom, Option<String>, u64), u64>;

/// The time of the first line: 2026/11/22 00:00:00 UTC.
pub(crate) const BEGIN_S: u64 = 1_795_305_600;

/// Numbers that look random and are the same each time.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15))
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// A message, what it means, the scheme of its upstream, how often it comes.
const MESSAGES: [(&str, Symptom, &str, u64); 20] = [
    (
        "connect() failed (111: Connection refused) while connecting to upstream",
        Symptom::ConnectionRefused,
        "http",
        300,
    ),
    (
        "upstream prematurely closed connection while reading response header from upstream",
        Symptom::ClosedBeforeHeader,
        "http",
        180,
    ),
    (
        "upstream timed out (110: Connection timed out) while reading response header from upstream",
        Symptom::HeaderTimeout,
        "http",
        160,
    ),
    (
        "upstream timed out (110: Connection timed out) while connecting to upstream",
        Symptom::ConnectTimeout,
        "http",
        60,
    ),
    (
        "no live upstreams while connecting to upstream",
        Symptom::NoLiveUpstreams,
        "group",
        80,
    ),
    (
        "recv() failed (104: Connection reset by peer) while reading response header from upstream",
        Symptom::ResetBeforeHeader,
        "fastcgi",
        60,
    ),
    (
        "connect() to unix:/run/php/php8.2-fpm.sock failed (11: Resource temporarily unavailable) while connecting to upstream",
        Symptom::AcceptQueueFull,
        "unix",
        40,
    ),
    (
        "connect() to unix:/run/app.sock failed (2: No such file or directory) while connecting to upstream",
        Symptom::SocketMissing,
        "unix",
        20,
    ),
    (
        "connect() to 127.0.0.1:8080 failed (13: Permission denied) while connecting to upstream",
        Symptom::PermissionDenied,
        "http",
        10,
    ),
    (
        "connect() failed (113: No route to host) while connecting to upstream",
        Symptom::HostUnreachable,
        "http",
        20,
    ),
    (
        "connect() failed (101: Network is unreachable) while connecting to upstream",
        Symptom::NetworkUnreachable,
        "http",
        8,
    ),
    (
        "upstream sent too big header while reading response header from upstream",
        Symptom::HeaderTooBig,
        "http",
        30,
    ),
    (
        "upstream sent invalid header: \"X-Bad\\x20Name{n}: \\x00...\" while reading response header from upstream",
        Symptom::InvalidHeader,
        "http",
        10,
    ),
    (
        "upstream sent no valid HTTP/1.0 header while reading response header from upstream",
        Symptom::NotHttp,
        "http",
        10,
    ),
    (
        "upstream prematurely closed connection while reading upstream",
        Symptom::BodyCut,
        "http",
        30,
    ),
    (
        "writev() failed (32: Broken pipe) while sending request to upstream",
        Symptom::SendFailed,
        "http",
        12,
    ),
    (
        "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking to upstream",
        Symptom::TlsWrongVersion,
        "https",
        15,
    ),
    (
        "upstream SSL certificate verify error: (10:certificate has expired) while SSL handshaking to upstream",
        Symptom::TlsDate,
        "https",
        15,
    ),
    (
        "app{n}.internal.example could not be resolved (3: Host not found)",
        Symptom::NameNotFound,
        "none",
        25,
    ),
    (
        "upstream server temporarily disabled while connecting to upstream",
        Symptom::PeerMarkedDown,
        "http",
        40,
    ),
];

/// Writes a log of about `bytes` bytes in which `lines_per_minute` lines are written each minute, counts what it
/// writes, and returns the time of the last line in seconds.
pub(crate) fn write(
    out: &mut impl Write,
    seed: u64,
    bytes: u64,
    lines_per_minute: u64,
    truth: &mut Truth,
) -> std::io::Result<u64> {
    let mut random = Random::new(seed);
    let (mut written, mut line, mut number) = (0_u64, Vec::new(), 0_u64);
    let sum: u64 = MESSAGES.iter().map(|message| message.3).sum();
    let mut at_s = BEGIN_S;
    while written < bytes {
        at_s = BEGIN_S + number * 60 / lines_per_minute;
        number += 1;
        line.clear();
        let (connection, peer) = (number * 3, random.below(80));
        let (pid, client) = (1_000 + random.below(8), random.below(200));
        write!(line, "{}", stamp(at_s))?;
        let uri = match random.below(4) {
            0 => format!(
                "/api/v1/orders/{}?page={}&sort=created",
                random.below(100_000),
                random.below(50)
            ),
            1 => format!("/cart/{}", random.below(1_000)),
            2 => "/".to_owned(),
            _ => format!("/static/assets/js/app.{:08x}.js", random.below(1 << 32)),
        };
        let fields = |line: &mut Vec<u8>, upstream: Option<&str>| -> std::io::Result<()> {
            write!(
                line,
                ", client: 203.0.113.{client}, server: shop.example.com, request: \"GET {uri} HTTP/1.1\""
            )?;
            if let Some(upstream) = upstream {
                write!(line, ", upstream: \"{upstream}{uri}\"")?;
            }
            write!(line, ", host: \"shop.example.com\"")?;
            if client % 3 == 0 {
                write!(
                    line,
                    ", referrer: \"https://shop.example.com/catalogue/{client}\""
                )?;
            }
            line.push(b'\n');
            Ok(())
        };
        let counted = match random.below(100) {
            0..=3 => {
                writeln!(
                    line,
                    " [info] {pid}#{pid}: *{connection} client 203.0.113.{client} closed keepalive connection"
                )?;
                None
            }
            4..=5 => {
                write!(
                    line,
                    " [error] {pid}#{pid}: *{connection} open() \"/srv/www{uri}\" failed (2: No such file or directory)"
                )?;
                fields(&mut line, None)?;
                None
            }
            6 => {
                // An application's message with line ends in it.
                write!(
                    line,
                    " [error] {pid}#{pid}: *{connection} FastCGI sent in stderr: \"PHP message: PHP Fatal error:  Uncaught Error: call {number}\nStack trace:\n#0 {{main}}\n  thrown in /srv/app/index.php on line 12\" while reading response header from upstream"
                )?;
                let upstream = format!("fastcgi://127.0.0.1:{}", 9_000 + peer);
                fields(&mut line, Some(&upstream))?;
                Some((Symptom::BackendStderr, Some(upstream)))
            }
            _ => {
                let mut place = random.below(sum);
                let message = MESSAGES.iter().find(|message| match place.checked_sub(message.3) {
                    Some(rest) => {
                        place = rest;
                        false
                    }
                    None => true,
                });
                let (text, symptom, scheme, _) = message.unwrap_or(&MESSAGES[0]);
                let upstream = match *scheme {
                    "none" => None,
                    "group" => Some(format!("http://backend{}", peer % 4)),
                    "unix" => Some(format!("fastcgi://unix:/run/php/pool{}.sock", peer % 8)),
                    scheme => Some(format!("{scheme}://10.0.{}.{}:8080", peer / 20, 10 + peer % 20)),
                };
                write!(
                    line,
                    " [error] {pid}#{pid}: *{connection} {}",
                    text.replace("{n}", &peer.to_string())
                )?;
                let shown = upstream.clone().map(|upstream| {
                    if *scheme == "unix" {
                        format!("{upstream}:")
                    } else {
                        upstream
                    }
                });
                fields(&mut line, shown.as_deref())?;
                Some((*symptom, upstream))
            }
        };
        if let Some((symptom, upstream)) = counted {
            *truth.entry((symptom, upstream, at_s / 60)).or_default() += 1;
        }
        out.write_all(&line)?;
        written += line.len() as u64;
    }
    Ok(at_s)
}

/// `2026/11/22 13:50:56`, in UTC.
pub(crate) fn stamp(at_s: u64) -> String {
    jiff::Timestamp::from_second(i64::try_from(at_s).unwrap_or_default())
        .map(|time| time.strftime("%Y/%m/%d %H:%M:%S").to_string())
        .unwrap_or_default()
}
