//! What `git log` prints about configurations that are kept in a repository (etckeeper, or by hand).

use crate::evidence::ConfigCommit;

/// How `git log` has to print: with `--name-only`, a record separator before every commit.
pub const FORMAT: &str = "%x1e%ct%x09%h%x09%s";

/// Reads what `git log --name-only --format=FORMAT` printed about this repository.
pub fn commits(bytes: &[u8], repository: &str) -> Vec<ConfigCommit> {
    String::from_utf8_lossy(bytes)
        .split('\u{1e}')
        .filter_map(|record| {
            let mut lines = record.lines();
            let mut fields = lines.next()?.splitn(3, '\t');
            let seconds: i64 = fields.next()?.trim().parse().ok()?;
            let id = fields.next()?.to_owned();
            let subject = fields.next().unwrap_or_default().chars().take(200).collect();
            Some(ConfigCommit {
                at_ms: seconds.checked_mul(1_000)?,
                repository: repository.to_owned(),
                id,
                subject,
                files: lines
                    .filter(|line| !line.is_empty())
                    .take(20)
                    .map(str::to_owned)
                    .collect(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_has_a_time_an_id_a_subject_and_its_files() {
        let printed = b"\x1e1795360000\tab12cd3\tdaily autocommit\n\nnginx/nginx.conf\nnginx/sites/shop.conf\n\x1ex\ty\tz\n\x1e1795350000\t0f0f0f0\t\n";
        let read = commits(printed, "/etc");
        assert_eq!(read.len(), 2);
        let first = read.first().expect("two were read");
        assert_eq!(
            (first.at_ms, first.id.as_str(), first.subject.as_str()),
            (1_795_360_000_000, "ab12cd3", "daily autocommit")
        );
        assert_eq!(first.files, ["nginx/nginx.conf", "nginx/sites/shop.conf"]);
        assert!(commits(b"fatal: not a git repository\n", "/etc").is_empty());
    }
}
