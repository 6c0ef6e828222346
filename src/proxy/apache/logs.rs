//! Where a server's errors and requests are logged, and in which format.

use super::tree::{ROOT, StatementId};
use super::{Config, paths};
use crate::evidence::LogTarget;

/// A `CustomLog` without format, and the default of `TransferLog`.
const COMMON: &str = "%h %l %u %t \"%r\" %>s %b";

/// The absolute path of a log; pipes, syslog and the like stay as written.
fn target(config: &Config, written: &str) -> String {
    let special = written.starts_with('|') || written.to_ascii_lowercase().starts_with("syslog");
    if special || written.is_empty() {
        written.to_owned()
    } else {
        paths::absolute(&config.server_root, written)
    }
}

/// The error log in force.
pub(super) fn error_logs(config: &Config, server: usize) -> Vec<LogTarget> {
    let level = config.server_setting(server, "LogLevel").map_or_else(
        || "warn".to_owned(),
        |id| config.statement(id).raw().trim().to_owned(),
    );
    let setting = config.server_setting(server, "ErrorLog");
    let written = setting.map_or("logs/error_log", |id| config.statement(id).argument(0));
    vec![LogTarget {
        target: target(config, written),
        format: level,
        place: setting.map(|id| config.place(id)),
    }]
}

/// The access logs in force: those of the virtual host, or the main server's when it has none.
pub(super) fn access_logs(config: &Config, server: usize) -> Vec<LogTarget> {
    let section = config.servers.get(server).map_or(ROOT, |server| server.section);
    let of = |section: StatementId| -> Vec<LogTarget> {
        let children = config.tree.children(section);
        children
            .filter_map(|id| {
                let statement = config.statement(id);
                let custom = statement.is("CustomLog") || statement.is("GlobalLog");
                if !(custom || statement.is("TransferLog")) {
                    return None;
                }
                let format = if custom {
                    let written = statement.argument(1);
                    named_format(config, server, written).unwrap_or_else(|| written.to_owned())
                } else {
                    plain_format(config, section).unwrap_or_else(|| COMMON.to_owned())
                };
                Some(LogTarget {
                    target: target(config, statement.argument(0)),
                    format: if format.is_empty() {
                        COMMON.to_owned()
                    } else {
                        format
                    },
                    place: Some(config.place(id)),
                })
            })
            .collect()
    };
    let own = of(section);
    if !own.is_empty() {
        return own;
    }
    of(ROOT)
}

/// The text of a format by its name.
fn named_format(config: &Config, server: usize, name: &str) -> Option<String> {
    let section = config.servers.get(server).map_or(ROOT, |server| server.section);
    [section, ROOT].into_iter().find_map(|section| {
        let mut formats: Vec<StatementId> = config.tree.named(section, "LogFormat").collect();
        formats.reverse();
        let found = formats
            .into_iter()
            .find(|id| config.statement(*id).argument(1) == name && !name.is_empty());
        found.map(|id| config.statement(id).argument(0).to_owned())
    })
}

/// `LogFormat` without a name, for `TransferLog`.
fn plain_format(config: &Config, section: StatementId) -> Option<String> {
    let plain = config
        .tree
        .named(section, "LogFormat")
        .filter(|id| config.statement(*id).arguments().len() == 1)
        .last()?;
    let written = config.statement(plain).argument(0);
    Some(named_format(config, 0, written).unwrap_or_else(|| written.to_owned()))
}
