//! A host full of secrets, and the bundle about it.

use std::io::Read;

use fix502::bundle::{self, BundleInputs};
use fix502::evidence::{AccessEntry, ConfigFile, ConfigSummary, ErrorEntry, Observed, Symptom, Target};
use fix502::host::{Entry, Transcript};
use fix502::report::Report;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

pub(super) const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLXBsYW50ZWQ";

/// What must not be found in a bundle, and where it is planted.
pub(super) const CONFIG: &str = r#"
worker_processes auto;
env DB_PASSWORD=plant-env-01;
http {
  map $http_x_api_key $client_name { default ""; "plant-mapkey-82" shop; plant-mapkey-83 other; }
  map $host $backend_token {
    default "Bearer plant-mapvalue-84";
    a.test plant-mapvalue-85;
  }
  log_format main '$remote_addr "$request" $status "$http_cookie" "$http_authorization"';
  proxy_set_header Authorization "Basic cGxhbnQwMjpwbGFudC1iYXNpYy0wMg==";
  upstream app { server 127.0.0.1:8080 max_fails=3; server [::1]:8081; }
  server {
    listen 443 ssl; server_name shop.example.test;
    ssl_certificate_key /etc/ssl/private/shop.key; ssl_password_file /etc/ssl/pass.txt;
    location / {
      proxy_set_header X-Api-Key plant-apikey-03;
      proxy_set_header X-Auth-Token 'plant-authtoken-04';
      proxy_set_header Cookie "sid=plant-cookie-05; theme=plant-cookie-06";
      proxy_set_header Proxy-Authorization "Bearer plant.bearer_07";
      proxy_set_header Host $host;
      fastcgi_param DB_PASSWORD plant-fcgi-08;
      fastcgi_param APP_SECRET "plant fcgi 09";
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      uwsgi_param API_TOKEN plant-uwsgi-10;
      set $api_key "plant-set-11";
      if ($arg_token != "plant-if-12") { return 403; }
      secure_link_md5 "$secure_link_expires$uri plant-link-13";
      proxy_pass http://plantuser14:plant-userinfo-14@app/?access_token=plant-query-15&page=2;
      add_header Set-Cookie "sess=plant-setcookie-16; Path=/";
    }
  }
}
# -----BEGIN RSA PRIVATE KEY-----
MIIEplantkey17AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
plantkey18BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB==
# -----END RSA PRIVATE KEY-----
"#;

pub(super) const APACHE_AND_SQUID: &str = r#"
RequestHeader set Authorization "Bearer plant-apache-19"
SetEnv DB_PASS plant-setenv-20
SetEnvIfNoCase ^Authorization$ "(.+)" HTTP_AUTHORIZATION=$1
AuthLDAPBindPassword "plant-ldap-21"
ProxyPass /app ajp://127.0.0.1:8009/app secret=plant-ajp-22
cache_peer parent.test parent 3128 0 login=plantuser23:plant-peer-23
cachemgr_passwd plant-cachemgr-24 all
cache_peer other.test parent 3128 0 login=PASSTHRU
  stats auth admin:plant-stats-25
  user deploy password $6$plantsalt$planthash26abcdefghijklmnop
alice:$apr1$plant27a$Xo0mPlantHash27xyz1234
bob:{SHA}cGxhbnQyOGNHeGhiblF5T0dOMGVU
requirepass plant-redis-29
mail.password = plant-ini-88 with plant-ini-89
export SMTP_PASSWORD=plant-export-90 plant-export-91
env[MYSQL_PWD] = plant-fpm-30
spring.datasource.password=plant-spring-31
  api_key: plant-yaml-32
{"client_secret": "plant-json-33", "port": 8080}
DATABASE_URL=postgres://plantdb34:plant-dburl-34@127.0.0.1:5432/shop
dsn = "plantgo35:plant-go-35@tcp(127.0.0.1:3306)/shop"
host=127.0.0.1 port=5432 user=app password=plant-kv-36 dbname=shop
Server=127.0.0.1;Uid=app;Pwd=plant-pwd-37;Database=shop
"#;

pub(super) const LOG: &str = concat!(
    r#"2026/11/22 17:00:01 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.9, server: shop.example.test, request: "GET /cart?token=plant-log-38&page=2&sig=plant-sig-39 HTTP/1.1", upstream: "http://127.0.0.1:8080/cart?token=plant-log-38&page=2&sig=plant-sig-39", host: "shop.example.test", referrer: "https://shop.example.test/?code=plant-code-40""#,
    "\n",
    r#"10.0.0.9 - - [22/Nov/2026:17:00:01 +0000] "GET /login?next=https%3A%2F%2Fx.test%2F%3Fapi_key%3Dplant-enc-41%26a%3D1 HTTP/1.1" 502 157 "-" "curl/8" cookie="sid=plant-logcookie-42""#,
    "\n",
    "2026/11/22 17:00:02 [error] 7#7: *2 upstream sent invalid header: \"Set-Cookie: id=plant-invalid-43\\x0D\" while reading response header from upstream\n",
    "app: Authorization: Bearer plant-applog-44x\n",
    "app: mail from plant45@mail.example.test, card 4111 1111 1111 1111, also 5555555555554444\n",
    "app: AKIAPLANT46ABCDEFGHI and ghp_plant47abcdefghijklmnopqrstuvwxyz01\n",
    "app: xoxb-plant48-12345678901 sk_live_plant49abcdefghij glpat-plant50_abcdefghijkl\n",
    "app: https://hooks.slack.com/services/T00plant51/B00/abcdefplant51\n",
    "app: AIzaplant52abcdefghijklmnopqrstuvwxyz012345 SG.plant53abcdefghijkl.plant53abcdefghijklmn\n",
    "app: the value plant-env-01 was refused\n",
    "app: HTTP_AUTHORIZATION=Token plant-scheme-77 PORT=80\n",
    "app: password: plant-prose-54\n",
    "app@web.service: Failed with result 'exit-code' at /run/app@web.sock\n",
);

pub(super) const SECRETS: &[&str] = &[
    "plant-env-01",
    "cGxhbnQwMjpwbGFudC1iYXNpYy0wMg",
    "plant-basic-02",
    "plant-apikey-03",
    "plant-authtoken-04",
    "plant-cookie-05",
    "plant-cookie-06",
    "plant.bearer_07",
    "plant-fcgi-08",
    "plant fcgi 09",
    "plant-uwsgi-10",
    "plant-set-11",
    "plant-if-12",
    "plant-link-13",
    "plant-userinfo-14",
    "plantuser14",
    "plant-query-15",
    "plant-setcookie-16",
    "plantkey17",
    "plantkey18",
    "plant-apache-19",
    "plant-setenv-20",
    "plant-ldap-21",
    "plant-ajp-22",
    "plant-peer-23",
    "plant-cachemgr-24",
    "plant-stats-25",
    "planthash26",
    "PlantHash27",
    "cGxhbnQyOGNHeGhiblF5T0dOMGVU",
    "plant-redis-29",
    "plant-fpm-30",
    "plant-spring-31",
    "plant-yaml-32",
    "plant-json-33",
    "plant-dburl-34",
    "plant-go-35",
    "plant-kv-36",
    "plant-pwd-37",
    "plant-log-38",
    "plant-sig-39",
    "plant-code-40",
    "plant-enc-41",
    "plant-logcookie-42",
    "plant-invalid-43",
    "plant-applog-44x",
    "plant45@",
    "4111 1111 1111 1111",
    "5555555555554444",
    "AKIAPLANT46",
    "ghp_plant47",
    "xoxb-plant48",
    "sk_live_plant49",
    "glpat-plant50",
    "plant51",
    "AIzaplant52",
    "plant53",
    "plant-prose-54",
    "plant-mysql-55",
    "plant-long-56",
    "plant-next-57",
    "plant-curl-58",
    "plant-argenv-59",
    "plant-ssh-60",
    "plant-unit-61",
    "plant unit 62",
    "plant-http-63",
    "plant-http-64",
    "plant-body-65",
    "plant-body-66",
    "plant-resp-67",
    "plant-environ-68",
    "plant-file-69",
    "plant-pair-70",
    "plant-proxy-71",
    "plant-fcgibin-72",
    "plant-uwsgibin-73",
    "plant-latin-74",
    JWT,
    "plant-openssl-75",
    "plant-redis-76",
    "plant-scheme-77",
    "plant-mapkey-82",
    "plant-mapkey-83",
    "plant-mapvalue-84",
    "plant-mapvalue-85",
    "plant-two-86",
    "plant-dsn-87",
    "plant-ini-88",
    "plant-ini-89",
    "plant-export-90",
    "plant-export-91",
    "plant-scgi-78",
    "plant-scgi-79",
    "plant-nul-80",
    "plant-fold-81",
];

pub(super) fn entry(query: &str, question: Value, answer: Value) -> Entry {
    Entry {
        query: query.to_owned(),
        question,
        answer,
    }
}

pub(super) fn file(path: &str, text: &str) -> Entry {
    entry(
        "read_file",
        json!({"path": path, "from_end": false, "cap_bytes": 1000, "moment": 0}),
        json!({"seen": {"bytes": {"text": text}, "truncated": false, "length_bytes": text.len(), "modified_ms": 1}}),
    )
}

pub(super) fn fastcgi() -> Vec<u8> {
    let mut params = Vec::new();
    for (name, value) in [("DB_PASSWORD", "plant-fcgibin-72"), ("SCRIPT_NAME", "/index.php")] {
        params.push(u8::try_from(name.len()).unwrap());
        params.push(u8::try_from(value.len()).unwrap());
        params.extend(name.bytes());
        params.extend(value.bytes());
    }
    let mut out = vec![1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    out.extend([1, 4, 0, 1, 0, u8::try_from(params.len()).unwrap(), 0, 0]);
    out.extend(params);
    out.extend([1, 4, 0, 1, 0, 0, 0, 0, 1, 5, 0, 1, 0, 0, 0, 0]);
    out
}

pub(super) fn uwsgi() -> Vec<u8> {
    let mut variables = Vec::new();
    for part in ["HTTP_AUTHORIZATION", "Bearer plant-uwsgibin-73", "PATH_INFO", "/"] {
        variables.extend(u16::try_from(part.len()).unwrap().to_le_bytes());
        variables.extend(part.bytes());
    }
    let mut out = vec![0];
    out.extend(u16::try_from(variables.len()).unwrap().to_le_bytes());
    out.push(0);
    out.extend(variables);
    out
}

pub(super) fn scgi() -> Vec<u8> {
    let content =
        "CONTENT_LENGTH\x000\0SCGI\x001\0QUERY_STRING\0sig=plant-scgi-78&page=1\0APP_SECRET\0plant-scgi-79\0";
    format!("{}:{content},", content.len()).into_bytes()
}

pub(super) fn bytes(bytes: &[u8]) -> Value {
    serde_json::to_value(fix502::evidence::Bytes(bytes.to_vec())).unwrap()
}

pub(super) fn transcript() -> Transcript {
    let request = format!(
        "POST /cart?access_token=plant-query-15 HTTP/1.1\r\nHost: shop.example.test\r\nCookie: sid=plant-http-63\r\nX-Api-Key: plant-http-64\r\nAuthorization: Bearer {JWT}\r\n\r\nuser=a&password=plant-body-65"
    );
    let body = "{\"session_token\":\"plant-body-66\"}";
    let response = format!(
        "HTTP/1.1 502 Bad Gateway\r\nServer: nginx/1.22.1\r\nSet-Cookie: s=plant-resp-67-with-a-long-tail; HttpOnly\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut latin = b"GET / HTTP/1.1\r\nCookie: a=\xff\xfe; b=plant-latin-74\r\n\r\n".to_vec();
    latin.push(0xE9);
    Transcript::from_entries([
        file("/etc/nginx/nginx.conf", CONFIG),
        file("/etc/other.conf", APACHE_AND_SQUID),
        file("/var/log/nginx/error.log", LOG),
        file(
            "/proc/7/environ",
            "PATH=/usr/bin\0ODD=plant-environ-68\0http_proxy=http://u:plant-proxy-71@10.0.0.3:3128\0",
        ),
        file("/etc/nginx/private.key", "plant-file-69 in no known shape"),
        entry(
            "process_table",
            json!({"moment": 0}),
            json!({"seen": [
                            {"pid": 7, "arguments": ["mysqld", "--user=mysql", "--pid-file=/run/m.pid"]},
                            {"pid": 8, "arguments": ["/usr/bin/mysql", "-uroot", "-pplant-mysql-55", "-P", "3306"]},
                            {"pid": 9, "arguments": ["app", "--password=plant-long-56", "--api-token", "plant-next-57", "--port", "8080"]},
                            {"pid": 10, "arguments": ["curl", "-u", "u:plant-curl-58", "http://127.0.0.1:8080/"]},
                            {"pid": 11, "arguments": ["env", "SECRET_KEY_BASE=plant-argenv-59", "sshpass", "-p", "plant-ssh-60", "ssh", "h"]},
                            {"pid": 12, "arguments": ["nginx", "-p", "/srv/nginx", "-c", "conf/nginx.conf"]},
                            {"pid": 13, "arguments": ["openssl", "s_server", "-pass", "pass:plant-openssl-75"]},
                            {"pid": 15, "arguments": ["mysqldump", "-pplant-two-86"]},
            {"pid": 16, "arguments": ["app", "--dsn", "mysql://u:plant-dsn-87@10.0.0.4/shop"]},
                {"pid": 14, "arguments": ["redis-cli", "-a", "plant-redis-76", "ping"]},
            ]}),
        ),
        entry(
            "run_command",
            json!({"argv": ["systemctl", "show", "app@web.service"], "limit_ms": 2000, "cap_bytes": 1}),
            json!({"seen": {"status": 0, "stdout": {"text": "Environment=DB_PASSWORD=plant-unit-61 \"APP_SECRET=plant unit 62\" PORT=8080\nExecStart={ path=/usr/bin/app ; argv[]=/usr/bin/app --token plant-next-57 --port 8080 }\nActiveEnterTimestampMonotonic=4123456789012\n"}, "stderr": {"text": ""}}}),
        ),
        entry(
            "exchange",
            json!({"endpoint": "127.0.0.1:80", "request": {"text": request}}),
            json!({"seen": {"connect": "connected", "bytes": {"text": response}, "received_bytes": response.len()}}),
        ),
        entry(
            "exchange",
            json!({"endpoint": "127.0.0.1:9000", "request": bytes(&fastcgi())}),
            json!("absent"),
        ),
        entry(
            "exchange",
            json!({"endpoint": "127.0.0.1:9001", "request": bytes(&uwsgi())}),
            json!("absent"),
        ),
        entry(
            "exchange",
            json!({"endpoint": "127.0.0.1:9002", "request": bytes(&scgi())}),
            json!({"seen": {"bytes": {"text": "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\u{0}plant-nul-80\r\n plant-fold-81\r\nX: y\r\n\r\n"}}}),
        ),
        entry(
            "exchange",
            json!({"endpoint": "127.0.0.1:81", "request": bytes(&latin)}),
            json!("absent"),
        ),
        entry(
            "fetch",
            json!({"url": "http://shop.example.test/?key=plant-query-15", "proxy": null, "limit_ms": 1}),
            json!({"seen": {"markers": [["X-Auth-Token", "plant-pair-70"], ["Via", "1.1 squid"]]}}),
        ),
    ])
}

pub(super) fn report() -> Report {
    let mut report = Report::default();
    let snapshot = &mut report.snapshot;
    "web-1".clone_into(&mut snapshot.host.name);
    snapshot.host.now_ms = 1_795_366_800_000;
    snapshot.target = Target {
        url: Some("http://shop.example.test/cart?access_token=plant-query-15".to_owned()),
        scheme: "http".to_owned(),
        host: "shop.example.test".to_owned(),
        port: 80,
        path: "/cart?access_token=plant-query-15".to_owned(),
        via: None,
    };
    snapshot.config = Observed::Seen(ConfigSummary {
        files: vec![ConfigFile {
            path: "/etc/nginx/nginx.conf".to_owned(),
            bytes: 10,
            modified_ms: Some(1_795_360_000_000),
        }],
        ..ConfigSummary::default()
    });
    snapshot.log.before = LOG
        .lines()
        .enumerate()
        .map(|(index, line)| ErrorEntry {
            at_ms: Some(1_795_366_000_000 + i64::try_from(index).unwrap() * 1000),
            symptom: Some(Symptom::ConnectionRefused),
            file: "/var/log/nginx/error.log".to_owned(),
            text: line.to_owned(),
            request: Some("GET /cart?token=plant-log-38&page=2 HTTP/1.1".to_owned()),
            ..ErrorEntry::default()
        })
        .collect();
    snapshot.log.access_before = vec![AccessEntry {
        at_ms: Some(1_795_366_000_000),
        status: Some(502),
        text: "GET /?password=plant-body-65 502".to_owned(),
        ..AccessEntry::default()
    }];
    snapshot.proxy_environment = vec![(
        "http_proxy".to_owned(),
        "http://u:plant-proxy-71@10.0.0.3:3128".to_owned(),
    )];
    "nothing listens on 127.0.0.1:8080".clone_into(&mut report.verdict.title);
    report
}

pub(super) fn written(transcript: &Transcript, report: &Report, text: &str) -> Vec<u8> {
    let inputs = BundleInputs {
        report,
        text,
        included: &[],
        tool_version: "0.1.0",
        keep_addresses: true,
    };
    bundle::write(&inputs, transcript.clone()).unwrap()
}

pub(super) fn files(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    tar::Archive::new(GzDecoder::new(archive))
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().to_string_lossy().into_owned(), content)
        })
        .collect()
}

pub(super) const TEXT: &str = "502 http://shop.example.test/cart?access_token=plant-query-15\n   Authorization: Bearer plant-applog-44x\n";
