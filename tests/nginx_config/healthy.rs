//! Configurations that people run in good health: no rule has a word to say about them, not even a remark.

use super::config;

/// The shortest of the sound ways to pass requests on, each with what makes it one.
const HEALTHY: [(&str, &str); 13] = [
    (
        "headers in a block of their own, as proxy_params has them",
        "server { listen 80; server_name a.example.com;
           location / { proxy_set_header Host $http_host; proxy_set_header X-Real-IP $remote_addr;
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
             proxy_pass http://127.0.0.1:8000; }
           location /api/ { proxy_set_header Host $http_host; proxy_set_header X-Api yes; proxy_pass http://127.0.0.1:8001/; } }",
    ),
    (
        "HTTP/3 beside TLS at the same port, one by UDP and one by TCP",
        "server { listen 443 quic reuseport; listen 443 ssl; server_name a.example.com;
           ssl_certificate /etc/ssl/a.pem; ssl_certificate_key /etc/ssl/a.key; location / { root /srv/www; } }",
    ),
    (
        "WebSocket by map",
        "map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
         upstream app { server 127.0.0.1:3000; keepalive 16; }
         server { listen 80; location / { proxy_http_version 1.1; proxy_set_header Host $host;
           proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_pass http://app; } }",
    ),
    (
        "a location for WebSocket alone",
        "upstream app { server 127.0.0.1:3000; keepalive 16; }
         server { listen 80; location /socket.io/ { proxy_http_version 1.1; proxy_set_header Host $host;
           proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; proxy_pass http://app; } }",
    ),
    (
        "a group with kept connections",
        "upstream app_pool { zone app 64k; server 10.0.0.1:8080 max_fails=2; server 10.0.0.2:8080; server 10.0.0.3:8080 backup; keepalive 32; }
         server { listen 80; location / { proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host; proxy_pass http://app_pool; } }",
    ),
    (
        "a CDN with its name",
        "server { listen 80; location /assets/ { proxy_ssl_server_name on; proxy_set_header Host cdn.example.com;
           proxy_ssl_verify on; proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
           proxy_pass https://cdn.example.com/; } }",
    ),
    (
        "a group of a public name, with its name in TLS",
        "upstream api { server api.example.com:443; keepalive 4; }
         server { listen 80; location / { proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host api.example.com;
           proxy_ssl_server_name on; proxy_ssl_name api.example.com; proxy_pass https://api; } }",
    ),
    (
        "a resolver and a variable",
        "resolver 127.0.0.11 valid=10s;
         server { listen 80; location / { set $backend http://app:8080; proxy_set_header Host $host; proxy_pass $backend; } }",
    ),
    (
        "public names by a public resolver",
        "resolver 1.1.1.1 8.8.8.8 ipv6=off;
         server { listen 80; location / { set $origin origin.example.com; proxy_ssl_server_name on; proxy_ssl_name $origin;
           proxy_set_header Host $origin; proxy_pass https://$origin; } }",
    ),
    (
        "groups chosen by a map",
        "map $cookie_stage $pool { default blue; green green; }
         upstream blue { server 127.0.0.1:8080; } upstream green { server 127.0.0.1:8081; }
         server { listen 80; location / { proxy_set_header Host $host; proxy_pass http://$pool; } }",
    ),
    (
        "containers by name",
        "server { listen 80; location / { proxy_set_header Host $host; proxy_pass http://web:3000; }
           location ~ \\.php$ { include fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_pass php:9000; } }",
    ),
    (
        "sockets of every kind",
        "server { listen 80; root /srv/www;
           location / { proxy_set_header Host $host; proxy_pass http://unix:/run/app/app.sock; }
           location /wsgi { uwsgi_pass unix:/run/uwsgi/app.sock; } location /cgi { scgi_pass 127.0.0.1:4000; }
           location /grpc { grpc_pass grpc://127.0.0.1:50051; } }",
    ),
    (
        "TLS to a service of the inside",
        "server { listen 80; location / { proxy_set_header Host $host; proxy_pass https://vault.internal:8200; }
           location /b { proxy_set_header Host $host; proxy_pass https://10.0.0.9; } location /c { proxy_pass https://localhost:9443; } }",
    ),
];

#[test]
fn a_healthy_configuration_gets_not_even_a_remark() {
    for (what, text) in HEALTHY {
        let text = text.replace(
            "include fastcgi_params;",
            "fastcgi_param QUERY_STRING $query_string;",
        );
        let summary = config(&format!("events {{}} http {{ {text} }}")).summary();
        assert_eq!(summary.errors, [], "{what}");
        assert_eq!(summary.lint, [], "{what}");
    }
}
