//! A server's life: from its port to its last answer.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use creneau::{Engine, Error, Opening};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::{EXIT_ENGINE_FAILED, Failure, answer, notify};
use crate::cli::Listen;
use crate::http::{self, Front, Limits, Watched};

/// How long the port stays open once the engine has failed, and how long answers may still go out
/// after that: what they say, that the outcome is not known, is worth more than a connection that
/// breaks, but not the second in which the process must be gone.
const FAILED_SHOWN_FOR: Duration = Duration::from_millis(250);
const FAILED_DRAIN_WAIT: Duration = Duration::from_millis(200);

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
struct Leave {
    terminate: Signal,
    interrupt: Signal,
}

impl Leave {
    fn listen() -> Result<Self, Failure> {
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

/// An engine, and what is printed once it takes bookings.
pub(super) type Started = (Engine, String);

/// Serves from the first moment on: health and metrics while `start` opens the engine, everything
/// once it has. Then until a signal asks to leave, finishes what was submitted and closes the
/// engine.
pub(super) async fn host(
    listener: TcpListener,
    data: Option<PathBuf>,
    start: impl AsyncFnOnce(Opening) -> Result<Started, Failure>,
) -> Result<(), Failure> {
    let mut leave = Leave::listen()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let opening = Opening::default();
    let watched = Watched { opening: opening.clone(), data };
    let front = Front::new(Limits::default(), watched).map_err(|error| ended(&error))?;
    let mut serving = Box::pin(http::serve_front(front.clone(), listener, stopped));

    let (engine, ready) = tokio::select! {
        started = start(opening.clone()) => started?,
        served = &mut serving => return served.map_err(|error| ended(&error)),
        () = notify::tell_of(&opening) => return Ok(()),
        _ = leave.asked() => {
            tracing::info!("left before the start was over; nothing was taken yet");
            return Ok(());
        }
    };
    let status = engine.status();
    tracing::info!(calendars = status.calendars, replayed = status.replayed, "opened");
    front.open(engine.clone());
    answer(&ready)?;
    notify::tell("READY=1\nSTATUS=taking bookings");

    tokio::select! {
        served = &mut serving => {
            let closed = engine.shutdown().await;
            served.map_err(|error| ended(&error))?;
            return closed.map_err(not_closed);
        }
        () = failed(&engine) => {
            notify::tell("STOPPING=1\nSTATUS=the engine has failed");
            // The port stays open for a moment in which everyone is told, also a load balancer.
            let _ = tokio::time::timeout(FAILED_SHOWN_FOR, &mut serving).await;
            drop(stop);
            let _ = tokio::time::timeout(FAILED_DRAIN_WAIT, serving).await;
            return Err(engine_failed());
        }
        _ = leave.asked() => {
            tracing::info!("leaving once what was submitted is done; a second signal ends at once");
            notify::tell("STOPPING=1");
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

fn ended(error: &std::io::Error) -> Failure {
    Failure::failed(format!("the server ended: {error}"))
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
