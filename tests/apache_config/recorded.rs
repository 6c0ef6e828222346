//! Rare turns of Apache httpd 2.4.71 that the oracle met, each with the answer that the real server gave. The oracle
//! needs the server and luck; these do not.

use fix502::evidence::{Handler, PeerAddress};
use fix502::proxy::RouteRequest;

use super::read_text;

/// Where a request ends: `410`, or the port that it is handed to and the target that is sent there.
fn answer(text: &str, target: &str) -> String {
    let modules = "LoadModule alias_module m\nLoadModule proxy_module m\nLoadModule proxy_http_module m\n\
         LoadModule rewrite_module m\nListen 80\n";
    let config = read_text(&format!("{modules}{text}"));
    let route = config.route(&RouteRequest {
        port: 80,
        host: "a.test".to_owned(),
        method: "GET".to_owned(),
        target: target.to_owned(),
        ..RouteRequest::default()
    });
    let route = route.expect("something listens on port 80");
    assert_eq!(route.undetermined, Vec::<String>::new(), "{text}");
    match &route.handler {
        Handler::Pass(pass) => match &pass.peers[0].address {
            PeerAddress::Ip(address) => {
                format!("{} {}", address.port(), route.request_target.unwrap_or_default())
            }
            other => format!("{other:?}"),
        },
        Handler::Return { status, .. } => status.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_section_that_redirects_everything_in_it_is_asked_before_lines_with_a_path() {
    let text = "Redirect 303 /q/s /server\n<Location /q>\nRedirect 307 /all\n</Location>\n\
        <Location /w>\nRedirect 307 /outer\n</Location>\n<Location /w/p>\nRedirect 308 /w/p /inner\n</Location>\n\
        <Location /g>\nRedirect gone /zzz\n</Location>\n<Location /g>\nProxyPass http://127.0.0.1:9000\n</Location>\n";
    assert_eq!(answer(text, "/q/s"), "307");
    assert_eq!(answer(text, "/w/p"), "307");
    // A status without a target takes a path in a section too.
    assert_eq!(answer(text, "/g/x"), "9000 /x");
}

#[test]
fn the_section_that_redirects_is_that_of_the_path_before_it_was_rewritten() {
    let text =
        "RewriteEngine On\nRewriteRule ^/l/(.*) /a/$1 [PT]\n<Location /l>\nRedirect 302 /r\n</Location>\n";
    assert_eq!(answer(text, "/l/x"), "302");
    assert!(answer(text, "/a/x").starts_with("Local"));
}

#[test]
fn passes_of_the_main_server_reach_every_host_whatever_proxy_pass_inherit_says() {
    for (main, own) in [("", ""), ("ProxyPassInherit Off\n", "ProxyPassInherit Off\n")] {
        let text = format!(
            "ProxyPass /a http://127.0.0.1:9001/main\n{main}<VirtualHost *:80>\nServerName a.test\n\
             ProxyPass / http://127.0.0.1:9002/own/\n{own}</VirtualHost>\n"
        );
        assert_eq!(answer(&text, "/a/q"), "9001 /main/q");
        assert_eq!(answer(&text, "/z"), "9002 /own/z");
    }
}

#[test]
fn what_becomes_of_an_error_document_shows_only_where_an_upstream_or_a_rewrite_rule_answers_it() {
    let of = |documents: &str, page: &str| {
        let text = format!("RewriteEngine On\nRedirect gone /e\n{documents}{page}");
        answer(&text, "/e")
    };
    let document = "ErrorDocument 410 /doc\n";
    let both = "ErrorDocument 410 /doc\nErrorDocument 403 /doc\n";
    assert_eq!(of(document, ""), "410");
    assert_eq!(
        of(document, "ProxyPass /doc http://127.0.0.1:9000/p\n"),
        "9000 /p"
    );
    assert_eq!(of(document, "RewriteRule ^/doc /x [R=303]\n"), "303");
    assert_eq!(of(document, "RewriteRule ^/doc /x [F]\n"), "403");
    assert_eq!(of(both, "RewriteRule ^/doc /x [F]\n"), "410");
    assert_eq!(of(document, "Redirect 302 /doc /r\n"), "410");
    assert_eq!(
        of(document, "<Location /doc>\nRedirect gone\n</Location>\n"),
        "410"
    );
    // A port that is no number.
    assert_eq!(
        of(document, "ProxyPassMatch ^/do(.*) http://127.0.0.1:9000$1\n"),
        "410"
    );
}

#[test]
fn a_rewrite_that_redirects_does_not_end_the_rules_without_the_flag_for_it() {
    let of = |rules: &str| {
        let rules = rules.replace("HAND_ON", "http://127.0.0.1:9000/u");
        answer(
            &format!("RewriteEngine On\nProxyPass /y http://127.0.0.1:9000/pp\n{rules}"),
            "/doc",
        )
    };
    let redirect = "RewriteRule ^/doc /x [R=303]\n";
    assert_eq!(of(redirect), "303");
    // What comes after it sees the whole URL.
    assert_eq!(of(&format!("{redirect}RewriteRule ^/x$ HAND_ON [P]\n")), "303");
    assert_eq!(
        of(&format!("{redirect}RewriteRule ^http://[^/]*/x$ HAND_ON [P]\n")),
        "9000 /u"
    );
    assert_eq!(of(&format!("{redirect}RewriteRule x$ /y [PT]\n")), "9000 /pp");
    assert_eq!(of(&format!("{redirect}RewriteRule x$ /z [R=301]\n")), "301");
    assert_eq!(of(&format!("{redirect}RewriteRule x$ - [F]\n")), "403");
    assert_eq!(
        of("RewriteRule ^/doc /x [R=303,L]\nRewriteRule x$ HAND_ON [P]\n"),
        "303"
    );
    assert_eq!(
        of("RewriteRule ^/doc http://elsewhere.test/x\nRewriteRule x$ HAND_ON [P]\n"),
        "9000 /u"
    );
    assert_eq!(of("RewriteRule ^/doc http://elsewhere.test/x\n"), "302");
    // A pattern that puts nothing in place of the path hands nothing on.
    assert_eq!(
        of("RewriteRule ^/doc - [P]\nRewriteRule ^/doc HAND_ON [P]\n"),
        "Local(\"file\")"
    );
}

#[test]
fn a_condition_on_the_uri_sees_the_path_before_the_rules_changed_it() {
    let of = |condition: &str| {
        let text = format!(
            "RewriteEngine On\nRewriteRule ^/doc /x\nRewriteCond %{{{condition}\n\
             RewriteRule ^/x$ http://127.0.0.1:9000/u [P]\nRewriteRule . - [F]\n"
        );
        answer(&text, "/doc")
    };
    assert_eq!(of("REQUEST_URI} ^/doc"), "9000 /u");
    assert_eq!(of("REQUEST_URI} ^/x"), "403");
    assert_eq!(of("REQUEST_FILENAME} ^/x"), "9000 /u");
    assert_eq!(of("REQUEST_FILENAME} ^/doc"), "403");
}

#[test]
fn a_path_that_a_rule_made_is_that_of_a_file_which_a_handler_may_still_take() {
    let php = "<FilesMatch \\.php$>\nSetHandler proxy:http://127.0.0.1:9000\n</FilesMatch>\n";
    let rule = "DocumentRoot /srv/www\nRewriteEngine On\nRewriteRule ^/[a-z]+$ /index.php";
    assert_eq!(
        answer(&format!("{rule} [L]\n{php}"), "/shop"),
        "9000 /srv/www/index.php"
    );
    // Other modules are asked for it only where the rule says so, and a <Location> is that of the path as it was sent.
    let pass = "ProxyPass /index.php http://127.0.0.1:9001/p\n";
    assert_eq!(answer(&format!("{rule} [L]\n{pass}"), "/shop"), "Local(\"file\")");
    assert_eq!(answer(&format!("{rule} [PT]\n{pass}"), "/shop"), "9001 /p");
    let section = "<Location /shop>\nSetHandler proxy:http://127.0.0.1:9002\n</Location>\n";
    assert_eq!(
        answer(&format!("{rule}\n{section}"), "/shop"),
        "9002 /srv/www/index.php"
    );
}

#[test]
fn the_name_of_the_server_in_a_condition_is_the_one_that_the_client_sent() {
    let rules = "RewriteEngine On\nRewriteCond %{SERVER_NAME} =elsewhere.test\nRewriteRule . - [F]\nProxyPass / http://127.0.0.1:9000/\n";
    assert_eq!(answer(rules, "/doc"), "9000 /doc");
    let own = rules.replace("elsewhere.test", "a.test");
    assert_eq!(answer(&own, "/doc"), "403");
    let canonical = format!("ServerName elsewhere.test\nUseCanonicalName On\n{rules}");
    assert_eq!(answer(&canonical, "/doc"), "403");
}

#[test]
fn groups_are_escaped_where_the_rule_says_so() {
    // Measured on httpd 2.4.71.
    let of = |flags: &str, path: &str| {
        let rule =
            format!("RewriteEngine On\nRewriteRule ^/tag/(.*)$ http://127.0.0.1:9000/t/$1 [{flags}]\n");
        answer(&rule, path)
    };
    assert_eq!(of("P", "/tag/c%2Bd"), "9000 /t/c+d");
    assert_eq!(of("P,B", "/tag/a/b"), "9000 /t/a%252fb");
    assert_eq!(of("P,B", "/tag/c%2Bd"), "9000 /t/c%252bd");
    assert_eq!(of("P,B", "/tag/c%20d"), "9000 /t/c+d");
    assert_eq!(of("P,B,BNP", "/tag/c%20d"), "9000 /t/c%2520d");
    assert_eq!(of("P,NE,B", "/tag/a/b"), "9000 /t/a%2fb");
    assert_eq!(of("P,NE,B=+", "/tag/a/b%2B"), "9000 /t/a/b%2b");
    assert_eq!(of("P,NE", "/tag/c%20d"), "403");
}

#[test]
fn what_is_denied_to_all_is_handed_on_to_nobody() {
    let section = |requires: &str| {
        format!(
            "ProxyPass /private http://127.0.0.1:9000/private\n<Location /private>\n{requires}\n</Location>\n"
        )
    };
    assert_eq!(answer(&section("Require all denied"), "/private/x"), "403");
    assert_eq!(
        answer(&section("Require all granted"), "/private/x"),
        "9000 /private/x"
    );
    assert_eq!(
        answer(&section("Require all denied\nRequire ip 127.0.0.1"), "/private/x"),
        "9000 /private/x"
    );
    let inner = "<Location /private/open>\nRequire all granted\n</Location>\n";
    let text = format!("{}{inner}", section("Require all denied"));
    assert_eq!(answer(&text, "/private/open/x"), "9000 /private/open/x");
}

#[test]
fn what_follows_the_name_of_a_script_is_its_path_info() {
    // Measured on httpd 2.4.71 with php-fpm: `/index.php/shop` is asked of it.
    let config = read_text(
        "LoadModule proxy_module m\nLoadModule proxy_fcgi_module m\nListen 80\nDocumentRoot /srv/www\n\
         <FilesMatch \\.php$>\nSetHandler proxy:fcgi://127.0.0.1:9000\n</FilesMatch>\n",
    );
    let route = |target: &str| {
        let request = RouteRequest {
            port: 80,
            host: "a.test".to_owned(),
            method: "GET".to_owned(),
            target: target.to_owned(),
            ..RouteRequest::default()
        };
        config.route(&request).expect("something listens on port 80")
    };
    let found = route("/remote.php/dav/files");
    assert!(matches!(found.handler, Handler::Pass(_)), "{:?}", found.handler);
    assert_eq!(
        found.undetermined,
        ["whether /srv/www/remote.php is a file, and what follows it its PATH_INFO"]
    );
    for (target, passes) in [
        ("/a/remote.php", true),
        ("/a.phpx/dav", false),
        ("/style.css", false),
    ] {
        assert_eq!(
            matches!(route(target).handler, Handler::Pass(_)),
            passes,
            "{target}"
        );
    }
}
