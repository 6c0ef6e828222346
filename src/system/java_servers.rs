//! Tomcat and Jetty: where their settings are, and what these say of timeouts, threads and queues.
//!
//! Reads bytes and asks nobody. To add a server: where its files are in [`files`], and a reader beside these two.

use crate::evidence::{AppServer, Process};

/// The settings files of a Java process, by what its command line says; empty: neither Tomcat nor Jetty.
pub fn files(process: &Process) -> Vec<String> {
    let property = |name: &str| {
        let mut values = process
            .arguments
            .iter()
            .filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        values.next_back().map(|value| value.trim_end_matches('/').to_owned())
    };
    if let Some(base) = property("-Dcatalina.base").or_else(|| property("-Dcatalina.home")) {
        return vec![format!("{base}/conf/server.xml")];
    }
    let inside = |word: &&String| word.ends_with("/start.jar") || *word == "start.jar";
    let started = process.arguments.iter().find(inside);
    let base = property("-Djetty.base")
        .or_else(|| property("jetty.base"))
        .or_else(|| property("-Djetty.home"))
        .or_else(|| started.and(process.directory.clone()));
    match base {
        Some(base) => [
            "start.ini",
            "start.d/http.ini",
            "start.d/server.ini",
            "start.d/threadpool.ini",
        ]
        .iter()
        .map(|file| format!("{base}/{file}"))
        .collect(),
        None => Vec::new(),
    }
}

/// Applies one settings file, known by its name.
pub fn apply(server: &mut AppServer, file: &str, bytes: &[u8]) {
    if file
        .rsplit_once('.')
        .is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("xml"))
    {
        tomcat(server, bytes);
    } else {
        jetty(server, bytes);
    }
}

/// The attributes of one element.
type Attributes = Vec<(String, String)>;

fn of<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    let mut found = attributes.iter().filter(|(key, _)| key == name);
    found.next().map(|(_, value)| value.as_str())
}

fn number(attributes: &Attributes, name: &str) -> Option<u64> {
    of(attributes, name)?.trim().parse().ok()
}

/// `server.xml`: every `Connector`, with the `Executor` that it may share. Where one port speaks HTTP and
/// another AJP, the HTTP one gives timeouts and queues.
fn tomcat(server: &mut AppServer, bytes: &[u8]) {
    "tomcat".clone_into(&mut server.kind);
    let text = without_comments(&String::from_utf8_lossy(bytes));
    let executors = elements(&text, "Executor");
    let connectors = elements(&text, "Connector");
    let is_ajp = |connector: &Attributes| {
        of(connector, "protocol").is_some_and(|protocol| protocol.to_ascii_lowercase().contains("ajp"))
    };
    for connector in &connectors {
        if let Some(port) = of(connector, "port") {
            let address = of(connector, "address").unwrap_or("*");
            server.listens.push(format!("{address}:{port}"));
        }
    }
    let Some(first) = connectors
        .iter()
        .find(|connector| !is_ajp(connector))
        .or(connectors.first())
    else {
        return;
    };
    if connectors.iter().all(|connector| is_ajp(connector) == is_ajp(first)) {
        server.protocol = Some(if is_ajp(first) { "ajp" } else { "http" }.to_owned());
    }
    let shared = of(first, "executor")
        .and_then(|name| executors.iter().find(|executor| of(executor, "name") == Some(name)));
    server.capacity = Some(number(shared.unwrap_or(first), "maxThreads").unwrap_or(200));
    server.backlog = Some(number(first, "acceptCount").unwrap_or(100));
    // AJP connections are kept for ever unless a limit is set, and so is what says -1.
    let connection_ms =
        of(first, "connectionTimeout").map_or(Some(60_000), |text| text.trim().parse::<i64>().ok());
    let idle_ms = of(first, "keepAliveTimeout").map_or(connection_ms, |text| text.trim().parse().ok());
    server.keepalive_s = idle_ms
        .filter(|_| !is_ajp(first))
        .and_then(|idle_ms| u64::try_from(idle_ms).ok())
        .map(|idle_ms| idle_ms / 1_000);
}

/// Takes out what stands between `<!--` and `-->`.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        kept.push_str(before);
        match after.split_once("-->") {
            Some((_, after)) => rest = after,
            None => return kept,
        }
    }
    kept.push_str(rest);
    kept
}

/// The attributes of all elements of a name, at most a hundred.
fn elements(text: &str, name: &str) -> Vec<Attributes> {
    let opened = format!("<{name}");
    text.split(opened.as_str())
        .skip(1)
        .filter(|rest| {
            rest.starts_with(|character: char| {
                character.is_ascii_whitespace() || character == '/' || character == '>'
            })
        })
        .map(attributes)
        .take(100)
        .collect()
}

/// Attributes up to the end of the tag. A `>` within quotes does not end it.
fn attributes(mut rest: &str) -> Attributes {
    let mut found = Attributes::new();
    loop {
        rest = rest.trim_start();
        let Some(equals) = rest.find(['=', '>']) else {
            return found;
        };
        let (name, after) = rest.split_at(equals);
        let Some(after) = after.strip_prefix('=') else {
            return found;
        };
        let after = after.trim_start();
        let Some(quote) = after
            .chars()
            .next()
            .filter(|character| ['"', '\''].contains(character))
        else {
            return found;
        };
        let Some((value, after)) = after.get(1..).and_then(|after| after.split_once(quote)) else {
            return found;
        };
        found.push((name.trim().to_owned(), value.to_owned()));
        rest = after;
    }
}

/// `start.ini` and the files of `start.d`: `name=value`, a `#` takes a line out. The defaults are those of
/// Jetty 9.4 to 12.
fn jetty(server: &mut AppServer, bytes: &[u8]) {
    "jetty".clone_into(&mut server.kind);
    server.protocol = Some("http".to_owned());
    server.keepalive_s.get_or_insert(30);
    server.capacity.get_or_insert(200);
    for line in String::from_utf8_lossy(bytes).lines() {
        let Some((name, value)) = line.trim().split_once('=') else {
            continue;
        };
        let number = value.trim().parse::<u64>();
        match (name.trim(), number) {
            ("jetty.http.port", Ok(port)) => server.listens.push(format!("*:{port}")),
            ("jetty.http.idleTimeout", Ok(idle_ms)) => server.keepalive_s = Some(idle_ms / 1_000),
            ("jetty.threadPool.maxThreads", Ok(threads)) => server.capacity = Some(threads),
            ("jetty.http.acceptQueueSize", Ok(queue)) if queue > 0 => server.backlog = Some(queue),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(words: &[&str]) -> Process {
        Process {
            arguments: words.iter().map(|word| (*word).to_owned()).collect(),
            directory: Some("/srv/shop".to_owned()),
            ..Process::default()
        }
    }

    #[test]
    fn the_command_line_says_where_the_settings_are() {
        let tomcat = process(&[
            "java",
            "-Dcatalina.home=/opt/tomcat",
            "-Dcatalina.base=/srv/tomcat/",
            "org.apache.catalina.startup.Bootstrap",
        ]);
        assert_eq!(files(&tomcat), ["/srv/tomcat/conf/server.xml"]);
        let jetty = process(&["java", "-jar", "/opt/jetty/start.jar"]);
        assert_eq!(
            files(&jetty).first().map(String::as_str),
            Some("/srv/shop/start.ini")
        );
        assert_eq!(
            files(&process(&["java", "-jar", "shop.jar"])),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_connector_of_tomcat_gives_its_limits() {
        let xml = br#"<Server port="8005"><!-- <Connector port="1" maxThreads="9"/> -->
            <Executor name="pool" maxThreads="50"/>
            <Connector port="8009" protocol="AJP/1.3"/>
            <Connector executor="pool" port="8080" address="127.0.0.1" protocol="HTTP/1.1" note="a > b"
                connectionTimeout='20000' acceptCount="7" /></Server>"#;
        let mut server = AppServer::default();
        apply(&mut server, "/srv/tomcat/conf/server.xml", xml);
        assert_eq!(server.kind, "tomcat");
        assert_eq!(server.listens, ["*:8009", "127.0.0.1:8080"]);
        assert_eq!(
            (server.keepalive_s, server.capacity, server.backlog),
            (Some(20), Some(50), Some(7))
        );
        assert_eq!(server.protocol, None, "two protocols");
    }

    #[test]
    fn what_tomcat_leaves_out_has_its_default_and_never_is_no_number() {
        let mut server = AppServer::default();
        apply(&mut server, "server.xml", br#"<Connector port="8080"/>"#);
        assert_eq!(
            (server.keepalive_s, server.capacity, server.backlog),
            (Some(60), Some(200), Some(100))
        );
        let mut server = AppServer::default();
        apply(
            &mut server,
            "server.xml",
            br#"<Connector port="8080" keepAliveTimeout="-1"/>"#,
        );
        assert_eq!(server.keepalive_s, None);
    }

    #[test]
    fn the_files_of_jetty_are_read() {
        let mut server = AppServer::default();
        apply(
            &mut server,
            "start.ini",
            b"--module=http\n# jetty.http.port=1\njetty.http.port=8081\njetty.http.idleTimeout=5000\n",
        );
        assert_eq!((server.keepalive_s, server.capacity), (Some(5), Some(200)));
        assert_eq!(server.listens, ["*:8081"]);
    }

    #[test]
    fn hostile_files_do_no_harm() {
        for bytes in [
            &b"<Connector"[..],
            b"<Connector port=",
            b"<Connector port=\"",
            b"<!--",
            b"<Connector \xc3\xa9='\xff'",
            b"=\n==",
        ] {
            apply(&mut AppServer::default(), "server.xml", bytes);
            apply(&mut AppServer::default(), "start.ini", bytes);
        }
    }
}
