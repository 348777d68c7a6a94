//! TLS: whom we trust, and in plain words why a handshake failed.
//!
//! Owns the client's configuration (rustls on ring, TLS 1.2 and 1.3, Mozilla's roots and the user's own,
//! HTTP/1.1 alone in ALPN) and the texts. A check is lifted only for the hosts that the user names, by a
//! configuration that shares nothing with the other.

use std::{io, path::Path, sync::Arc};

use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, InvalidMessage,
    RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

use crate::{HostPattern, SettingsError};

/// Sessions kept for resumption, in names: a resumed handshake costs a third. The library's own 256 are
/// fewer than the hosts of a small crawl.
const SESSIONS_MAX: usize = 4096;

/// Names of a certificate that are repeated in an error; some have hundreds.
const NAMES_SHOWN_MAX: usize = 4;

/// The two configurations of a process.
#[derive(Debug)]
pub(crate) struct Tls {
    verified: Arc<ClientConfig>,
    /// For these hosts alone.
    unverified: Option<(Vec<HostPattern>, Arc<ClientConfig>)>,
}

impl Tls {
    pub(crate) fn new(ca_file: Option<&Path>, unverified: &[HostPattern]) -> Result<Self, SettingsError> {
        let unverified = if unverified.is_empty() {
            None
        } else {
            Some((unverified.to_vec(), config_without_verification()?))
        };
        Ok(Self { verified: config(ca_file)?, unverified })
    }

    /// The configuration for a host, and whether it verifies.
    pub(crate) fn of(&self, host: &str) -> (Arc<ClientConfig>, bool) {
        match &self.unverified {
            Some((hosts, config)) if hosts.iter().any(|it| it.fits(host)) => (Arc::clone(config), false),
            _ => (Arc::clone(&self.verified), true),
        }
    }
}

/// A configuration that takes any certificate. Its sessions are its own: a ticket from a host that was never
/// checked must not open a connection that counts as checked.
fn config_without_verification() -> Result<Arc<ClientConfig>, SettingsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| SettingsError::Tls(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Takes any certificate; the handshake itself is still checked, so that the session is at least with whoever
/// holds its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The configuration every connection shares whose host is verified.
fn config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, SettingsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        add_roots(&mut roots, path).map_err(|why| SettingsError::CaFile(path.to_owned(), why))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SettingsError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
    Ok(Arc::new(config))
}

fn add_roots(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let mut added = 0;
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())? {
        roots.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
        added += 1;
    }
    if added == 0 { Err("there is no certificate in it".to_owned()) } else { Ok(()) }
}

/// Why there is no TLS session with `host`.
pub(crate) fn reason(error: &io::Error, host: &str) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(why)) => certificate_reason(why, host),
        // Only certificates come to that size.
        Some(Error::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge | InvalidMessage::CertificatePayloadTooLarge,
        )) => format!("{host} sends more than 64 KiB of certificates"),
        Some(Error::InvalidMessage(_)) => format!("{host} does not speak TLS on this port"),
        Some(Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_)) => {
            format!("{host} speaks no version or cipher of TLS that is safe (1.2 or 1.3 is wanted)")
        }
        Some(Error::AlertReceived(AlertDescription::UnrecognisedName)) => {
            format!("{host} says that it is not the server of that name")
        }
        Some(Error::AlertReceived(alert)) => format!("{host} ended the handshake: {alert:?}"),
        Some(Error::NoApplicationProtocol) => format!("{host} does not offer HTTP/1.1"),
        Some(other) => other.to_string(),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                format!("{host} closed the connection during the handshake")
            }
            _ => error.to_string(),
        },
    }
}

/// A name of a certificate, which the library gives in its own spelling: `DnsName("a.test")`.
fn presented_name(name: &str) -> &str {
    name.split_once("(\"").and_then(|(_, rest)| rest.strip_suffix("\")")).unwrap_or(name)
}

fn certificate_reason(why: &CertificateError, host: &str) -> String {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate of {host} has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the certificate of {host} is not valid yet")
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let shown: Vec<&str> =
                presented.iter().take(NAMES_SHOWN_MAX).map(|name| presented_name(name)).collect();
            let shown = shown.join(", ");
            let more = if presented.len() > NAMES_SHOWN_MAX { ", …" } else { "" };
            format!("the certificate is for another name than {host} (it names {shown}{more})")
        }
        CertificateError::NotValidForName => format!("the certificate is for another name than {host}"),
        CertificateError::UnknownIssuer => {
            format!("the certificate of {host} comes from an unknown issuer; --ca-file trusts one more")
        }
        CertificateError::Revoked => format!("the certificate of {host} is revoked"),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            format!("the certificate of {host} is not one for servers")
        }
        CertificateError::BadSignature => format!("the certificate of {host} has a wrong signature"),
        // The verifier's own errors come boxed. Of these one is common: a self-signed certificate that calls
        // itself an authority.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            format!("the certificate of {host} is signed by itself; --ca-file trusts one more")
        }
        other => format!("the certificate of {host} is not valid: {other}"),
    }
}
