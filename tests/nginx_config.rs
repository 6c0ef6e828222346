//! The nginx reader: unit-like cases, and the real nginx as the judge.

use std::collections::BTreeMap;

use fix502::evidence::{Handler, PeerAddress, Route};
use fix502::proxy::nginx::{self, Config, Environment, FileBytes, Files, RouteRequest};

/// Files that exist only in memory.
struct Memory(BTreeMap<String, String>);

impl Files for Memory {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        let text = self.0.get(path).ok_or("no such file")?;
        Ok(FileBytes {
            bytes: text.clone().into_bytes(),
            modified_ms: None,
            truncated: false,
        })
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let start = format!("{}/", directory.trim_end_matches('/'));
        let names = self
            .0
            .keys()
            .filter_map(|path| path.strip_prefix(&start)?.split('/').next());
        names.map(str::to_owned).collect()
    }
}

const MAIN: &str = "/etc/nginx/nginx.conf";

fn config(text: &str) -> Config {
    config_of(&[(MAIN, text)])
}

fn config_of(files: &[(&str, &str)]) -> Config {
    let files = Memory(
        files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect(),
    );
    let environment = Environment {
        version: Some((1, 22, 1)),
        ..Environment::default()
    };
    nginx::read(MAIN, &files, &environment)
}

fn in_server(text: &str) -> Config {
    config(&format!(
        "events {{}} http {{ server {{ listen 80; server_name a.test; {text} }} }}"
    ))
}

fn route(config: &Config, target: &str) -> Route {
    let request = RouteRequest {
        port: 80,
        host: "a.test".to_owned(),
        method: "GET".to_owned(),
        target: target.to_owned(),
        ..RouteRequest::default()
    };
    config.route(&request).expect("something listens on port 80")
}

fn pass(route: &Route) -> &fix502::evidence::Pass {
    match &route.handler {
        Handler::Pass(pass) => pass,
        other => panic!("not passed on: {other:?}"),
    }
}

#[test]
fn a_literal_proxy_pass_names_its_peer_and_place() {
    let config =
        in_server("location /app/ {\n proxy_pass http://127.0.0.1:9000/x/;\n proxy_read_timeout 5s; }");
    let route = route(&config, "/app/a%20b?q");
    let pass = pass(&route);
    assert_eq!(
        pass.peers[0].address,
        PeerAddress::Ip("127.0.0.1:9000".parse().unwrap())
    );
    assert_eq!(pass.place.line, 2);
    assert_eq!(route.request_target.as_deref(), Some("/x/a%20b?q"));
    assert_eq!(route.settings.read_timeout.as_ref().unwrap().value, 5000);
    assert_eq!(route.settings.connect_timeout.as_ref().unwrap().value, 60_000);
    assert_eq!(route.undetermined, Vec::<String>::new());
}
