//! A text that may hold anything, cut into pieces: one for each stretch of lines of one kind.
//!
//! Prose is passed over. Quotation marks of mail, fences of Markdown and the prompts of a shell are taken
//! off; colours of a terminal are removed before anything is judged.

use super::kind::{self, Kind};
use crate::evidence::ProxyKind;
use crate::proxy;
use crate::system::{curl, socket_list};

/// A stretch of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: Kind,
    /// Where it comes from, with its line where the source holds several.
    pub name: String,
    /// Its lines.
    pub text: String,
    /// The command that printed it, when the prompt stands above it.
    pub command: Option<String>,
}

/// Lines beyond this length are cut before they are judged.
const LINE_BYTES: usize = 64 * 1024;

/// Cuts a text into its pieces. `rest` says whether something with words in it was left over.
pub fn split(name: &str, bytes: &[u8]) -> (Vec<Piece>, bool) {
    let text = readable(bytes);
    if let Some(kind) = alone(&text) {
        return (
            vec![Piece {
                kind,
                name: name.to_owned(),
                text,
                command: None,
            }],
            false,
        );
    }
    let mut cutter = Cutter {
        name: name.to_owned(),
        ..Cutter::default()
    };
    for (index, line) in text.lines().enumerate() {
        cutter.line(index + 1, line);
    }
    cutter.close();
    // With a single piece the line of its beginning says nothing.
    if cutter.pieces.len() == 1
        && let Some(piece) = cutter.pieces.first_mut()
    {
        name.clone_into(&mut piece.name);
    }
    (cutter.pieces, cutter.left_over)
}

/// As text, without what a terminal would act on and without the marks that Windows leaves.
fn readable(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        let units: Vec<u16> = rest
            .chunks_exact(2)
            .map(|pair| {
                u16::from_le_bytes([
                    pair.first().copied().unwrap_or(0),
                    pair.get(1).copied().unwrap_or(0),
                ])
            })
            .collect();
        String::from_utf16_lossy(&units)
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    };
    if !text.contains(['\u{1b}', '\r', '\0']) {
        return text;
    }
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' if characters.peek() == Some(&'[') => {
                characters.next();
                // A control sequence ends with its first letter.
                while characters.next_if(|c| !('@'..='~').contains(c)).is_some() {}
                characters.next();
            }
            '\r' | '\0' => {}
            other => clean.push(other),
        }
    }
    clean
}

/// The kind of a text that is of one kind throughout: a whole log or a whole configuration.
fn alone(text: &str) -> Option<Kind> {
    let trimmed = text.trim_start();
    if trimmed.starts_with("{\"nftables\"")
        || (trimmed.starts_with('{') && trimmed.get(..200).is_some_and(|head| head.contains("\"nftables\"")))
    {
        return Some(Kind::NftJson);
    }
    let mut kinds: Vec<(Kind, usize)> = Vec::new();
    let mut seen = 0_usize;
    for line in text.lines().filter(|line| !line.trim().is_empty()).take(60) {
        seen += 1;
        if line.starts_with("```") || line.starts_with("> ") {
            return None;
        }
        if let Some(kind) = kind::of_line(line) {
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((kind, 1)),
            }
        }
    }
    let of_lines = |kind: Kind| {
        matches!(
            kind,
            Kind::NginxError
                | Kind::ApacheError
                | Kind::SquidCache
                | Kind::Access
                | Kind::SquidAccess
                | Kind::CaddyLog
                | Kind::EnvoyLog
        )
    };
    if let [(kind, count)] = kinds.as_slice()
        && of_lines(*kind)
        && *count == seen
        && seen > 1
    {
        // A long log is of one kind; a short text is looked at line by line.
        return (text.len() > 256 * 1024).then_some(*kind);
    }
    // JSON has braces at its line ends as well.
    let json = trimmed.starts_with(['{', '[']);
    if kinds.is_empty() && seen > 0 && !json && configuration_only(text) {
        return proxy::detect(text.as_bytes())
            .filter(|kind| believable(*kind, text))
            .map(Kind::Config);
    }
    None
}

fn configuration_only(text: &str) -> bool {
    let mut odd = 0_usize;
    let mut lines = 0_usize;
    for line in text.lines().take(2_000) {
        if line.trim().is_empty() {
            continue;
        }
        lines += 1;
        odd += usize::from(!kind::like_configuration(line));
    }
    // A directive may go on over several lines.
    odd * 3 <= lines
}

#[derive(Default)]
struct Cutter {
    name: String,
    pieces: Vec<Piece>,
    open: Option<Open>,
    /// Lines that may turn out to be a configuration.
    maybe: Vec<(usize, String)>,
    command: Option<String>,
    left_over: bool,
    blank: usize,
}

struct Open {
    kind: Kind,
    begin: usize,
    text: String,
    command: Option<String>,
    /// A chunk of the body of a saved response.
    body: bool,
}

impl Cutter {
    fn line(&mut self, number: usize, line: &str) {
        let line = line.get(..line.floor_char_boundary(LINE_BYTES)).unwrap_or(line);
        let trimmed = line.trim_end();
        let fence = trimmed.trim_start();
        if fence.starts_with("```") || fence.starts_with("~~~") || fence == "{code}" || fence == "{noformat}"
        {
            self.close();
            self.command = None;
            return;
        }
        // A quoted answer of a mail; a line of `curl -v` begins the same way.
        let quoted = trimmed.strip_prefix("> ").filter(|rest| {
            !self.in_response() && !curl::is_verbose(trimmed) && kind::of_line(rest).is_some()
        });
        let mut plain = quoted.unwrap_or(trimmed);
        if kind::of_line(plain).is_none() && !self.goes_on(plain) {
            let bare = plain.trim_start_matches([' ', '\t', '|']);
            if kind::of_line(bare).is_some_and(|kind| kind != Kind::Response)
                || kind::of_block(bare).is_some()
            {
                plain = bare;
            }
        }
        if let Some(command) = prompt(plain) {
            self.close();
            self.command = Some(command.to_owned());
            return;
        }
        if plain.trim().is_empty() {
            self.blank_line();
            return;
        }
        if self.goes_on(plain) {
            self.push(plain);
            return;
        }
        match kind::of_line(plain) {
            Some(kind) => self.begin(kind, number, plain),
            None => self.other(number, plain),
        }
        self.blank = 0;
    }

    fn in_response(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.kind == Kind::Response)
    }

    /// True when an open block takes this line whatever it looks like.
    fn goes_on(&self, line: &str) -> bool {
        let Some(open) = &self.open else { return false };
        let other = || kind::of_line(line);
        match open.kind {
            Kind::NginxDump => !matches!(
                other(),
                Some(
                    Kind::NginxError | Kind::ApacheError | Kind::Journal | Kind::Response | Kind::UnitStatus
                )
            ),
            Kind::UnitStatus => {
                line.starts_with(' ')
                    || line.starts_with(['├', '└'])
                    || matches!(
                        other(),
                        Some(
                            Kind::Journal
                                | Kind::Kernel
                                | Kind::UnitStatus
                                | Kind::Application
                                | Kind::HaproxyLog
                                | Kind::TraefikLog
                        )
                    )
            }
            Kind::UnitShow => line
                .split_once('=')
                .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric())),
            Kind::Containers => line
                .split_whitespace()
                .next()
                .is_some_and(|word| word.len() >= 12 && word.chars().all(|c| c.is_ascii_hexdigit())),
            Kind::NftText => {
                line.starts_with([' ', '\t'])
                    || line == "}"
                    || line.starts_with("table ")
                    || line.starts_with('#')
            }
            Kind::Iptables => line.starts_with([':', '-', '*', '#']) || line == "COMMIT",
            Kind::Sockets => {
                socket_list::is_line(line)
                    || line.starts_with("Proto ")
                    || line.starts_with(' ') && line.contains("users:")
            }
            Kind::Response => {
                if curl::is_verbose(line) || curl::begins(line) {
                    return true;
                }
                if open.body {
                    // Of a page, what has its marks; a log line ends it.
                    return other().is_none()
                        && self.blank < 2
                        && (line.trim_start().starts_with('<')
                            || line.contains("</")
                            || line.trim_start().starts_with(['{', '}', '"', '*', '/'])
                            || self.blank == 0
                            || open.text.ends_with("\n\n") && open.text.matches("\n\n").count() == 1);
                }
                curl::is_header(line)
            }
            _ => false,
        }
    }

    fn push(&mut self, line: &str) {
        self.blank = 0;
        if let Some(open) = &mut self.open {
            // The end of the head, as `curl -v` prints it.
            open.body |= open.kind == Kind::Response && line == "<";
            open.text.push_str(line);
            open.text.push('\n');
        }
    }

    fn blank_line(&mut self) {
        self.blank += 1;
        let blank = self.blank;
        let Some(open) = &mut self.open else {
            if !self.maybe.is_empty() {
                self.maybe.push((0, String::new()));
            }
            return;
        };
        match open.kind {
            Kind::Response => {
                open.body = true;
                open.text.push('\n');
            }
            Kind::NginxDump | Kind::UnitStatus | Kind::UnitShow | Kind::NftText | Kind::Iptables => {
                open.text.push('\n');
            }
            Kind::Sockets | Kind::Containers => self.close(),
            // Two empty lines in a log are a new thought; one is not.
            _ if blank > 1 => self.close(),
            _ => {}
        }
    }

    fn begin(&mut self, kind: Kind, number: usize, line: &str) {
        self.flush_maybe();
        if self.open.as_ref().is_none_or(|open| open.kind != kind) {
            self.close();
            self.open = Some(Open {
                kind,
                begin: number,
                text: String::new(),
                command: self.command.take(),
                body: false,
            });
        }
        self.push(line);
    }

    /// A line that does not tell by itself: the next line of a message, a configuration, or prose.
    fn other(&mut self, number: usize, line: &str) {
        if let Some(open) = &mut self.open
            && matches!(open.kind, Kind::NginxError | Kind::Application | Kind::Journal)
            && self.blank == 0
            && (line.starts_with([' ', '\t']) || line.contains(", upstream: \"") || line.starts_with("PHP "))
        {
            open.text.push_str(line);
            open.text.push('\n');
            return;
        }
        if self.open.is_some() {
            self.close();
        }
        if kind::like_configuration(line) {
            self.maybe.push((number, line.to_owned()));
        } else if !self.maybe.is_empty() && self.depth() > 0 {
            // Inside a block: a directive that goes on over several lines.
            self.maybe.push((number, line.to_owned()));
        } else {
            self.flush_maybe();
            self.left_over = true;
        }
    }

    fn depth(&self) -> i64 {
        self.maybe.iter().fold(0_i64, |depth, (_, line)| {
            let code = line.split(" #").next().unwrap_or(line);
            let opens = i64::try_from(code.matches('{').count()).unwrap_or(0);
            let closes = i64::try_from(code.matches('}').count()).unwrap_or(0);
            depth + opens - closes
        })
    }

    fn flush_maybe(&mut self) {
        let lines = std::mem::take(&mut self.maybe);
        let Some((begin, _)) = lines.first() else { return };
        let begin = *begin;
        let text: String = lines.iter().fold(String::new(), |mut text, (_, line)| {
            text.push_str(line);
            text.push('\n');
            text
        });
        match proxy::detect(text.as_bytes()) {
            Some(kind) if believable(kind, &text) => self.pieces.push(Piece {
                kind: Kind::Config(kind),
                name: format!("{}:{begin}", self.name),
                text,
                command: self.command.take(),
            }),
            _ => {
                self.left_over |= text
                    .lines()
                    .any(|line| !line.trim().is_empty() && !line.starts_with('#'));
            }
        }
    }

    fn close(&mut self) {
        self.flush_maybe();
        if let Some(open) = self.open.take() {
            self.pieces.push(Piece {
                kind: open.kind,
                name: format!("{}:{}", self.name, open.begin),
                text: open.text,
                command: open.command,
            });
        }
        self.blank = 0;
    }
}

/// One word with `;` behind it is no configuration.
fn believable(kind: ProxyKind, text: &str) -> bool {
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    match kind {
        ProxyKind::Nginx => [
            "_pass",
            "server",
            "location",
            "listen",
            "upstream",
            "proxy_",
            "fastcgi_",
            "uwsgi_",
            "resolver",
            "keepalive",
            "http",
            "worker_",
            "return ",
            "ssl_",
        ]
        .iter()
        .any(|word| text.contains(word)),
        ProxyKind::Apache => text.contains("Proxy") || text.contains("<VirtualHost") || lines > 1,
        ProxyKind::Squid | ProxyKind::Haproxy => true,
    }
}

/// The command behind a shell's prompt: `$ ss -ltnp`, `# dmesg`, `user@host:~# nginx -T`.
fn prompt(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line
        .strip_prefix("$ ")
        .or_else(|| line.strip_prefix("# "))
        .or_else(|| behind_a_name(line))?;
    let word = rest.trim_start_matches("sudo ").split(' ').next().unwrap_or_default();
    COMMANDS.contains(&word).then_some(rest)
}

/// `user@host:~# command`, `[user@host ~]$ command`.
fn behind_a_name(line: &str) -> Option<&str> {
    let (head, rest) = line.split_once(['$', '#'])?;
    let bracketed = head.starts_with('[') && head.ends_with(']');
    (head.contains('@') && (bracketed || !head.contains(' '))).then(|| rest.strip_prefix(' '))?
}

/// Commands whose output is of use here.
const COMMANDS: [&str; 30] = [
    "apachectl",
    "cat",
    "curl",
    "dig",
    "dmesg",
    "docker",
    "getent",
    "grep",
    "head",
    "host",
    "ip",
    "iptables",
    "iptables-save",
    "journalctl",
    "less",
    "ls",
    "namei",
    "netstat",
    "nft",
    "nginx",
    "nslookup",
    "openssl",
    "podman",
    "ps",
    "ss",
    "systemctl",
    "tail",
    "squid",
    "httpd",
    "zcat",
];
