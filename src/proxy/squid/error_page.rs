//! What Squid's own error pages say: the name in `X-Squid-Error`, and the words of the page that tell more.

use crate::evidence::Symptom;

/// What an error name with its number (`ERR_CONNECT_FAIL 111`) and the page mean. `None`: no fault of the way
/// to the origin, or the name alone does not tell.
pub fn symptom(error: &str, page: &str) -> Option<Symptom> {
    let mut words = error.split_ascii_whitespace();
    let name = words.next()?;
    let number: i32 = words.next().and_then(|number| number.parse().ok()).unwrap_or(0);
    Some(match name {
        "ERR_CONNECT_FAIL" => match number {
            111 => Symptom::ConnectionRefused,
            110 => Symptom::ConnectTimeout,
            113 => Symptom::HostUnreachable,
            101 => Symptom::NetworkUnreachable,
            99 => Symptom::NoLocalAddress,
            13 | 1 => Symptom::PermissionDenied,
            _ => Symptom::ConnectFailed,
        },
        "ERR_READ_ERROR" if number == 0 => Symptom::NoForwardPath,
        "ERR_CANNOT_FORWARD" => Symptom::NoForwardPath,
        "ERR_READ_ERROR" => Symptom::ResetBeforeHeader,
        "ERR_WRITE_ERROR" => Symptom::SendFailed,
        "ERR_ZERO_SIZE_OBJECT" => Symptom::ClosedBeforeHeader,
        "ERR_READ_TIMEOUT" => Symptom::HeaderTimeout,
        "ERR_TOO_BIG" => Symptom::HeaderTooBig,
        "ERR_INVALID_RESP" => Symptom::RefusedAnswer,
        "ERR_DNS_FAIL" if page.contains("Name Error") || page.contains("No DNS records") => {
            Symptom::NameNotFound
        }
        "ERR_DNS_FAIL" => Symptom::NameServerFailed,
        "ERR_SOCKET_FAILURE" => Symptom::SlotsExhausted,
        "ERR_SECURE_CONNECT_FAIL" => tls(page),
        _ => return None,
    })
}

fn tls(page: &str) -> Symptom {
    const MARKS: [(&str, Symptom); 8] = [
        ("CERT_HAS_EXPIRED", Symptom::TlsDate),
        ("CERT_NOT_YET_VALID", Symptom::TlsDate),
        ("DOMAIN_MISMATCH", Symptom::TlsName),
        ("SELF_SIGNED", Symptom::TlsUntrusted),
        ("UNABLE_TO_GET_ISSUER", Symptom::TlsUntrusted),
        ("UNABLE_TO_VERIFY", Symptom::TlsUntrusted),
        ("wrong version number", Symptom::TlsWrongVersion),
        ("unsupported protocol", Symptom::TlsVersion),
    ];
    MARKS
        .iter()
        .find(|(mark, _)| page.contains(mark))
        .map_or(Symptom::TlsFailed, |(_, symptom)| *symptom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_and_the_page_tell_errors_apart() {
        assert_eq!(
            symptom("ERR_CONNECT_FAIL 111", ""),
            Some(Symptom::ConnectionRefused)
        );
        assert_eq!(symptom("ERR_CONNECT_FAIL 110", ""), Some(Symptom::ConnectTimeout));
        assert_eq!(
            symptom("ERR_READ_ERROR 104", ""),
            Some(Symptom::ResetBeforeHeader)
        );
        assert_eq!(
            symptom("ERR_DNS_FAIL 0", "Name Error: The domain name does not exist."),
            Some(Symptom::NameNotFound)
        );
        assert_eq!(
            symptom("ERR_DNS_FAIL 0", "Timeout"),
            Some(Symptom::NameServerFailed)
        );
        assert_eq!(symptom("ERR_ACCESS_DENIED 0", ""), None);
        assert_eq!(symptom("", ""), None);
    }
}
