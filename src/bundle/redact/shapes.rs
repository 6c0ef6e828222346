//! Secrets that are known by how they look.

use std::sync::LazyLock;

use base64::Engine as _;
use regex::Regex;

/// The kind of each shape and its pattern; the first group is the secret, or all of it.
const PATTERNS: &[(&str, &str)] = &[
    ("jwt", r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]+){1,4}\.?"),
    (
        "aws-key",
        r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{16}\b",
    ),
    (
        "github-token",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})",
    ),
    ("gitlab-token", r"\bgl(?:pat|dt|rt|ptt|cbt)-[A-Za-z0-9_-]{16,}"),
    ("slack-token", r"\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}"),
    (
        "webhook",
        r"(?:hooks\.slack\.com/(?:services|workflows)/|/api/webhooks/)([A-Za-z0-9/_-]{16,})",
    ),
    (
        "stripe-key",
        r"\b(?:[srp]k_(?:live|test)_[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9+/=]{16,})",
    ),
    (
        "google-key",
        r"\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9_-]{20,}|\bGOCSPX-[A-Za-z0-9_-]{20,}",
    ),
    ("sendgrid-key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("npm-token", r"\bnpm_[A-Za-z0-9]{30,}|\bpypi-[A-Za-z0-9_-]{30,}"),
    (
        "api-key",
        r"\bsk-[A-Za-z0-9_-]{20,}|\bdop_v1_[a-f0-9]{40,}|\bhv[sb]\.[A-Za-z0-9_-]{20,}|\bshp(?:at|ss|ca)_[a-fA-F0-9]{32}",
    ),
    ("bot-token", r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}"),
    (
        "hash",
        r"\$(?:apr1|2[abxy]|1|5|6|7|y|gy|argon2(?:id|i|d)|scrypt|pbkdf2(?:-[a-z0-9]+)?)\$[A-Za-z0-9./,$+=-]{8,}",
    ),
    ("hash", r"\{S?SHA(?:256|512)?\}[A-Za-z0-9+/]{20,}={0,2}"),
    ("private-key", r"LS0tLS1CRUdJTi[A-Za-z0-9+/_-]{8,}={0,2}"),
    ("dsn", r#"[^\s:@/"'=(]+:([^\s@"']+)@(?:tcp|unix|udp)\("#),
    (
        "email",
        r"[A-Za-z0-9][A-Za-z0-9._+%-]*(?:@|%(?:25)*40)[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}\b",
    ),
];

/// All shapes.
pub(super) static SHAPES: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    PATTERNS
        .iter()
        .map(|(kind, pattern)| (*kind, Regex::new(pattern).expect("the pattern is fixed")))
        .collect()
});

/// True for a text that may hold one of the shapes other than hashes.
pub(super) static ANY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"@|%(?:25)*40|eyJ|LS0tLS1CRUdJ|A(?:KIA|SIA|GPA|IDA|ROA|NPA|NVA|BIA|CCA)[A-Z0-9]|gh[pousr]_|github_pat_|gl[a-z]{2,6}-|xox[a-z]-|xapp-|hooks\.|webhook|[srp]k_(?:live|test)_|whsec_|AIza|ya29\.|GOCSPX|SG\.|npm_|pypi-|sk-|dop_v1|hv[sb]\.|shp[a-z]{2}_|:AA",
    )
    .expect("the pattern is fixed")
});

/// Endings of instance names of systemd and of their files, which look like e-mail addresses
/// (`app@web.service`, `/run/app@web.sock`).
const UNITS: &[&str] = &[
    "service",
    "socket",
    "timer",
    "target",
    "mount",
    "scope",
    "slice",
    "path",
    "device",
    "swap",
    "automount",
    "sock",
    "pid",
    "conf",
    "log",
    "js",
    "mjs",
    "py",
    "so",
    "php",
    "rb",
    "jar",
    "sh",
];

/// True when what has the shape of an e-mail address is the name of a unit.
pub(super) fn is_unit(text: &str) -> bool {
    text.rsplit('.').next().is_some_and(|ending| UNITS.contains(&ending))
}

/// Digits that may be the number of a card: in one piece or in its usual groups.
pub(super) static CARD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"[0-9]{15,19}|[0-9]{4} [0-9]{4} [0-9]{4} [0-9]{4}|[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{4}|[0-9]{4}[ -][0-9]{6}[ -][0-9]{5}",
    )
    .expect("the pattern is fixed")
});

/// True for the number of a payment card: issuer, length and check digit fit.
pub(super) fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|character| character.to_digit(10)).collect();
    let leading = |count: usize| digits.iter().take(count).fold(0, |sum, digit| sum * 10 + digit);
    // Times in micro- and nanoseconds since 1970 begin with 1, so none is taken for a card.
    let issuer = match digits.len() {
        15 => matches!(leading(2), 34 | 37),
        16 => {
            leading(1) == 4
                || matches!(leading(2), 51..=55 | 65)
                || matches!(leading(3), 644..=649)
                || matches!(leading(4), 2221..=2720 | 3528..=3589 | 6011)
        }
        17..=19 => matches!(leading(2), 62 | 65) || (digits.len() == 19 && leading(1) == 4),
        _ => false,
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, *digit) {
            (1, digit) if digit > 4 => digit * 2 - 9,
            (1, digit) => digit * 2,
            (_, digit) => digit,
        })
        .sum();
    issuer && sum.is_multiple_of(10)
}

/// The password in the value of a Basic header (`base64(user:password)`).
pub(super) fn password_of_basic(value: &str) -> Option<String> {
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    let engine = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let text = String::from_utf8(engine.decode(value).ok()?).ok()?;
    let (_, password) = text.split_once(':')?;
    text.chars()
        .all(|character| !character.is_control())
        .then(|| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_number_is_told_from_a_time_and_a_counter() {
        assert!(is_card("4111 1111 1111 1111"));
        assert!(is_card("378282246310005"));
        assert!(!is_card("4111111111111112"));
        assert!(!is_card("1763830000123456"));
        assert!(!is_card("9223372036854771712"));
    }

    #[test]
    fn a_password_is_found_in_basic_credentials() {
        assert_eq!(password_of_basic("dXNlcjpodW50ZXIy").as_deref(), Some("hunter2"));
        assert_eq!(password_of_basic("authentication"), None);
    }
}
