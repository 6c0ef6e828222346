//! What is installed: the program of each kind of proxy, its version, where its configuration lies, how it
//! tests it and how its reader is called.
//!
//! To add a kind: an arm in each `match` here.

use super::HostFiles;
use crate::evidence::{HostFacts, Observed, Platform, ProxyKind, ProxyProcess};
use crate::host::{Host, RunCommand};
use crate::proxy::{Configuration, Files, apache, nginx, squid};
use crate::system::commands;

/// A proxy server as it is installed.
#[derive(Clone, Debug)]
pub(super) struct Software {
    pub(super) kind: ProxyKind,
    /// `nginx`, `apache2`, `httpd`, `squid`.
    program: String,
    pub(super) version: Option<String>,
    prefix: String,
    pub(super) main_file: String,
    error_log: Option<String>,
    access_log: Option<String>,
    hostname: String,
    platform: Platform,
    /// What the program says of itself.
    banner: String,
}

impl Software {
    /// Asks the program about itself.
    pub(super) fn ask(host: &Host, kind: ProxyKind, proxy: Option<&ProxyProcess>, facts: &HostFacts) -> Self {
        let hostname = facts.name.as_str();
        if !facts.platform.is_linux() {
            return Self::elsewhere(host, kind, proxy, facts);
        }
        let name = proxy.map_or("", |proxy| proxy.master.name.as_str());
        let (program, flag) = match kind {
            ProxyKind::Apache if name == "httpd" => ("httpd", "-V"),
            ProxyKind::Apache => ("apache2", "-V"),
            ProxyKind::Squid => ("squid", "-v"),
            ProxyKind::Nginx | ProxyKind::Haproxy => ("nginx", "-V"),
        };
        let ask = |program: &str| host.ask(&RunCommand::new([program, flag]));
        let mut program = program.to_owned();
        let mut answer = ask(&program);
        if kind == ProxyKind::Apache && proxy.is_none() && answer.seen().is_none() {
            "httpd".clone_into(&mut program);
            answer = ask(&program);
        }
        let banner = match answer {
            // nginx writes it to standard error, the others to standard output.
            Observed::Seen(output) => format!("{}\n{}", output.stdout.text(), output.stderr.text()),
            _ => String::new(),
        };
        Self::read(kind, program, &banner, hostname)
    }

    /// The same on macOS and Windows, where the program may lie anywhere.
    fn elsewhere(host: &Host, kind: ProxyKind, proxy: Option<&ProxyProcess>, facts: &HostFacts) -> Self {
        let name = match kind {
            ProxyKind::Apache => "httpd",
            ProxyKind::Squid => "squid",
            ProxyKind::Nginx | ProxyKind::Haproxy => "nginx",
        };
        let flag = if kind == ProxyKind::Squid { "-v" } else { "-V" };
        let running = proxy.and_then(|proxy| {
            let title = proxy.master.arguments.first()?;
            let title = title.strip_prefix("nginx: master process ").unwrap_or(title);
            let program = if facts.platform == Platform::Windows {
                title
            } else {
                title.split_whitespace().next()?
            };
            crate::proxy::is_absolute(program).then(|| program.to_owned())
        });
        let program = running.clone().unwrap_or_else(|| name.to_owned());
        let banner = match host.ask(&RunCommand::new([program.as_str(), flag])) {
            Observed::Seen(output) => format!("{}\n{}", output.stdout.text(), output.stderr.text()),
            _ => String::new(),
        };
        let mut software = Self::read(kind, name.to_owned(), &banner, &facts.name);
        software.platform = facts.platform;
        let usual = commands::proxy(facts.platform, kind, None);
        if facts.platform == Platform::Windows {
            // Its paths are relative to where it is started, which is the directory of the program.
            let home = running.map_or_else(
                || match kind {
                    ProxyKind::Apache => "C:/Apache24".to_owned(),
                    _ => "C:/nginx".to_owned(),
                },
                |program| {
                    let program = program.replace('\\', "/");
                    let directory = program.rsplit_once('/').map_or("", |(directory, _)| directory);
                    directory.trim_end_matches("/bin").to_owned()
                },
            );
            let file = match kind {
                ProxyKind::Apache => "conf/httpd.conf",
                ProxyKind::Squid => "etc/squid/squid.conf",
                ProxyKind::Nginx | ProxyKind::Haproxy => "conf/nginx.conf",
            };
            software.main_file = format!("{home}/{file}");
            software.error_log = Some(format!("{home}/logs/error.log"));
            software.access_log = Some(format!("{home}/logs/access.log"));
            software.prefix = home;
        } else if banner.trim().is_empty() {
            let files = HostFiles::of(host);
            let found = usual.configs.iter().find(|path| files.read(path).is_ok());
            let found = found.or(usual.configs.first()).copied().unwrap_or_default();
            found.clone_into(&mut software.main_file);
        }
        software
    }

    fn read(kind: ProxyKind, program: String, banner: &str, hostname: &str) -> Self {
        let option = |name: &str| {
            banner
                .split_ascii_whitespace()
                .find_map(|word| word.trim_matches('\'').strip_prefix(name))
                .map(str::to_owned)
        };
        let define = |name: &str| {
            banner
                .split_once(name)
                .and_then(|(_, rest)| rest.strip_prefix("=\""))
                .and_then(|rest| rest.split('"').next())
                .map(str::to_owned)
        };
        let version = |mark: &str| {
            banner
                .split_once(mark)
                .and_then(|(_, rest)| rest.split_ascii_whitespace().next())
                .map(str::to_owned)
        };
        let below = |prefix: &str, path: String| {
            if crate::proxy::is_absolute(&path) {
                path
            } else {
                format!("{}/{path}", prefix.trim_end_matches('/'))
            }
        };
        let base = Self {
            kind,
            program,
            version: None,
            prefix: String::new(),
            main_file: String::new(),
            error_log: None,
            access_log: None,
            hostname: hostname.to_owned(),
            platform: Platform::default(),
            banner: banner.to_owned(),
        };
        match kind {
            ProxyKind::Nginx | ProxyKind::Haproxy => {
                let prefix = option("--prefix=").unwrap_or_else(|| "/usr/share/nginx".to_owned());
                Self {
                    version: version("nginx/"),
                    main_file: option("--conf-path=")
                        .map_or_else(|| "/etc/nginx/nginx.conf".to_owned(), |path| below(&prefix, path)),
                    error_log: option("--error-log-path=").map(|path| below(&prefix, path)),
                    access_log: option("--http-log-path=").map(|path| below(&prefix, path)),
                    prefix,
                    ..base
                }
            }
            ProxyKind::Apache => {
                let root = if base.program == "httpd" {
                    "/etc/httpd"
                } else {
                    "/etc/apache2"
                };
                let file = if base.program == "httpd" {
                    "conf/httpd.conf"
                } else {
                    "apache2.conf"
                };
                let prefix = define("HTTPD_ROOT").unwrap_or_else(|| root.to_owned());
                let main_file = define("SERVER_CONFIG_FILE").unwrap_or_else(|| file.to_owned());
                Self {
                    version: version("Apache/"),
                    main_file: below(&prefix, main_file),
                    error_log: define("DEFAULT_ERRORLOG").map(|path| below(&prefix, path)),
                    prefix,
                    ..base
                }
            }
            ProxyKind::Squid => {
                let build = squid::Build::read(banner);
                let (directory, main_file) = if banner.trim().is_empty() {
                    ("/etc/squid".to_owned(), "/etc/squid/squid.conf".to_owned())
                } else {
                    (build.sysconfdir, build.default_config)
                };
                Self {
                    version: version("Version "),
                    main_file,
                    prefix: directory,
                    ..base
                }
            }
        }
    }

    fn version_numbers(&self) -> Option<(u32, u32, u32)> {
        let digits = |part: &str| -> Option<u32> {
            let end = part
                .find(|character: char| !character.is_ascii_digit())
                .unwrap_or(part.len());
            part.get(..end)?.parse().ok()
        };
        let mut parts = self.version.as_deref()?.split('.').map(digits);
        Some((
            parts.next()??,
            parts.next()??,
            parts.next().flatten().unwrap_or(0),
        ))
    }

    /// The main file and the prefix of a running proxy, from its command line.
    pub(super) fn set_paths(&self, proxy: &mut ProxyProcess) {
        proxy.version.clone_from(&self.version);
        let title = proxy.master.arguments.join(" ");
        let words: Vec<String> = match self.kind {
            // nginx writes its command line into its title.
            ProxyKind::Nginx | ProxyKind::Haproxy => title
                .strip_prefix("nginx: master process ")
                .unwrap_or(&title)
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            ProxyKind::Apache | ProxyKind::Squid => proxy.master.arguments.clone(),
        };
        let (file_flag, prefix_flag) = match self.kind {
            ProxyKind::Nginx | ProxyKind::Haproxy => ("-c", Some("-p")),
            ProxyKind::Apache => ("-f", Some("-d")),
            ProxyKind::Squid => ("-f", None),
        };
        let prefix = prefix_flag.and_then(|flag| after(&words, flag));
        proxy.prefix = match prefix {
            Some(prefix) if self.platform == Platform::Windows => prefix.replace('\\', "/"),
            Some(prefix) => prefix,
            None => self.prefix.clone(),
        };
        proxy.config = match after(&words, file_flag) {
            Some(path) if crate::proxy::is_absolute(&path) => path.replace('\\', "/"),
            Some(path) => format!("{}/{path}", proxy.prefix.trim_end_matches('/')),
            // What it was started with moves its files along.
            None if self.platform == Platform::Windows && self.kind == ProxyKind::Nginx => {
                format!("{}/conf/nginx.conf", proxy.prefix.trim_end_matches('/'))
            }
            None => self.main_file.clone(),
        };
    }

    /// Reads a configuration as this program does; `None`: there is no reader for this kind of server.
    pub(super) fn configuration(
        &self,
        files: &HostFiles<'_>,
        main_file: &str,
        proxy: Option<&ProxyProcess>,
    ) -> Option<Configuration> {
        let prefix = proxy
            .map(|proxy| proxy.prefix.clone())
            .filter(|prefix| !prefix.is_empty())
            .unwrap_or_else(|| self.prefix.clone());
        match self.kind {
            // There is no reader for it yet.
            ProxyKind::Haproxy => None,
            ProxyKind::Nginx => {
                let environment = nginx::Environment {
                    prefix,
                    version: self.version_numbers(),
                    hostname: self.hostname.clone(),
                    build_error_log: self.error_log.clone(),
                    build_access_log: self.access_log.clone(),
                    ..nginx::Environment::default()
                };
                Some(Configuration::Nginx(Box::new(nginx::read(
                    main_file,
                    files,
                    &environment,
                ))))
            }
            ProxyKind::Squid => {
                let build = squid::Build::read(&self.banner);
                let fallback = squid::Environment::default();
                // Without a child, the only process serves and calls itself plainly.
                let alone = proxy.is_some_and(|proxy| {
                    proxy.workers.first().map(|worker| worker.pid) == Some(proxy.master.pid)
                });
                let environment = squid::Environment {
                    version: build.version,
                    working_directory: proxy
                        .and_then(|proxy| proxy.master.directory.clone())
                        .unwrap_or(fallback.working_directory),
                    process_name: if alone {
                        "squid".to_owned()
                    } else {
                        fallback.process_name
                    },
                    process_number: u32::from(!alone),
                    log_directory: build.log_directory.unwrap_or(fallback.log_directory),
                    pid_file: build.pid_file.unwrap_or(fallback.pid_file),
                    user: build.user.unwrap_or(fallback.user),
                    hostname: self.hostname.clone(),
                    service_name: fallback.service_name,
                };
                Some(Configuration::Squid(Box::new(squid::read(
                    main_file,
                    files,
                    &environment,
                ))))
            }
            ProxyKind::Apache => {
                let build = apache::Build::read(&self.banner);
                let fallback = apache::Environment::default();
                let variables = ["/etc/apache2/envvars", "/etc/sysconfig/httpd"]
                    .iter()
                    .find_map(|path| files.read(path).ok())
                    .map(|file| apache::envvars(&file.bytes))
                    .unwrap_or_default();
                let environment = apache::Environment {
                    server_root: Some(prefix)
                        .filter(|prefix| !prefix.is_empty())
                        .unwrap_or(fallback.server_root),
                    version: build.version,
                    variables,
                    defines: proxy.map(defines).unwrap_or_default(),
                    modules: Vec::new(),
                    hostname: self.hostname.clone(),
                    part: false,
                };
                Some(Configuration::Apache(Box::new(apache::read(
                    main_file,
                    files,
                    &environment,
                ))))
            }
        }
    }

    /// The command that tests a configuration.
    pub(super) fn test(&self, main_file: &str, proxy: Option<&ProxyProcess>) -> Vec<String> {
        if !self.platform.is_linux() {
            let prefix = proxy
                .map(|proxy| proxy.prefix.as_str())
                .filter(|prefix| !prefix.is_empty());
            return commands::proxy(self.platform, self.kind, prefix).test;
        }
        let words: &[&str] = match self.kind {
            ProxyKind::Nginx | ProxyKind::Haproxy => &["nginx", "-t", "-c", main_file],
            ProxyKind::Squid => &["squid", "-k", "parse", "-f", main_file],
            // Debian's wrapper sets the variables that its configuration uses.
            ProxyKind::Apache if self.program == "apache2" => {
                if main_file == self.main_file {
                    &["apache2ctl", "-t"]
                } else {
                    &["apache2", "-t", "-f", main_file]
                }
            }
            ProxyKind::Apache => &["httpd", "-t", "-f", main_file],
        };
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        if self.kind == ProxyKind::Apache
            && let Some(proxy) = proxy
        {
            words.extend(defines(proxy).into_iter().flat_map(|name| ["-D".to_owned(), name]));
        }
        words
    }
}

/// What `-D` on Apache's command line defines.
pub(super) fn defines(proxy: &ProxyProcess) -> Vec<String> {
    let words = &proxy.master.arguments;
    words
        .iter()
        .enumerate()
        .filter_map(|(index, word)| {
            if word == "-D" {
                words.get(index + 1).cloned()
            } else {
                word.strip_prefix("-D")
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned)
            }
        })
        .filter(|name| name != "FOREGROUND")
        .collect()
}

/// The value after a flag: `-f FILE`, `-f/FILE`.
fn after(words: &[String], flag: &str) -> Option<String> {
    words.iter().enumerate().find_map(|(index, word)| {
        if word == flag {
            words.get(index + 1).cloned()
        } else {
            word.strip_prefix(flag)
                .filter(|rest| rest.starts_with('/'))
                .map(str::to_owned)
        }
    })
}

/// The kind of configuration that a file's name speaks of.
pub(super) fn kind_by_name(path: &str) -> Option<ProxyKind> {
    let path = path.to_ascii_lowercase();
    if path.contains("squid") {
        Some(ProxyKind::Squid)
    } else if path.contains("apache") || path.contains("httpd") {
        Some(ProxyKind::Apache)
    } else if path.contains("nginx") {
        Some(ProxyKind::Nginx)
    } else {
        None
    }
}

/// True when a main file is there.
pub(super) fn installed(files: &HostFiles<'_>, software: &Software) -> bool {
    files.read(&software.main_file).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Process;

    fn running(arguments: &[&str]) -> ProxyProcess {
        ProxyProcess {
            master: Process {
                arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
                ..Process::default()
            },
            ..ProxyProcess::default()
        }
    }

    #[test]
    fn apache_says_where_its_configuration_lies() {
        let banner = "Server version: Apache/2.4.71 (Debian)\n -D HTTPD_ROOT=\"/etc/apache2\"\n -D SERVER_CONFIG_FILE=\"apache2.conf\"\n";
        let software = Software::read(ProxyKind::Apache, "apache2".to_owned(), banner, "host");
        assert_eq!(software.main_file, "/etc/apache2/apache2.conf");
        assert_eq!(software.version_numbers(), Some((2, 4, 71)));
        let mut proxy = running(&[
            "/usr/sbin/apache2",
            "-f",
            "/srv/a.conf",
            "-DFOREGROUND",
            "-D",
            "SITE",
        ]);
        software.set_paths(&mut proxy);
        assert_eq!(proxy.config, "/srv/a.conf");
        assert_eq!(defines(&proxy), ["SITE"]);
    }

    #[test]
    fn squid_says_where_its_configuration_lies() {
        let banner = "Squid Cache: Version 5.7\nService Name: squid\nconfigure options:  '--build=x' '--sysconfdir=/etc/squid'\n";
        let software = Software::read(ProxyKind::Squid, "squid".to_owned(), banner, "host");
        assert_eq!(software.main_file, "/etc/squid/squid.conf");
        assert_eq!(software.version_numbers(), Some((5, 7, 0)));
        let mut proxy = running(&["squid", "-N", "-f", "/srv/s.conf"]);
        software.set_paths(&mut proxy);
        assert_eq!(proxy.config, "/srv/s.conf");
    }
}
