//! Which files rsyslog and syslog-ng write, from their configurations.

/// The files that a configuration writes, those first whose line names the tag or the facility. Conditions are not
/// evaluated: which lines are in a file is seen by reading it.
pub fn files(configuration: &str, tag: &str, facility: &str) -> Vec<String> {
    let (mut own, mut others): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for line in configuration.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let is_own = names(line, tag) || names(line, facility);
        let list = if is_own { &mut own } else { &mut others };
        list.extend(paths(line).map(str::to_owned));
    }
    own.extend(others);
    let mut known = std::collections::HashSet::new();
    own.retain(|path| known.insert(path.clone()));
    own
}

/// True when a line has this word.
fn names(line: &str, word: &str) -> bool {
    !word.is_empty()
        && line
            .split(|character: char| !(character.is_ascii_alphanumeric() || "_-".contains(character)))
            .any(|part| part == word)
}

/// Files below /var/log and others that end like a log: `-/var/log/x`, `file("/var/log/x")`, `File="/var/log/x"`.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| character.is_whitespace() || "\"'();,=".contains(character))
        .map(|word| word.trim_start_matches(['-', '?']))
        .filter(|word| {
            let plain = word.starts_with('/') && !word.contains(['%', '$', '*', '{', '<']);
            plain && (word.starts_with("/var/log/") || word.rsplit('.').next() == Some("log"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_rsyslog_are_found() {
        let text = "# local7.* /var/log/no\nmodule(load=\"imuxsock\")\n*.*;auth,authpriv.none\t\t-/var/log/syslog\nlocal7.*  /var/log/boot.log\nif $programname == 'edge' then /srv/log/edge.log\n:programname, isequal, \"shop\" action(type=\"omfile\" file=\"/var/log/shop\")\n$IncludeConfig /etc/rsyslog.d/*.conf\n";
        assert_eq!(
            files(text, "edge", "local7"),
            [
                "/var/log/boot.log",
                "/srv/log/edge.log",
                "/var/log/syslog",
                "/var/log/shop"
            ]
        );
    }

    #[test]
    fn the_files_of_syslog_ng_are_found() {
        let text = "destination d_web { file(\"/var/log/web.log\" perm(0640)); };\nfilter f_web { program(\"edge\"); };\n";
        assert_eq!(files(text, "edge", "local7"), ["/var/log/web.log"]);
    }
}
