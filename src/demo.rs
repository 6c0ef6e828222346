//! THE BROKEN HOST INSIDE THE PROGRAM: a front door, an application, a configuration and logs, on loopback
//! sockets and in a temporary directory.
//!
//! The demo gives the walk something real to look at where no proxy is installed. It holds no verdict: the
//! same steps ask it the same questions as any host, and the same causes judge the answers. What it starts
//! (threads, sockets, files) ends with the [`Demo`] value. Ports are always chosen by the kernel, so any
//! number of demos run side by side.
//!
//! To add a fault: a row in `fault::FAULTS` with the applications and the configuration that bring it
//! about; `tests/demo.rs` then holds it to its name.

mod application;
mod fault;
mod front_door;
mod page;
mod serve;
mod upstream;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

pub use fault::{FAULTS, Fault, find, nearest};

use crate::evidence::Target;
use crate::host::TemporaryDirectory;
use crate::steps::Plan;
use fault::Stage;

/// The main configuration file, as the host inside sees it.
const MAIN_FILE: &str = "/etc/nginx/nginx.conf";
/// The file with the virtual host.
const SITE_FILE: &str = "/etc/nginx/sites-enabled/shop.conf";
/// The path that fails.
const PATH: &str = "/cart";

/// A broken host that runs until it goes out of scope.
pub struct Demo {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    port: u16,
    applications: Vec<String>,
    /// Sockets that only keep an address from being used by anybody else.
    reserved: Vec<socket2::Socket>,
    // Declared last: removed when the threads that write to it have ended.
    directory: Arc<TemporaryDirectory>,
}

impl Demo {
    /// Starts the host with this fault.
    ///
    /// # Errors
    /// When the temporary directory, a socket or a thread cannot be made; nothing is left behind then.
    pub fn start(fault: &Fault) -> io::Result<Self> {
        let directory = Arc::new(TemporaryDirectory::new("demo")?);
        let (front, port) = serve::listen()?;
        let mut demo = Self {
            stop: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
            port,
            applications: Vec::new(),
            reserved: Vec::new(),
            directory,
        };
        // The directories of logs and sockets come with their first files.
        let pid = format!("{}\n", std::process::id());
        demo.directory.write("/run/nginx.pid", pid.as_bytes())?;
        for log in ["error.log", "access.log"] {
            demo.directory.write(&format!("/var/log/nginx/{log}"), b"")?;
        }
        let mut stage = Stage::new(demo.directory.path());
        let location = (fault.build)(&mut stage)?;
        demo.directory.write(MAIN_FILE, MAIN.as_bytes())?;
        demo.directory.write(SITE_FILE, site(port, &location).as_bytes())?;
        for (name, socket, behaviour) in stage.applications {
            demo.applications.push(name);
            let stop = Arc::clone(&demo.stop);
            demo.threads.push(serve::start("application", move || {
                serve::each(&socket, &stop, &|connection| {
                    application::answer(connection, behaviour);
                });
            })?);
        }
        demo.reserved = stage.reserved;
        let door = front_door::FrontDoor::open(Arc::clone(&demo.directory), port);
        let stop = Arc::clone(&demo.stop);
        demo.threads.push(serve::start("front-door", move || {
            serve::each(&front, &stop, &|connection| door.answer(connection));
        })?);
        Ok(demo)
    }

    /// The root directory of the host.
    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    /// What to ask this host.
    pub fn plan(&self, plan: Plan) -> Plan {
        Plan {
            target: Target {
                url: Some(format!("http://127.0.0.1:{}{PATH}", self.port)),
                scheme: "http".to_owned(),
                host: "127.0.0.1".to_owned(),
                port: self.port,
                path: PATH.to_owned(),
                ..Target::default()
            },
            config_files: vec![MAIN_FILE.to_owned()],
            // Proxies of this machine are no way to a host inside this program.
            proxies: Vec::new(),
            secrets: Vec::new(),
            other_root: true,
            inside: Some(self.root().to_string_lossy().into_owned()),
            ..plan
        }
    }

    /// What is shown and where it runs, two lines.
    pub fn description(&self, fault: &Fault) -> [String; 2] {
        let applications = match self.applications.as_slice() {
            [] => "no app".to_owned(),
            names => format!("app {}", names.join(", ")),
        };
        [
            format!("demo {}: {}", fault.name, fault.summary),
            format!(
                "proxy 127.0.0.1:{}, {applications}, files {}",
                self.port,
                self.root().display()
            ),
        ]
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has ended as well.
            let _ = thread.join();
        }
    }
}

/// The main file.
const MAIN: &str = "\
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;

events {
    worker_connections 512;
}

http {
    access_log /var/log/nginx/access.log;
    include /etc/nginx/sites-enabled/*.conf;
}
";

/// The virtual host with what the fault puts before it and into its location.
fn site(port: u16, location: &fault::Location) -> String {
    let inside = location.directives.join("\n        ");
    format!(
        "{}server {{
    listen 127.0.0.1:{port};
    server_name shop.test;

    location / {{
        {inside}
    }}
}}
",
        location.before
    )
}
