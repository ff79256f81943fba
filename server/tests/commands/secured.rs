//! A server with TLS and tokens, as the commands of an operator reach it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};

use crate::harness::{Server, fixture, pause, run};

/// A directory with what TLS and tokens need.
struct Files {
    root: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self { root: tempfile::tempdir().unwrap() };
        files.certify("tls", "ca");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a certificate for this machine, its key, and the authority that signed it.
    fn certify(&self, name: &str, authority: &str) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let signed = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        fs::write(self.path(&format!("{name}.crt")), signed.pem()).unwrap();
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        fs::write(self.path(&format!("{authority}.crt")), issuer.pem()).unwrap();
    }

    /// Makes a token, and gives the name of the file that it is in.
    fn token(&self, name: &str, scope: &str) -> String {
        let tokens = self.text("tokens");
        let made = run(&["token", "--name", name, "--scope", scope, "--token-file", &tokens]);
        assert!(made.status.success(), "{made:?}");
        fs::write(self.path(name), made.stdout).unwrap();
        self.text(name)
    }

    fn serve(&self) -> Server {
        let (certificate, key) = (self.text("tls.crt"), self.text("tls.key"));
        let tokens = self.text("tokens");
        let more = ["--tls-certificate", &certificate, "--tls-key", &key, "--token-file", &tokens];
        Server::serve_with(&self.path("data"), &more)
    }

    fn import(&self, server: &Server, token: &str, ca: &str) -> Output {
        let (file, ca) = (fixture().display().to_string(), self.text(ca));
        let (url, more) = (server.url(), ["--ca", &ca, "--token-file", token]);
        run(&[&["import", "centres", &file, "--server", &url], &more[..]].concat())
    }
}

#[track_caller]
fn fails(output: &Output, said: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(said), "{stderr}");
}

#[test]
fn an_operator_works_over_tls_with_a_token() {
    let files = Files::new();
    let (operator, booker) = (files.token("operator", "operate"), files.token("portal", "book"));
    let mut server = files.serve();
    assert!(server.url().starts_with("https://127.0.0.1:"), "{}", server.printed);
    let imported = files.import(&server, &operator, "ca.crt");
    assert!(imported.status.success(), "{imported:?}");

    files.certify("other", "other-ca");
    fails(&files.import(&server, &operator, "other-ca.crt"), "certificate");
    fails(&files.import(&server, &booker, "ca.crt"), "403");
    fs::write(files.path("wrong"), "creneau_0\n").unwrap();
    fails(&files.import(&server, &files.text("wrong"), "ca.crt"), "401");
    // Whoever does not speak TLS gets no answer.
    assert_eq!(server.try_ask("GET", "/livez", ""), None);

    // It is found by what the directory says of it.
    let (data, to, ca) = (files.text("data"), files.text("copy"), files.text("ca.crt"));
    let back_up = |more: &[&str]| run(&[&["backup", "--data", &data, "--to", &to], more].concat());
    fails(&back_up(&["--ca", &ca]), "401");
    let backed_up = back_up(&["--ca", &ca, "--token-file", &operator]);
    assert!(backed_up.status.success(), "{backed_up:?}");
    assert!(run(&["verify", "--data", &to]).status.success());
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn tokens_and_certificates_are_read_anew_when_asked() {
    let files = Files::new();
    let old = files.token("operator", "operate");
    let server = files.serve();
    fs::remove_file(files.path("tokens")).unwrap();
    let new = files.token("new", "operate");
    files.certify("tls", "new-ca");
    assert!(files.import(&server, &old, "ca.crt").status.success(), "nothing has changed yet");
    server.signal("HUP");
    let taken = (0..200).any(|_| {
        pause(20);
        files.import(&server, &new, "new-ca.crt").status.success()
    });
    assert!(taken, "the new ones are known");
    fails(&files.import(&server, &old, "new-ca.crt"), "401");
    fails(&files.import(&server, &new, "ca.crt"), "certificate");
    // What cannot be read changes nothing.
    fs::write(files.path("tokens"), "nothing").unwrap();
    fs::write(files.path("tls.key"), "nothing").unwrap();
    server.signal("HUP");
    pause(200);
    assert!(files.import(&server, &new, "new-ca.crt").status.success());
}

#[test]
fn beyond_this_machine_takes_tokens_and_tls_or_a_word() {
    let files = Files::new();
    files.token("operator", "operate");
    let (certificate, key) = (files.text("tls.crt"), files.text("tls.key"));
    let tokens = files.text("tokens");
    let tls = ["--tls-certificate", &certificate, "--tls-key", &key];
    let start = ["serve", "--memory", "--listen", "0.0.0.0:0"];
    for (more, lacks) in [
        (vec![], "needs tokens (--token-file) and TLS"),
        (vec!["--token-file", &tokens], "needs TLS (--tls-certificate"),
        (tls.to_vec(), "needs tokens (--token-file);"),
    ] {
        let output = run(&[&start[..], &more[..]].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(lacks), "{stderr}");
    }
    let all = [&start[..], &tls[..], &["--token-file", &tokens]].concat();
    let server = Server::start(&mut crate::harness::creneau(&all));
    assert!(server.url().starts_with("https://0.0.0.0:"));
    let all = [&start[..], &["--insecure"]].concat();
    let server = Server::start(&mut crate::harness::creneau(&all));
    assert!(server.url().starts_with("http://0.0.0.0:"));
}

#[test]
fn a_file_of_tokens_is_for_its_owner_and_is_never_half() {
    use std::os::unix::fs::PermissionsExt;
    let files = Files::new();
    files.token("a", "book");
    files.token("a", "operate");
    let path = files.path("tokens");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches("[[token]]").count(), 2, "{text}");
    let token = fs::read_to_string(files.path("a")).unwrap();
    assert!(!text.contains(token.trim()), "only its hash is kept");
    assert!(Path::new(&path).is_file() && !files.path("tokens.partial").exists());
    fs::write(&path, "not ours").unwrap();
    let text = files.text("tokens");
    let refused = run(&["token", "--name", "b", "--scope", "book", "--token-file", &text]);
    fails(&refused, "see line 1");
    assert_eq!(fs::read_to_string(&path).unwrap(), "not ours");
}
