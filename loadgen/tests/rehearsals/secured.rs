//! Tokens and TLS.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::harness::{Ended, GENERATOR, Served, folder, run};
use super::proxy::{Lie, Proxy};

const SCENARIO: &str = r#"
name = "secured"
[[phases]]
name = "all"
seconds = 1
rate = 60
[habits]
retry = 0.1
hang_up = 0.3
[think]
min_ms = 0
max_ms = 40
[calendars]
count = 3
[client]
connections = 8
[thresholds]
error_share = 0.0
bookings_min = 10
"#;

/// An authority, and its certificate in PEM.
fn authority() -> (CertifiedIssuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let pem = authority.pem();
    (authority, pem)
}

/// What speaks TLS as 127.0.0.1 with a certificate of `authority`.
fn acceptor(authority: &CertifiedIssuer<'static, KeyPair>) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_and_a_known_authority_are_needed() {
    let (folder, path) = folder(SCENARIO);
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (authority, pem) = authority();
    std::fs::write(at("ca.pem"), pem).unwrap();
    std::fs::write(at("other.pem"), self::authority().1).unwrap();
    std::fs::write(at("token"), "secret-of-the-generator\n").unwrap();
    std::fs::write(at("wrong"), "another").unwrap();
    std::fs::write(at("empty"), "\n").unwrap();
    let served = Served::start(&folder.path().join("data")).await;
    let tls = Some(acceptor(&authority));
    let token = Some("secret-of-the-generator");
    let (_, address) = Proxy::start(served.address, Lie::None, tls, token).await;
    let (scenario, url) = (path.display().to_string(), format!("https://{address}"));
    let drive = async |number: usize, ca: &str, token: &str| -> Ended {
        let ledger = at(&format!("ledger-{number}.jsonl"));
        let drive = ["run", &scenario, "--target", &url, "--ledger", &ledger];
        let (ca, token) = (at(ca), at(token));
        run(GENERATOR, drive.into_iter().chain(["--ca", &ca, "--token-file", &token])).await
    };
    let text = drive(1, "ca.pem", "token").await.with(0);
    assert!(!text.contains("secret-of-the-generator"), "{text}");
    let ledger = at("ledger-1.jsonl");
    let audit = ["audit", "--ledger", &ledger, "--target", &url, "--ca", &at("ca.pem")];
    let (right, wrong) = (at("token"), at("wrong"));
    run(GENERATOR, audit.into_iter().chain(["--token-file", &right])).await.with(0);
    let text = run(GENERATOR, audit.into_iter().chain(["--token-file", &wrong])).await.with(1);
    assert!(text.contains("refused as unauthorized"), "{text}");

    let text = drive(2, "ca.pem", "wrong").await.with(1);
    assert!(text.contains("unauthorized"), "{text}");
    let text = drive(3, "other.pem", "token").await.with(1);
    assert!(text.contains("TLS: invalid peer certificate"), "{text}");
    let text = drive(4, "ca.pem", "empty").await.with(2);
    assert!(text.contains("--token-file") && text.contains("must hold one token"), "{text}");
    let text = drive(5, "token", "token").await.with(2);
    assert!(text.contains("--ca") && text.contains("must hold a certificate"), "{text}");
    let text = run(GENERATOR, ["run", &scenario, "--target", &url]).await.with(2);
    assert!(text.contains("--ca: must be given"), "{text}");
    served.stop().await;
}
