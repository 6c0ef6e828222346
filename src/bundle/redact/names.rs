//! Which names stand before a secret.

/// Words that make a secret of what is assigned to a name with them, also when run together.
const STRONG: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "token",
    "sessid",
    "sessionid",
    "jwt",
    "authorization",
    "setcookie",
];

/// Last words of a name that say something about a secret without being one.
const ABOUT: &[&str] = &[
    "file",
    "path",
    "dir",
    "directory",
    "url",
    "uri",
    "type",
    "length",
    "len",
    "size",
    "count",
    "limit",
    "timeout",
    "ttl",
    "expiry",
    "expires",
    "age",
    "policy",
    "field",
    "method",
    "algorithm",
    "enabled",
    "required",
    "format",
    "location",
    "zone",
    "domain",
    "endpoint",
    "host",
    "port",
    "bytes",
    "ms",
    "us",
    "dialog",
    "command",
    "name",
    "flags",
];

/// The words of a name: split at punctuation and at the humps of camel case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before: Option<char> = None;
    for character in name.chars() {
        let hump = before.is_some_and(char::is_lowercase) && character.is_uppercase();
        if (hump || !character.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if character.is_alphanumeric() {
            word.extend(character.to_lowercase());
        }
        before = Some(character);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// True when the value of a variable, option or field of this name is a secret.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    let words = words(name);
    let Some(last) = words.last().map(String::as_str) else {
        return false;
    };
    if ABOUT.contains(&last) {
        return false;
    }
    let value = value.trim();
    let compact = words.concat();
    // The working directory of a shell; a password of that name is no path.
    if matches!(compact.as_str(), "pwd" | "oldpwd") {
        return !value.starts_with('/');
    }
    let number = value.len() <= 4 && value.bytes().all(|byte| byte.is_ascii_digit());
    let password = words
        .iter()
        .any(|word| matches!(word.as_str(), "pass" | "pwd" | "pw" | "pin"))
        || ["password", "passwd", "passphrase", "secret"]
            .iter()
            .any(|strong| compact.contains(strong));
    if password {
        return true;
    }
    if number {
        return false;
    }
    if STRONG.iter().any(|strong| compact.contains(strong)) {
        return true;
    }
    match last {
        "key" => !value.starts_with('/'),
        "keys" => false,
        "login" | "userpass" => value.contains(':') && !value.ends_with(':'),
        "auth" => value.contains(':') || value.len() >= 16,
        "cookie" | "cookies" | "salt" | "signature" | "bearer" | "creds" | "requirepass" | "masterauth" => {
            true
        }
        // `$cookie_session` of nginx.
        _ if words.len() > 1 && words.first().is_some_and(|word| word == "cookie") => true,
        _ => words.windows(2).any(|pair| match pair {
            [first, second] => matches!(
                (first.as_str(), second.as_str()),
                (
                    "api"
                        | "access"
                        | "private"
                        | "secret"
                        | "encryption"
                        | "signing"
                        | "account"
                        | "license",
                    "key"
                ) | ("session", "id" | "key")
            ),
            _ => false,
        }),
    }
}

/// True when this part of a query string is a secret.
pub(super) fn is_secret_in_query(name: &str, value: &str) -> bool {
    let compact = words(name).concat();
    let number = value.len() <= 4 && value.bytes().all(|byte| byte.is_ascii_digit());
    matches!(
        compact.as_str(),
        "sig" | "auth" | "session" | "sid" | "signature" | "otp" | "ticket" | "nonce"
    ) || (matches!(compact.as_str(), "code" | "key" | "state" | "hash") && !number)
        || compact.ends_with("signature")
        || is_secret(name, value)
}

/// True when the value of a parameter of this name is a query string.
pub(super) fn is_query_string(name: &str) -> bool {
    matches!(words(name).concat().as_str(), "querystring" | "args" | "query")
}

/// True when the value of an HTTP header of this name is a secret.
pub(super) fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let name = name.strip_prefix("http-").unwrap_or(&name);
    if matches!(
        name,
        "authorization"
            | "proxy-authorization"
            | "cookie"
            | "cookie2"
            | "set-cookie"
            | "set-cookie2"
            | "authentication-info"
            | "api-key"
            | "apikey"
    ) {
        return true;
    }
    let words: Vec<&str> = name.split('-').collect();
    // A single word (`token:`) is more often a line of some log; the rule for assignments has it.
    words.len() > 1
        && words.iter().any(|word| {
            matches!(
                *word,
                "token"
                    | "secret"
                    | "password"
                    | "passwd"
                    | "apikey"
                    | "signature"
                    | "authorization"
                    | "credential"
                    | "credentials"
                    | "sessionid"
            )
        })
        || words.windows(2).any(|pair| {
            matches!(
                pair,
                ["api" | "auth" | "access" | "private" | "functions", "key"] | ["session", "id"]
            )
        })
}

/// The kind of secret that a name stands for, for its marker.
pub(super) fn kind_of(name: &str) -> &'static str {
    let compact = words(name).concat();
    let holds = |part: &str| compact.contains(part);
    if holds("pass") || holds("pwd") || compact == "pw" || compact == "pin" {
        "password"
    } else if holds("cookie") || holds("sess") || compact == "sid" {
        "cookie"
    } else if holds("authorization") {
        "authorization"
    } else if holds("secret") {
        "secret"
    } else if holds("key") {
        "key"
    } else if holds("login") || holds("auth") || holds("cred") {
        "credentials"
    } else {
        "token"
    }
}

/// Variables of a process whose values say how it runs; all others in an environment are taken for secrets.
pub(super) fn is_plain_environment(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with("_proxy")
        || lower.starts_with("lc_")
        || lower.starts_with("listen_")
        || matches!(
            lower.as_str(),
            "path"
                | "lang"
                | "language"
                | "home"
                | "user"
                | "logname"
                | "shell"
                | "pwd"
                | "tz"
                | "term"
                | "hostname"
                | "notify_socket"
                | "port"
                | "host"
                | "bind"
                | "workers"
                | "web_concurrency"
                | "node_env"
                | "nginx"
        )
}

/// True for the first word of an authorization.
pub(super) fn is_scheme(word: &str) -> bool {
    [
        "basic",
        "bearer",
        "digest",
        "negotiate",
        "ntlm",
        "token",
        "apikey",
        "hawk",
        "oauth",
        "signature",
        "mac",
        "vapid",
        "sso-key",
        "key",
        "aws4-hmac-sha256",
    ]
    .iter()
    .any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// True for a name with dots, as hosts have it (`web-1.example.test`).
pub(super) fn is_host(text: &str) -> bool {
    let mut labels = text.split('.');
    text.contains('.')
        && labels.all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_names_about_them() {
        for name in [
            "DB_PASSWORD",
            "dbPassword",
            "--api-key",
            "SECRET_KEY_BASE",
            "accessToken",
            "PHPSESSID",
            "DB_PASS",
        ] {
            assert!(is_secret(name, "x1y2z3"), "{name}");
        }
        for (name, value) in [
            ("ssl_password_file", "/etc/ssl/pass"),
            ("PWD", "/srv/app"),
            ("max_tokens", "100"),
            ("SSL_KEY", "/etc/ssl/a.key"),
            ("keys", "1"),
            ("upstream", "app"),
            ("session_timeout", "30"),
            ("SSH_AUTH_SOCK", "/tmp/agent"),
        ] {
            assert!(!is_secret(name, value), "{name}");
        }
    }

    #[test]
    fn a_header_that_names_an_authentication_scheme_is_no_secret() {
        assert!(!is_secret_header("WWW-Authenticate"));
        assert!(!is_secret_header("Proxy-Authenticate"));
        assert!(!is_secret_header("X-Cache-Key"));
        assert!(is_secret_header("X-Auth-Token"));
        assert!(is_secret_header("HTTP_AUTHORIZATION"));
        assert!(is_secret_header("X-Api-Key"));
    }
}
