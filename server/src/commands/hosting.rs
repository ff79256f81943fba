//! A server's life: from its port to its last answer.

use std::net::SocketAddr;
use std::time::Duration;

use creneau::{Engine, Error};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::{EXIT_ENGINE_FAILED, Failure};
use crate::http::{self, Options, Tls, Tokens};

/// How long answers may still go out once the engine has failed: what they say, that the outcome
/// is not known, is worth more than a connection that breaks, but not the second in which the
/// process must be gone.
const FAILED_DRAIN_WAIT: Duration = Duration::from_millis(400);

/// Takes the port. Beyond this machine only behind tokens and TLS, or where that was said aloud.
pub(super) async fn bind(
    listen: &str,
    options: &Options,
    insecure: bool,
) -> Result<TcpListener, Failure> {
    let addresses: Vec<SocketAddr> = match tokio::net::lookup_host(listen).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let shape = "must be an address and a port, such as 127.0.0.1:8080";
            return Err(Failure::usage(format!("--listen {listen}: {shape} ({error})")));
        }
    };
    let beyond = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback());
    let lacks = match (&options.tokens, &options.tls) {
        (Some(_), Some(_)) => None,
        (Some(_), None) => Some("TLS (--tls-certificate and --tls-key)"),
        (None, Some(_)) => Some("tokens (--token-file)"),
        (None, None) => Some("tokens (--token-file) and TLS (--tls-certificate and --tls-key)"),
    };
    match beyond.zip(lacks) {
        Some((address, _)) if insecure && options.tokens.is_some() => {
            tracing::warn!(%address, "tokens and patients pass this port in clear");
        }
        Some((address, _)) if insecure => {
            tracing::warn!(%address, "whoever reaches this port may read and book everything");
        }
        Some((address, lacks)) => {
            return Err(Failure::usage(format!(
                "--listen {address} can be reached from other machines, which needs {lacks}; give \
                 them, listen on 127.0.0.1, or add --insecure to do it all the same"
            )));
        }
        None => {}
    }
    TcpListener::bind(&*addresses).await.map_err(|error| {
        Failure::failed(format!(
            "failed to listen on {listen}: {error}; choose another port with --listen, or \
             127.0.0.1:0 for any free one"
        ))
    })
}

/// The address that was taken, with its real port.
fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::failed(format!("failed to listen: {error}")))
}

/// What clients call this server.
pub(super) fn url(listener: &TcpListener, options: &Options) -> Result<String, Failure> {
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    Ok(format!("{scheme}://{}", address(listener)?))
}

/// The signals that ask a process to leave.
pub(super) struct Leave {
    terminate: Signal,
    interrupt: Signal,
}

impl Leave {
    pub(super) fn listen() -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind).map_err(|error| Failure::failed(format!("failed to start: {error}")))
        };
        let terminate = on(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: on(SignalKind::interrupt())? })
    }

    /// Waits for the next one, and gives the exit status of a process that it ends at once.
    async fn asked(&mut self) -> u8 {
        const BY_SIGNAL: i32 = 128;
        let signal = tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        };
        u8::try_from(BY_SIGNAL + signal.as_raw_value()).unwrap_or(u8::MAX)
    }
}

/// Reads tokens and certificates anew at each `SIGHUP`, until it is dropped.
struct Reloading(tokio::task::JoinHandle<()>);

impl Reloading {
    fn start(tokens: Option<Tokens>, tls: Option<Tls>) -> Result<Self, Failure> {
        let mut asked = signal(SignalKind::hangup())
            .map_err(|error| Failure::failed(format!("failed to start: {error}")))?;
        Ok(Self(tokio::spawn(async move {
            while asked.recv().await.is_some() {
                match tokens.as_ref().map(Tokens::reload) {
                    Some(Ok(count)) => tracing::info!(count, "tokens were read anew"),
                    Some(Err(why)) => tracing::error!(why, "the tokens known before stay"),
                    None => {}
                }
                match tls.as_ref().map(Tls::reload) {
                    Some(Ok(())) => tracing::info!("the certificate was read anew"),
                    Some(Err(why)) => tracing::error!(why, "the certificate read before stays"),
                    None => {}
                }
            }
        })))
    }
}

impl Drop for Reloading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Lets this process have as many files open as it may: connections are files.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files stays as it is");
        }
    }
}

/// Serves until a signal asks to leave, then finishes what was submitted and closes the engine.
pub(super) async fn host(
    engine: Engine,
    listener: TcpListener,
    options: Options,
    mut leave: Leave,
) -> Result<(), Failure> {
    raise_open_files();
    let _reloading = Reloading::start(options.tokens.clone(), options.tls.clone())?;
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let serving = http::serve(engine.clone(), listener, options, stopped);
    let mut serving = Box::pin(serving);

    tokio::select! {
        ended = &mut serving => {
            let closed = engine.shutdown().await;
            ended.map_err(|error| Failure::failed(format!("the server ended: {error}")))?;
            return closed.map_err(not_closed);
        }
        () = failed(&engine) => {
            drop(stop);
            let _ = tokio::time::timeout(FAILED_DRAIN_WAIT, serving).await;
            return Err(engine_failed());
        }
        _ = leave.asked() => {
            tracing::info!("leaving once what was submitted is done; a second signal ends at once");
            drop(stop);
        }
    }
    let finish = async {
        // It has a bound of its own.
        if let Err(error) = serving.await {
            tracing::warn!(%error, "the server did not end well");
        }
        engine.shutdown().await.map_err(not_closed)
    };
    tokio::select! {
        closed = finish => closed,
        () = failed(&engine) => Err(engine_failed()),
        status = leave.asked() => {
            Err(Failure::with(status, "left at once; what was acknowledged is kept"))
        }
    }
}

/// Ends when the engine has failed, and never when it was closed in good order.
async fn failed(engine: &Engine) {
    if engine.stopped().await != Error::Failed {
        std::future::pending::<()>().await;
    }
}

fn engine_failed() -> Failure {
    let message = "the engine has failed: what was acknowledged is kept; see why in the log above, \
        and start the server again";
    Failure::with(EXIT_ENGINE_FAILED, message)
}

fn not_closed(error: Error) -> Failure {
    match error {
        Error::Failed => engine_failed(),
        error => Failure::failed(format!("{error}; what was acknowledged is kept")),
    }
}
