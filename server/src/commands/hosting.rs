//! A server's life: from its port to its last answer.

use std::net::SocketAddr;
use std::time::Duration;

use creneau::{Engine, Error};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::{EXIT_ENGINE_FAILED, Failure};
use crate::cli::Listen;
use crate::http::{self, Limits};

/// How long answers may still go out once the engine has failed: what they say, that the outcome
/// is not known, is worth more than a connection that breaks, but not the second in which the
/// process must be gone.
const FAILED_DRAIN_WAIT: Duration = Duration::from_millis(400);

/// Takes the port. Beyond this machine only where that was said aloud.
pub(super) async fn bind(asked: &Listen) -> Result<TcpListener, Failure> {
    let Listen { listen, insecure } = asked;
    let addresses: Vec<SocketAddr> = match tokio::net::lookup_host(listen).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let shape = "must be an address and a port, such as 127.0.0.1:8080";
            return Err(Failure::usage(format!("--listen {listen}: {shape} ({error})")));
        }
    };
    let beyond = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback());
    match beyond {
        Some(address) if *insecure => {
            tracing::warn!(%address, "whoever reaches this port may read and book everything");
        }
        Some(address) => {
            return Err(Failure::usage(format!(
                "--listen {address} can be reached from other machines, and this server asks \
                 nobody who they are; listen on 127.0.0.1, or add --insecure to do it all the same"
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
pub(super) fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::failed(format!("failed to listen: {error}")))
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

/// Serves until a signal asks to leave, then finishes what was submitted and closes the engine.
pub(super) async fn host(
    engine: Engine,
    listener: TcpListener,
    mut leave: Leave,
) -> Result<(), Failure> {
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let serving = http::serve(engine.clone(), listener, Limits::default(), stopped);
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
