//! What `--target` names: a server on this machine, or one that is said to be one's own.

use std::net::{SocketAddr, ToSocketAddrs};

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// The host of an `https://` URL, to which its certificate must belong.
    pub(super) secure: Option<String>,
}

impl Target {
    /// Reads a URL. Load goes to this machine, unless the target is said to be one's own.
    ///
    /// # Errors
    ///
    /// The argument and the rule that it breaks.
    pub(super) fn of(url: &str, own: bool) -> Result<Self, String> {
        let shape = || format!("--target {url}: must be http://ADDRESS:PORT or https://HOST:PORT");
        let (scheme, rest) = url.split_once("://").ok_or_else(shape)?;
        let (port, secure) = match scheme {
            "http" => (80, false),
            "https" => (443, true),
            _ => return Err(shape()),
        };
        let rest = rest.trim_end_matches('/');
        // The colons of an address in brackets belong to no port.
        let after_host = rest.rsplit_once(']').map_or(rest, |(_, after)| after);
        let with_port =
            if after_host.contains(':') { rest.to_owned() } else { format!("{rest}:{port}") };
        let found = with_port.to_socket_addrs().map_err(|_| shape())?;
        let all: Vec<SocketAddr> = found.collect();
        let first = all.first().ok_or_else(shape)?;
        if !own && !all.iter().all(|it| it.ip().to_canonical().is_loopback()) {
            let message = "is not this machine; load goes to what is one's own only, so say \
                           --i-own-this-target";
            return Err(format!("--target {url}: {message}"));
        }
        let host = with_port.rsplit_once(':').map(|(host, _)| host.to_owned());
        Ok(Self { address: *first, secure: host.filter(|_| secure) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_goes_to_this_machine_unless_told_otherwise() {
        for url in ["http://127.0.0.1:80", "http://127.1.2.3", "http://[::1]:8080/", "http://[::1]"]
        {
            let target = Target::of(url, false).unwrap();
            assert_eq!(target.secure, None, "{url}");
        }
        for url in ["http://192.0.2.1:80", "http://0.0.0.0:80", "ftp://127.0.0.1", "localhost"] {
            assert!(Target::of(url, false).is_err(), "{url}");
        }
        assert!(Target::of("http://192.0.2.1:80", true).is_ok());
    }

    #[test]
    fn a_secure_target_has_the_host_that_must_prove_itself() {
        let secure = |url| Target::of(url, false).unwrap().secure.unwrap();
        assert_eq!(secure("https://localhost:8443"), "localhost");
        assert_eq!(secure("https://127.0.0.1"), "127.0.0.1");
        assert_eq!(secure("https://[::1]:8443"), "[::1]");
    }
}
