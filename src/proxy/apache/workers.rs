//! Workers (what `ProxyPass` keeps for one backend URL) and balancers, as httpd sets them up: who shares a
//! worker, which parameters count, which worker a URL is handed to.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::Arguments;
use super::Config;
use super::passes::without_socket;
use super::target::Url;
use super::tree::StatementId;

/// A parameter: key, value, where.
pub(super) type Parameter = (String, String, StatementId);

/// One backend URL with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backend {
    /// As written.
    pub url: String,
    /// The directive that made it.
    pub statement: StatementId,
    /// Parameters that count: key, value, the directive that sets them.
    pub parameters: Vec<(String, String, StatementId)>,
}

impl Backend {
    /// The value of a parameter that counts, with its directive.
    pub fn parameter(&self, name: &str) -> Option<(&str, StatementId)> {
        let mut found = self.parameters.iter().rev();
        found
            .find(|(key, ..)| key.eq_ignore_ascii_case(name))
            .map(|(_, value, statement)| (value.as_str(), *statement))
    }

    /// A letter of `status=` is set (`D` disabled, `S` stopped, `I` ignoring errors, `H` hot standby, `R` hot
    /// spare).
    pub fn has_status(&self, letter: char) -> bool {
        let mut set = false;
        for (key, value, _) in &self.parameters {
            if !key.eq_ignore_ascii_case("status") {
                continue;
            }
            let mut on = true;
            for character in value.chars() {
                match character {
                    '+' => on = true,
                    '-' => on = false,
                    other if other.eq_ignore_ascii_case(&letter) => set = on,
                    _ => {}
                }
            }
        }
        set
    }
}

/// A worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worker {
    /// The URL that requests are compared with: scheme and host in lower case, no socket.
    pub name: String,
    /// The index of its server.
    pub server: usize,
    /// The URL and parameters.
    pub backend: Backend,
    /// Later directives of the same server whose URL begins with the name: they share the worker, and their
    /// parameters are ignored.
    pub shared_by: Vec<StatementId>,
    /// The name holds `$1` and the like, each of which stands for any text.
    pub has_groups: bool,
}

/// A balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balancer {
    /// `balancer://name`, in lower case.
    pub name: String,
    /// The index of its server.
    pub server: usize,
    /// The directive or section that made it.
    pub statement: StatementId,
    /// The `<Proxy>` section, when there is one.
    pub section: Option<StatementId>,
    /// Its members in order.
    pub members: Vec<Backend>,
    /// Parameters of the balancer itself: key, value, directive.
    pub parameters: Vec<(String, String, StatementId)>,
}

/// The name of a worker: scheme and host in lower case, the path as written.
fn worker_name(url: &str) -> String {
    let url = without_socket(url).0;
    let host_end = url.find("://").map_or(0, |start| {
        let host = start.saturating_add(3);
        url.get(host..)
            .and_then(|rest| rest.find('/'))
            .map_or(url.len(), |slash| host.saturating_add(slash))
    });
    let (head, tail) = url.split_at_checked(host_end).unwrap_or((&url, ""));
    format!("{}{tail}", head.to_ascii_lowercase())
}

fn is_balancer(url: &str) -> bool {
    url.get(..9)
        .is_some_and(|start| start.eq_ignore_ascii_case("balancer:"))
}

/// `balancer://name` without what follows, in lower case.
pub(super) fn balancer_name(url: &str) -> String {
    let lower = url.to_ascii_lowercase();
    let rest = lower.strip_prefix("balancer:").unwrap_or(&lower);
    let rest = rest.trim_start_matches('/');
    format!("balancer://{}", rest.split('/').next().unwrap_or_default())
}

fn key_values(words: Arguments<'_>, statement: StatementId) -> Vec<Parameter> {
    let pairs = words.iter().filter_map(|word| word.text.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned(), statement))
        .collect()
}

struct Builder {
    workers: Vec<Worker>,
    balancers: Vec<Balancer>,
    /// Workers of each server by name, to find an exact one at once.
    by_server: HashMap<usize, Vec<usize>>,
    known_balancers: HashMap<(usize, String), usize>,
}

impl Builder {
    fn worker(&self, server: usize, name: &str) -> Option<usize> {
        best(
            self.by_server
                .get(&server)
                .into_iter()
                .flatten()
                .filter_map(|index| Some((*index, self.workers.get(*index)?))),
            name,
        )
    }

    fn balancer(&mut self, server: usize, url: &str, statement: StatementId) -> Option<&mut Balancer> {
        let name = balancer_name(url);
        let next = self.balancers.len();
        let index = *self.known_balancers.entry((server, name.clone())).or_insert(next);
        if index == next {
            self.balancers.push(Balancer {
                name,
                server,
                statement,
                ..Balancer::default()
            });
        }
        self.balancers.get_mut(index)
    }

    /// A directive that wants a worker with these parameters.
    fn use_worker(&mut self, server: usize, url: &str, parameters: Vec<Parameter>, statement: StatementId) {
        let name = worker_name(url);
        if let Some(known) = self.worker(server, &name) {
            if let Some(worker) = self.workers.get_mut(known) {
                worker.shared_by.push(statement);
            }
            return;
        }
        self.by_server.entry(server).or_default().push(self.workers.len());
        self.workers.push(Worker {
            has_groups: name.contains('$'),
            name,
            server,
            backend: Backend {
                url: url.to_owned(),
                statement,
                parameters,
            },
            shared_by: Vec::new(),
        });
    }
}

/// All workers and balancers.
pub(super) fn workers(config: &Config) -> (Vec<Worker>, Vec<Balancer>) {
    let mut builder = Builder {
        workers: Vec::new(),
        balancers: Vec::new(),
        by_server: HashMap::new(),
        known_balancers: HashMap::new(),
    };
    if !config.modules.has("proxy_module") {
        return (builder.workers, builder.balancers);
    }
    let passes: HashMap<StatementId, &super::ProxyPass> =
        config.passes.iter().map(|pass| (pass.statement, pass)).collect();
    // By server, balancer and worker's name.
    let mut known_members: HashMap<(usize, String, String), usize> = HashMap::new();
    for (id, statement) in config.statements() {
        let section = config
            .tree
            .around(id)
            .skip(1)
            .find(|section| config.tree.get(*section).is("Proxy"));
        if let Some(pass) = passes.get(&id) {
            if pass.is_exclusion() {
                continue;
            }
            let parameters: Vec<Parameter> = pass
                .parameters
                .iter()
                .map(|(key, value)| (key.clone(), value.clone(), id))
                .collect();
            if is_balancer(&pass.url) {
                if let Some(balancer) = builder.balancer(pass.server, &pass.url, id) {
                    balancer.parameters.extend(parameters);
                }
            } else {
                builder.use_worker(pass.server, &pass.url, parameters, id);
            }
        } else if statement.is("BalancerMember") {
            let server = config.server_of(id);
            let path = section.map(|section| config.tree.get(section).argument(0).to_owned());
            let in_section = path.is_some();
            let name = path.unwrap_or_else(|| statement.argument(0).to_owned());
            let words = statement.arguments().from(usize::from(!in_section));
            let Some(url) = words.get(0) else {
                continue;
            };
            let parameters = key_values(words.from(1), id);
            if let Some(balancer) = builder.balancer(server, &name, id) {
                balancer.section = balancer.section.or(section);
                let next = balancer.members.len();
                let known = (server, balancer.name.clone(), worker_name(url.text));
                let index = *known_members.entry(known).or_insert(next);
                match balancer.members.get_mut(index) {
                    Some(member) => member.parameters.extend(parameters),
                    None => balancer.members.push(Backend {
                        url: url.text.to_owned(),
                        statement: id,
                        parameters,
                    }),
                }
            }
        } else if statement.is("ProxySet") {
            let server = config.server_of(id);
            let name = section.map(|section| config.tree.get(section).argument(0).to_owned());
            let in_section = name.is_some();
            let name = name.unwrap_or_else(|| statement.argument(0).to_owned());
            let words = statement.arguments().from(usize::from(!in_section));
            let parameters = key_values(words, id);
            if is_balancer(&name) {
                if let Some(balancer) = builder.balancer(server, &name, section.unwrap_or(id)) {
                    balancer.section = balancer.section.or(section);
                    balancer.parameters.extend(parameters);
                }
            } else {
                set_worker(&mut builder, server, &name, parameters, id);
            }
        } else if statement.is("Proxy") && statement.is_section() && statement.arguments().len() > 1 {
            // `<Proxy URL key=value>` is a ProxySet.
            let server = config.server_of(id);
            let parameters = key_values(statement.arguments().from(1), id);
            let name = statement.argument(0).to_owned();
            if is_balancer(&name) {
                if let Some(balancer) = builder.balancer(server, &name, id) {
                    balancer.section = Some(id);
                    balancer.parameters.extend(parameters);
                }
            } else if name.contains("://") {
                set_worker(&mut builder, server, &name, parameters, id);
            }
        }
    }
    (builder.workers, builder.balancers)
}

/// `ProxySet` changes the worker that is there, or makes one.
fn set_worker(builder: &mut Builder, server: usize, url: &str, parameters: Vec<Parameter>, id: StatementId) {
    if let Some(known) = builder.worker(server, &worker_name(url)) {
        if let Some(worker) = builder.workers.get_mut(known) {
            worker.backend.parameters.extend(parameters);
        }
    } else {
        builder.use_worker(server, url, parameters, id);
    }
}

/// The worker with the longest name that the URL begins with; the first of those that are as long.
fn best<'a>(workers: impl Iterator<Item = (usize, &'a Worker)>, url: &str) -> Option<usize> {
    let mut found: Option<(usize, usize)> = None;
    for (index, worker) in workers {
        let fits = if worker.has_groups {
            matches_groups(&worker.name, url)
        } else {
            url.starts_with(&worker.name)
        };
        if fits && found.is_none_or(|(_, length)| worker.name.len() > length) {
            found = Some((index, worker.name.len()));
        }
    }
    found.map(|(index, _)| index)
}

/// A name with `$1` for any text, at the URL's start.
fn matches_groups(name: &str, url: &str) -> bool {
    let mut pieces = Vec::new();
    let mut rest = name;
    while let Some(dollar) = rest.find('$') {
        pieces.push(rest.get(..dollar).unwrap_or_default());
        let after = rest.get(dollar.saturating_add(1)..).unwrap_or_default();
        rest = after.trim_start_matches(|character: char| character.is_ascii_digit());
    }
    pieces.push(rest);
    let mut remaining = url;
    for (index, piece) in pieces.iter().enumerate() {
        let at = if index == 0 {
            remaining.starts_with(piece).then_some(0)
        } else {
            remaining.find(piece)
        };
        let Some(at) = at else { return false };
        remaining = remaining.get(at.saturating_add(piece.len())..).unwrap_or_default();
    }
    true
}

/// The worker that a URL is handed to: the main server's come first.
pub(super) fn worker_for<'a>(config: &'a Config, server: usize, url: &str) -> Option<&'a Worker> {
    let name = worker_name(url);
    let visible = config
        .workers
        .iter()
        .enumerate()
        .filter(|(_, worker)| worker.server == 0 || worker.server == server);
    config.workers.get(best(visible, &name)?)
}

/// The balancer of a URL: the main server's come first.
pub(super) fn balancer_for<'a>(config: &'a Config, server: usize, url: &str) -> Option<&'a Balancer> {
    let name = balancer_name(url);
    let mut visible = config.balancers.iter().filter(|balancer| balancer.name == name);
    let main = visible.clone().find(|balancer| balancer.server == 0);
    main.or_else(|| visible.find(|balancer| balancer.server == server))
}

/// The set of a member (`lbset=`).
pub(super) fn set_of(member: &Backend) -> i32 {
    let written = member.parameter("lbset").map(|(value, _)| value.parse().ok());
    written.flatten().unwrap_or(0)
}

/// The member that is asked while none has failed: not disabled nor stopped, in the lowest set of which one is
/// usable (`lbset=`), and none in reserve as long as there is another. The first one when none is usable.
pub(super) fn preferred(balancer: &Balancer) -> Option<&Backend> {
    let usable = || {
        let members = balancer.members.iter();
        members.filter(|member| !member.has_status('D') && !member.has_status('S'))
    };
    let reserve = |member: &&Backend| member.has_status('H') || member.has_status('R');
    // What is equal keeps its order.
    usable()
        .min_by_key(|member| (set_of(member), reserve(member)))
        .or_else(|| balancer.members.first())
}

/// All addresses that can be dialled, as a summary shows them.
pub(super) fn addresses(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    let backends = config
        .workers
        .iter()
        .map(|worker| &worker.backend)
        .chain(config.balancers.iter().flat_map(|balancer| &balancer.members));
    for backend in backends {
        let Some(url) = Url::parse(&backend.url) else {
            continue;
        };
        let shown = match &url.socket {
            Some(path) => format!("unix:{path}"),
            None => match url.port_number() {
                Some(port) => match url.host.parse::<IpAddr>() {
                    Ok(ip) => std::net::SocketAddr::new(ip, port).to_string(),
                    Err(_) => format!("{}:{port}", url.host),
                },
                None => url.authority(),
            },
        };
        if !url.host.is_empty() && known.insert(shown.clone()) {
            found.push(shown);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_workers_and_balancers_are_compared_without_case() {
        assert_eq!(worker_name("HTTP://Host:81/Path"), "http://host:81/Path");
        assert_eq!(worker_name("unix:/S|FCGI://Php/"), "fcgi://php/");
        assert_eq!(balancer_name("Balancer://One/x"), "balancer://one");
        assert!(matches_groups("http://h/$1", "http://h/abc"));
        assert!(!matches_groups("http://h/$1/x", "http://h/abc"));
    }

    #[test]
    fn the_status_letters_are_set_and_taken_back() {
        let backend = Backend {
            parameters: vec![
                ("status".to_owned(), "+D".to_owned(), 0),
                ("status".to_owned(), "-D+H".to_owned(), 0),
            ],
            ..Backend::default()
        };
        assert!(!backend.has_status('d') && backend.has_status('H'));
    }
}
