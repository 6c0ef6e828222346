//! The house rules that can be read from the files: which room names which, how long a file is, that every
//! module says what it is for, that no test file is forgotten, that every version has its entry.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Rooms that judge, read bytes or write them: none may name the room that touches the host.
const PURE: [&str; 7] = [
    "causes", "evidence", "finding", "proxy", "report", "system", "verdict",
];

/// The most lines of a file.
const MOST_LINES: usize = 600;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All `.rs` files below a directory of this repository, by their path from its top, sorted.
fn sources(below: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![below.to_owned()];
    while let Some(directory) = waiting.pop() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&directory);
        for entry in std::fs::read_dir(&path).expect("the directory is there") {
            let entry = entry.expect("an entry");
            let name = format!("{directory}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().expect("a type").is_dir() {
                waiting.push(name);
            } else if Path::new(&name).extension().is_some_and(|ending| ending == "rs") {
                found.push(name);
            }
        }
    }
    found.sort();
    found
}

/// The room of a file: `src/proxy/nginx/uri.rs` and `src/proxy.rs` belong to `proxy`.
fn room(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let name = inside.split('/').next()?;
    let name = name.strip_suffix(".rs").unwrap_or(name);
    (!["lib", "main"].contains(&name)).then_some(name)
}

/// A file that holds only tests of the module beside it.
fn is_of_tests(path: &str) -> bool {
    path.ends_with("/tests.rs")
}

/// The code without comments and without the module of tests at its end.
fn code(text: &str) -> String {
    let mut lines = Vec::new();
    let mut rest = text.lines().peekable();
    while let Some(line) = rest.next() {
        let tests_begin = line == "#[cfg(test)]"
            && rest
                .peek()
                .is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'));
        if tests_begin {
            break;
        }
        if !line.trim_start().starts_with("//") {
            lines.push(line);
        }
    }
    lines.join("\n")
}

fn word(text: &str) -> &str {
    let end = text
        .find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
        .unwrap_or(text.len());
    &text[..end]
}

/// The rooms that some code names, and ways of naming that this test could not follow.
fn named(path: &str, code: &str) -> (BTreeSet<String>, Vec<String>) {
    let (mut rooms, mut unclear) = (BTreeSet::new(), Vec::new());
    for part in code.split("crate::").skip(1) {
        match word(part) {
            "" => unclear.push(format!("{path}: name one room in a line, not `crate::{{…}}`")),
            room => {
                rooms.insert(room.to_owned());
            }
        }
    }
    // `super` as often as the file lies deep leads out of the room.
    let inside = path.trim_start_matches("src/").trim_end_matches("/mod.rs");
    let out = "super::".repeat(inside.split('/').count());
    if code.contains(&out) {
        unclear.push(format!("{path}: `{out}` leaves the room, write `crate::`"));
    }
    (rooms, unclear)
}

/// The room rule as docs/architecture.md has it: rows "| `room` | `other`, … |" below "| room | may name |".
fn rule() -> BTreeMap<String, BTreeSet<String>> {
    let page = read("docs/architecture.md");
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let quoted =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    page.lines()
        .skip_while(|line| cells(line) != ["room", "may name"])
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = cells(line);
            let room = quoted(&cells[0]).remove(0);
            (room, quoted(&cells[1]).into_iter().collect())
        })
        .collect()
}

#[test]
fn a_room_names_only_the_rooms_of_its_row() {
    let rule = rule();
    let mut wrong = Vec::new();
    let mut drawn: BTreeSet<(String, String)> = BTreeSet::new();
    let mut rooms: BTreeSet<String> = BTreeSet::new();
    for path in sources("src") {
        let Some(room) = room(&path).filter(|_| !is_of_tests(&path)) else {
            continue;
        };
        rooms.insert(room.to_owned());
        let (named, unclear) = named(&path, &code(&read(&path)));
        wrong.extend(unclear);
        for other in named {
            if other == room {
                continue;
            }
            if !rule.get(room).is_some_and(|row| row.contains(&other)) {
                wrong.push(format!("{path}: `{room}` may not name `{other}`"));
            }
            drawn.insert((room.to_owned(), other));
        }
    }
    assert!(
        wrong.is_empty(),
        "see the table in docs/architecture.md:\n{}",
        wrong.join("\n")
    );
    assert_eq!(
        rooms,
        rule.keys().cloned().collect(),
        "the table in docs/architecture.md has a row for each room"
    );
    assert!(drawn.len() > 40, "only {} arrows were found", drawn.len());
}

#[test]
fn what_is_pure_may_not_name_the_host() {
    let rule = rule();
    for room in PURE {
        assert!(!rule[room].contains("host"), "{room}");
        for other in &rule[room] {
            assert!(PURE.contains(&other.as_str()), "{room} → {other}");
        }
    }
    assert!(rule["evidence"].is_empty());
}

#[test]
fn an_arrow_is_noticed_wherever_it_stands() {
    let names = |path: &str, text: &str| named(path, &code(text));
    let (rooms, unclear) = names(
        "src/causes/no_route.rs",
        "use crate::host::Host;\nfn f() { crate::ui::say() }\n",
    );
    assert_eq!(rooms, ["host", "ui"].map(str::to_owned).into());
    assert_eq!(unclear, Vec::<String>::new());
    assert_eq!(names("src/exit.rs", "use super::host;").1.len(), 1);
    assert_eq!(names("src/proxy/mod.rs", "use super::host;").1.len(), 1);
    assert_eq!(
        names("src/proxy/request.rs", "use super::nginx;").1,
        Vec::<String>::new()
    );
    assert_eq!(
        names("src/proxy/request.rs", "use super::super::host;").1.len(),
        1
    );
    assert_eq!(names("src/exit.rs", "use crate::{host, verdict};").1.len(), 1);
    let only_in_tests =
        "//! See [`crate::cli`].\nfn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::host;\n}\n";
    assert!(names("src/exit.rs", only_in_tests).0.is_empty());
}

#[test]
fn no_file_is_too_long_to_read() {
    for path in sources("src") {
        let lines = read(&path).lines().count();
        assert!(
            lines <= MOST_LINES,
            "{path} has {lines} lines, {MOST_LINES} are the limit"
        );
    }
}

/// Paths of this repository that a page names in backticks, without patterns such as `<id>`.
fn paths_named_in(page: &str) -> Vec<&str> {
    page.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| {
            ["src/", "tests/", "docs/", ".clippy"]
                .iter()
                .any(|top| word.starts_with(top))
        })
        .filter(|word| !word.contains(['<', '{', '*', ' ']))
        .collect()
}

#[test]
fn the_architecture_page_names_files_that_exist() {
    let page = read("docs/architecture.md");
    let paths = paths_named_in(&page);
    assert!(paths.len() > 10, "{paths:?}");
    for path in paths {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        assert!(file.exists(), "docs/architecture.md names {path}");
    }
}

#[test]
fn every_module_begins_by_saying_what_it_is_for() {
    for path in sources("src") {
        if is_of_tests(&path) || path == "src/main.rs" {
            continue;
        }
        let text = read(&path);
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 20, "{path}: {first}");
    }
}

/// The file that declares the module of this file, and its name; `None` for the top.
fn declared_in(path: &str) -> Option<(Vec<String>, String)> {
    let inside = path.strip_suffix("/mod.rs").or_else(|| path.strip_suffix(".rs"))?;
    let (directory, name) = inside.rsplit_once('/')?;
    let parents = if directory == "tests" {
        vec!["tests/main.rs".to_owned()]
    } else {
        vec![format!("{directory}.rs"), format!("{directory}/mod.rs")]
    };
    Some((parents, name.to_owned()))
}

#[test]
fn every_test_file_belongs_to_the_test_program() {
    let all = sources("tests");
    assert!(all.len() > 20, "only {} files were found", all.len());
    // The fuzz targets are programs of a package of their own.
    let ours = |path: &&String| *path != "tests/main.rs" && !path.starts_with("tests/fuzz/");
    for path in all.iter().filter(ours) {
        let (parents, name) = declared_in(path).expect("a file below tests");
        let declared = parents
            .iter()
            .filter(|parent| all.contains(parent))
            .any(|parent| read(parent).lines().any(|line| line.trim() == format!("mod {name};")));
        assert!(
            declared,
            "{path} is never compiled: no `mod {name};` in {parents:?}"
        );
    }
}

#[test]
fn this_version_has_an_entry_in_the_changelog() {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = read("CHANGELOG.md");
    let entry = changelog
        .split("\n## ")
        .find(|entry| entry.starts_with(&format!("[{version}]")))
        .unwrap_or_else(|| panic!("CHANGELOG.md has no entry for {version}"));
    assert!(
        entry.lines().any(|line| line.starts_with("- ")),
        "the entry for {version} says nothing"
    );
}

/// The one file that may name what only some systems have.
const OF_THE_SYSTEM: &str = "src/host/platform.rs";

#[test]
fn what_only_some_systems_have_stands_in_one_file_behind_its_cfg() {
    let manifest = read("Cargo.toml");
    let everywhere = manifest
        .split_once("[dependencies]")
        .and_then(|(_, rest)| rest.split("\n[").next())
        .expect("there are dependencies");
    assert!(!everywhere.contains("\nnix "), "nix is for unix alone");
    assert!(manifest.contains("[target.'cfg(unix)'.dependencies]\nnix "));
    for path in sources("src") {
        let code = code(&read(&path));
        let named = ["nix::", "std::os::", "libc::"]
            .iter()
            .any(|word| code.contains(word));
        assert!(
            !named || path == OF_THE_SYSTEM,
            "{path} names what only some systems have"
        );
    }
    // Within that file every item that does stands behind a `cfg`.
    let text = code(&read(OF_THE_SYSTEM));
    let mut gated = false;
    for line in text.lines() {
        if line.starts_with("pub(super) fn") || line.starts_with("fn ") || line.starts_with("use ") {
            gated = false;
        }
        if line.trim_start().starts_with("#[cfg(") {
            gated = true;
        }
        let begins = line.starts_with("pub(super) fn") || line.starts_with("fn ");
        if begins {
            // The attribute stands right above the item.
            let before = text.split_once(line).map_or("", |(before, _)| before);
            gated = before
                .trim_end()
                .lines()
                .next_back()
                .is_some_and(|line| line.starts_with("#[cfg("));
        }
        let named = line.contains("nix::") || line.contains("std::os::");
        assert!(!named || gated, "{OF_THE_SYSTEM} is not gated: {line}");
    }
}
