//! The table of faults: what each puts on the stage, and what the configuration says about it.
//!
//! A row's name is the id of the cause that the diagnosis has to find. Nothing here is read by it.

use std::io;
use std::path::{Path, PathBuf};

use socket2::Socket;

use super::application::Behaviour;
use super::serve;
use crate::options::distance;

/// One fault.
pub struct Fault {
    /// The id of the cause, or `healthy`.
    pub name: &'static str,
    /// What is broken, one line.
    pub summary: &'static str,
    /// Puts it on the stage.
    pub(super) build: fn(&mut Stage) -> io::Result<Location>,
}

/// What the virtual host says.
#[derive(Default)]
pub(super) struct Location {
    /// Blocks before the server.
    pub(super) before: String,
    /// Lines of its location.
    pub(super) directives: Vec<String>,
}

/// Where the applications of a fault appear.
pub(super) struct Stage {
    root: PathBuf,
    pub(super) applications: Vec<(String, Socket, Behaviour)>,
    pub(super) reserved: Vec<Socket>,
}

impl Stage {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            applications: Vec::new(),
            reserved: Vec::new(),
        }
    }

    /// An application on a port of loopback.
    fn application(&mut self, behaviour: Behaviour) -> io::Result<u16> {
        let (socket, port) = serve::listen()?;
        self.applications
            .push((format!("127.0.0.1:{port}"), socket, behaviour));
        Ok(port)
    }

    /// A port on which nobody listens, as long as the demo runs.
    fn closed_port(&mut self) -> io::Result<u16> {
        let (socket, port) = serve::reserve()?;
        self.reserved.push(socket);
        Ok(port)
    }

    /// A listening unix socket; `path` as the host inside sees it.
    fn unix(&self, path: &str) -> io::Result<Socket> {
        serve::listen_unix(&self.root.join(path.trim_start_matches('/')))
    }
}

fn pass(to: impl std::fmt::Display) -> Location {
    Location {
        directives: vec![format!("proxy_pass {to};")],
        ..Location::default()
    }
}

fn pass_to_application(stage: &mut Stage, behaviour: Behaviour) -> io::Result<Location> {
    let port = stage.application(behaviour)?;
    Ok(pass(format_args!("http://127.0.0.1:{port}")))
}

/// The faults; the first one is shown when none is named.
pub static FAULTS: &[Fault] = &[
    Fault {
        name: "upstream-not-running",
        summary: "the application behind the proxy does not run",
        build: |stage| {
            let port = stage.closed_port()?;
            Ok(pass(format_args!("http://127.0.0.1:{port}")))
        },
    },
    Fault {
        name: "upstream-wrong-port",
        summary: "the application moved, the proxy was not told",
        build: |stage| {
            stage.application(Behaviour::Answers)?;
            let port = stage.closed_port()?;
            Ok(pass(format_args!("http://127.0.0.1:{port}")))
        },
    },
    Fault {
        name: "upstream-worker-crash",
        summary: "the application dies on each request",
        build: |stage| pass_to_application(stage, Behaviour::Crashes),
    },
    Fault {
        name: "upstream-too-slow",
        summary: "the application takes longer than the proxy waits",
        build: |stage| {
            let mut location = pass_to_application(stage, Behaviour::Slow)?;
            location.directives.push("proxy_read_timeout 300ms;".to_owned());
            Ok(location)
        },
    },
    Fault {
        name: "response-header-too-big",
        summary: "more cookies than the proxy has room for",
        build: |stage| pass_to_application(stage, Behaviour::BigHeader),
    },
    Fault {
        name: "response-invalid-header",
        summary: "a header line with a blank in its name",
        build: |stage| pass_to_application(stage, Behaviour::InvalidHeader),
    },
    Fault {
        name: "response-truncated",
        summary: "the application promises more than it sends",
        build: |stage| pass_to_application(stage, Behaviour::Truncated),
    },
    Fault {
        name: "tls-to-plaintext-port",
        summary: "the proxy speaks TLS to an application that does not",
        build: |stage| {
            let port = stage.application(Behaviour::Answers)?;
            Ok(pass(format_args!("https://127.0.0.1:{port}")))
        },
    },
    Fault {
        name: "upstream-not-http",
        summary: "the port belongs to an SSH server",
        build: |stage| pass_to_application(stage, Behaviour::Ssh),
    },
    Fault {
        name: "unix-socket-path-mismatch",
        summary: "the proxy dials a socket file that is not there",
        build: |stage| {
            let socket = stage.unix("/run/app-2.sock")?;
            stage
                .applications
                .push(("unix:/run/app-2.sock".to_owned(), socket, Behaviour::Answers));
            Ok(pass("http://unix:/run/app.sock:"))
        },
    },
    Fault {
        name: "unix-socket-stale",
        summary: "the socket file is left over, nobody listens on it",
        build: |stage| {
            // Closing a listener leaves its file.
            drop(stage.unix("/run/app.sock")?);
            Ok(pass("http://unix:/run/app.sock:"))
        },
    },
    Fault {
        name: "upstreams-all-disabled",
        summary: "every server of the group was taken out",
        build: |stage| {
            let port = stage.application(Behaviour::Answers)?;
            Ok(Location {
                before: format!("upstream app {{\n    server 127.0.0.1:{port} down;\n}}\n\n"),
                ..pass("http://app")
            })
        },
    },
    Fault {
        name: "dns-no-resolver",
        summary: "a name to resolve at run time, and no resolver",
        build: |stage| {
            let port = stage.application(Behaviour::Answers)?;
            Ok(Location {
                directives: vec![
                    "set $app localhost;".to_owned(),
                    format!("proxy_pass http://$app:{port};"),
                ],
                ..Location::default()
            })
        },
    },
    Fault {
        name: "configured-502",
        summary: "a line of the configuration answers 502 itself",
        build: |_| {
            Ok(Location {
                directives: vec!["return 502;".to_owned()],
                ..Location::default()
            })
        },
    },
    Fault {
        name: "upstream-returned-502",
        summary: "the application answers 502, the proxy relays it",
        build: |stage| pass_to_application(stage, Behaviour::Answers502),
    },
    Fault {
        name: "healthy",
        summary: "nothing is broken, to compare",
        build: |stage| pass_to_application(stage, Behaviour::Answers),
    },
];

/// The fault of this name; without one the first.
pub fn find(name: Option<&str>) -> Option<&'static Fault> {
    match name {
        None => FAULTS.first(),
        Some(name) => FAULTS.iter().find(|fault| fault.name == name),
    }
}

/// The name that may have been meant by another one.
pub fn nearest(name: &str) -> Option<&'static str> {
    FAULTS
        .iter()
        .map(|fault| (distance(fault.name, name), fault.name))
        .min()
        .filter(|(edits, _)| *edits <= 4)
        .map(|(_, near)| near)
}
