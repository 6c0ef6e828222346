//! What `apachectl configtest` refuses, where that is certain from the files.

use super::directives;
use super::{Config, StatementId};
use crate::evidence::{ConfigProblem, ProblemLevel};

/// Problems beyond this number say nothing new.
const MOST_PROBLEMS: usize = 200;

/// The last release whose directives are all known here.
const KNOWN_UP_TO: (u32, u32, u32) = (2, 4, 71);

/// Everything the server would refuse.
pub(super) fn check(config: &Config) -> Vec<ConfigProblem> {
    let mut problems = Vec::new();
    let all_known = config.modules.identifiers().all(directives::is_standard_module)
        && config
            .version()
            .is_none_or(|version| version <= KNOWN_UP_TO && version >= (2, 4, 0));
    let mut pem = false;
    for (id, statement) in config.statements() {
        if problems.len() >= MOST_PROBLEMS {
            break;
        }
        // The lines of a key that somebody pasted are no directives, and nobody may read them in a message.
        let within =
            statement.name().starts_with("-----BEGIN") || pem && !statement.name().starts_with("-----END");
        if std::mem::replace(&mut pem, within) {
            continue;
        }
        let name = if statement.is_section() {
            format!("<{}", statement.name())
        } else {
            statement.name().to_owned()
        };
        let owners = directives::modules_of(&name);
        if owners.is_empty() {
            if all_known && !is_new(statement.name()) {
                let message = if name.starts_with('\u{feff}') {
                    "the file begins with a byte order mark, which the server takes for a part of the first word"
                        .to_owned()
                } else {
                    format!("no module has the directive \"{name}\"")
                };
                problems.push(refused(config, "unknown-directive", id, message));
            }
            continue;
        }
        let loaded = |module: &&&str| **module == "core_module" || config.modules.has(module);
        if all_known && !owners.iter().any(|module| loaded(&module)) {
            let message = format!("\"{name}\" needs {}, which is not loaded", owners.join(" or "));
            let mut problem = refused(config, "module-missing", id, message);
            problem.repair = owners
                .first()
                .map(|module| format!("a2enmod {}", module.strip_suffix("_module").unwrap_or(module)));
            problems.push(problem);
        }
    }
    problems
}

/// Directives of builds that were not asked for the table: other systems, other multi-processing modules.
fn is_new(name: &str) -> bool {
    const OTHERS: &[&str] = &[
        "AcceptMutex",
        "AssignUserID",
        "IdleShutdown",
        "MaxThreads",
        "SSLPolicy",
        "ThreadsPerChild",
        "SuexecUserGroup",
        "ProxyFCGIBackendType",
        "ProxyFCGISetEnvIf",
        "AllowCONNECT",
        "SeRewriteLog",
        "Warning",
    ];
    OTHERS.iter().any(|other| other.eq_ignore_ascii_case(name))
}

fn refused(config: &Config, rule: &str, id: StatementId, message: String) -> ConfigProblem {
    config.problem(rule, ProblemLevel::Error, id, message)
}
