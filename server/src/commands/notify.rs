//! Tells the service manager how a server stands: systemd's `sd_notify`, which is a datagram.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use creneau::{Opening, OpeningStage};

/// The variable in which systemd names its socket.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Between two words while a journal is replayed, and what each asks for: systemd gives up a start
/// from which it has not heard for longer than that.
const TELL_EVERY: Duration = Duration::from_secs(5);
const EXTEND_BY: Duration = Duration::from_secs(60);

/// Says `state`, such as `READY=1`. Without a service manager it does nothing.
pub(super) fn tell(state: &str) {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    if let Err(error) = send(socket.as_encoded_bytes(), state) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

fn send(socket: &[u8], state: &str) -> std::io::Result<()> {
    use std::os::unix::net::SocketAddr;
    let address = match socket.strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)?,
        _ => {
            use std::os::unix::ffi::OsStrExt;
            SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(socket))?
        }
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

/// Says how far a start has come, for as long as it is polled.
pub(super) async fn tell_of(opening: &Opening) {
    if std::env::var_os(SOCKET).is_none() {
        return std::future::pending().await;
    }
    loop {
        let status = match opening.stage() {
            OpeningStage::Storage => "opening the journal".to_owned(),
            OpeningStage::Replaying { done, all } => format!("replaying: {done} of {all} entries"),
        };
        let extend = EXTEND_BY.as_micros();
        tell(&format!("STATUS={status}\nEXTEND_TIMEOUT_USEC={extend}"));
        tokio::time::sleep(TELL_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_arrives_at_a_path_and_at_an_abstract_name() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("notify");
        let at_path = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str().as_encoded_bytes(), "READY=1").unwrap();
        let mut word = [0; 64];
        let len = at_path.recv(&mut word).unwrap();
        assert_eq!(&word[..len], b"READY=1");

        #[cfg(target_os = "linux")]
        {
            use std::os::linux::net::SocketAddrExt;
            use std::os::unix::net::SocketAddr;
            let name = format!("creneau-test-{}", std::process::id());
            let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
            let abstract_name = UnixDatagram::bind_addr(&address).unwrap();
            send(format!("@{name}").as_bytes(), "STOPPING=1").unwrap();
            let len = abstract_name.recv(&mut word).unwrap();
            assert_eq!(&word[..len], b"STOPPING=1");
        }
    }
}
