//! The TLS handshake of a probe: accepts every certificate, so that its facts can be kept, and verifies
//! apart from that when asked to.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::exchange::{Stream, TlsOptions, TlsVersions};
use crate::evidence::{Bytes, Certificate, End, Handshake};

/// A stream, plain or within TLS.
pub(super) struct Session {
    tap: Tap,
    tls: Option<Box<ClientConnection>>,
    alert: Option<u8>,
}

/// A stream that keeps the first bytes it received, for the case that they are not TLS.
struct Tap {
    stream: Stream,
    first: Vec<u8>,
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(buffer)?;
        let room = 256_usize.saturating_sub(self.first.len()).min(count);
        self.first.extend_from_slice(&buffer[..room]);
        Ok(count)
    }
}

impl Write for Tap {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

impl Session {
    pub(super) fn plain(stream: Stream) -> Self {
        Self {
            tap: Tap {
                stream,
                first: Vec::new(),
            },
            tls: None,
            alert: None,
        }
    }

    pub(super) fn set_limit(&self, limit: Duration) {
        self.tap.stream.set_limit(limit);
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// An alert that came after the handshake (TLS 1.3 refuses a client certificate only then).
    pub(super) fn late_alert(&self) -> Option<u8> {
        self.alert
    }

    fn note_alert(&mut self, error: &std::io::Error) {
        if let Some(rustls::Error::AlertReceived(alert)) = tls_error(error) {
            self.alert = Some(u8::from(*alert));
        }
    }
}

impl Read for Session {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some(tls) = self.tls.as_deref_mut() else {
            return self.tap.read(buffer);
        };
        let read = rustls::Stream::new(tls, &mut self.tap).read(buffer);
        if let Err(error) = &read {
            self.note_alert(error);
        }
        read
    }
}

impl Write for Session {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        match self.tls.as_deref_mut() {
            Some(tls) => rustls::Stream::new(tls, &mut self.tap).write(buffer),
            None => self.tap.write(buffer),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self.tls.as_deref_mut() {
            Some(tls) => rustls::Stream::new(tls, &mut self.tap).flush(),
            None => Ok(()),
        }
    }
}

/// Shakes hands. The facts are kept whether it works or not.
pub(super) fn shake(
    stream: Stream,
    options: &TlsOptions,
    deadline: Instant,
) -> (Handshake, Result<Session, End>) {
    let mut facts = Handshake {
        server_name: options.server_name.clone(),
        ..Handshake::default()
    };
    let seen = Arc::new(SeenCertificates::default());
    let client_certificate = Arc::new(AskedForCertificate::default());
    let mut connection = match connection(options, &seen, &client_certificate) {
        Ok(connection) => connection,
        Err(error) => {
            facts.error = Some(error);
            return (facts, Err(End::TlsFailed));
        }
    };
    let mut tap = Tap {
        stream,
        first: Vec::new(),
    };
    let ended = loop {
        if !connection.is_handshaking() {
            break None;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break Some(End::TimedOut);
        }
        tap.stream.set_limit(left);
        match connection.complete_io(&mut tap) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                break Some(End::TimedOut);
            }
            Err(error) => {
                if let Some(rustls::Error::AlertReceived(alert)) = tls_error(&error) {
                    facts.alert = Some(u8::from(*alert));
                }
                facts.error = Some(match tls_error(&error) {
                    Some(error) => error.to_string(),
                    None => super::error_words(&error),
                });
                break Some(match error.kind() {
                    ErrorKind::UnexpectedEof => End::Closed,
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => End::Reset,
                    _ => End::TlsFailed,
                });
            }
        }
    };
    let records = [0x14, 0x15, 0x16, 0x17];
    if tap.first.first().is_some_and(|byte| !records.contains(byte)) {
        facts.not_tls = Some(Bytes(tap.first.clone()));
    }
    facts.asked_client_certificate = client_certificate.asked.load(Ordering::Relaxed);
    let chain = seen.chain();
    facts.chain = chain.iter().map(|der| certificate(der)).collect();
    if let Some(end) = ended {
        return (facts, Err(end));
    }
    facts.done = true;
    facts.version = connection
        .protocol_version()
        .and_then(|version| version.as_str())
        .map(|name| name.replace('_', "."));
    facts.cipher = connection
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str())
        .map(str::to_owned);
    facts.alpn = connection
        .alpn_protocol()
        .map(|name| String::from_utf8_lossy(name).into_owned());
    if let Some(roots) = &options.roots {
        facts.verify_error = verify(roots, options.verify_name.as_deref(), &chain).err();
    }
    (
        facts,
        Ok(Session {
            tap,
            tls: Some(Box::new(connection)),
            alert: None,
        }),
    )
}

fn connection(
    options: &TlsOptions,
    seen: &Arc<SeenCertificates>,
    client_certificate: &Arc<AskedForCertificate>,
) -> Result<ClientConnection, String> {
    let versions: &[&rustls::SupportedProtocolVersion] = match options.versions {
        TlsVersions::Both => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersions::Only12 => &[&rustls::version::TLS12],
        TlsVersions::Only13 => &[&rustls::version::TLS13],
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(seen) as Arc<dyn ServerCertVerifier>)
        .with_client_cert_resolver(Arc::clone(client_certificate) as Arc<dyn ResolvesClientCert>);
    config.enable_sni = options.server_name.is_some();
    config.alpn_protocols = options.alpn.iter().map(|name| name.clone().into_bytes()).collect();
    // The type wants a name even where none is sent.
    let name = options
        .server_name
        .clone()
        .unwrap_or_else(|| "upstream.invalid".to_owned());
    let name = ServerName::try_from(name.clone())
        .map_err(|_| format!("{name:?} cannot be sent as a server name"))?;
    ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())
}

fn tls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
}

fn verify(roots: &str, name: Option<&str>, chain: &[CertificateDer<'static>]) -> Result<(), String> {
    let files: &[&str] = if roots.is_empty() {
        &[
            "/etc/ssl/certs/ca-certificates.crt",
            "/etc/pki/tls/certs/ca-bundle.crt",
            "/etc/ssl/cert.pem",
        ]
    } else {
        &[roots]
    };
    let mut store = RootCertStore::empty();
    for file in files {
        if let Ok(certificates) = CertificateDer::pem_file_iter(file) {
            store.add_parsable_certificates(certificates.flatten());
        }
    }
    if store.is_empty() {
        return Err(format!(
            "no certificate could be read from {}",
            files.join(" or ")
        ));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(
        Arc::new(store),
        Arc::new(rustls::crypto::ring::default_provider()),
    )
    .build()
    .map_err(|error| error.to_string())?;
    let (first, rest) = chain.split_first().ok_or("no certificate was sent")?;
    let wanted = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
    let any = ServerName::try_from("name.invalid").map_err(|error| error.to_string())?;
    let outcome =
        verifier.verify_server_cert(first, rest, wanted.as_ref().unwrap_or(&any), &[], UnixTime::now());
    match outcome {
        Ok(_) => Ok(()),
        Err(rustls::Error::InvalidCertificate(
            rustls::CertificateError::NotValidForName
            | rustls::CertificateError::NotValidForNameContext { .. },
        )) if wanted.is_none() => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn certificate(der: &CertificateDer<'_>) -> Certificate {
    use x509_parser::extensions::GeneralName;
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(der) else {
        return Certificate {
            subject: "unreadable certificate".to_owned(),
            ..Certificate::default()
        };
    };
    let mut names = Vec::new();
    if let Ok(Some(alternative)) = parsed.subject_alternative_name() {
        for name in &alternative.value.general_names {
            match name {
                GeneralName::DNSName(name) => names.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => names.extend(address(bytes)),
                _ => {}
            }
        }
    }
    Certificate {
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        names,
        not_before_ms: parsed.validity().not_before.timestamp().saturating_mul(1000),
        not_after_ms: parsed.validity().not_after.timestamp().saturating_mul(1000),
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(four).to_string());
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|sixteen| std::net::Ipv6Addr::from(sixteen).to_string())
}

/// Keeps the certificates and accepts them: a probe wants to see what is served, good or bad.
#[derive(Debug, Default)]
struct SeenCertificates(Mutex<Vec<CertificateDer<'static>>>);

impl SeenCertificates {
    fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }
}

impl ServerCertVerifier for SeenCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut chain = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *chain = std::iter::once(end_entity)
            .chain(intermediates)
            .take(10)
            .map(|certificate| certificate.clone().into_owned())
            .collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Notices that the peer asks for a client certificate, and has none.
#[derive(Debug, Default)]
struct AskedForCertificate {
    asked: AtomicBool,
}

impl ResolvesClientCert for AskedForCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        // Without this rustls would not ask the resolver, and the question would go unnoticed.
        true
    }
}
