//! Secrets to plant: every kind, in every place where one was seen. `⟦` and `⟧` stand around a secret, `#` within
//! it is a number of its own, `¶` is the end of a line and `␛` the sign that begins a colour.
//!
//! To add one: a row; the self-test of the program and the planted suite of the tests both read this table.

use super::Spot;

/// One planted text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) spot: Spot,
    pub(super) kind: &'static str,
    pub(super) text: &'static str,
}

const fn row(spot: Spot, kind: &'static str, text: &'static str) -> Row {
    Row { spot, kind, text }
}

/// Every planted text.
pub(super) const ROWS: &[Row] = &[
    row(
        Spot::Nginx,
        "header authorization",
        r#"proxy_set_header Authorization "Bearer ⟦n#Kq7wP2xZ⟧";"#,
    ),
    row(
        Spot::Nginx,
        "header authorization",
        r#"proxy_set_header Authorization "Basic ⟦cGxhbnQ6cGxhbnQ#QQ==⟧";"#,
    ),
    row(
        Spot::Nginx,
        "header authorization",
        r#"proxy_set_header authorization ⟦n#rawq7wP2xZ⟧;"#,
    ),
    row(
        Spot::Nginx,
        "header authorization",
        r#"grpc_set_header Authorization "Token ⟦n#Grp7wP2xZ⟧";"#,
    ),
    row(
        Spot::Nginx,
        "header authorization",
        r#"proxy_set_header Proxy-Authorization 'Basic ⟦bmdpbng6cGxhbnQ#QQ==⟧';"#,
    ),
    row(
        Spot::Nginx,
        "header authorization",
        r#"PROXY_SET_HEADER X-AUTHORIZATION "⟦N#UPPERq7w⟧";"#,
    ),
    row(
        Spot::Nginx,
        "cookie",
        r#"proxy_set_header Cookie "sid=⟦n#cookie7w⟧; theme=⟦n#theme7w⟧";"#,
    ),
    row(
        Spot::Nginx,
        "cookie",
        r#"add_header Set-Cookie "sess=⟦n#setck7w⟧; Path=/; HttpOnly";"#,
    ),
    row(
        Spot::Nginx,
        "cookie",
        r#"proxy_cookie_flags one secure; set $session_cookie "⟦n#sessck7⟧";"#,
    ),
    row(
        Spot::Nginx,
        "api key",
        r#"proxy_set_header X-Api-Key ⟦n#apikey7w⟧;"#,
    ),
    row(
        Spot::Nginx,
        "api key",
        r#"proxy_set_header x-api-key "⟦n#lowkey7w⟧";"#,
    ),
    row(Spot::Nginx, "api key", r#"proxy_set_header Apikey ⟦n#onekey7w⟧;"#),
    row(
        Spot::Nginx,
        "api key",
        r#"proxy_set_header X-Functions-Key ⟦n#fnkey7w⟧;"#,
    ),
    row(
        Spot::Nginx,
        "api key",
        r#"proxy_set_header X-Goog-Api-Key "⟦AIza#abcdefghijklmnopqrstuvwxyz0123456⟧";"#,
    ),
    row(
        Spot::Nginx,
        "header token",
        r#"proxy_set_header X-Auth-Token '⟦n#token7w⟧';"#,
    ),
    row(
        Spot::Nginx,
        "header token",
        r#"proxy_set_header X-Vault-Token ⟦hvs.n#abcdefghijklmnopqrst⟧;"#,
    ),
    row(
        Spot::Nginx,
        "header token",
        r#"proxy_set_header X-CSRF-Token "⟦n#csrf7w⟧";"#,
    ),
    row(
        Spot::Nginx,
        "header token",
        r#"proxy_set_header Private-Token ⟦glpat-n#abcdefghijklmn⟧;"#,
    ),
    row(
        Spot::Nginx,
        "header secret",
        r#"proxy_set_header X-Client-Secret "⟦n#clsecret⟧";"#,
    ),
    row(
        Spot::Nginx,
        "header secret",
        r#"proxy_set_header X-Origin-Secret ⟦n#orsecret⟧;"#,
    ),
    row(
        Spot::Nginx,
        "header secret",
        r#"more_set_headers "X-Api-Key: ⟦n#moreset7⟧";"#,
    ),
    row(
        Spot::Nginx,
        "user information",
        r#"proxy_pass http://⟦nuser#:nuserpw#9⟧@app/;"#,
    ),
    row(
        Spot::Nginx,
        "user information",
        r#"proxy_pass https://⟦nuser#:p%40ss#9⟧@app/;"#,
    ),
    row(
        Spot::Nginx,
        "user information",
        r#"resolver 127.0.0.53; set $backend "ftp://⟦nftp#:nftppw#⟧@127.0.0.1/";"#,
    ),
    row(
        Spot::Nginx,
        "query",
        r#"proxy_pass http://app/?access_token=⟦n#query7w⟧&page=2;"#,
    ),
    row(
        Spot::Nginx,
        "query",
        r#"rewrite ^/old /new?apikey=⟦n#rewr7w⟧? redirect;"#,
    ),
    row(
        Spot::Nginx,
        "query",
        r#"return 302 https://shop.example.test/in?code=⟦n#code7w⟧&state=⟦n#state7w⟧;"#,
    ),
    row(Spot::Nginx, "query", r#"proxy_pass http://app/x?sig=⟦n#sig7w⟧;"#),
    row(
        Spot::Nginx,
        "if",
        r#"if ($arg_token != "⟦n#argtok7⟧") { return 403; }"#,
    ),
    row(
        Spot::Nginx,
        "if",
        r#"if ($http_x_api_key = "⟦n#ifkey7⟧") { return 204; }"#,
    ),
    row(
        Spot::Nginx,
        "if",
        r#"if ($cookie_session != ⟦n#ifck7w⟧) { return 403; }"#,
    ),
    row(Spot::Nginx, "set", r#"set $api_key "⟦n#setkey7⟧";"#),
    row(Spot::Nginx, "set", r#"set $upstream_password ⟦n#setpw7⟧;"#),
    row(Spot::Nginx, "set", r#"set $jwt_secret '⟦n#jwtsec7⟧';"#),
    row(
        Spot::Nginx,
        "fastcgi parameter",
        r#"fastcgi_param DB_PASSWORD ⟦n#fcgi7w⟧;"#,
    ),
    row(
        Spot::Nginx,
        "fastcgi parameter",
        r#"fastcgi_param APP_SECRET "⟦n# fcgi two⟧";"#,
    ),
    row(
        Spot::Nginx,
        "fastcgi parameter",
        r#"fastcgi_param HTTP_AUTHORIZATION "Bearer ⟦n#fcgibr7⟧";"#,
    ),
    row(
        Spot::Nginx,
        "fastcgi parameter",
        r#"uwsgi_param API_TOKEN ⟦n#uwsgi7w⟧;"#,
    ),
    row(
        Spot::Nginx,
        "fastcgi parameter",
        r#"scgi_param SECRET_KEY_BASE ⟦n#scgi7w⟧;"#,
    ),
    row(Spot::Nginx, "environment", r#"env DB_PASSWORD=⟦n#env7w⟧;"#),
    row(
        Spot::Nginx,
        "environment",
        r#"env REDIS_URL=redis://⟦ruser#:redispw#⟧@127.0.0.1:6379/0;"#,
    ),
    row(
        Spot::Nginx,
        "secure link",
        r#"secure_link_md5 "$secure_link_expires$uri ⟦n#link7w⟧";"#,
    ),
    row(Spot::Nginx, "secure link", r#"secure_link_secret ⟦n#linksec⟧;"#),
    row(
        Spot::Nginx,
        "map",
        r#"map $http_x_api_key $client_name { default ""; "⟦n#mapk7w⟧" shop; ⟦n#mapb7w⟧ other; }"#,
    ),
    row(
        Spot::Nginx,
        "map",
        r#"map $host $backend_token { default "Bearer ⟦n#mapv7w⟧"; a.test ⟦n#mapw7w⟧; }"#,
    ),
    row(Spot::Nginx, "comment", r#"# old password: ⟦n#comm7w⟧"#),
    row(
        Spot::Nginx,
        "comment",
        r#"# curl -H "Authorization: Bearer ⟦n#curlh7⟧" http://127.0.0.1/"#,
    ),
    row(
        Spot::Nginx,
        "private key",
        r#"# -----BEGIN RSA PRIVATE KEY-----¶# ⟦MIIEn#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA⟧¶# ⟦n#BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB==⟧¶# -----END RSA PRIVATE KEY-----"#,
    ),
    row(
        Spot::Nginx,
        "private key",
        r#"ssl_certificate_key "data:-----BEGIN PRIVATE KEY-----\n⟦MIIEdata#AAAAAAAAAAAAAAAAAAAA⟧\n-----END PRIVATE KEY-----";"#,
    ),
    row(
        Spot::Nginx,
        "lua",
        r#"access_by_lua_block { local api_key = "⟦n#lua7w⟧" ngx.req.set_header("Authorization", "Bearer ⟦n#luab7w⟧") }"#,
    ),
    row(
        Spot::Nginx,
        "lua",
        r#"set_by_lua $x 'return "password=⟦n#luapw7⟧"';"#,
    ),
    row(
        Spot::Nginx,
        "session",
        r#"sticky cookie srv; set $session_id ⟦n#sessid7⟧;"#,
    ),
    row(
        Spot::Apache,
        "header authorization",
        r#"RequestHeader set Authorization "Bearer ⟦a#Kq7wP2xZ⟧""#,
    ),
    row(
        Spot::Apache,
        "header authorization",
        r#"RequestHeader add Authorization "Basic ⟦YXBhY2hlOnBsYW50#QQ==⟧""#,
    ),
    row(
        Spot::Apache,
        "header authorization",
        r#"requestheader SET authorization "⟦a#lower7w⟧""#,
    ),
    row(
        Spot::Apache,
        "header authorization",
        r#"RequestHeader setifempty Proxy-Authorization "Basic ⟦YXByb3h5OnBsYW50#Q==⟧""#,
    ),
    row(
        Spot::Apache,
        "cookie",
        r#"RequestHeader append Cookie "sid=⟦a#cook7w⟧""#,
    ),
    row(
        Spot::Apache,
        "cookie",
        r#"Header always set Set-Cookie "sess=⟦a#setck7w⟧; Path=/""#,
    ),
    row(
        Spot::Apache,
        "cookie",
        r#"Header add Set-Cookie "ROUTEID=⟦a#route7w⟧""#,
    ),
    row(
        Spot::Apache,
        "api key",
        r#"RequestHeader set X-Api-Key ⟦a#apik7w⟧"#,
    ),
    row(
        Spot::Apache,
        "api key",
        r#"RequestHeader early set X-Api-Key "⟦a#early7w⟧""#,
    ),
    row(
        Spot::Apache,
        "header token",
        r#"RequestHeader set X-Auth-Token "⟦a#auth7w⟧" env=x"#,
    ),
    row(
        Spot::Apache,
        "header secret",
        r#"RequestHeader set X-Shared-Secret ⟦a#shared7⟧"#,
    ),
    row(Spot::Apache, "environment", r#"SetEnv DB_PASS ⟦a#setenv7⟧"#),
    row(
        Spot::Apache,
        "environment",
        r#"SetEnv DATABASE_URL "postgres://⟦apg#:apgpw#⟧@127.0.0.1/shop""#,
    ),
    row(
        Spot::Apache,
        "environment",
        r#"SetEnvIf Request_URI ^/x API_TOKEN=⟦a#setif7w⟧"#,
    ),
    row(
        Spot::Apache,
        "environment",
        r#"PassEnv PATH¶SetEnv STRIPE_KEY ⟦sk_live_a#abcdefghijklmn⟧"#,
    ),
    row(
        Spot::Apache,
        "ajp secret",
        r#"ProxyPass /app ajp://127.0.0.1:8009/app secret=⟦a#ajp7w⟧"#,
    ),
    row(
        Spot::Apache,
        "ajp secret",
        r#"BalancerMember ajp://127.0.0.1:8010 route=b secret="⟦a#ajpb7w⟧""#,
    ),
    row(
        Spot::Apache,
        "user information",
        r#"ProxyPass /u http://⟦auser#:auserpw#⟧@127.0.0.1:8080/"#,
    ),
    row(
        Spot::Apache,
        "user information",
        r#"ProxyRemote * http://⟦arem#:arempw#⟧@127.0.0.1:3128"#,
    ),
    row(Spot::Apache, "ldap", r#"AuthLDAPBindPassword "⟦a#ldap7w⟧""#),
    row(
        Spot::Apache,
        "ldap",
        r#"AuthLDAPBindPassword exec:/bin/x¶authldapbindpassword ⟦a#ldapl7⟧"#,
    ),
    row(
        Spot::Apache,
        "database",
        r#"DBDParams "host=127.0.0.1 dbname=auth user=web password=⟦a#dbd7w⟧""#,
    ),
    row(
        Spot::Apache,
        "database",
        r#"DBDParams "host=127.0.0.1,user=web,pass=⟦a#dbdp7w⟧""#,
    ),
    row(Spot::Apache, "session", r#"SessionCryptoPassphrase ⟦a#sess7w⟧"#),
    row(
        Spot::Apache,
        "session",
        r#"SessionCryptoPassphrase "⟦a# sess two⟧""#,
    ),
    row(Spot::Apache, "openid connect", r#"OIDCClientSecret ⟦a#oidc7w⟧"#),
    row(
        Spot::Apache,
        "openid connect",
        r#"OIDCCryptoPassphrase "⟦a#oidcp7⟧""#,
    ),
    row(
        Spot::Apache,
        "rewrite",
        r#"RewriteCond %{HTTP:X-Api-Key} !=⟦a#cond7w⟧"#,
    ),
    row(
        Spot::Apache,
        "rewrite",
        r#"RewriteRule ^/x http://127.0.0.1/?token=⟦a#rr7w⟧ [P,L]"#,
    ),
    row(
        Spot::Apache,
        "rewrite",
        r#"RewriteCond %{QUERY_STRING} !token=⟦a#qs7w⟧"#,
    ),
    row(
        Spot::Apache,
        "expression",
        r#"Require expr %{HTTP:X-Auth-Token} == '⟦a#expr7w⟧'"#,
    ),
    row(
        Spot::Apache,
        "htpasswd",
        r#"alice#:⟦$apr1$plant#a$Xo0mPlantHash#xyz12⟧"#,
    ),
    row(
        Spot::Apache,
        "htpasswd",
        r#"bob#:⟦{SHA}cGxhbnQyOGNHeGhiblF5T0dOMG#⟧"#,
    ),
    row(
        Spot::Apache,
        "htpasswd",
        r#"carol#:⟦$2y$05$plant#abcdefghijklmnopqrstuvwx⟧"#,
    ),
    row(
        Spot::Apache,
        "private key",
        r#"-----BEGIN EC PRIVATE KEY-----¶⟦MHcCa#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA⟧¶-----END EC PRIVATE KEY-----"#,
    ),
    row(Spot::Apache, "comment", r#"# token: ⟦a#comm7w⟧"#),
    row(
        Spot::Apache,
        "tls",
        r#"SSLPassPhraseDialog "|/bin/echo password=⟦a#dialog⟧""#,
    ),
    row(Spot::Apache, "macro", r#"Define API_SECRET ⟦a#def7w⟧"#),
    row(Spot::Apache, "macro", r#"Define db_password "⟦a#defp7w⟧""#),
    row(
        Spot::Squid,
        "peer login",
        r#"cache_peer parent.test parent 3128 0 login=⟦squser#:sqpeer#9⟧"#,
    ),
    row(
        Spot::Squid,
        "peer login",
        r#"cache_peer parent.test parent 3128 0 no-query login=*:⟦sqstar#9⟧"#,
    ),
    row(
        Spot::Squid,
        "peer login",
        r#"cache_peer parent.test parent 3128 0 originserver login="⟦sqq#:sqqpw#⟧""#,
    ),
    row(
        Spot::Squid,
        "peer login",
        r#"CACHE_PEER up.test parent 3128 0 LOGIN=⟦squp#:squppw#⟧"#,
    ),
    row(Spot::Squid, "manager", r#"cachemgr_passwd ⟦s#mgr7w⟧ all"#),
    row(Spot::Squid, "manager", r#"cachemgr_passwd ⟦s#mgrinfo⟧ info menu"#),
    row(
        Spot::Squid,
        "header authorization",
        r#"request_header_replace Authorization Basic ⟦c3F1aWQ6cGxhbnQ#QQ==⟧"#,
    ),
    row(
        Spot::Squid,
        "header authorization",
        r#"request_header_add Authorization "Bearer ⟦s#bear7w⟧" all"#,
    ),
    row(
        Spot::Squid,
        "header authorization",
        r#"request_header_add X-Api-Key "⟦s#apik7w⟧" all"#,
    ),
    row(
        Spot::Squid,
        "cookie",
        r#"request_header_replace Cookie sid=⟦s#cook7w⟧"#,
    ),
    row(
        Spot::Squid,
        "header token",
        r#"reply_header_add X-Auth-Token "⟦s#rep7w⟧" all"#,
    ),
    row(
        Spot::Squid,
        "authentication",
        r#"auth_param basic program /usr/lib/squid/basic_ldap_auth -b dc=x -D cn=y -w ⟦s#ldapw7⟧ -h 127.0.0.1"#,
    ),
    row(
        Spot::Squid,
        "authentication",
        r#"auth_param basic program /usr/lib/squid/basic_db_auth --user squid --password ⟦s#dbauth⟧ --plaintext"#,
    ),
    row(
        Spot::Squid,
        "authentication",
        r#"external_acl_type x ttl=60 %LOGIN /usr/lib/ext --token ⟦s#ext7w⟧"#,
    ),
    row(
        Spot::Squid,
        "authentication",
        r#"external_acl_type y ttl=60 %LOGIN /usr/lib/ext --secret=⟦s#exts7w⟧"#,
    ),
    row(Spot::Squid, "acl", r#"acl k req_header X-Api-Key ^⟦s#aclk7w⟧$"#),
    row(
        Spot::Squid,
        "acl",
        r#"acl t req_header Authorization Bearer.⟦s#aclt7w⟧"#,
    ),
    row(
        Spot::Squid,
        "url",
        r#"acl u url_regex ^http://x/\?token=⟦s#aclu7w⟧"#,
    ),
    row(
        Spot::Squid,
        "url",
        r#"deny_info http://x.test/?auth_token=⟦s#deny7w⟧ all"#,
    ),
    row(Spot::Squid, "snmp", r#"snmp_community ⟦s#snmp7w⟧"#),
    row(
        Spot::Squid,
        "comment",
        r#"# password was it password: ⟦s#comm7w⟧"#,
    ),
    row(
        Spot::Squid,
        "tls",
        r#"https_port 3129 tls-cert=/etc/squid/a.pem password=⟦s#tlsp7w⟧"#,
    ),
    row(
        Spot::Squid,
        "tls",
        r#"sslpassword_program /bin/echo --passphrase ⟦s#sslp7w⟧"#,
    ),
    row(
        Spot::ErrorLog,
        "query",
        r#"2026/11/22 17:00:01 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: x, request: "GET /cart?token=⟦e#tok7w⟧&page=2&sig=⟦e#sig7w⟧ HTTP/1.1", upstream: "http://127.0.0.1:8080/cart?token=⟦e#tok7w⟧", host: "x", referrer: "https://x/?code=⟦e#code7w⟧""#,
    ),
    row(
        Spot::ErrorLog,
        "query",
        r#"2026/11/22 17:00:01 [error] 7#7: *2 upstream timed out, request: "GET /reset?otp=⟦e#otp7w⟧&ticket=⟦e#tick7w⟧ HTTP/1.1""#,
    ),
    row(
        Spot::ErrorLog,
        "query",
        r#"2026/11/22 17:00:01 [error] 7#7: *3 no live upstreams, request: "GET /s;jsessionid=⟦E#JSESS7W⟧ HTTP/1.1""#,
    ),
    row(
        Spot::ErrorLog,
        "query",
        r#"2026/11/22 17:00:01 [error] 7#7: *4 x, request: "GET /cb?id_token=⟦e#idt7w⟧&refresh_token=⟦e#ref7w⟧ HTTP/1.1""#,
    ),
    row(
        Spot::ErrorLog,
        "query",
        r#"2026/11/22 17:00:01 [error] 7#7: *5 x, request: "GET /a?API_KEY=⟦e#upk7w⟧ HTTP/1.1""#,
    ),
    row(
        Spot::ErrorLog,
        "percent-encoded",
        r#"2026/11/22 17:00:01 [error] 7#7: *6 x, request: "GET /in?next=https%3A%2F%2Fx%2F%3Fapi_key%3D⟦e#enc7w⟧%26a%3D1 HTTP/1.1""#,
    ),
    row(
        Spot::ErrorLog,
        "percent-encoded",
        r#"2026/11/22 17:00:01 [error] 7#7: *7 x, request: "GET /in?next=%2Fa%253Ftoken%253D⟦e#enc27w⟧%2526b HTTP/1.1""#,
    ),
    row(
        Spot::ErrorLog,
        "percent-encoded",
        r#"2026/11/22 17:00:01 [error] 7#7: *8 x, request: "GET /in?%74oken=⟦e#pct7w⟧ HTTP/1.1""#,
    ),
    row(
        Spot::ErrorLog,
        "percent-encoded",
        r#"2026/11/22 17:00:01 [error] 7#7: *8 x, request: "GET /in?password=⟦e#p%40ss%21w⟧&x=1 HTTP/1.1""#,
    ),
    row(
        Spot::ErrorLog,
        "header",
        r#"2026/11/22 17:00:02 [error] 7#7: *9 upstream sent invalid header: "Set-Cookie: id=⟦e#inv7w⟧\x0D" while reading response header from upstream"#,
    ),
    row(
        Spot::ErrorLog,
        "header",
        r#"2026/11/22 17:00:02 [info] 7#7: *10 client sent invalid header line: "Authorization: Bearer ⟦e#clb7w⟧" while reading client request headers"#,
    ),
    row(
        Spot::ErrorLog,
        "header",
        r#"2026/11/22 17:00:02 [debug] 7#7: *11 http header: "Cookie: sid=⟦e#dbg7w⟧; a=⟦e#dbh7w⟧""#,
    ),
    row(
        Spot::ErrorLog,
        "header",
        r#"2026/11/22 17:00:02 [debug] 7#7: *11 http proxy header: "X-Api-Key: ⟦e#dbk7w⟧""#,
    ),
    row(
        Spot::ErrorLog,
        "header",
        r#"[Sun Nov 22 17:00:02.1 2026] [proxy:debug] [pid 9] AH00000: Authorization: Basic ⟦ZXJyb3I6cGxhbnQ#QQ==⟧"#,
    ),
    row(
        Spot::ErrorLog,
        "user information",
        r#"[Sun Nov 22 17:00:02.1 2026] [proxy:error] [pid 9] AH00898: DNS lookup failure returned by http://⟦eau#:eaupw#⟧@127.0.0.1/x"#,
    ),
    row(
        Spot::ErrorLog,
        "dsn",
        r#"2026/11/22 17:00:03 [error] 7#7: *12 FastCGI sent in stderr: "PHP message: PDOException: mysql:host=127.0.0.1;dbname=x;user=y;password=⟦e#pdo7w⟧" while reading"#,
    ),
    row(
        Spot::ErrorLog,
        "dsn",
        r#"2026/11/22 17:00:03 [error] 7#7: *12 FastCGI sent in stderr: "PHP message: new PDO('mysql://⟦epd#:epdpw#⟧@127.0.0.1/x')" while reading"#,
    ),
    row(
        Spot::ErrorLog,
        "php",
        r#"2026/11/22 17:00:03 [error] 7#7: *13 FastCGI sent in stderr: "PHP message: mysqli_connect(): (using password: YES) DB_PASSWORD=⟦e#phpw7⟧" while reading"#,
    ),
    row(
        Spot::ErrorLog,
        "jwt",
        r#"2026/11/22 17:00:03 [error] 7#7: *14 x, request: "GET /api/⟦eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudCMi#X0.c2lnbmF0dXJlLXBsYW50#Q⟧ HTTP/1.1""#,
    ),
    row(
        Spot::ErrorLog,
        "e-mail",
        r#"2026/11/22 17:00:03 [error] 7#7: *15 x, request: "GET /u?mail=⟦eplant#@mail.example-plant.de⟧ HTTP/1.1""#,
    ),
    row(
        Spot::ErrorLog,
        "e-mail",
        r#"2026/11/22 17:00:03 [error] 7#7: *15 x, request: "GET /u?mail=⟦eplant#%40mail.example-plant.de⟧ HTTP/1.1""#,
    ),
    row(
        Spot::ErrorLog,
        "squid",
        r#"1795366801.1 kid1| ERROR: TCP connection to 127.0.0.1/3128 failed, login=⟦sql#:sqlpw#⟧"#,
    ),
    row(
        Spot::AccessLog,
        "query",
        r#"127.0.0.1 - - [22/Nov/2026:17:00:01 +0000] "GET /x?access_token=⟦l#acc7w⟧ HTTP/1.1" 502 157 "-" "curl/8""#,
    ),
    row(
        Spot::AccessLog,
        "query",
        r#"127.0.0.1 - - [22/Nov/2026:17:00:01 +0000] "GET /x HTTP/1.1" 502 157 "https://x.test/?session=⟦l#ref7w⟧" "curl/8""#,
    ),
    row(
        Spot::AccessLog,
        "query",
        r#"127.0.0.1 - - [22/Nov/2026:17:00:01 +0000] "GET /x?user[password]=⟦l#brk7w⟧ HTTP/1.1" 502 157"#,
    ),
    row(
        Spot::AccessLog,
        "query",
        r#"127.0.0.1 - - [22/Nov/2026:17:00:01 +0000] "GET /s3?X-Amz-Signature=⟦l#amz7w⟧&X-Amz-Security-Token=⟦l#sec7w⟧ HTTP/1.1" 502 1"#,
    ),
    row(
        Spot::AccessLog,
        "query",
        r#"127.0.0.1 - - [22/Nov/2026:17:00:01 +0000] "GET /x?pw=⟦l#pw7w⟧&pin=⟦l#pin7w⟧ HTTP/1.1" 502 1"#,
    ),
    row(
        Spot::AccessLog,
        "query",
        r#"127.0.0.1 - - [22/Nov/2026:17:00:01 +0000] "GET /x#access_token=⟦l#frag7w⟧ HTTP/1.1" 502 1"#,
    ),
    row(
        Spot::AccessLog,
        "query",
        r#"1795366801.123    12 127.0.0.1 TCP_MISS/502 400 GET http://x.test/?sid=⟦l#sid7w⟧ - HIER_NONE/- text/html"#,
    ),
    row(
        Spot::AccessLog,
        "user information",
        r#"1795366801.123    12 127.0.0.1 TCP_MISS/502 400 GET http://⟦lus#:luspw#⟧@x.test/ - HIER_NONE/- text/html"#,
    ),
    row(
        Spot::AccessLog,
        "cookie",
        r#"127.0.0.1 - - [22/Nov/2026:17:00:01 +0000] "GET / HTTP/1.1" 502 157 cookie="sid=⟦l#ck7w⟧""#,
    ),
    row(
        Spot::AccessLog,
        "cookie",
        r#"127.0.0.1 - - [22/Nov/2026:17:00:01 +0000] "GET / HTTP/1.1" 502 157 PHPSESSID=⟦l#php7w⟧"#,
    ),
    row(
        Spot::AccessLog,
        "cookie",
        r#"127.0.0.1 - - [22/Nov/2026:17:00:01 +0000] "GET / HTTP/1.1" 502 157 "JSESSIONID=⟦L#JS7W⟧; Path=/""#,
    ),
    row(
        Spot::AccessLog,
        "json",
        r#"{"remote_addr":"127.0.0.1","status":502,"request_uri":"/x?token=⟦l#js7w⟧","http_authorization":"Bearer ⟦l#jsb7w⟧"}"#,
    ),
    row(
        Spot::AccessLog,
        "json",
        r#"{"status":502,"http_cookie":"a=⟦l#jc7w⟧; b=⟦l#jd7w⟧","args":"q=1&api_key=⟦l#ja7w⟧"}"#,
    ),
    row(
        Spot::AccessLog,
        "json",
        r#"{"status":502,"body":"{\"password\":\"⟦l#nest7w⟧\",\"user\":\"x\"}"}"#,
    ),
    row(
        Spot::AccessLog,
        "json",
        r#"{"msg":"login","headers":{"Authorization":["Bearer ⟦l#arr7w⟧"],"X-Api-Key":["⟦l#ark7w⟧"]}}"#,
    ),
    row(
        Spot::AccessLog,
        "card",
        r#"127.0.0.1 - - [22/Nov/2026:17:00:01 +0000] "GET /pay?card=⟦4111 1111 1111 1111⟧ HTTP/1.1" 502 1"#,
    ),
    row(
        Spot::AccessLog,
        "card",
        r#"127.0.0.1 - - [22/Nov/2026:17:00:01 +0000] "GET /pay?pan=⟦5555555555554444⟧ HTTP/1.1" 502 1"#,
    ),
    row(
        Spot::AccessLog,
        "card",
        r#"paid with ⟦3782-822463-10005⟧ and ⟦6011111111111117⟧ today"#,
    ),
    row(
        Spot::ApplicationLog,
        "header authorization",
        r#"app: Authorization: Bearer ⟦p#bea7w⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "header authorization",
        r#"app: AUTHORIZATION: bearer ⟦P#UPB7W⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "header authorization",
        r#"app: authorization=Basic ⟦YXBwbG9nOnBsYW50#QQ==⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "header authorization",
        r#"app: 'Authorization': 'Digest username="x", response="⟦p#dig7w⟧"'"#,
    ),
    row(
        Spot::ApplicationLog,
        "header authorization",
        r#"app: HTTP_AUTHORIZATION=Token ⟦p#tok7w⟧ PORT=80"#,
    ),
    row(
        Spot::ApplicationLog,
        "cloud key",
        r#"app: key ⟦AKIAPLANT#ABCDEFGH⟧ was refused"#,
    ),
    row(
        Spot::ApplicationLog,
        "cloud key",
        r#"app: aws_secret_access_key = ⟦p#aws/wJalrXUtnFEMI/K7MDENG⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "cloud key",
        r#"app: AWS_SESSION_TOKEN=⟦IQoJb3JpZ2luX2VjE#//////////wEaCXVz⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "cloud key",
        r#"app: google ⟦AIzaplant#abcdefghijklmnopqrstuvwxyz012⟧ and ⟦ya29.plant#abcdefghijklmnopqrstuvw⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "cloud key",
        r#"app: {"type":"service_account","private_key_id":"⟦p#pkid7w⟧","private_key":"-----BEGIN PRIVATE KEY-----\n⟦MIIEvplant#AAAAAAAAAAAAAAAAA⟧\n-----END PRIVATE KEY-----\n"}"#,
    ),
    row(
        Spot::ApplicationLog,
        "cloud key",
        r#"app: AccountKey=⟦p#azureabcdefghijklmnopqrstuvwxyz012345678==⟧;EndpointSuffix=core.windows.net"#,
    ),
    row(
        Spot::ApplicationLog,
        "cloud key",
        r#"app: SharedAccessSignature sig=⟦p#sas7w⟧&se=1"#,
    ),
    row(
        Spot::ApplicationLog,
        "forge token",
        r#"app: ⟦ghp_plant#abcdefghijklmnopqrstuvwxyz⟧ and ⟦github_pat_plant#abcdefghijklmnop⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "forge token",
        r#"app: ⟦glpat-plant#_abcdefghijkl⟧ pushed"#,
    ),
    row(
        Spot::ApplicationLog,
        "chat token",
        r#"app: ⟦xoxb-plant#-12345678901⟧ and ⟦xapp-1-plant#-12345678901⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "chat token",
        r#"app: post https://hooks.slack.com/services/⟦T00plant#/B00/abcdefplant⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "chat token",
        r#"app: post https://discord.com/api/webhooks/⟦112233#/abcdefghijklmnop⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "chat token",
        r#"app: bot ⟦12345678:AAplant#abcdefghijklmnopqrstuvwxyz0123⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "payment key",
        r#"app: ⟦sk_live_plant#abcdefghij⟧ ⟦rk_test_plant#abcdefghij⟧ ⟦whsec_plant#abcdefghijklmnop⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "package token",
        r#"app: ⟦npm_plant#abcdefghijklmnopqrstuvwxyz0123⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "package token",
        r#"app: ⟦pypi-plant#AgEIcHlwaS5vcmcabcdefghijklmnop⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "mail key",
        r#"app: ⟦SG.plant#abcdefghijkl.plant#abcdefghijklmn⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "model key",
        r#"app: ⟦sk-proj-plant#abcdefghijklmnopqrstuv⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "infrastructure token",
        r#"app: ⟦dop_v1_000#aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "infrastructure token",
        r#"app: ⟦hvb.plant#abcdefghijklmnopqrstuvw⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "infrastructure token",
        r#"app: ⟦shpat_0123456789abcdef0123456789abc#⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "jwt",
        r#"app: refused ⟦eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudCMi#X0.c2lnbmF0dXJlLXBsYW50#Q⟧ today"#,
    ),
    row(Spot::ApplicationLog, "password", r#"app: password: ⟦p#prose7⟧"#),
    row(
        Spot::ApplicationLog,
        "password",
        r#"app: Password = "⟦p# quoted two⟧" ok"#,
    ),
    row(
        Spot::ApplicationLog,
        "password",
        r#"app: PASSWORD=⟦P#CAPS7W⟧ USER=x"#,
    ),
    row(Spot::ApplicationLog, "password", r#"app: pwd=⟦p#pwd7w⟧;uid=x"#),
    row(
        Spot::ApplicationLog,
        "password",
        r#"app: db.passwd -> passwd=⟦p#passwd7⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "password",
        r#"app: {"user":"x","passWord":"⟦p#camel7⟧","newPassword":"⟦p#newpw7⟧"}"#,
    ),
    row(
        Spot::ApplicationLog,
        "password",
        r#"app: {user: 'x', password: '⟦p#single7⟧'}"#,
    ),
    row(
        Spot::ApplicationLog,
        "password",
        r#"app: <password>⟦p#xml7w⟧</password>"#,
    ),
    row(Spot::ApplicationLog, "password", r#"app: password => ⟦p#arrow7⟧"#),
    row(Spot::ApplicationLog, "yaml", r#"  api_key: ⟦p#yaml7w⟧"#),
    row(Spot::ApplicationLog, "yaml", r#"  client_secret: "⟦p#yamlq7⟧""#),
    row(Spot::ApplicationLog, "ini", r#"mail.password = ⟦p#ini7w⟧"#),
    row(Spot::ApplicationLog, "ini", r#"requirepass ⟦p#redis7w⟧"#),
    row(
        Spot::ApplicationLog,
        "ini",
        r#"spring.datasource.password=⟦p#spring7⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "dsn",
        r#"app: DATABASE_URL=postgres://⟦pdb#:pdbpw#⟧@127.0.0.1:5432/shop"#,
    ),
    row(
        Spot::ApplicationLog,
        "dsn",
        r#"app: amqp://⟦pamq#:pamqpw#⟧@127.0.0.1/%2f down"#,
    ),
    row(
        Spot::ApplicationLog,
        "dsn",
        r#"app: mongodb+srv://⟦pmon#:pmonpw#⟧@127.0.0.1/x"#,
    ),
    row(
        Spot::ApplicationLog,
        "dsn",
        r#"app: redis://:⟦pred#pw7w⟧@127.0.0.1:6379"#,
    ),
    row(
        Spot::ApplicationLog,
        "dsn",
        r#"app: dsn ⟦pgo#:pgopw#⟧@tcp(127.0.0.1:3306)/shop"#,
    ),
    row(
        Spot::ApplicationLog,
        "dsn",
        r#"app: Server=127.0.0.1;Uid=app;Pwd=⟦p#ado7w⟧;Database=shop"#,
    ),
    row(
        Spot::ApplicationLog,
        "dsn",
        r#"app: jdbc:mysql://127.0.0.1/x?user=y&password=⟦p#jdbc7w⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "dsn",
        r#"app: host=127.0.0.1 port=5432 user=app password=⟦p#kv7w⟧ dbname=shop"#,
    ),
    row(
        Spot::ApplicationLog,
        "dsn",
        r#"app: https://⟦0123456789abcdef0123456789abc#⟧@sentry.example.test/42"#,
    ),
    row(
        Spot::ApplicationLog,
        "e-mail",
        r#"app: mail from ⟦plant#@mail.example-plant.de⟧ refused"#,
    ),
    row(
        Spot::ApplicationLog,
        "hash",
        r#"root#:⟦$6$plantsalt$planthash#abcdefghijklmnop⟧:19000:0:99999:7:::"#,
    ),
    row(
        Spot::ApplicationLog,
        "hash",
        r#"deploy#:⟦$y$j9T$plant#abcdefgh$abcdefghijklmnopqrstuv⟧:19000:0:99999:7:::"#,
    ),
    row(
        Spot::ApplicationLog,
        "hash",
        r#"app: ⟦$argon2id$v=19$m=65536,t=3,p=4$plant#$abcdefghijklmnop⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "private key",
        r#"-----BEGIN OPENSSH PRIVATE KEY-----¶⟦b3BlbnNzaC1rZXktdjEAplant#AAAAAAAAAAAAAAAAAAAAAA⟧¶⟦AAAAplant#secondlineAAAAAAAAAAAAAAAA⟧¶-----END OPENSSH PRIVATE KEY-----"#,
    ),
    row(
        Spot::ApplicationLog,
        "private key",
        r#"-----BEGIN PGP PRIVATE KEY BLOCK-----¶¶⟦lQOYBFplant#AAAAAAAAAAAAAAAAAA⟧¶-----END PGP PRIVATE KEY BLOCK-----"#,
    ),
    row(
        Spot::ApplicationLog,
        "truncated key",
        r#"⟦AAAAplanttail#AAAAAAAAAAAAAAAAAAAAAAAAAAAAA⟧¶-----END RSA PRIVATE KEY-----"#,
    ),
    row(
        Spot::ApplicationLog,
        "base64",
        r#"app: tls.key: ⟦LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpwbGFudA#==⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "base64",
        r#"app: found ⟦LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCnBsYW50#⟧ in it"#,
    ),
    row(
        Spot::ApplicationLog,
        "base64",
        r#"app: {"auths":{"r.test":{"auth":"⟦cmVnaXN0cnk6cGxhbnQ#Q=⟧"}}}"#,
    ),
    row(
        Spot::ApplicationLog,
        "ansi",
        r#"app: password=␛[31m⟦p#ansi7w⟧␛[0m"#,
    ),
    row(
        Spot::ApplicationLog,
        "ansi",
        r#"app: ␛[1mAuthorization␛[0m: Bearer ␛[32m⟦p#ansb7w⟧␛[0m"#,
    ),
    row(
        Spot::ApplicationLog,
        "ansi",
        r#"app: pass␛[1mword␛[0m=⟦p#ansp7w⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "broken over lines",
        r#"app: Authorization:¶ Bearer ⟦p#fold7w⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "broken over lines",
        r#"app: secret = "⟦p#line one¶p#line two⟧""#,
    ),
    row(
        Spot::ApplicationLog,
        "command",
        r#"app: run mysql -u root -p⟦p#mysql7⟧ shop"#,
    ),
    row(
        Spot::ApplicationLog,
        "command",
        r#"app: run curl -u x:⟦p#curl7w⟧ http://127.0.0.1/"#,
    ),
    row(
        Spot::ApplicationLog,
        "command",
        r#"app: run sshpass -p '⟦p#ssh7w⟧' ssh h"#,
    ),
    row(
        Spot::ApplicationLog,
        "command",
        r#"app: run redis-cli -a ⟦p#rcli7w⟧ ping"#,
    ),
    row(
        Spot::ApplicationLog,
        "command",
        r#"app: run openssl rsa -passin pass:⟦p#ossl7w⟧"#,
    ),
    row(
        Spot::ApplicationLog,
        "command",
        r#"app: run app --api-token ⟦p#opt7w⟧ --port 8080"#,
    ),
    row(
        Spot::ApplicationLog,
        "command",
        r#"app: run PGPASSWORD=⟦p#pg7w⟧ psql"#,
    ),
    row(Spot::Environment, "environment", r#"DB_PASSWORD=⟦v#pw7w⟧"#),
    row(Spot::Environment, "environment", r#"ODD_NAME=⟦v#odd7w⟧"#),
    row(Spot::Environment, "environment", r#"SECRET_KEY_BASE=⟦v#skb7w⟧"#),
    row(
        Spot::Environment,
        "environment",
        r#"DATABASE_URL=mysql://⟦venv#:venvpw#⟧@127.0.0.1/x"#,
    ),
    row(
        Spot::Environment,
        "environment",
        r#"http_proxy=http://⟦vprx#:vprxpw#⟧@127.0.0.1:3128"#,
    ),
    row(
        Spot::Environment,
        "environment",
        r#"AWS_SECRET_ACCESS_KEY=⟦v#aws/abcdefg7⟧"#,
    ),
    row(
        Spot::Environment,
        "environment",
        r#"GITHUB_TOKEN=⟦ghs_plant#abcdefghijklmnopqrstu⟧"#,
    ),
    row(
        Spot::Arguments,
        "argument",
        r#"app --password=⟦g#pw7w⟧ --port 8080"#,
    ),
    row(
        Spot::Arguments,
        "argument",
        r#"app --api-token ⟦g#tok7w⟧ --port 8080"#,
    ),
    row(Spot::Arguments, "argument", r#"app --dbPassword ⟦g#camel7⟧"#),
    row(Spot::Arguments, "argument", r#"mysql -uroot -p⟦g#mysql7⟧"#),
    row(
        Spot::Arguments,
        "argument",
        r#"mysqldump --password ⟦g#dump7w⟧ shop"#,
    ),
    row(
        Spot::Arguments,
        "argument",
        r#"curl -u x:⟦g#curl7w⟧ http://127.0.0.1/"#,
    ),
    row(
        Spot::Arguments,
        "argument",
        r#"curl -H Authorization:⟦g#hdr7w⟧ http://127.0.0.1/"#,
    ),
    row(
        Spot::Arguments,
        "argument",
        r#"env SECRET_KEY_BASE=⟦g#env7w⟧ app"#,
    ),
    row(Spot::Arguments, "argument", r#"sshpass -p ⟦g#ssh7w⟧ ssh h"#),
    row(Spot::Arguments, "argument", r#"redis-cli -a ⟦g#red7w⟧ ping"#),
    row(
        Spot::Arguments,
        "argument",
        r#"ldapsearch -x -D cn=x -w ⟦g#ldap7w⟧"#,
    ),
    row(
        Spot::Arguments,
        "argument",
        r#"openssl s_server -pass pass:⟦g#ossl7w⟧"#,
    ),
    row(
        Spot::Arguments,
        "argument",
        r#"java -Dspring.datasource.password=⟦g#java7w⟧ -jar a.jar"#,
    ),
    row(
        Spot::Arguments,
        "argument",
        r#"java -Djavax.net.ssl.keyStorePassword=⟦g#jks7w⟧ -jar a.jar"#,
    ),
    row(
        Spot::Arguments,
        "argument",
        r#"app --dsn mysql://⟦gdsn#:gdsnpw#⟧@127.0.0.1/shop"#,
    ),
    row(Spot::Arguments, "argument", r#"node server.js TOKEN=⟦g#node7w⟧"#),
    row(
        Spot::Arguments,
        "argument",
        r#"gunicorn -e API_KEY=⟦g#guni7w⟧ app:app"#,
    ),
    row(
        Spot::Arguments,
        "argument",
        r#"htpasswd -b /etc/x alice ⟦g#htp7w⟧"#,
    ),
    row(
        Spot::Arguments,
        "argument",
        r#"php -d mysqli.default_pw=⟦g#phpd7w⟧ x.php"#,
    ),
    row(Spot::Response, "cookie", r#"Set-Cookie: s=⟦r#ck7w⟧; HttpOnly"#),
    row(
        Spot::Response,
        "cookie",
        r#"SET-COOKIE: t=⟦r#up7w⟧; Path=/; Secure"#,
    ),
    row(Spot::Response, "cookie", r#"set-cookie: remember_me=⟦r#lo7w⟧"#),
    row(Spot::Response, "header token", r#"X-Auth-Token: ⟦r#tok7w⟧"#),
    row(Spot::Response, "header token", r#"X-Csrf-Token: ⟦r#csrf7w⟧"#),
    row(
        Spot::Response,
        "header",
        r#"Authentication-Info: nextnonce="⟦r#nonce7⟧""#,
    ),
    row(
        Spot::Response,
        "header",
        r#"Location: https://x.test/cb?code=⟦r#code7w⟧&state=⟦r#st7w⟧"#,
    ),
    row(
        Spot::Response,
        "header",
        r#"Location: http://⟦rus#:ruspw#⟧@x.test/"#,
    ),
    row(Spot::Response, "header", r#"X-Debug: password=⟦r#dbg7w⟧"#),
    row(
        Spot::Response,
        "header",
        r#"Link: <https://x.test/?access_token=⟦r#lnk7w⟧>; rel=next"#,
    ),
    row(
        Spot::Response,
        "jwt",
        r#"X-Debug-Session: ⟦eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudCMi#X0.c2lnbmF0dXJlLXBsYW50#Q⟧"#,
    ),
    row(
        Spot::Journal,
        "environment",
        r#"Environment=DB_PASSWORD=⟦j#unit7w⟧ "APP_SECRET=⟦j# unit two⟧" PORT=8080"#,
    ),
    row(
        Spot::Journal,
        "argument",
        r#"ExecStart={ path=/usr/bin/app ; argv[]=/usr/bin/app --token ⟦j#exec7w⟧ --port 8080 }"#,
    ),
    row(
        Spot::Journal,
        "password",
        r#"Nov 22 17:00:01 web-1 app[7]: connecting with password '⟦j#pw7w⟧'"#,
    ),
    row(
        Spot::Journal,
        "password",
        r#"Nov 22 17:00:01 web-1 app[7]: secret=⟦j#sec7w⟧, retry"#,
    ),
    row(
        Spot::Journal,
        "user information",
        r#"Nov 22 17:00:01 web-1 app[7]: cannot reach amqp://⟦jam#:jampw#⟧@127.0.0.1/"#,
    ),
    row(
        Spot::Journal,
        "audit",
        r#"type=EXECVE msg=audit(1): argc=3 a0="mysql" a1="-p⟦j#aud7w⟧" a2="x""#,
    ),
    row(
        Spot::Journal,
        "sudo",
        r#"Nov 22 17:00:01 web-1 sudo: root : COMMAND=/usr/bin/curl -u x:⟦j#sudo7w⟧ http://127.0.0.1/"#,
    ),
    row(
        Spot::Journal,
        "container",
        r#"Nov 22 17:00:01 web-1 dockerd[7]: env MYSQL_ROOT_PASSWORD=⟦j#dock7w⟧"#,
    ),
];
