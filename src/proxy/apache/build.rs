//! What the program says of itself (`apache2 -V`, `-l`), and the file its environment comes from.

use std::collections::BTreeMap;

/// What `apache2 -V` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// `2.4.57`.
    pub version: Option<(u32, u32, u32)>,
    /// `HTTPD_ROOT`: the directory that `SERVER_CONFIG_FILE` and `ServerRoot` start from.
    pub root: Option<String>,
    /// `SERVER_CONFIG_FILE`, relative to the root or absolute.
    pub config_file: Option<String>,
    /// `DEFAULT_ERRORLOG`, relative to the server's root.
    pub error_log: Option<String>,
    /// `Server MPM`, in lower case, when one is compiled in or the configuration could be read (`event`).
    pub mpm: Option<String>,
}

impl Build {
    /// Reads the output of `apache2 -V` (or `-v`, which has only the version).
    pub fn read(banner: &str) -> Self {
        let mut build = Self::default();
        for line in banner.lines() {
            let line = line.trim();
            if let Some(rest) = line.strip_prefix("Server version:") {
                build.version = rest.split('/').nth(1).and_then(version);
            } else if let Some(rest) = line.strip_prefix("Server MPM:") {
                build.mpm = Some(rest.trim().to_lowercase()).filter(|name| !name.is_empty());
            } else if let Some((name, value)) = line.strip_prefix("-D ").and_then(|rest| rest.split_once('='))
            {
                let value = Some(value.trim_matches('"').to_owned());
                match name {
                    "HTTPD_ROOT" => build.root = value,
                    "SERVER_CONFIG_FILE" => build.config_file = value,
                    "DEFAULT_ERRORLOG" => build.error_log = value,
                    _ => {}
                }
            }
        }
        build
    }

    /// The absolute path of the main file.
    pub fn main_file(&self) -> Option<String> {
        let file = self.config_file.as_deref()?;
        Some(super::paths::absolute(self.root.as_deref().unwrap_or("/"), file))
    }
}

fn version(text: &str) -> Option<(u32, u32, u32)> {
    let numbers = text.split(|character: char| !(character.is_ascii_digit() || character == '.'));
    let mut numbers = numbers.into_iter().next()?.split('.').map(str::parse);
    Some((
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
    ))
}

/// The modules of `apache2 -l`, by file (`mod_so.c`).
pub fn static_modules(listing: &str) -> Vec<String> {
    let lines = listing.lines().map(str::trim);
    let files = lines.filter(|line| line.strip_suffix(".c").is_some_and(|name| !name.contains(' ')));
    files.map(str::to_owned).collect()
}

/// The variables that `/etc/apache2/envvars` or `/etc/sysconfig/httpd` gives to the server, as far as a
/// shell would set them without running a program: `export NAME=value`, `NAME=value`, quotes, `$NAME`,
/// `${NAME}`. What stands behind a condition is taken from its `else` branch, for the condition of Debian's
/// file asks for a second instance.
pub fn envvars(bytes: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(bytes);
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    // For each open `if`: whether its present branch is taken.
    let mut branches: Vec<bool> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        let first = line.split_whitespace().next().unwrap_or_default();
        match first {
            "if" => branches.push(false),
            "elif" => {}
            "else" => {
                if let Some(branch) = branches.last_mut() {
                    *branch = true;
                }
            }
            "fi" => {
                branches.pop();
            }
            "unset" => {
                for name in line.split_whitespace().skip(1) {
                    variables.remove(name);
                }
            }
            _ if branches.iter().all(|taken| *taken) => assignment(line, &mut variables),
            _ => {}
        }
    }
    variables
}

fn assignment(line: &str, variables: &mut BTreeMap<String, String>) {
    let line = line.strip_prefix("export").map_or(line, str::trim_start);
    let Some((name, value)) = line.split_once('=') else {
        return;
    };
    let valid = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|character: char| character.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if !valid(name) {
        return;
    }
    let mut out = String::new();
    let mut characters = value.chars().peekable();
    let mut quote: Option<char> = None;
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\'' | '"', None) => quote = Some(character),
            (character, Some(open)) if character == open => quote = None,
            (' ' | '\t' | ';', None) => break,
            ('\\', None | Some('"')) => out.extend(characters.next()),
            // A program's output is not known.
            ('`', None | Some('"')) => return,
            ('$', None | Some('"')) => {
                let braces = characters.next_if_eq(&'{').is_some();
                let mut name = String::new();
                while let Some(next) = characters.next_if(|next| next.is_ascii_alphanumeric() || *next == '_')
                {
                    name.push(next);
                }
                if braces {
                    // `${NAME:-default}` and the like.
                    let mut rest = String::new();
                    for next in characters.by_ref().take_while(|next| *next != '}') {
                        rest.push(next);
                    }
                    let fallback = rest.strip_prefix(":-").or_else(|| rest.strip_prefix('-'));
                    match variables.get(&name) {
                        Some(value) => out.push_str(value),
                        None => out.push_str(fallback.unwrap_or_default()),
                    }
                } else if name.is_empty() {
                    if characters.peek() == Some(&'(') {
                        return;
                    }
                    out.push('$');
                } else if let Some(value) = variables.get(&name) {
                    out.push_str(value);
                }
            }
            (character, _) => out.push(character),
        }
    }
    variables.insert(name.to_owned(), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_of_debian_is_read() {
        let build = Build::read(
            "Server version: Apache/2.4.71 (Debian)\nServer built:   2026\nServer MPM:     \n \
             -D HTTPD_ROOT=\"/etc/apache2\"\n -D SERVER_CONFIG_FILE=\"apache2.conf\"\n",
        );
        assert_eq!(build.version, Some((2, 4, 71)));
        assert_eq!(build.main_file().as_deref(), Some("/etc/apache2/apache2.conf"));
        assert_eq!(build.mpm, None);
        assert_eq!(Build::read(""), Build::default());
        let listing = "Compiled in modules:\n  core.c\n  mod_so.c\n";
        assert_eq!(static_modules(listing), ["core.c", "mod_so.c"]);
    }

    #[test]
    fn the_environment_is_read_as_a_shell_sets_it() {
        let text = b"unset HOME\nif [ \"${APACHE_CONFDIR##/etc/apache2-}\" != \"x\" ] ; then\n\tSUFFIX=\"-x\"\n\
            else\n\tSUFFIX=\nfi\nexport APACHE_RUN_USER=www-data # c\nexport APACHE_RUN_DIR=/var/run/apache2$SUFFIX\n\
            A='b c'\nB=\"${A}-${NO:-d}\"\n#export C=1\nD=$(date)\nexport LANG\n";
        let variables = envvars(text);
        assert_eq!(variables["APACHE_RUN_USER"], "www-data");
        assert_eq!(variables["APACHE_RUN_DIR"], "/var/run/apache2");
        assert_eq!(variables["B"], "b c-d");
        assert!(!variables.contains_key("C") && !variables.contains_key("D"));
    }
}
