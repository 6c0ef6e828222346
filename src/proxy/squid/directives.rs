//! The table of directives: which there are in which version, their types and defaults.
//!
//! `directives.tsv` has one row for each, taken from the documentation source of five releases (3.5.28, 4.17, 5.7,
//! 6.13, 7.6). To add a release: a column there and a number in [`MAJORS`].

use std::sync::LazyLock;

use foldhash::HashMap;

/// The versions of the columns.
const MAJORS: [u32; 5] = [3, 4, 5, 6, 7];

/// One directive.
#[derive(Debug)]
pub(super) struct Directive {
    /// Its name.
    pub(super) name: &'static str,
    /// The type of its value, in the words of the documentation source.
    pub(super) kind: &'static str,
    defaults: [Option<&'static str>; 5],
}

static TABLE: LazyLock<HashMap<&'static str, Directive>> = LazyLock::new(|| {
    let rows = include_str!("directives.tsv").lines();
    rows.filter(|line| !line.starts_with('#')).filter_map(row).collect()
});

fn row(line: &'static str) -> Option<(&'static str, Directive)> {
    let mut cells = line.split('\t');
    let name = cells.next()?;
    let kind = cells.next()?;
    let mut defaults = [None; 5];
    let mut current = None;
    for slot in &mut defaults {
        match cells.next() {
            None | Some("=") => {}
            Some("ABSENT") => current = None,
            Some(text) => current = Some(text),
        }
        *slot = current;
    }
    Some((name, Directive { name, kind, defaults }))
}

fn column(major: u32) -> usize {
    MAJORS.iter().rposition(|known| *known <= major).unwrap_or_default()
}

/// The directive of this name, in whichever version.
pub(super) fn find(name: &str) -> Option<&'static Directive> {
    TABLE.get(name)
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.keys().copied()
}

impl Directive {
    /// The version of this major number has it, were it only to say that it is obsolete.
    pub(super) fn exists_in(&self, major: u32) -> bool {
        self.defaults.get(column(major)).is_some_and(Option::is_some)
    }

    /// The documented default in this version; `None` when there is none.
    pub(super) fn default_in(&self, major: u32) -> Option<&'static str> {
        let text = self.defaults.get(column(major)).copied().flatten()?;
        (text != "none" && text != "-").then_some(text)
    }

    /// Whether the value of a directive that is no longer there is read.
    pub(super) fn is_obsolete(&self, major: u32) -> bool {
        self.kind == "obsolete" && self.defaults.get(column(major)).copied().flatten() == Some("-")
    }
}
