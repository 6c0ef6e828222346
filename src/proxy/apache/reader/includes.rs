//! `Include` and `IncludeOptional`: files, directories and patterns.

use super::{DEEPEST_DIRECTORY, DEEPEST_INCLUDE, Place, Reader, Source, paths};

impl Reader<'_> {
    pub(super) fn include(&mut self, written: &str, optional: bool, place: &Place) {
        let path = paths::absolute(&self.server_root, written);
        let mut found = Vec::new();
        if let Err(message) = self.matching(&path, optional, &mut found) {
            self.error("include-missing", place.clone(), message);
        }
        // The last one pushed is read first.
        let mut files = Vec::new();
        for path in found {
            self.collect_files(&path, optional, place, &mut files);
        }
        let open = self
            .frames
            .iter()
            .filter(|frame| matches!(frame.source, Source::File(_)));
        if open.count() >= DEEPEST_INCLUDE && !files.is_empty() {
            let message = format!("includes are nested deeper than {DEEPEST_INCLUDE}");
            self.error("include-loop", place.clone(), message);
            return;
        }
        for file in files.into_iter().rev() {
            let running = self
                .frames
                .iter()
                .any(|frame| frame.file == file && matches!(frame.source, Source::File(_)));
            if running && !self.is_waiting(file) {
                let path = self.tree.files.get(file).map(|file| file.path.clone());
                let message = format!("{} includes itself", path.unwrap_or_default());
                self.error("include-loop", place.clone(), message);
                continue;
            }
            self.push_file(file);
        }
    }

    /// A frame of this file stands on the stack, but none of its lines was read: the file is only included
    /// next.
    pub(super) fn is_waiting(&self, file: usize) -> bool {
        let mut frames = self.frames.iter().filter(|frame| frame.file == file);
        frames.all(|frame| matches!(&frame.source, Source::File(lines) if lines.is_fresh()))
    }

    /// The files that a path stands for: itself, or all that lie in a directory and below it.
    pub(super) fn collect_files(&mut self, path: &str, optional: bool, place: &Place, into: &mut Vec<usize>) {
        let mut waiting = vec![(path.to_owned(), 0_usize)];
        while let Some((path, depth)) = waiting.pop() {
            match self.load(&path) {
                Ok(file) => into.push(file),
                Err(reason) if reason.contains("is a directory") => {
                    if depth > DEEPEST_DIRECTORY {
                        let message =
                            format!("{path} exceeds the nesting of {DEEPEST_DIRECTORY} directories");
                        self.error("include-loop", place.clone(), message);
                        continue;
                    }
                    let mut names = self.files.list(&path);
                    names.retain(|name| name != "." && name != "..");
                    names.sort_unstable_by(|left, right| right.cmp(left));
                    let path = path.trim_end_matches('/');
                    waiting.extend(
                        names
                            .into_iter()
                            .map(|name| (format!("{path}/{name}"), depth.saturating_add(1))),
                    );
                }
                Err(reason) => {
                    let missing = reason.contains("no such file");
                    if optional && missing {
                        continue;
                    }
                    let rule = if missing {
                        "include-missing"
                    } else {
                        "include-unreadable"
                    };
                    self.error(rule, place.clone(), format!("cannot open {path}: {reason}"));
                }
            }
        }
    }

    /// The paths a pattern stands for, sorted by bytes within each directory.
    pub(super) fn matching(
        &self,
        pattern: &str,
        optional: bool,
        into: &mut Vec<String>,
    ) -> Result<(), String> {
        if !paths::is_pattern(pattern) {
            into.push(pattern.to_owned());
            return Ok(());
        }
        let mut found = vec![String::new()];
        let components: Vec<&str> = pattern.split('/').skip(1).collect();
        let last = components.len().saturating_sub(1);
        for (index, component) in components.iter().enumerate() {
            if !paths::is_pattern(component) {
                found = found.iter().map(|before| format!("{before}/{component}")).collect();
                continue;
            }
            let mut next = Vec::new();
            for before in &found {
                let directory = if before.is_empty() { "/" } else { before.as_str() };
                let mut names: Vec<String> = self.files.list(directory);
                names.retain(|name| {
                    name != "." && name != ".." && paths::fnmatch(component, name, false, true)
                });
                names.sort_unstable();
                let kept = names.into_iter().map(|name| format!("{before}/{name}"));
                let kept: Vec<String> = if index == last {
                    kept.collect()
                } else {
                    kept.filter(|path| self.is_directory(path)).collect()
                };
                if kept.is_empty() && !optional {
                    return Err(format!(
                        "no matches for the wildcard \"{component}\" in \"{directory}\""
                    ));
                }
                next.extend(kept);
            }
            found = next;
        }
        into.extend(found);
        Ok(())
    }

    pub(super) fn is_directory(&self, path: &str) -> bool {
        matches!(self.files.read(path), Err(reason) if reason.contains("is a directory"))
    }
}
