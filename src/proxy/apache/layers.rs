//! Which sections apply to a request, in the order in which httpd merges them: the main server, the virtual
//! host, `<Directory>` and `<Files>` when a file is served, `<Proxy>` when it is proxied, then `<Location>`
//! and last `<If>`.

use super::passes::section_path;
use super::tree::{ROOT, StatementId};
use super::{Config, paths, uri};
use crate::proxy::nginx::pattern;

/// Sections that apply, outermost first; what comes later wins.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    pub(super) sections: Vec<StatementId>,
    /// Conditions that only the running server can decide.
    pub(super) undetermined: Vec<String>,
}

impl Layers {
    /// The server's own level.
    pub(super) fn of_server(config: &Config, server: usize) -> Self {
        let section = config.servers.get(server).map_or(ROOT, |server| server.section);
        let mut sections = vec![ROOT];
        if section != ROOT {
            sections.push(section);
        }
        Self {
            sections,
            undetermined: Vec::new(),
        }
    }

    /// The directive in force: the last in the last section that has it.
    pub(super) fn last(&self, config: &Config, name: &str) -> Option<StatementId> {
        self.sections
            .iter()
            .rev()
            .find_map(|section| config.tree.last(*section, name))
    }

    /// All of a name, outermost first.
    pub(super) fn all<'a>(
        &'a self,
        config: &'a Config,
        name: &'a str,
    ) -> impl Iterator<Item = StatementId> + 'a {
        self.sections
            .iter()
            .flat_map(move |section| config.tree.named(*section, name))
    }

    /// Adds the `<Location>`s of a decoded path.
    pub(super) fn add_locations(&mut self, config: &Config, path: &str) {
        let plain = uri::without_double_slashes(path);
        let mut found = Vec::new();
        for server in self.server_sections() {
            for section in config.tree.children(server) {
                let statement = config.tree.get(section);
                if !statement.is_section() || !(statement.is("Location") || statement.is("LocationMatch")) {
                    continue;
                }
                match location_matches(config, section, path, &plain) {
                    Ok(true) => found.push(section),
                    Ok(false) => {}
                    Err(reason) => self.undetermined.push(reason),
                }
            }
        }
        self.sections.extend(found);
    }

    /// Adds `<Proxy>` sections for a URL.
    pub(super) fn add_proxies(&mut self, config: &Config, url: &str) {
        let mut found = Vec::new();
        for server in self.server_sections() {
            for section in config.tree.children(server) {
                let statement = config.tree.get(section);
                if !statement.is_section() || !(statement.is("Proxy") || statement.is("ProxyMatch")) {
                    continue;
                }
                let (written, regex) = section_path(config, section);
                let matched = if regex {
                    pattern::matches(&written, false, url).is_ok_and(|found| found.is_some())
                } else if paths::is_pattern(&written) {
                    paths::fnmatch(&written, url, false, false)
                } else {
                    url.starts_with(&written)
                };
                if matched {
                    found.push(section);
                }
            }
        }
        self.sections.extend(found);
    }

    /// Adds `<Directory>` (by length of the path, then patterns as they stand), then `<Files>` of a file.
    pub(super) fn add_directories(&mut self, config: &Config, file: &str) {
        let (directory, name) = file.rsplit_once('/').unwrap_or(("", file));
        let directory = format!("{directory}/");
        let mut by_depth: Vec<(usize, StatementId)> = Vec::new();
        let mut by_expression = Vec::new();
        let mut files = Vec::new();
        for server in self.server_sections() {
            for section in config.tree.children(server) {
                let statement = config.tree.get(section);
                if !statement.is_section() {
                    continue;
                }
                let (written, regex) = section_path(config, section);
                if statement.is("Directory") || statement.is("DirectoryMatch") {
                    if regex {
                        if pattern::matches(&written, false, &directory).is_ok_and(|found| found.is_some()) {
                            by_expression.push(section);
                        }
                    } else if directory_matches(&written, &directory) {
                        let depth = written.trim_end_matches('/').matches('/').count();
                        by_depth.push((depth, section));
                    }
                } else if statement.is("Files") || statement.is("FilesMatch") {
                    files.push(section);
                }
            }
        }
        by_depth.sort_by_key(|(depth, _)| *depth);
        let directories: Vec<StatementId> = by_depth
            .into_iter()
            .map(|(_, section)| section)
            .chain(by_expression)
            .collect();
        let inner: Vec<StatementId> = self
            .server_sections()
            .into_iter()
            .chain(directories.iter().copied())
            .collect();
        self.sections.extend(directories);
        for outer in inner {
            for section in config.tree.children(outer) {
                let statement = config.tree.get(section);
                if !statement.is_section() || !(statement.is("Files") || statement.is("FilesMatch")) {
                    continue;
                }
                if file_matches(config, section, name) {
                    self.sections.push(section);
                }
            }
        }
    }

    /// Notes what `<If>` sections could change.
    pub(super) fn note_conditions(&mut self, config: &Config) {
        for section in self.sections.clone() {
            for child in config.tree.children(section) {
                let statement = config.tree.get(child);
                let conditional = ["If", "ElseIf", "Else"].iter().any(|name| statement.is(name));
                if statement.is_section() && conditional {
                    let place = config.place(child);
                    self.undetermined.push(format!(
                        "<{}> at {place} is decided for each request",
                        statement.name()
                    ));
                }
            }
        }
    }

    fn server_sections(&self) -> Vec<StatementId> {
        let sections = self.sections.iter().copied();
        sections
            .filter(|section| *section == ROOT)
            .chain(self.sections.get(1).copied())
            .collect()
    }
}

/// `<Directory>` takes the directory and all below it.
fn directory_matches(written: &str, directory: &str) -> bool {
    let wanted = written.trim_end_matches('/');
    if paths::is_pattern(wanted) {
        // The pattern is compared with as many segments as it has itself.
        let count = wanted.matches('/').count();
        let segments: Vec<&str> = directory.trim_end_matches('/').split('/').collect();
        let head = segments.get(..=count).map(|head| head.join("/"));
        return head.is_some_and(|head| paths::fnmatch(wanted, &head, true, false));
    }
    directory
        .strip_prefix(wanted)
        .is_some_and(|rest| rest.starts_with('/'))
}

pub(super) fn file_matches(config: &Config, section: StatementId, name: &str) -> bool {
    let (written, regex) = section_path(config, section);
    if regex {
        pattern::matches(&written, false, name).is_ok_and(|found| found.is_some())
    } else if paths::is_pattern(&written) {
        paths::fnmatch(&written, name, true, false)
    } else {
        written == name
    }
}

/// Whether a `<Location>` takes a path; `plain` is the path without doubled slashes, which expressions do see.
fn location_matches(config: &Config, section: StatementId, path: &str, plain: &str) -> Result<bool, String> {
    let (written, regex) = section_path(config, section);
    if regex {
        return pattern::matches(&written, false, path).map(|found| found.is_some());
    }
    if paths::is_pattern(&written) {
        return Ok(paths::fnmatch(&written, plain, true, false));
    }
    let Some(rest) = plain.strip_prefix(&written) else {
        return Ok(false);
    };
    Ok(written.is_empty() || written.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}
