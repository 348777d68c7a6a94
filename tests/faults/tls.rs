//! Certificates made on the spot. Nobody trusts them: who is to be talked to is named as unverified.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::{CertifiedKey, SingleCertAndKey},
};

/// A server's side of TLS, for these names, that would speak these protocols (ALPN).
pub(crate) fn server(names: impl IntoIterator<Item = String>, speaks: &[&str]) -> Arc<ServerConfig> {
    chain(names, speaks, 1)
}

/// The same with its one certificate sent over and over.
pub(crate) fn chain(
    names: impl IntoIterator<Item = String>,
    speaks: &[&str],
    times: usize,
) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(names.into_iter().collect::<Vec<_>>()).unwrap();
    let certificate: CertificateDer<'static> = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // Past rustls's own look at its certificate: some of these would not stand it.
    let key =
        CertifiedKey::new(vec![certificate; times], provider.key_provider.load_private_key(key).unwrap());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols = speaks.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// One that speaks HTTP/1.1 for `*.test`.
pub(crate) fn usual() -> Arc<ServerConfig> {
    server(["*.test".to_owned()], &["http/1.1"])
}
