//! Apache's access log: a `LogFormat` turned into the form that the reader of access logs takes.

use crate::evidence::AccessEntry;
use crate::proxy::nginx::access_log;

/// The format that Apache calls `common`, and the one it takes without a name.
const COMMON: &str = "%h %l %u %t \\\"%r\\\" %>s %b";

/// Reads the lines that have this `LogFormat`.
pub fn entries(bytes: &[u8], format: &str) -> Vec<AccessEntry> {
    access_log::entries(bytes, &named(format))
}

/// The reader of a `LogFormat`.
pub fn reader(format: &str) -> access_log::AccessFormat {
    access_log::reader(&named(format))
}

/// The format with nginx's names, where a nickname stands for one that is built in.
fn named(format: &str) -> String {
    let format = match format {
        "" | "common" => COMMON,
        // The rest of the line has nothing that is asked for.
        "combined" => "%h %l %u %t \\\"%r\\\" %>s %b %{rest}x",
        other => other,
    };
    translated(format)
}

fn translated(format: &str) -> String {
    let mut out = String::new();
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('t') => out.push('\t'),
                Some('n') | None => {}
                Some(other) => out.push(other),
            },
            '%' => {
                // Conditions on the status and `<`, `>` come before the letter.
                while characters
                    .peek()
                    .is_some_and(|next| next.is_ascii_digit() || matches!(next, '<' | '>' | '!' | ','))
                {
                    characters.next();
                }
                let mut argument = String::new();
                if characters.peek() == Some(&'{') {
                    characters.next();
                    argument.extend(characters.by_ref().take_while(|next| *next != '}'));
                }
                match characters.next() {
                    Some('%') => out.push('%'),
                    Some('t') if argument.is_empty() => out.push_str("[$time_local]"),
                    Some(letter) => {
                        out.push_str("${");
                        out.push_str(variable(letter, &argument));
                        out.push('}');
                    }
                    None => {}
                }
            }
            other => out.push(other),
        }
    }
    out
}

fn variable(letter: char, argument: &str) -> &'static str {
    match (letter, argument) {
        ('h' | 'a', "") => "remote_addr",
        ('r', _) => "request",
        ('s', _) => "status",
        ('D', _) | ('T', "us") => "request_time_us",
        ('T', "ms") => "request_time_ms",
        ('T', _) => "request_time",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_formats_are_read() {
        let line = b"127.0.0.1 \"GET /x HTTP/1.1\" 502 272 1147\n";
        let entry = &entries(line, "%h \\\"%r\\\" %>s %b %D")[0];
        assert_eq!(entry.status, Some(502));
        assert_eq!(entry.request.as_deref(), Some("GET /x HTTP/1.1"));
        assert_eq!(entry.request_time_us, Some(1_147));
    }

    #[test]
    fn the_common_format_is_read() {
        let line = b"127.0.0.1 - - [22/Nov/2026:19:57:04 +0000] \"GET / HTTP/1.1\" 503 529\n";
        let entry = &entries(line, "common")[0];
        assert_eq!((entry.status, entry.at_ms), (Some(503), Some(1_795_377_424_000)));
    }
}
