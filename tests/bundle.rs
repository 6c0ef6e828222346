//! The bundle: no secret leaves the host, what is written reads back, and hostile archives do no harm.

use std::io::{Read, Write};

use fix502::bundle::{self, BundleError, BundleInputs, Redactor};
use fix502::evidence::{
    AccessEntry, Attempt, ConfigFile, ConfigSummary, Connect, ErrorEntry, Exchange, Observed, Symptom,
    Target, Unit,
};
use fix502::finding::StepId;
use fix502::host::{Entry, ExchangeQuery, Host, Transcript};
use fix502::report::{Report, StepStatus, StepSummary};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLXBsYW50ZWQ";

/// What must not be found in a bundle, and where it is planted.
const CONFIG: &str = r#"
worker_processes auto;
env DB_PASSWORD=plant-env-01;
http {
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

const APACHE_AND_SQUID: &str = r#"
RequestHeader set Authorization "Bearer plant-apache-19"
SetEnv DB_PASS plant-setenv-20
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
env[MYSQL_PWD] = plant-fpm-30
spring.datasource.password=plant-spring-31
  api_key: plant-yaml-32
{"client_secret": "plant-json-33", "port": 8080}
DATABASE_URL=postgres://plantdb34:plant-dburl-34@127.0.0.1:5432/shop
dsn = "plantgo35:plant-go-35@tcp(127.0.0.1:3306)/shop"
host=127.0.0.1 port=5432 user=app password=plant-kv-36 dbname=shop
Server=127.0.0.1;Uid=app;Pwd=plant-pwd-37;Database=shop
"#;

const LOG: &str = concat!(
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

const SECRETS: &[&str] = &[
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
    "plant-scgi-78",
    "plant-scgi-79",
    "plant-nul-80",
    "plant-fold-81",
];

fn entry(query: &str, question: Value, answer: Value) -> Entry {
    Entry {
        query: query.to_owned(),
        question,
        answer,
    }
}

fn file(path: &str, text: &str) -> Entry {
    entry(
        "read_file",
        json!({"path": path, "from_end": false, "cap_bytes": 1000, "moment": 0}),
        json!({"seen": {"bytes": {"text": text}, "truncated": false, "length_bytes": text.len(), "modified_ms": 1}}),
    )
}

fn fastcgi() -> Vec<u8> {
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

fn uwsgi() -> Vec<u8> {
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

fn scgi() -> Vec<u8> {
    let content =
        "CONTENT_LENGTH\x000\0SCGI\x001\0QUERY_STRING\0sig=plant-scgi-78&page=1\0APP_SECRET\0plant-scgi-79\0";
    format!("{}:{content},", content.len()).into_bytes()
}

fn bytes(bytes: &[u8]) -> Value {
    serde_json::to_value(fix502::evidence::Bytes(bytes.to_vec())).unwrap()
}

fn transcript() -> Transcript {
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
                                {"pid": 14, "arguments": ["redis-cli", "-a", "plant-redis-76",
                    "plant-scheme-77",
            "plant-scgi-78",
            "plant-scgi-79",
            "plant-nul-80",
            "plant-fold-81", "ping"]},
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

fn report() -> Report {
    let mut report = Report::default();
    let snapshot = &mut report.snapshot;
    snapshot.host.name = "web-1".to_owned();
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
    report.verdict.title = "nothing listens on 127.0.0.1:8080".to_owned();
    report
}

fn written(transcript: &Transcript, report: &Report, text: &str) -> Vec<u8> {
    bundle::write(&BundleInputs {
        transcript,
        report,
        text,
        tool_version: "0.1.0",
    })
    .unwrap()
}

fn files(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
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

const TEXT: &str = "502 http://shop.example.test/cart?access_token=plant-query-15\n   Authorization: Bearer plant-applog-44x\n";

#[test]
fn no_planted_secret_is_in_any_byte_of_a_bundle() {
    assert!(SECRETS.len() >= 60);
    let archive = written(&transcript(), &report(), TEXT);
    let mut everything = Vec::new();
    GzDecoder::new(archive.as_slice())
        .read_to_end(&mut everything)
        .unwrap();
    let text = String::from_utf8_lossy(&everything);
    let leaks: Vec<_> = SECRETS.iter().filter(|secret| text.contains(**secret)).collect();
    assert!(leaks.is_empty(), "leaked: {leaks:?}");
    // Base64 within a base64 field must not carry them either.
    for entry in bundle::read(&archive).unwrap().transcript.entries() {
        for side in [&entry.question, &entry.answer] {
            if let Some(inner) = side.pointer("/request")
                && let Ok(inner) = serde_json::from_value::<fix502::evidence::Bytes>(inner.clone())
            {
                let text = inner.text();
                assert!(!SECRETS.iter().any(|secret| text.contains(secret)), "{text}");
            }
        }
    }
}

#[test]
fn what_the_diagnosis_needs_stays_as_it_was() {
    let archive = written(&transcript(), &report(), TEXT);
    let all = files(&archive)
        .into_iter()
        .map(|(_, content)| String::from_utf8_lossy(&content).into_owned())
        .collect::<String>();
    for kept in [
        "server 127.0.0.1:8080 max_fails=3; server [::1]:8081;",
        "ssl_certificate_key /etc/ssl/private/shop.key; ssl_password_file /etc/ssl/pass.txt;",
        "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;",
        "connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.9, server: shop.example.test, request: ",
        "upstream sent invalid header: ",
        "login=PASSTHRU",
        r#"["nginx","-p","/srv/nginx","-c","conf/nginx.conf"]"#,
        r#""-P","3306""#,
        "--port 8080",
        "app@web.service",
        "/run/app@web.sock",
        "HTTP/1.1 502 Bad Gateway",
        "Server: nginx/1.22.1",
        "ActiveEnterTimestampMonotonic=4123456789012",
        "@127.0.0.1:5432/shop",
        "@10.0.0.3:3128",
        "page=2",
        r#""$http_cookie\" \"$http_authorization\"'"#,
        "PATH=/usr/bin",
        "\"addresses\": \"kept\"",
    ] {
        assert!(all.contains(kept), "lost: {kept}");
    }
}

#[test]
fn a_recorded_answer_keeps_its_length() {
    let archive = written(&transcript(), &report(), TEXT);
    let recorded = bundle::read(&archive).unwrap().transcript;
    let answers: Vec<Exchange> = recorded
        .entries()
        .filter(|entry| entry.query == "exchange")
        .filter_map(|entry| serde_json::from_value::<Exchange>(entry.answer.get("seen")?.clone()).ok())
        .collect();
    assert_eq!(answers.len(), 2);
    let broken = answers.iter().find(|answer| answer.bytes.0.contains(&0)).unwrap();
    assert!(broken.bytes.text().contains("\r\n ~"), "{:?}", broken.bytes);
    for answer in answers.iter().filter(|answer| answer.received_bytes > 0) {
        assert_eq!(answer.connect, Connect::Connected);
        assert_eq!(answer.bytes.0.len() as u64, answer.received_bytes);
    }
}

#[test]
fn a_redacted_fastcgi_request_has_the_lengths_of_what_it_holds() {
    let redacted = Redactor::new().bytes(&fastcgi());
    let text = String::from_utf8_lossy(&redacted);
    assert!(text.contains("DB_PASSWORD«redacted:password-1»"), "{text:?}");
    assert!(text.contains("SCRIPT_NAME/index.php"), "{text:?}");
    assert_eq!(Redactor::new().bytes(&redacted), redacted);
    let params = usize::from(u16::from_be_bytes([redacted[20], redacted[21]]));
    assert_eq!(&redacted[24 + params..26 + params], &[1, 4]);
}

#[test]
fn a_redacted_scgi_request_has_the_length_of_what_it_holds() {
    let redacted = Redactor::new().bytes(&scgi());
    let text = String::from_utf8(redacted.clone()).unwrap();
    let (length, rest) = text.split_once(':').unwrap();
    assert_eq!(length.parse::<usize>().unwrap() + 1, rest.len());
    assert!(
        rest.contains("QUERY_STRING\0sig=«redacted:token-1»&page=1\0"),
        "{rest:?}"
    );
    assert_eq!(Redactor::new().bytes(&redacted), redacted);
}

#[test]
fn the_same_secret_has_the_same_marker_and_another_one_has_another() {
    let mut redactor = Redactor::new();
    let text = redactor.text("a?token=abc12345 b?token=xyz98765 c?api_key=abc12345");
    assert_eq!(
        text,
        "a?token=«redacted:token-1» b?token=«redacted:token-2» c?api_key=«redacted:token-1»"
    );
}

#[test]
fn a_new_secret_never_gets_the_number_of_an_old_marker() {
    let mut redactor = Redactor::new();
    redactor.note_markers("?token=«redacted:token-4»");
    assert_eq!(redactor.text("?token=abc12345"), "?token=«redacted:token-5»");
}

#[test]
fn a_replay_finds_its_answers_with_the_recorded_target() {
    let query = |path: &str| ExchangeQuery {
        endpoint: "127.0.0.1:80".to_owned(),
        request: fix502::evidence::Bytes(
            format!("GET {path} HTTP/1.1\r\nHost: shop.example.test\r\n\r\n").into_bytes(),
        ),
        ..ExchangeQuery::default()
    };
    let path = report().snapshot.target.path;
    let live = Transcript::from_entries([entry(
        "exchange",
        serde_json::to_value(query(&path)).unwrap(),
        serde_json::to_value(Observed::Seen(Exchange::default())).unwrap(),
    )]);
    let recorded = bundle::read(&written(&live, &report(), TEXT)).unwrap();
    assert!(!recorded.target.path.contains("plant"));
    assert_eq!(recorded.tool_version, "0.1.0");
    let host = Host::Replay(recorded.transcript);
    assert_eq!(
        host.ask(&query(&recorded.target.path)),
        Observed::Seen(Exchange::default())
    );
}

#[test]
fn a_replayed_walk_sees_what_the_recorded_one_saw() {
    use fix502::steps::{self, Plan};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 502 Bad Gateway\r\nServer: nginx/1.22.1\r\nSet-Cookie: sid=plant-replay-1\r\nContent-Length: 29\r\n\r\npassword=plant-replay-2 <hr/>",
            );
        }
    });
    let path = "/cart?token=plant-replay-3&page=2".to_owned();
    let plan = Plan {
        target: Target {
            url: Some(format!("http://{address}{path}")),
            scheme: "http".to_owned(),
            host: address.ip().to_string(),
            port: address.port(),
            path,
            via: None,
        },
        deadline_ms: 8_000,
        ..Plan::default()
    };
    let live = Host::live(None, std::time::Duration::from_secs(8));
    let seen = steps::collect(&live, &plan, &|_, _| {});
    assert!(seen.attempts.iter().any(|attempt| attempt.status == Some(502)));
    let mut report = report();
    report.snapshot = seen.clone();
    let archive = written(&live.transcript(), &report, TEXT);
    let recorded = bundle::read(&archive).unwrap();
    let replay = Host::Replay(recorded.transcript);
    let again = steps::collect(
        &replay,
        &steps::recorded(&replay).unwrap_or(Plan {
            target: recorded.target,
            ..plan
        }),
        &|_, _| {},
    );
    let outline = |snapshot: &fix502::evidence::Snapshot| {
        let attempts: Vec<_> = snapshot
            .attempts
            .iter()
            .map(|attempt| {
                (
                    attempt.at_ms,
                    attempt.status,
                    attempt.truncated,
                    attempt.exchange.seen().map(|exchange| exchange.received_bytes),
                )
            })
            .collect();
        (
            attempts,
            snapshot.processes.seen().map(Vec::len),
            snapshot.host.clone(),
            snapshot.limits.clone(),
        )
    };
    assert_eq!(outline(&again), outline(&seen));
    let again = format!("{again:?}");
    assert!(!again.contains("plant-replay"));
    // Every question of the replay has to be one that was recorded.
    assert_eq!(
        again.matches("NotRecorded").count(),
        format!("{seen:?}").matches("NotRecorded").count()
    );
}

#[test]
fn a_bundle_of_a_bundle_is_the_same_transcript() {
    let first = bundle::read(&written(&transcript(), &report(), TEXT)).unwrap();
    let mut again = report();
    again.snapshot.target = first.target.clone();
    let second = bundle::read(&written(&first.transcript, &again, TEXT)).unwrap();
    assert_eq!(second.transcript, first.transcript);
    assert_eq!(second.target, first.target);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    assert_eq!(
        written(&transcript(), &report(), TEXT),
        written(&transcript(), &report(), TEXT)
    );
}

#[test]
fn the_archive_is_private_sorted_and_described_by_its_manifest() {
    let archive = written(&transcript(), &report(), TEXT);
    let mut names = Vec::new();
    for entry in tar::Archive::new(GzDecoder::new(archive.as_slice()))
        .entries()
        .unwrap()
    {
        let entry = entry.unwrap();
        assert_eq!(entry.header().mode().unwrap(), 0o600);
        assert_eq!(entry.header().uid().unwrap(), 0);
        assert_eq!(entry.header().mtime().unwrap(), 1_795_366_800);
        names.push(entry.path().unwrap().to_string_lossy().into_owned());
    }
    assert!(names.is_sorted());
    let contents = files(&archive);
    let manifest = contents.iter().find(|(name, _)| name == "MANIFEST.json").unwrap();
    let manifest: bundle::Manifest = serde_json::from_slice(&manifest.1).unwrap();
    assert_eq!(manifest.format, "fix502.bundle/v1");
    assert_eq!(manifest.files.len() + 1, contents.len());
    for described in &manifest.files {
        let (_, content) = contents.iter().find(|(name, _)| *name == described.path).unwrap();
        assert_eq!(described.bytes, content.len() as u64);
        assert_eq!(described.sha256.len(), 64);
    }
    let log = manifest
        .files
        .iter()
        .find(|file| file.path == "logs/var-log-nginx-error.log")
        .unwrap();
    assert!(log.truncated);
    assert!(log.redactions["token"] >= 2, "{:?}", log.redactions);
    assert_eq!(
        bundle::file_name(&report().snapshot),
        "fix502-web-1-20261122T170000Z.tar.gz"
    );
}

#[test]
fn the_ticket_says_when_how_often_and_what_changed() {
    let mut report = report();
    let attempt = |at_ms: i64, status: u16| Attempt {
        at_ms,
        status: Some(status),
        ..Attempt::default()
    };
    let snapshot = &mut report.snapshot;
    snapshot.attempts = vec![
        attempt(1_795_366_800_000, 502),
        attempt(1_795_366_801_000, 200),
        attempt(1_795_366_802_000, 502),
    ];
    snapshot.units = Observed::Seen(vec![Unit {
        name: "app@web.service".to_owned(),
        result: "oom-kill".to_owned(),
        inactive_since_ms: Some(1_795_365_900_000),
        ..Unit::default()
    }]);
    for (index, entry) in snapshot.log.before.iter_mut().enumerate() {
        entry.at_ms = Some(1_795_366_000_000 + i64::try_from(index).unwrap() * 10_000);
    }
    report.steps = vec![StepSummary {
        number: 2,
        id: StepId::Upstream,
        status: StepStatus::Problem,
        summary: "127.0.0.1:8080 refused; <b>*hostile*\n# text".to_owned(),
        details: Vec::new(),
        recommended: Vec::new(),
    }];
    let archive = written(&Transcript::default(), &report, TEXT);
    let ticket = files(&archive)
        .into_iter()
        .find(|(name, _)| name == "ticket.md")
        .unwrap()
        .1;
    insta::assert_snapshot!(String::from_utf8(ticket).unwrap());
}

#[test]
fn a_secret_that_is_broken_over_two_lines_does_not_stay_in_the_summary() {
    let text = "the value plant-applog-\n   44x was refused\n";
    let archive = written(&transcript(), &report(), text);
    let summary = files(&archive)
        .into_iter()
        .find(|(name, _)| name == "summary.txt")
        .unwrap()
        .1;
    let summary = String::from_utf8(summary).unwrap();
    assert!(!summary.contains("44x"), "{summary}");
    assert!(summary.contains("nothing listens on 127.0.0.1:8080"), "{summary}");
}

#[test]
fn an_unpacked_bundle_reads_like_the_archive() {
    let archive = written(&transcript(), &report(), TEXT);
    let unpacked: Vec<_> = files(&archive)
        .into_iter()
        .map(|(name, content)| (format!("some/where/{name}"), content))
        .collect();
    assert_eq!(
        bundle::read_directory(&unpacked).unwrap(),
        bundle::read(&archive).unwrap()
    );
    assert_eq!(
        bundle::transcript_from_directory(&unpacked).unwrap(),
        bundle::read(&archive).unwrap().transcript
    );
}

// Hostile archives.

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar with raw names, which the builder of the tar crate would refuse to write.
fn archive(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    gzip(&out)
}

const REGULAR: tar::EntryType = tar::EntryType::Regular;
const MANIFEST: &[u8] = br#"{"format":"fix502.bundle/v1","unknown":1}"#;
const LINES: &[u8] = b"{\"format\":\"fix502.transcript/v1\"}\n";

#[test]
fn a_minimal_archive_reads_and_so_does_one_below_a_directory() {
    for prefix in ["", "./", "fix502-web-1/"] {
        let names = [
            format!("{prefix}MANIFEST.json"),
            format!("{prefix}transcript/transcript.jsonl"),
        ];
        let bytes = archive(&[(&names[0], REGULAR, MANIFEST), (&names[1], REGULAR, LINES)]);
        assert_eq!(
            bundle::read(&bytes).unwrap(),
            bundle::Recorded::default(),
            "{prefix}"
        );
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["../MANIFEST.json", "a/../../b", "/etc/passwd", "a\\..\\b", ".."] {
        let error = bundle::read(&archive(&[(name, REGULAR, b"x")])).unwrap_err();
        assert!(matches!(error, BundleError::Entry(..)), "{name}: {error}");
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Char,
        tar::EntryType::Block,
        tar::EntryType::Fifo,
        tar::EntryType::GNUSparse,
    ] {
        let error = bundle::read(&archive(&[("logs/a", kind, b"")])).unwrap_err();
        assert!(matches!(error, BundleError::Entry(..)), "{kind:?}: {error}");
    }
}

#[test]
fn a_name_that_stands_twice_is_refused() {
    let error = bundle::read(&archive(&[
        ("logs/a", REGULAR, b"1"),
        ("./logs/a", REGULAR, b"2"),
    ]))
    .unwrap_err();
    assert!(error.to_string().contains("twice"), "{error}");
}

#[test]
fn a_bomb_is_stopped_early() {
    let zeros = vec![0_u8; 96 << 20];
    let error = bundle::read(&archive(&[("logs/zeros", REGULAR, &zeros)])).unwrap_err();
    assert!(matches!(error, BundleError::TooLarge(_)), "{error}");
}

#[test]
fn a_file_that_claims_to_be_endless_is_refused() {
    for size in [300_u64 << 20, u64::MAX >> 1] {
        let mut header = tar::Header::new_gnu();
        header.set_path("transcript/transcript.jsonl").unwrap();
        header.set_entry_type(REGULAR);
        header.set_size(size);
        header.set_cksum();
        let error = bundle::read(&gzip(header.as_bytes())).unwrap_err();
        assert!(matches!(error, BundleError::TooLarge(_)), "{error}");
    }
}

#[test]
fn too_many_entries_are_refused() {
    let names: Vec<String> = (0..10_001).map(|number| format!("logs/{number}")).collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_str(), REGULAR, &b""[..])).collect();
    let error = bundle::read(&archive(&entries)).unwrap_err();
    assert!(matches!(error, BundleError::TooLarge(_)), "{error}");
}

#[test]
fn a_newer_format_is_refused_with_the_advice_to_update() {
    let manifest = br#"{"format":"fix502.bundle/v2","target":7}"#;
    let error = bundle::read(&archive(&[("MANIFEST.json", REGULAR, manifest)])).unwrap_err();
    assert!(matches!(error, BundleError::Newer(_)), "{error}");
    assert_eq!(error.hint(), "update fix502");
}

#[test]
fn other_files_are_told_from_bundles() {
    assert!(matches!(bundle::read(b""), Err(BundleError::NoBundle(_))));
    assert!(matches!(
        bundle::read(b"PK\x03\x04"),
        Err(BundleError::NoBundle(_))
    ));
    assert!(bundle::read(&gzip(b"2026/11/22 17:00:01 [error] a log, compressed")).is_err());
    assert!(matches!(
        bundle::read(&archive(&[("a", REGULAR, b"b")])),
        Err(BundleError::Missing(_))
    ));
    let odd = archive(&[("MANIFEST.json", REGULAR, b"{\"format\":\"other/v1\"}")]);
    assert!(matches!(bundle::read(&odd), Err(BundleError::NoBundle(_))));
    let odd = archive(&[("MANIFEST.json", REGULAR, &b"[".repeat(100_000))]);
    assert!(matches!(bundle::read(&odd), Err(BundleError::Manifest(_))));
}

#[test]
fn an_archive_that_is_cut_anywhere_is_an_error() {
    let whole = archive(&[
        ("MANIFEST.json", REGULAR, MANIFEST),
        ("transcript/transcript.jsonl", REGULAR, LINES),
    ]);
    for length in 0..whole.len() {
        assert!(
            bundle::read(&whole[..length]).is_err(),
            "{length} of {}",
            whole.len()
        );
    }
}

fn fragments() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Authorization: Bearer ",
        "Cookie: ",
        "proxy_set_header X-Api-Key ",
        "password=",
        "\"password\": \"",
        "token: ",
        "?token=",
        "&sig=",
        "%3Ftoken%3D",
        "%26",
        "://user:pass1@",
        "http://host:80/",
        "--password ",
        "-p",
        "mysql ",
        "«redacted:token-1»",
        "«redacted:",
        "»",
        "~~~~",
        "$http_cookie",
        "eyJabcdef.abc.def",
        "a@b.test",
        " ",
        "\n",
        "\r\n",
        "\"",
        "'",
        ";",
        ",",
        "&",
        "\\\"",
        "=",
        ":",
        "{",
        "}",
        "4111111111111111",
        "x1y2z3w4",
        "AKIAABCDEFGHIJKLMNOP",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "MIIEabc",
        "set $api_key ",
        "@tcp(",
        "basic ",
        "dXNlcjpodW50ZXIy",
        "$apr1$abcdefgh$ijkl",
        "api_key",
        "key",
        "é",
        "\u{0}",
        "%",
        "/",
        "@",
    ]);
    let part = prop_oneof![4 => known.prop_map(str::to_owned), 1 => "[ -~]{0,6}"];
    prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn redaction_is_idempotent_on_text(text in fragments()) {
        let once = Redactor::new().text(&text);
        let mut again = Redactor::new();
        again.note_markers(&once);
        prop_assert_eq!(again.text(&once), once);
    }

    #[test]
    fn redaction_is_idempotent_on_recorded_answers(text in fragments()) {
        let made = Transcript::from_entries([entry("exchange", json!({"request": {"text": text}}), json!({"seen": {"bytes": {"text": text}}}))]);
        let once = Redactor::new().transcript(made);
        for entry in once.entries() {
            prop_assert_eq!(entry.answer["seen"]["bytes"]["text"].as_str().unwrap().len(), text.len());
        }
        prop_assert_eq!(Redactor::new().transcript(once.clone()), once);
    }

    #[test]
    fn bytes_of_any_kind_are_redacted_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let once = Redactor::new().bytes(&bytes);
        prop_assert_eq!(Redactor::new().bytes(&once), once);
    }

    #[test]
    fn an_archive_of_any_bytes_is_an_error_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(bundle::read(&bytes).is_err());
        prop_assert!(bundle::read(&gzip(&bytes)).is_err());
    }

    #[test]
    fn a_password_in_an_assignment_never_stays(secret in "[A-Za-z0-9!#%^*_+./-]{6,24}", name in "(DB_PASSWORD|api_secret|accessToken|--password)") {
        prop_assume!(secret.bytes().any(|byte| byte.is_ascii_alphanumeric()));
        prop_assume!(!["default", "required", "optional", "undefined"].contains(&secret.to_ascii_lowercase().as_str()));
        for text in [format!("x {name}={secret} y"), format!("\"{name}={secret}\""), format!("{name}={secret};next=1")] {
            prop_assert!(!Redactor::new().text(&text).contains(&secret), "{}", text);
        }
    }
}
