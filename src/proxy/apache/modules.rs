//! Which modules are there: static ones of the build, and what `LoadModule` brings. A module has two names:
//! its identifier (`proxy_module`) and the file it was compiled from (`mod_proxy.c`).

use std::collections::BTreeSet;

/// Modules whose file is not named after their identifier.
const FILES: &[(&str, &str)] = &[
    ("core_module", "core.c"),
    ("http_module", "http_core.c"),
    ("mpm_event_module", "event.c"),
    ("mpm_worker_module", "worker.c"),
    ("mpm_prefork_module", "prefork.c"),
    ("mpm_itk_module", "mpm_itk.c"),
    ("ldap_module", "util_ldap.c"),
    ("php5_module", "mod_php5.c"),
    ("php7_module", "mod_php7.c"),
    ("apreq_module", "mod_apreq2.c"),
];

/// The modules a configuration can use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modules {
    /// `proxy_module`.
    identifiers: BTreeSet<String>,
    /// `mod_proxy.c`.
    files: BTreeSet<String>,
    /// Every module counts as there: nobody knows which ones are.
    every: bool,
}

impl Modules {
    /// From now on every module counts as there.
    pub fn take_every(&mut self) {
        self.every = true;
    }

    /// Adds one by identifier (`LoadModule`) or by file (`apache2 -l`).
    pub fn add(&mut self, name: &str) {
        if let Some(stem) = name.strip_suffix(".c") {
            self.files.insert(name.to_owned());
            let known = FILES.iter().find(|(_, file)| *file == name);
            self.identifiers.insert(known.map_or_else(
                || format!("{}_module", stem.strip_prefix("mod_").unwrap_or(stem)),
                |(identifier, _)| (*identifier).to_owned(),
            ));
        } else {
            self.files.insert(file(name));
            self.identifiers.insert(name.to_owned());
        }
    }

    /// What `<IfModule>` asks: an identifier or a file name, exactly as it is written.
    pub fn has(&self, name: &str) -> bool {
        self.identifiers.contains(name)
            || self.files.contains(name)
            || self.every && (name.ends_with("_module") || has_extension_of_c(name))
    }

    /// All identifiers.
    pub fn identifiers(&self) -> impl Iterator<Item = &str> {
        self.identifiers.iter().map(String::as_str)
    }
}

fn has_extension_of_c(name: &str) -> bool {
    std::path::Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "c")
}

/// The file that a module of this identifier is compiled from.
fn file(identifier: &str) -> String {
    let known = FILES.iter().find(|(name, _)| *name == identifier);
    known.map_or_else(
        || {
            format!(
                "mod_{}.c",
                identifier.strip_suffix("_module").unwrap_or(identifier)
            )
        },
        |(_, file)| (*file).to_owned(),
    )
}

/// The identifier that a name in `<IfModule>` was probably meant to be (`proxy_http` for
/// `proxy_http_module`), when it is neither an identifier nor a file name.
pub fn meant_by(name: &str) -> Option<String> {
    let plain = !name.ends_with("_module") && !has_extension_of_c(name);
    let stem = name.strip_suffix(".so").unwrap_or(name);
    plain.then(|| format!("{}_module", stem.strip_prefix("mod_").unwrap_or(stem)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_known_by_its_identifier_and_by_its_file() {
        let mut modules = Modules::default();
        modules.add("mpm_event_module");
        modules.add("proxy_http_module");
        modules.add("http_core.c");
        for name in [
            "mpm_event_module",
            "event.c",
            "proxy_http_module",
            "mod_proxy_http.c",
            "http_module",
        ] {
            assert!(modules.has(name), "{name}");
        }
        assert!(!modules.has("proxy_http"));
        assert_eq!(meant_by("proxy_http").as_deref(), Some("proxy_http_module"));
        assert_eq!(meant_by("mod_proxy.c"), None);
    }
}
