//! A server's life: from its port to its last answer.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use creneau::{Engine, Error, Opening, SystemWallClock, WallClock};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::{EXIT_ENGINE_FAILED, Failure, answer, notify};
use crate::http::{self, Front, Options, Tls, Tokens, Watched};

/// How long the port stays open once the engine has failed, and how long answers may still go out
/// after that: what they say, that the outcome is not known, is worth more than a connection that
/// breaks, but not the second in which the process must be gone.
const FAILED_SHOWN_FOR: Duration = Duration::from_millis(250);
const FAILED_DRAIN_WAIT: Duration = Duration::from_millis(200);

/// The addresses to listen on: beyond this machine only behind tokens and TLS, or where that was
/// said aloud.
pub(super) fn addresses(
    listen: &str,
    options: &Options,
    insecure: bool,
) -> Result<Vec<SocketAddr>, Failure> {
    let addresses: Vec<SocketAddr> = match listen.to_socket_addrs() {
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
    Ok(addresses)
}

/// Takes the port.
pub(super) async fn bind(
    listen: &str,
    options: &Options,
    insecure: bool,
) -> Result<TcpListener, Failure> {
    let addresses = addresses(listen, options, insecure)?;
    listen_on(&addresses).map_err(|error| {
        Failure::failed(format!(
            "failed to listen on {listen}: {error}; choose another port with --listen, or \
             127.0.0.1:0 for any free one"
        ))
    })
}

/// Connections that the system may have ready before they are accepted, if it allows so many
/// (`net.core.somaxconn`). Whoever comes beyond them is heard seconds later, or never.
const BACKLOG: u32 = 4_096;

/// Listens on the first of the addresses that can be had.
fn listen_on(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let listen = |address: &SocketAddr| {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A port whose last connections have just ended is free.
        socket.set_reuseaddr(true)?;
        socket.bind(*address)?;
        socket.listen(BACKLOG)
    };
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
    for address in addresses {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The address that was taken, with its real port.
fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::failed(format!("failed to listen: {error}")))
}

/// What clients call this server.
pub(super) fn url(listener: &TcpListener, options: &Options) -> Result<String, Failure> {
    Ok(format!("{}://{}", scheme(options.tls.is_some()), address(listener)?))
}

/// What clients on this machine call it: no client can ask for every address there is.
pub(super) fn url_here(listener: &TcpListener, options: &Options) -> Result<String, Failure> {
    let mut here = address(listener)?;
    if here.ip().is_unspecified() {
        here.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    Ok(format!("{}://{here}", scheme(options.tls.is_some())))
}

pub(super) fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
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

/// Reads tokens and certificates anew at each `SIGHUP`, until it is dropped.
struct Reloading(tokio::task::JoinHandle<()>);

impl Reloading {
    fn start(tokens: Option<Tokens>, tls: Option<Tls>) -> Result<Self, Failure> {
        tls.iter().for_each(tell_of_end);
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
                    Some(Ok(())) => {
                        tracing::info!("the certificate was read anew");
                        tls.iter().for_each(tell_of_end);
                    }
                    Some(Err(why)) => tracing::error!(why, "the certificate read before stays"),
                    None => {}
                }
            }
        })))
    }
}

/// Says so where clients take a certificate no more, or soon.
fn tell_of_end(tls: &Tls) {
    const SOON_MINUTES: i64 = 14 * 24 * 60;
    let (now, ends) = (SystemWallClock.now(), tls.ends());
    if ends <= now {
        tracing::error!(%ends, "the certificate has ended: no client takes it any more");
    } else if ends <= now.plus_minutes(SOON_MINUTES) {
        tracing::warn!(%ends, "the certificate ends soon");
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

/// An engine, and what is printed once it takes bookings.
pub(super) type Started = (Engine, String);

/// Serves from the first moment on: health and metrics while `start` opens the engine, everything
/// once it has. Then until a signal asks to leave, finishes what was submitted and closes the
/// engine.
pub(super) async fn host(
    listener: TcpListener,
    options: Options,
    data: Option<PathBuf>,
    start: impl AsyncFnOnce(Opening) -> Result<Started, Failure>,
) -> Result<(), Failure> {
    raise_open_files();
    let _reloading = Reloading::start(options.tokens.clone(), options.tls.clone())?;
    let mut leave = Leave::listen()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let opening = Opening::default();
    let watched = Watched { opening: opening.clone(), data };
    let front = Front::new(options, watched).map_err(|error| ended(&error))?;
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
