//! HTTPS: certificates made on the spot, and the words for those that will not do.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use crate::support::{client, detail, get, loopback, read_head, run, told};
use dragline_fetch::{Client, Settings};
use dragline_model::{FailureKind, TlsSession, TlsVersion};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// An authority, and the file that makes it trusted.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub(crate) file: PathBuf,
    _dir: tempfile::TempDir,
}

pub(crate) static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "an authority");
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, pem(issuer.der())).unwrap();
    Authority { issuer, file, _dir: dir }
});

fn pem(certificate: &CertificateDer<'_>) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in certificate.chunks(3) {
        let bits =
            three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for i in 0..4 {
            text.push(if i <= three.len() {
                SIGNS[(bits >> (18 - 6 * i)) as usize & 63] as char
            } else {
                '='
            });
        }
    }
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

pub(crate) fn leaf(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    CertificateParams::new(names).unwrap()
}

/// A TLS server that answers every request with `reply`, and closes without a goodbye where `rude`.
pub(crate) fn serve(
    params: CertificateParams,
    self_signed: bool,
    reply: &'static [u8],
    rude: bool,
) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let certificate = if self_signed {
        params.self_signed(&key).unwrap()
    } else {
        params.signed_by(&key, &AUTHORITY.issuer).unwrap()
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let config = Arc::clone(&config);
            // Errors are the client's refusals; the client tells them.
            std::thread::spawn(move || -> std::io::Result<()> {
                let connection = ServerConnection::new(config).unwrap();
                let mut tls = StreamOwned::new(connection, tcp?);
                while read_head(&mut tls)?.is_some() {
                    assert_eq!(tls.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
                    tls.write_all(reply)?;
                    tls.flush()?;
                    if rude {
                        break;
                    }
                }
                Ok(())
            });
        }
    });
    address
}

/// A client that finds every `*.test` at one server, and trusts the authority where told to.
fn client_of(server: SocketAddr, trusting: bool) -> Client {
    let mut settings =
        Settings { overrides: vec![format!("*.test={server}").parse().unwrap()], ..loopback() };
    settings.ca_file = trusting.then(|| AUTHORITY.file.clone());
    client(settings)
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn a_good_certificate() {
    run(async {
        let client = client_of(serve(leaf(&["a.test"]), false, OK, false), true);
        for i in 0..3 {
            let page = client.fetch(&get("https://a.test/")).await.unwrap();
            assert_eq!((page.status, &page.body[..]), (200, &b"ok"[..]));
            assert_eq!(page.tls, Some(TlsSession { version: TlsVersion::V1_3, verified: true }));
            assert_eq!(page.timings.tls.is_some(), i == 0, "one handshake, then reuse");
        }
    });
}

#[test]
fn a_certificate_for_an_address() {
    run(async {
        let server = serve(leaf(&["127.0.0.1"]), false, OK, false);
        let mut settings = loopback();
        settings.ca_file = Some(AUTHORITY.file.clone());
        assert_eq!(
            told(&client(settings).fetch(&get(&format!("https://{server}/"))).await),
            "200 whole \"ok\""
        );
    });
}

#[test]
fn a_final_dot_is_not_in_the_certificate() {
    run(async {
        let client = client_of(serve(leaf(&["a.test"]), false, OK, false), true);
        assert_eq!(told(&client.fetch(&get("https://a.test./")).await), "200 whole \"ok\"");
    });
}

#[test]
fn certificates_that_will_not_do() {
    let mut expired = leaf(&["a.test"]);
    (expired.not_before, expired.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    let mut early = leaf(&["a.test"]);
    (early.not_before, early.not_after) = (date_time_ymd(2900, 1, 1), date_time_ymd(2901, 1, 1));
    let mut purpose = leaf(&["a.test"]);
    purpose.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let mut own_authority = leaf(&["a.test"]);
    own_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    for (params, self_signed, trusting, want) in [
        (expired, false, true, "the certificate of a.test has expired"),
        (early, false, true, "the certificate of a.test is not valid yet"),
        (
            leaf(&["b.test", "c.test"]),
            false,
            true,
            "the certificate is for another name than a.test (it names b.test, c.test)",
        ),
        (
            leaf(&["a.test"]),
            false,
            false,
            "the certificate of a.test comes from an unknown issuer; --ca-file trusts one more",
        ),
        (
            leaf(&["a.test"]),
            true,
            true,
            "the certificate of a.test comes from an unknown issuer; --ca-file trusts one more",
        ),
        (
            own_authority,
            true,
            true,
            "the certificate of a.test is signed by itself; --ca-file trusts one more",
        ),
        (purpose, false, true, "the certificate of a.test is not one for servers"),
    ] {
        run(async {
            let client = client_of(serve(params, self_signed, OK, false), trusting);
            let why = detail(client.fetch(&get("https://a.test/")).await, FailureKind::Tls);
            assert!(why.starts_with(want), "{why:?} is not {want:?}");
        });
    }
}

#[test]
fn the_check_is_given_up_for_the_hosts_that_are_named_and_no_other() {
    run(async {
        let server = serve(leaf(&["other.test"]), true, OK, false);
        let mut settings =
            Settings { overrides: vec![format!("*.test={server}").parse().unwrap()], ..loopback() };
        settings.unverified = vec!["a.test".parse().unwrap(), "*.b.test".parse().unwrap()];
        let client = client(settings);
        for host in ["a.test", "x.b.test"] {
            let page = client.fetch(&get(&format!("https://{host}/"))).await.unwrap();
            assert_eq!(page.tls, Some(TlsSession { version: TlsVersion::V1_3, verified: false }), "{host}");
        }
        for host in ["b.test", "c.test", "xa.test"] {
            let outcome = client.fetch(&get(&format!("https://{host}/"))).await;
            detail(outcome, FailureKind::Tls);
        }
    });
}

#[test]
fn a_server_that_does_not_speak_tls() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut first, _) = listener.accept().unwrap();
            first.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
            // Until the client has given up, so that its words are about the bytes and not about the close.
            let _ = first.read_to_end(&mut Vec::new());
            drop(listener.accept());
        });
        let client = client_of(address, true);
        let why = detail(client.fetch(&get("https://a.test/")).await, FailureKind::Tls);
        assert_eq!(why, "a.test does not speak TLS on this port");
        let why = detail(client.fetch(&get("https://a.test/")).await, FailureKind::Tls);
        assert_eq!(why, "a.test closed the connection during the handshake");
    });
}

#[test]
fn a_server_that_never_shakes_hands() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut settings = loopback();
        settings.overrides = vec![format!("a.test={}", listener.local_addr().unwrap()).parse().unwrap()];
        settings.limits.tls = std::time::Duration::from_millis(50);
        let why = detail(client(settings).fetch(&get("https://a.test/")).await, FailureKind::Tls);
        assert_eq!(why, "no TLS session with a.test within 0.05 s");
    });
}

#[test]
fn an_end_without_goodbye_ends_only_bodies_without_a_length() {
    run(async {
        let open =
            client_of(serve(leaf(&["a.test"]), false, b"HTTP/1.1 200 OK\r\n\r\nall of it", true), true);
        assert_eq!(told(&open.fetch(&get("https://a.test/")).await), "200 whole \"all of it\"");
        let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nnot all";
        let cut = client_of(serve(leaf(&["a.test"]), false, cut, true), true);
        assert_eq!(told(&cut.fetch(&get("https://a.test/")).await), "truncated");
    });
}

#[test]
fn http_and_https_of_one_name_share_no_connection() {
    run(async {
        let client = client_of(serve(leaf(&["a.test"]), false, OK, false), true);
        assert_eq!(told(&client.fetch(&get("https://a.test/")).await), "200 whole \"ok\"");
        // In the clear on the same port: the TLS server answers with an alert, which is no HTTP.
        let kind = told(&client.fetch(&get("http://a.test/")).await);
        assert!(["malformed", "closed"].contains(&kind.as_str()), "{kind}");
    });
}
