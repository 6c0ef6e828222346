//! Symptoms in words: what a line means, and what it does not mean.

use crate::evidence::Symptom;

/// What happened, in one clause; `{}` is the upstream.
pub fn words(symptom: Symptom) -> &'static str {
    match symptom {
        Symptom::ConnectionRefused => "{} refuses connections",
        Symptom::SocketMissing => "the socket file {} is not there for the proxy",
        Symptom::PermissionDenied => "the proxy may not connect to {}",
        Symptom::AcceptQueueFull => "the accept queue of {} is full",
        Symptom::HostUnreachable => "there is no way to the host of {}",
        Symptom::NetworkUnreachable => "there is no route to the network of {}",
        Symptom::NoLocalAddress => "no local address or port is left for {}",
        Symptom::ConnectFailed => "connecting to {} failed",
        Symptom::ConnectTimeout => "{} does not answer the attempt to connect",
        Symptom::SourceBindFailed => "the proxy cannot use the source address that it is told to use",
        Symptom::ClosedBeforeHeader => "{} closed the connection before it answered",
        Symptom::ResetBeforeHeader => "{} reset the connection before it answered",
        Symptom::HeaderTimeout => "{} took the request and did not answer in time",
        Symptom::SendTimeout => "{} did not take the request in time",
        Symptom::SendFailed => "{} closed while the request was still sent",
        Symptom::BodyCut => "{} broke off in the middle of its answer",
        Symptom::HeaderTooBig => "the head of the answer of {} is longer than the proxy's buffer",
        Symptom::InvalidHeader => "{} sent a header that is none",
        Symptom::NotHttp => "{} answered something that is not HTTP",
        Symptom::ConflictingLength => "{} sent contradicting lengths",
        Symptom::MalformedResponse => "{} sent a broken status line or chunk",
        Symptom::FastCgiMismatch => "{} does not speak FastCGI as the proxy expects",
        Symptom::Http2Mismatch => "{} does not speak HTTP/2 as the proxy expects",
        Symptom::TlsWrongVersion => "{} answered the TLS handshake with something that is not TLS",
        Symptom::TlsAlert => "{} refused the TLS handshake with an alert",
        Symptom::TlsVersion => "the proxy and {} have no TLS version or cipher in common",
        Symptom::TlsClientCertificate => "{} wants a client certificate",
        Symptom::TlsUntrusted => "the proxy does not trust the certificate of {}",
        Symptom::TlsDate => "the certificate of {} is out of date",
        Symptom::TlsName => "the certificate of {} is for another name",
        Symptom::TlsAborted => "{} broke off in the TLS handshake",
        Symptom::NoLiveUpstreams => "no peer of {} is left to ask",
        Symptom::NoResolver => "the proxy has no resolver to look up {}",
        Symptom::NameNotFound => "the name of {} does not exist",
        Symptom::NameServerFailed => "the name server did not answer for {}",
        Symptom::SlotsExhausted => "the proxy itself has no connection or descriptor left",
        Symptom::SocketRefused => "the proxy could not make a socket for {}",
        Symptom::WorkerCrashed => "a worker of the proxy itself crashed",
        Symptom::ConfigurationRejected => "the proxy refused its configuration",
        Symptom::NameUnknownAtStart => "a name in the configuration did not resolve when the proxy started",
        Symptom::PeerMarkedDown => "{} was taken out for a while",
        Symptom::BodyBuffered => "a request body was written to a temporary file",
        Symptom::RedirectCycle => "the configuration redirects in a circle",
        Symptom::BackendStderr => "the application wrote an error of its own",
        Symptom::UpgradeFailed => "the change to another protocol (WebSocket) failed",
        Symptom::TlsFailed => "TLS with {} failed",
        Symptom::TlsNotEnabled => "the proxy is told to use https:// and its TLS client is off",
        Symptom::RefusedAnswer => "the proxy refused the answer of {}",
        Symptom::NoForwardPath => "the proxy has no way to forward the request",
        Symptom::ForwardingLoop => "the request came back to the proxy that sent it",
    }
}

/// What the line does not mean, where people often take it for that; empty: nothing.
pub fn not_meant(symptom: Symptom) -> &'static str {
    match symptom {
        Symptom::ConnectionRefused => {
            "The application did not answer 502, and no timeout is too short: nobody took the connection. It does \
             not say that the application crashed, nor that the port in the configuration is right."
        }
        Symptom::SocketMissing => "It is no question of permissions: the path is not there for the proxy.",
        Symptom::PermissionDenied => {
            "The application may be in best health: the kernel stopped the proxy before it. Neither `chmod 777` \
             nor switching SELinux off is the repair."
        }
        Symptom::AcceptQueueFull => "The application runs; it does not accept fast enough.",
        Symptom::ConnectTimeout => {
            "It is no slow application: the connection itself was not made. A longer read timeout changes nothing."
        }
        Symptom::ClosedBeforeHeader | Symptom::ResetBeforeHeader => {
            "It is no timeout of the proxy, and raising one changes nothing: the other side ended the connection. \
             Whether a worker died, a limit of the application ended it or an idle connection was used at the \
             wrong moment, only the log of the application tells."
        }
        Symptom::HeaderTimeout => {
            "The connection works and the request was sent. A longer limit only helps when the application does \
             answer in the end."
        }
        Symptom::NoLiveUpstreams => {
            "It is a consequence and no cause: the reason stands in the error lines before the first of these."
        }
        Symptom::HeaderTooBig => "The body may be of any size; only the head counts (cookies, tokens).",
        Symptom::NotHttp => "The port is open and something lives there; it speaks another language.",
        Symptom::NameNotFound | Symptom::NameServerFailed | Symptom::NoResolver => {
            "The application was not even asked: its address could not be found."
        }
        Symptom::NoLocalAddress => {
            "The application did not refuse: the proxy's own machine had no port left."
        }
        Symptom::BodyCut => "The client got a beginning of the answer; this is no 502 of its own.",
        Symptom::PeerMarkedDown => "It is a consequence of the failures before it.",
        Symptom::TlsAborted | Symptom::TlsAlert | Symptom::TlsFailed => {
            "The port is open. It says nothing about the application behind the TLS layer."
        }
        Symptom::SlotsExhausted => "The application is not at fault: the proxy itself is full.",
        _ => "",
    }
}
