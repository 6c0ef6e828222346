//! Step 7 with real proxies: every kind, with and without a login, good ones and broken ones; what the report
//! says about them, and that it says no password.

#![expect(
    clippy::disallowed_methods,
    reason = "a test listens on loopback and starts the program"
)]

mod many;
mod report;
mod secrets;
mod servers;

use fix502::evidence::RouteStage;
use fix502::host::{Fetch, Fetched, Host, Secret};
use servers::{fixed, forward, hanging, header, socks5, target};
use std::time::Duration;

/// As a proxy sees it; percent-encoded on a command line.
const LOGIN: &str = "an:n@:p@ss/wörd%2B";

fn login() -> Secret {
    Secret::new("an:n@", "p@ss/wörd%2B")
}

fn fetch(url: &str, proxy: Option<String>, secret: Option<Secret>) -> Fetched {
    let host = Host::live(None, Duration::from_secs(20));
    host.ask(&Fetch {
        url: url.to_owned(),
        proxy,
        secret,
        limit_ms: 10_000,
        ..Fetch::default()
    })
    .into_seen()
    .expect("a fetch always says something")
}

#[test]
fn every_kind_of_proxy_leads_to_a_plain_and_to_a_tls_target() {
    for tls in [false, true] {
        let target = target(tls, 204);
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}/a?b", target.address.port());
        for secret in [None, Some(login())] {
            let wanted = secret.is_some().then_some(LOGIN);
            for (scheme, server) in [
                ("http", forward(false, wanted)),
                ("https", forward(true, wanted)),
                ("socks5", socks5(wanted)),
                ("socks5h", socks5(wanted)),
            ] {
                let case = format!("{url} through {scheme}, login {}", secret.is_some());
                let proxy = format!("{scheme}://{}", server.address);
                let fetched = fetch(&url, Some(proxy), secret.clone());
                assert_eq!(fetched.status, Some(204), "{case}: {fetched:?}");
                assert_eq!(fetched.server.as_deref(), Some("target/1.0"), "{case}");
                assert_eq!(fetched.failed_at, None, "{case}");
                let tunnel = scheme.starts_with("http") && tls;
                assert_eq!(fetched.proxy_status, tunnel.then_some(200), "{case}");
                let via = fetched
                    .markers
                    .iter()
                    .any(|(name, value)| name == "via" && value.contains("relay.test"));
                assert_eq!(
                    via,
                    scheme.starts_with("http") && !tls,
                    "{case}: {:?}",
                    fetched.markers
                );
                let arrived = server.arrived().pop().unwrap_or_default();
                match scheme {
                    "socks5" => assert!(arrived.starts_with("127.0.0.1:"), "{case}: {arrived}"),
                    "socks5h" => assert!(arrived.starts_with("localhost:"), "{case}: {arrived}"),
                    _ => {}
                }
            }
        }
        for request in target.arrived() {
            assert!(request.starts_with("GET /a?b HTTP/1.1\r\n"), "{request}");
            assert_eq!(header(&request, "proxy-authorization"), None, "{request}");
        }
    }
}

#[test]
fn a_wrong_or_missing_login_is_told_by_every_kind_of_proxy() {
    for tls in [false, true] {
        let target = target(tls, 200);
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://{}/", target.address);
        for secret in [None, Some(Secret::new("an:n@", "wrong-password"))] {
            let http = forward(false, Some(LOGIN));
            let fetched = fetch(&url, Some(format!("http://{}", http.address)), secret.clone());
            assert!(fetched.wants_credentials, "{fetched:?}");
            assert_eq!(fetched.status.or(fetched.proxy_status), Some(407), "{fetched:?}");
            assert!(
                fetched
                    .markers
                    .iter()
                    .any(|(name, value)| name == "proxy-authenticate"
                        && value.starts_with("Basic realm=")
                        && !value.contains("d3JvbmctcGFzc3dvcmQ")),
                "{fetched:?}"
            );
            let socks = socks5(Some(LOGIN));
            let fetched = fetch(&url, Some(format!("socks5h://{}", socks.address)), secret);
            assert!(fetched.wants_credentials, "{fetched:?}");
            assert_eq!(fetched.failed_at, Some(RouteStage::Tunnel));
            assert_eq!((fetched.status, fetched.proxy_status), (None, None));
        }
        assert_eq!(target.arrived(), Vec::<String>::new());
    }
}

#[test]
fn what_a_proxy_answers_to_connect_is_kept_with_what_it_says_about_itself() {
    for (status, headers, marker) in [
        (
            407,
            "Proxy-Authenticate: Basic realm=\"squid\"\r\n",
            "proxy-authenticate",
        ),
        (403, "Via: 1.1 guard\r\n", "via"),
        (429, "Retry-After: 30\r\n", "retry-after"),
        (
            502,
            "Server: squid/6.1\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\n",
            "x-squid-error",
        ),
    ] {
        let proxy = fixed(status, headers);
        let fetched = fetch(
            "https://shop.test/",
            Some(format!("http://{}", proxy.address)),
            None,
        );
        assert_eq!(
            (fetched.status, fetched.proxy_status),
            (None, Some(status)),
            "{fetched:?}"
        );
        assert_eq!(fetched.failed_at, Some(RouteStage::Tunnel));
        assert!(
            fetched.markers.iter().any(|(name, _)| name == marker),
            "{fetched:?}"
        );
        let arrived = proxy.arrived();
        assert!(
            arrived
                .first()
                .is_some_and(|head| head.starts_with("CONNECT shop.test:443 HTTP/1.1\r\n")),
            "{arrived:?}"
        );
    }
}

#[test]
fn proxies_that_refuse_hang_or_speak_another_protocol_are_told_apart() {
    // Bound and not listening: refuses, and nobody else gets the port.
    let closed = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    closed
        .bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .expect("loopback has a free port");
    let refusing = closed
        .local_addr()
        .ok()
        .and_then(|address| address.as_socket())
        .expect("a bound socket has an address");
    let (hanging, target) = (hanging(), target(false, 200));
    let plain = servers::serve(false, |stream, _| {
        let _ = stream.read(&mut [0; 4096]);
        servers::answer(stream, 400, "", "");
    });
    let url = format!("http://{}/", target.address);
    for (proxy, stage, words) in [
        (
            format!("http://{refusing}"),
            RouteStage::Connect,
            "connection refused",
        ),
        (
            format!("socks5://{refusing}"),
            RouteStage::Connect,
            "connection refused",
        ),
        (
            "http://no-such-proxy.invalid:1".to_owned(),
            RouteStage::Name,
            "does not resolve",
        ),
        (
            format!("https://{}", plain.address),
            RouteStage::ProxyTls,
            "no TLS",
        ),
        (
            format!("socks5://{}", hanging.address),
            RouteStage::Tunnel,
            "no answer in time",
        ),
        (
            format!("http://{}", hanging.address),
            RouteStage::Answer,
            "no answer in time",
        ),
    ] {
        let host = Host::live(None, Duration::from_secs(20));
        let fetched = host
            .ask(&Fetch {
                url: url.clone(),
                proxy: Some(proxy.clone()),
                limit_ms: 1_500,
                ..Fetch::default()
            })
            .into_seen()
            .expect("a fetch always says something");
        assert_eq!(fetched.failed_at, Some(stage), "{proxy}: {fetched:?}");
        let error = fetched.error.unwrap_or_default();
        assert!(error.contains(words), "{proxy}: {error}");
    }
}
