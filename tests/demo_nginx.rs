//! The front door of the demo beside the real nginx: the same configuration and the same applications have
//! to give the same answers and the same lines in the logs.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::PoisonError;
use std::time::Duration;

use crate::demo::IN_THIS_PROCESS;
use fix502::demo::{Demo, FAULTS};
use fix502::steps::Plan;

struct Nginx(Child);

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Starts nginx with the site of the demo on another port.
fn start(place: &Path, root: &Path, from: u16) -> (Nginx, u16) {
    let site = std::fs::read_to_string(root.join("etc/nginx/sites-enabled/shop.conf")).expect("the site");
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a free port")
        .port();
    let site = site
        .replace(&format!("127.0.0.1:{from};"), &format!("127.0.0.1:{port};"))
        .replace("unix:/", &format!("unix:{}/", root.display()));
    let place_name = place.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {place_name}/{name};"))
        .concat();
    let config = format!(
        "daemon off; master_process off; pid {place_name}/pid; error_log {place_name}/error.log;\n\
         events {{ }}\nhttp {{ {temporary} access_log {place_name}/access.log;\n{site} }}\n"
    );
    let file = place.join("nginx.conf");
    std::fs::write(&file, config).expect("written");
    let child = Command::new("nginx")
        .arg("-c")
        .arg(&file)
        .arg("-e")
        .arg(place.join("error.log"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nginx starts");
    let nginx = Nginx(child);
    for _ in 0..500 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return (nginx, port);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nginx does not listen");
}

fn ask(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a limit");
    stream
        .write_all(b"GET /cart HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: test\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Status line, headers in order of their names, and the body, without the date.
fn comparable(answer: &str) -> (Vec<String>, String) {
    let Some((head, body)) = answer.split_once("\r\n\r\n").filter(|_| answer.starts_with("HTTP/")) else {
        return (Vec::new(), answer.to_owned());
    };
    let mut lines: Vec<String> = head
        .lines()
        .filter(|line| !line.starts_with("Date: "))
        .map(str::to_owned)
        .collect();
    lines.sort();
    (lines, body.to_owned())
}

/// The lines of a log without times, processes and numbers of connections.
fn lines(file: &Path, root: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .map(|line| line.replace(&root.display().to_string(), ""))
        .filter(|line| line.contains("/cart"))
        .map(|line| match (line.split_once(": *"), line.split_once('[')) {
            (Some((front, rest)), _) => {
                let level = front.split(' ').nth(2).unwrap_or_default();
                format!("{level} {}", rest.split_once(' ').unwrap_or_default().1)
            }
            (None, Some((front, rest))) => format!("{front}{}", rest.split_once(']').unwrap_or_default().1),
            (None, None) => line,
        })
        .collect()
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn the_front_door_answers_and_logs_as_nginx_does() {
    let version = Command::new("nginx").arg("-v").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
    if !version.is_ok_and(|text| text.contains("nginx/1.22.1")) {
        eprintln!("skipped: needs nginx 1.22.1");
        return;
    }
    let _turn = IN_THIS_PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
    for fault in FAULTS {
        let demo = Demo::start(fault).expect("it starts");
        let port = demo.plan(Plan::default()).target.port;
        let place = tempfile::tempdir().expect("a directory");
        let (nginx, other) = start(place.path(), demo.root(), port);
        let (ours, theirs) = (ask(port), ask(other));
        assert_eq!(comparable(&ours), comparable(&theirs), "{}", fault.name);
        drop(nginx);
        let log = |name: &str| lines(&demo.root().join("var/log/nginx").join(name), demo.root());
        assert_eq!(log("access.log").len(), 1, "{}", fault.name);
        for name in ["error.log", "access.log"] {
            assert_eq!(
                log(name),
                lines(&place.path().join(name), demo.root()),
                "{}",
                fault.name
            );
        }
    }
}
