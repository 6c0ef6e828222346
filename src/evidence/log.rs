//! What the proxy's own logs say.

use serde::{Deserialize, Serialize};

use super::Observed;

/// The log lines that concern this route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogEvidence {
    /// The files that were asked for, and whether they could be read.
    pub files: Vec<LogFile>,
    /// Error lines written while our own attempts ran, oldest first.
    pub during: Vec<ErrorEntry>,
    /// Earlier error lines about this route, oldest first (the newest 200).
    pub before: Vec<ErrorEntry>,
    /// Lines without a request that bear on the whole proxy (`[emerg]`, worker exits), newest 50.
    pub general: Vec<ErrorEntry>,
    /// Access lines written while our own attempts ran.
    pub access_during: Vec<AccessEntry>,
    /// Earlier access lines of this route (the newest 500).
    pub access_before: Vec<AccessEntry>,
    /// Milliseconds since 1970 at which our first attempt began.
    pub attempts_began_ms: i64,
    /// What all lines say that were written before our first attempt, as far back as was asked or needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<super::LogAccount>,
    /// Targets of logs that are no files: `syslog:…`, `stderr`, pipes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<String>,
    /// Logs that are no files, and where their lines were found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<CarriedLog>,
}

/// A log that goes to syslog, to the journal or to the standard output of its service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedLog {
    /// As the configuration has it: `syslog:server=unix:/dev/log`; of an application its kind and process id.
    pub target: String,
    /// The kind of its lines: `nginx error`, `application`, ….
    pub kind: String,
    /// The format of its lines.
    #[serde(default)]
    pub format: String,
    /// The name in front of its messages; empty: those of the unit.
    #[serde(default)]
    pub tag: String,
    /// The unit that writes it.
    #[serde(default)]
    pub unit: Option<String>,
    /// The process that writes it.
    #[serde(default)]
    pub pid: Option<u32>,
    /// Where its lines are: [`CarriedLog::JOURNAL`], a file of syslog, or a file that the process writes to.
    pub source: Observed<String>,
    /// `source` is a file with nothing but this log.
    #[serde(default)]
    pub alone: bool,
}

impl CarriedLog {
    /// The source that is no file.
    pub const JOURNAL: &'static str = "journal";
}

impl LogEvidence {
    /// All error lines of the route, oldest first.
    pub fn errors(&self) -> impl DoubleEndedIterator<Item = &ErrorEntry> {
        self.before.iter().chain(&self.during)
    }
}

/// One log file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFile {
    /// Its path.
    pub path: String,
    /// `error` or `access`.
    pub kind: String,
    /// Bytes read from its end.
    pub read: Observed<u64>,
}

/// One line of an error log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorEntry {
    /// Milliseconds since 1970; `None` when the line has no readable time.
    pub at_ms: Option<i64>,
    /// `error`, `crit`, `alert`, `emerg`, `warn`, …
    pub level: String,
    /// Process id.
    pub pid: Option<u32>,
    /// Connection number (`*17`).
    pub connection: Option<u64>,
    /// The message up to the first field.
    pub message: String,
    /// `client:`.
    pub client: Option<String>,
    /// `server:`.
    pub server: Option<String>,
    /// `request:`, without quotes.
    pub request: Option<String>,
    /// `upstream:`, without quotes.
    pub upstream: Option<String>,
    /// `host:`, without quotes.
    pub host: Option<String>,
    /// What the message means; `None`: nothing that bears on a 502.
    pub symptom: Option<Symptom>,
    /// The file it stands in.
    pub file: String,
    /// The line as it stands, cut at 1,000 bytes.
    pub text: String,
}

/// One line of an access log. Fields that the format does not log are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccessEntry {
    /// Milliseconds since 1970.
    pub at_ms: Option<i64>,
    /// Client address.
    pub client: Option<String>,
    /// `GET / HTTP/1.1`.
    pub request: Option<String>,
    /// Status sent to the client.
    pub status: Option<u16>,
    /// `$upstream_addr`.
    pub upstream_addr: Option<String>,
    /// `$upstream_status`.
    pub upstream_status: Option<String>,
    /// `$upstream_header_time` is a number: the upstream sent a header.
    pub upstream_header_time: Option<String>,
    /// `$upstream_response_time`.
    pub upstream_response_time: Option<String>,
    /// `$upstream_cache_status`.
    pub cache_status: Option<String>,
    /// `$request_time`, in microseconds.
    pub request_time_us: Option<u64>,
    /// The line, cut at 1,000 bytes.
    pub text: String,
}

/// What an error line reports: a symptom, which several causes may share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Symptom {
    /// `connect() failed (111: Connection refused)`.
    #[default]
    ConnectionRefused,
    /// `connect() to unix:… failed (2: …)`.
    SocketMissing,
    /// errno 13 or 1 from connect.
    PermissionDenied,
    /// errno 11 from connect to a unix socket: the accept queue is full.
    AcceptQueueFull,
    /// errno 113.
    HostUnreachable,
    /// errno 101.
    NetworkUnreachable,
    /// errno 99 from connect.
    NoLocalAddress,
    /// errno 22 and other failures of connect.
    ConnectFailed,
    /// Timeout while connecting.
    ConnectTimeout,
    /// `bind(…) failed … while connecting to upstream`.
    SourceBindFailed,
    /// The upstream closed before the header was complete.
    ClosedBeforeHeader,
    /// The upstream reset before the header was complete.
    ResetBeforeHeader,
    /// Timeout while reading the response header.
    HeaderTimeout,
    /// Timeout or failure while sending the request.
    SendTimeout,
    /// EPIPE or ECONNRESET while sending the request.
    SendFailed,
    /// Closed, reset or timed out in the body.
    BodyCut,
    /// `upstream sent too big header`.
    HeaderTooBig,
    /// `upstream sent invalid header`.
    InvalidHeader,
    /// `upstream sent no valid HTTP/1.0 header`.
    NotHttp,
    /// Contradictory length headers.
    ConflictingLength,
    /// Broken chunks or an invalid status from `FastCGI`.
    MalformedResponse,
    /// Not a `FastCGI` answer.
    FastCgiMismatch,
    /// Not an HTTP/2 answer.
    Http2Mismatch,
    /// TLS to something that speaks no TLS.
    TlsWrongVersion,
    /// Alert 112, 40 or 80 in the handshake.
    TlsAlert,
    /// Alert 70 or no common version or cipher.
    TlsVersion,
    /// Alert 116 or a bad certificate of ours.
    TlsClientCertificate,
    /// The chain does not verify.
    TlsUntrusted,
    /// The certificate is out of date.
    TlsDate,
    /// The certificate is for another name.
    TlsName,
    /// The peer closed or reset in the handshake, or it timed out.
    TlsAborted,
    /// `no live upstreams`.
    NoLiveUpstreams,
    /// `no resolver defined`.
    NoResolver,
    /// `could not be resolved (3: Host not found)`.
    NameNotFound,
    /// `could not be resolved` for any other reason.
    NameServerFailed,
    /// `worker_connections are not enough`, no descriptors.
    SlotsExhausted,
    /// `socket() failed (97: …)`.
    SocketRefused,
    /// `worker process … exited on signal`.
    WorkerCrashed,
    /// `[emerg]` at start or reload.
    ConfigurationRejected,
    /// `host not found in upstream`.
    NameUnknownAtStart,
    /// `upstream server temporarily disabled`.
    PeerMarkedDown,
    /// `a client request body is buffered to a temporary file`.
    BodyBuffered,
    /// `rewrite or internal redirection cycle`.
    RedirectCycle,
    /// A backend's own message in the log (`FastCGI sent in stderr`).
    BackendStderr,
    /// `connection upgrade in subrequest`, unexpected 101.
    UpgradeFailed,
    /// TLS with the upstream failed, and the line does not say why.
    TlsFailed,
    /// `https://` to the upstream while the proxy's TLS client is off.
    TlsNotEnabled,
    /// The proxy refused the upstream's answer, and the line does not say for what.
    RefusedAnswer,
    /// No parent and no direct way to forward by.
    NoForwardPath,
    /// The request came back to the proxy that sent it.
    ForwardingLoop,
}
