//! Where requests go: the model's answer against the real server's, thousands at a time.
//!
//! One layout is one random configuration, one nginx and some hundred requests, pipelined on few
//! connections. Peers answer everything and keep what they were sent, so that one comparison covers: status,
//! chosen location (each has its own method), the request target, the protocol version, the headers that were
//! set, and which peer was asked. `FIX502_ORACLE_FACTOR` multiplies the work, `FIX502_ORACLE_SEED` changes it.
#![expect(
    clippy::disallowed_methods,
    reason = "a test runs the real server and speaks to it"
)]
#![expect(clippy::print_stdout, reason = "the counts and the skipping are worth seeing")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::dice::Dice;
use super::layout::{self, Layout, method};
use super::network::{self, Address, Answer, Heads, Heard, Server};
use super::oracle::{accepts, nginx_program, read, seeds};
use fix502::evidence::{Handler, Pass, PeerAddress, Route};
use fix502::proxy::RouteRequest;
use fix502::proxy::nginx::Config;

/// Requests of one layout.
const REQUESTS: usize = 260;
/// Layouts of an ordinary run.
const LAYOUTS: usize = 100;

struct World {
    /// Keeps the sockets of the peers and the files that are served.
    directory: tempfile::TempDir,
    peers: Vec<Address>,
    sockets: Vec<Address>,
    heads: Heads,
}

fn ip(text: &str) -> Address {
    Address::Ip(text.parse().unwrap())
}

/// Peers and listeners. Without a network of its own only unix sockets are used.
fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path();
    let unix = |name: &str| Address::Unix(base.join(name));
    let mut peers = vec![unix("e0"), unix("e1"), unix("e2")];
    let mut sockets = vec![unix("l0"), unix("l1")];
    if network::alone() {
        peers.extend(["127.0.0.1:9000", "127.0.0.9:9000", "[::1]:9001", "127.0.0.9:80"].map(ip));
        sockets.extend(
            [
                "0.0.0.0:8001",
                "127.0.0.1:8001",
                "127.0.0.2:8001",
                "0.0.0.0:8002",
                "[::]:8001",
                "[::1]:8001",
                "[::1]:8002",
            ]
            .map(ip),
        );
    } else {
        println!("no network of its own: unix sockets only");
    }
    std::fs::create_dir(base.join("root")).unwrap();
    std::fs::write(base.join("root/there"), "a file").unwrap();
    let heads = network::start_peers(&peers);
    World {
        directory,
        peers,
        sockets,
        heads,
    }
}

/// One request: as it is sent, and as the model is asked.
struct Question {
    to: Address,
    bytes: Vec<u8>,
    request: RouteRequest,
}

fn question(dice: &mut Dice, listening: &[Address]) -> Question {
    let socket = listening[dice.roll(listening.len())].clone();
    let host = layout::host(dice);
    let target = layout::target(dice);
    let method = dice.one(&["GET", "GET", "GET", "GET", "HEAD", "POST", "DELETE", "PUT"]);
    let mut request = RouteRequest {
        host: host.to_owned(),
        method: method.to_owned(),
        target: target.clone(),
        ..RouteRequest::default()
    };
    let to = match socket {
        Address::Unix(path) => {
            request.unix_socket = Some(path.display().to_string());
            Address::Unix(path)
        }
        Address::Ip(address) => {
            let address = match address.ip() {
                IpAddr::V4(v4) if v4.is_unspecified() => SocketAddr::new(
                    Ipv4Addr::new(127, 0, 0, [1, 2, 3][dice.roll(3)]).into(),
                    address.port(),
                ),
                IpAddr::V6(v6) if v6.is_unspecified() => {
                    SocketAddr::new("::1".parse().unwrap(), address.port())
                }
                _ => address,
            };
            request.local_address = Some(address.ip());
            request.port = address.port();
            // From the loopback's own address to any address of it.
            let client: IpAddr = if address.is_ipv4() {
                Ipv4Addr::LOCALHOST.into()
            } else {
                address.ip()
            };
            request.client_address = Some(client);
            Address::Ip(address)
        }
    };
    let version = if host.is_empty() {
        "1.0\r\nConnection: keep-alive"
    } else {
        "1.1"
    };
    let host = if host.is_empty() {
        String::new()
    } else {
        format!("\r\nHost: {host}")
    };
    let length = if matches!(method, "POST" | "PUT") {
        "\r\nContent-Length: 0"
    } else {
        ""
    };
    Question {
        to,
        bytes: format!("{method} {target} HTTP/{version}{host}{length}\r\n\r\n").into_bytes(),
        request,
    }
}

/// The peers a pass may reach: those that are not down, and backups only when nothing else is there.
fn eligible(pass: &Pass, peers: &[Address]) -> Vec<usize> {
    let index = |address: &PeerAddress| {
        peers.iter().position(|peer| match (peer, address) {
            (Address::Unix(path), PeerAddress::Unix(text)) => path.display().to_string() == *text,
            (Address::Ip(known), PeerAddress::Ip(address)) => known == address,
            _ => false,
        })
    };
    let of = |backup: bool| -> Vec<usize> {
        let chosen = pass.peers.iter().filter(|peer| !peer.down && peer.backup == backup);
        chosen.filter_map(|peer| index(&peer.address)).collect()
    };
    let first = of(false);
    if first.is_empty() { of(true) } else { first }
}

/// One character for each byte, as the peers keep what they hear. Bytes that are no UTF-8 are characters of a
/// private plane in a route.
pub(super) fn as_heard(text: &str) -> String {
    let mut heard = String::new();
    for character in text.chars() {
        match u32::from(character).checked_sub(0x0010_ff00).map(u8::try_from) {
            Some(Ok(byte)) => heard.push(char::from(byte)),
            _ => heard.extend(character.to_string().bytes().map(char::from)),
        }
    }
    heard
}

/// The differences between what the model says and what the server did; empty when there is none.
fn differences(
    route: &Route,
    answer: &Answer,
    heard: Option<&Heard>,
    text: &str,
    peers: &[Address],
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut differ = |what: &str, here: String, there: String| {
        if here != there {
            wrong.push(format!("{what}: nginx {there}, here {here}"));
        }
    };
    let kept = route.shown_status.as_ref().map(|status| status.value);
    match (&route.handler, heard) {
        (Handler::Pass(pass), Some(heard)) => {
            let mut lines = heard.head.split("\r\n");
            let first = lines.next().unwrap_or_default();
            let (name, rest) = first.split_once(' ').unwrap_or_default();
            let (target, version) = rest.rsplit_once(" HTTP/").unwrap_or_default();
            let location = route.location.as_ref().map_or(0, |location| location.place.line);
            differ(
                "location",
                method(usize::try_from(location).unwrap()),
                name.to_owned(),
            );
            if let Some(here) = &route.request_target {
                differ("target", as_heard(here), target.to_owned());
            } else {
                differ("target", "unknown".to_owned(), target.to_owned());
            }
            let here = route
                .settings
                .http_version
                .as_ref()
                .map_or("", |version| version.value.as_str());
            differ("version", here.to_owned(), version.to_owned());
            let sent: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
            let sent = |name: &str| {
                let found = sent.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
                let values: Vec<&str> = found.map(|(_, value)| *value).collect();
                values.join(", ")
            };
            for name in ["X-A", "X-B", "Host", "Connection"] {
                let set = route.settings.request_headers.iter();
                let set = set.filter(|(known, value)| known.eq_ignore_ascii_case(name) && !value.is_empty());
                let values: Vec<&str> = set.map(|(_, value)| value.as_str()).collect();
                differ(name, as_heard(&values.join(", ")), sent(name));
            }
            let group = pass.group.as_ref().map_or("", |group| group.name.as_str());
            if !eligible(pass, peers).contains(&heard.peer) {
                differ(
                    "peer",
                    format!("{group} {:?}", eligible(pass, peers)),
                    heard.peer.to_string(),
                );
            }
            differ(
                "status",
                kept.unwrap_or(200).to_string(),
                answer.status.to_string(),
            );
        }
        (Handler::Pass(pass), None) => {
            let none = eligible(pass, peers).is_empty();
            let expected = if none { "502" } else { "a peer's answer" }.to_owned();
            differ("without a peer", expected, answer.status.to_string());
        }
        (Handler::Return { status, place }, None) => {
            differ("status", status.to_string(), answer.status.to_string());
            let line = text
                .lines()
                .nth(usize::try_from(place.line).unwrap().saturating_sub(1))
                .unwrap_or_default();
            if let Some((_, after)) = line.split_once("return 200 R")
                && *status == 200
                && !answer.body.is_empty()
            {
                let written = after.split(';').next().unwrap_or_default();
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                differ("body", format!("R{written}"), body);
            }
        }
        (Handler::Local(_), None) => {
            let known = matches!(answer.status, 200 | 301 | 403 | 404 | 405) || kept == Some(answer.status);
            if !known {
                differ(
                    "files",
                    "200, 301, 403, 404 or 405".to_owned(),
                    answer.status.to_string(),
                );
            }
        }
        (handler, heard) => {
            let there = heard.map_or_else(|| answer.status.to_string(), |heard| heard.head.clone());
            differ("handler", format!("{handler:?}"), there);
        }
    }
    wrong
}

#[derive(Default)]
struct Counts {
    layouts: usize,
    refused: usize,
    /// Layouts in which nginx itself died.
    crashes: usize,
    compared: usize,
    undetermined: BTreeMap<String, usize>,
    kinds: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

/// Whether nothing that the model left open matters: the one file that is there is there, all others are not.
fn is_certain(route: &Route) -> Result<(), String> {
    for text in &route.undetermined {
        let list = text
            .strip_prefix("whether ")
            .and_then(|text| text.split_once(" exists below "));
        let fits = list.is_some_and(|(list, rest)| {
            let there = list
                .split(", ")
                .any(|name| name == "/there" || name.trim_matches('/').is_empty());
            let first = list.split(", ").next() == Some("/there");
            if rest.ends_with("taken as there") {
                first
            } else {
                !there
            }
        });
        if !fits {
            let words: Vec<&str> = text
                .split(' ')
                .filter(|word| word.chars().all(char::is_alphabetic))
                .collect();
            return Err(words.join(" "));
        }
    }
    Ok(())
}

fn compare(world: &World, config: &Config, text: &str, questions: &[Question], counts: &mut Counts) {
    let mut by_socket: Vec<(&Address, Vec<&Question>)> = Vec::new();
    for question in questions {
        match by_socket.iter_mut().find(|(socket, _)| **socket == question.to) {
            Some((_, list)) => list.push(question),
            None => by_socket.push((&question.to, vec![question])),
        }
    }
    for (socket, questions) in by_socket {
        let requests: Vec<(Vec<u8>, bool)> = questions
            .iter()
            .map(|question| (question.bytes.clone(), question.request.method == "HEAD"))
            .collect();
        let mut answers = network::ask_all(socket, &requests);
        // A busy machine may break a connection: a silence counts when it is heard twice.
        for (request, answer) in requests
            .iter()
            .zip(&mut answers)
            .filter(|(_, answer)| answer.is_none())
        {
            *answer = network::ask_all(socket, std::slice::from_ref(request))
                .pop()
                .flatten();
        }
        if answers.len() < questions.len() {
            // nginx 1.22 can crash on captures of a `map` that are used elsewhere.
            counts.crashes += 1;
            break;
        }
        let heads = world.heads.lock().unwrap();
        for (question, answer) in questions.iter().zip(answers) {
            let route = config.route(&question.request);
            let Some(route) = route else {
                counts.wrong.push(format!("{:?}: nothing listens", question.request));
                continue;
            };
            if let Err(why) = is_certain(&route) {
                *counts.undetermined.entry(why).or_default() += 1;
                continue;
            }
            // 444: the connection is closed without a word.
            let answer = answer.unwrap_or(Answer {
                status: 444,
                ..Answer::default()
            });
            let heard = answer.heard.and_then(|number| heads.get(number));
            counts.compared += 1;
            let kind = match &route.handler {
                Handler::Pass(_) => "pass",
                Handler::Return { .. } => "return",
                Handler::Local(_) => "files",
                Handler::Unknown => "unknown",
            };
            *counts.kinds.entry(kind).or_default() += 1;
            let wrong = differences(&route, &answer, heard, text, &world.peers);
            if !wrong.is_empty() {
                counts.wrong.push(format!(
                    "after {} comparisons: {} {:?} {:?} {} {}:{} client {:?}\n  {}\n  location {:?} server {:?} undetermined {:?}",
                    counts.compared,
                    question.request.method,
                    question.request.host,
                    question.request.target,
                    question.request.unix_socket.clone().unwrap_or_default(),
                    question.request.local_address.map(|address| address.to_string()).unwrap_or_default(),
                    question.request.port,
                    question.request.client_address,
                    wrong.join("\n  "),
                    route.location,
                    route.server.as_ref().map(|server| (&server.name, server.place.line)),
                    route.undetermined,
                ));
            }
        }
    }
    world.heads.lock().unwrap().clear();
}

fn one_layout(program: &Path, world: &World, dice: &mut Dice, counts: &mut Counts) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut layout = Layout::new(dice, &world.peers);
    layout.write(path, &world.directory.path().join("root"), &world.sockets);
    let text = layout.text;
    let file: PathBuf = path.join("nginx.conf");
    std::fs::write(&file, &text).unwrap();
    let config = read(&file);
    let errors = config.summary().errors;
    let sockets: Vec<Address> = world.sockets.clone();
    let listening: Vec<Address> = sockets
        .into_iter()
        .filter(|socket| match socket {
            Address::Unix(path) => text.contains(&format!("listen unix:{};", path.display())),
            Address::Ip(address) if address.ip().is_unspecified() && address.is_ipv4() => {
                ["", "*:", "0.0.0.0:"]
                    .iter()
                    .any(|start| text.contains(&format!("listen {start}{};", address.port())))
            }
            Address::Ip(address) => text.contains(&format!("listen {address};")),
        })
        .collect();
    let reachable: Vec<Address> = listening
        .iter()
        .map(|socket| match socket {
            Address::Ip(address) if address.ip().is_unspecified() && address.is_ipv4() => {
                Address::Ip(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()))
            }
            Address::Ip(address) if address.ip().is_unspecified() => {
                Address::Ip(SocketAddr::new("::1".parse().unwrap(), address.port()))
            }
            other => other.clone(),
        })
        .collect();
    for socket in &world.sockets {
        if let Address::Unix(path) = socket {
            let _ = std::fs::remove_file(path);
        }
    }
    let Some(_server) = Server::start(program, path, &file, &reachable) else {
        counts.refused += 1;
        let (accepted, message) = accepts(program, path, &file);
        if accepted || errors.is_empty() {
            counts
                .wrong
                .push(format!("nginx refuses a layout: {message}; here {errors:?}"));
        }
        return;
    };
    if !errors.is_empty() {
        counts
            .wrong
            .push(format!("a layout is refused here only: {errors:?}"));
        return;
    }
    counts.layouts += 1;
    let questions: Vec<Question> = (0..REQUESTS).map(|_| question(dice, &listening)).collect();
    let before = counts.wrong.len();
    compare(world, &config, &text, &questions, counts);
    if counts.wrong.len() > before {
        let name = format!("fix502-routing-difference-{}.conf", counts.layouts);
        std::fs::write(std::env::temp_dir().join(&name), &text).unwrap();
        let kept = format!("\n  layout kept in {name}");
        counts.wrong[before..]
            .iter_mut()
            .for_each(|wrong| wrong.push_str(&kept));
    }
}

#[test]
fn requests_go_where_the_real_server_sends_them() {
    let Some(program) = nginx_program() else { return };
    // A network of its own belongs to a thread, and must not outlast the test.
    let counts = std::thread::spawn(move || {
        let world = world();
        let (seed, factor) = seeds();
        let mut dice = Dice::new(seed);
        let mut counts = Counts::default();
        let begun = Instant::now();
        for _ in 0..LAYOUTS * factor {
            one_layout(&program, &world, &mut dice, &mut counts);
            if counts.wrong.len() > 20 {
                break;
            }
        }
        println!("{:.1} s", begun.elapsed().as_secs_f64());
        counts
    })
    .join()
    .unwrap();
    if let Ok(path) = std::env::var("FIX502_ORACLE_REPORT") {
        std::fs::write(path, counts.wrong.join("\n")).unwrap();
    }
    println!(
        "{} layouts, {} refused by both, {} crashed nginx, {} comparisons, {} differences, {:?}, left open {:?}",
        counts.layouts,
        counts.refused,
        counts.crashes,
        counts.compared,
        counts.wrong.len(),
        counts.kinds,
        counts.undetermined
    );
    assert!(
        counts.wrong.is_empty(),
        "{} of {} differ, first: {}",
        counts.wrong.len(),
        counts.compared,
        counts.wrong[..counts.wrong.len().min(6)].join("\n")
    );
    assert!(
        counts.crashes * 20 < counts.layouts,
        "nginx crashed {} times",
        counts.crashes
    );
    assert!(
        counts.compared >= 20_000,
        "too few comparisons: {}",
        counts.compared
    );
}
