//! What a walk does to the host, by the system calls it made: it reads, and talks to nobody it was not told of.

use super::world::{FRONT, URL, World};

/// Opened to write, and nothing of the host is changed: the lock files are those of the packet filters' own
/// programs, which take them to show their rules.
const HARMLESS: [&str; 5] = [
    "\"/dev/null\"",
    "\"/dev/tty\"",
    "\"/proc/self/",
    "\"/run/ufw.lock\"",
    "\"/run/xtables.lock\"",
];

/// Where a walk may talk to: the front door, the upstream, the nameservers of the world.
fn may_be_dialled(line: &str) -> bool {
    let local = ["AF_UNIX", "AF_NETLINK", "AF_UNSPEC"]
        .iter()
        .any(|family| line.contains(family));
    let known = [8460, 7340, 53]
        .iter()
        .any(|port| line.contains(&format!("htons({port})")));
    // Connecting a datagram socket to port 0 sends nothing; the resolver sorts addresses by it.
    local || known || line.contains("htons(0)") || !line.contains("sin")
}

/// The trace with each call that another process interrupted on one line again, where it began.
fn whole_calls(trace: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in trace.lines() {
        let process = line.split(' ').next().unwrap_or_default();
        let rest = line.split_once(" resumed>").map(|(_, rest)| rest);
        let begun = lines
            .iter_mut()
            .rev()
            .find(|known| known.ends_with("<unfinished ...>") && known.split(' ').next() == Some(process));
        match (rest, begun) {
            (Some(rest), Some(begun)) => *begun = begun.replace("<unfinished ...>", rest),
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

fn walk_is_harmless(world: &World) {
    let file = world.path("logs/strace");
    let script = format!(
        "exec strace -f -qq -s 200 -o {file} -e trace=execve,connect,sendto,sendmsg,open,openat,creat,unlink,unlinkat,\
         rename,renameat,renameat2,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat,truncate,chmod,fchmod,fchmodat,\
         chown,fchownat,mknod,mknodat {} {URL} --ci --format json --deadline 20s --attempts 2",
        world.program()
    );
    let said = world.attempt(&script);
    let trace = whole_calls(&world.read("logs/strace"));
    let began = trace.contains("execve(") && trace.contains(FRONT.rsplit(':').next().unwrap_or_default());
    assert!(began, "{}{trace}", said.stderr);
    let failed = |line: &str| line.contains(" = -1 ");
    // `nginx -t` opens the files of its configuration as a start would, and nobody can tell it not to.
    let mut testing: Vec<&str> = Vec::new();
    let own = [world.path("run/nginx.pid"), world.path("logs/")];
    let mut wrong: Vec<String> = Vec::new();
    let mut check = |right: bool, rule: &str, line: &str| {
        if !right {
            wrong.push(format!("{rule}: {line}"));
        }
    };
    for line in trace.lines() {
        let (process, call) = line.split_once(' ').unwrap_or_default();
        let call = call.trim_start();
        let name = call.split('(').next().unwrap_or_default();
        match name {
            "execve" if !failed(line) => {
                let program = call.split('"').nth(1).unwrap_or_default();
                check(program.starts_with('/'), "by an absolute path", line);
                let last = program.rsplit('/').next().unwrap_or_default();
                if last == "nginx" {
                    let asked = ["\"-t\"", "\"-v\"", "\"-V\""]
                        .iter()
                        .any(|option| call.contains(option));
                    check(asked, "nginx is only asked to test or for its version", line);
                    testing.extend(call.contains("\"-t\"").then_some(process));
                }
                check(!["sh", "bash", "dash", "env"].contains(&last), "no shell", line);
            }
            "connect" | "sendto" | "sendmsg" => {
                check(may_be_dialled(line), "dials only what it was told of", line);
            }
            "open" | "openat" if !failed(line) => {
                let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"]
                    .iter()
                    .any(|flag| line.contains(flag));
                let nowhere = HARMLESS.iter().any(|path| line.contains(path));
                let tested =
                    testing.contains(&process) && own.iter().any(|path| line.contains(path.as_str()));
                check(!writes || nowhere || tested, "opens nothing to write", line);
            }
            "openat" | "open" | "execve" => {}
            _ if name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) && !name.is_empty() => {
                check(failed(line), "changes nothing", line);
            }
            // Signals, exits, and the second half of a call that was interrupted.
            _ => {}
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_walk_of_a_refused_upstream_changes_nothing_and_starts_no_shell() {
    let Some(world) = World::start(&["strace"]) else {
        return;
    };
    world.nginx_to("http://127.0.0.1:7340");
    world.shows(502, "111: Connection refused");
    walk_is_harmless(&world);
}

#[test]
fn a_walk_of_a_healthy_host_changes_nothing_and_starts_no_shell() {
    let Some(world) = World::start(&["strace"]) else {
        return;
    };
    world.oven("fine", "127.0.0.1:7340");
    world.nginx_to("http://127.0.0.1:7340");
    world.shows(200, "");
    walk_is_harmless(&world);
}
