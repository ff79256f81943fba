//! Connections, from the listener to the graceful end.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use creneau::Engine;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::app::Place;
use super::front::Front;
use super::limits::{HEADER_BYTES_MAX, Limits};
use super::options::Options;
use super::pace::{Paced, Turns};
use super::tls::Tls;
use super::watch::{Watch, Watched};

/// The first and the longest wait after a connection could not be accepted: most often the
/// process has no file descriptor left, and gets one back when a connection ends.
const BACK_OFF_FIRST: Duration = Duration::from_millis(5);
const BACK_OFF_LAST: Duration = Duration::from_secs(1);

/// Answers HTTP on `listener` until `shutdown` is ready. Then `/readyz` says no, no connection is
/// taken any more, and what was submitted is finished, for at most [`Limits::drain_timeout`]. The
/// engine goes on; its end is the caller's to order.
///
/// # Errors
///
/// When the listener is broken for good. A lack of file descriptors or memory is waited out.
pub async fn serve(
    engine: Engine,
    listener: TcpListener,
    options: impl Into<Options>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let front = Front::new(options, Watched::default())?;
    front.open(engine);
    serve_front(front, listener, shutdown).await
}

/// As [`serve`], from the first moment on: until [`Front::open`] gives it an engine, only health
/// and metrics are answered, and everything else is 503 `unavailable`.
///
/// # Errors
///
/// As [`serve`].
pub async fn serve_front(
    front: Front,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let limits = front.watch().limits;
    let places = Arc::new(Semaphore::new(limits.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
    let mut server = Server {
        front,
        limits,
        closing: watch::Sender::new(false),
        open,
        graceful: GracefulShutdown::new(),
        connections: JoinSet::new(),
    };
    let mut ending = pin!(end(server.front.watch().clone(), limits.unready_for, shutdown));
    loop {
        tokio::select! {
            biased;
            () = &mut ending => break,
            Some(_) = server.connections.join_next(), if !server.connections.is_empty() => {}
            accepted = accept(&listener, &places, server.front.watch()) => {
                let (stream, permit) = accepted?;
                server.take(stream, permit);
            }
        }
    }
    drop(listener);
    let Server { closing, open, graceful, mut connections, .. } = server;
    closing.send_replace(true);
    drop(open);
    let drained = async {
        graceful.shutdown().await;
        while connections.join_next().await.is_some() {}
        // Writes whose client is gone keep their place until they have their outcome.
        while all_closed.recv().await.is_some() {}
    };
    if tokio::time::timeout(limits.drain_timeout, drained).await.is_err() {
        tracing::warn!("requests were still under way when the time to finish them was over");
    }
    Ok(())
}

/// Waits for the order to end, and lets load balancers see it first.
async fn end(watch: Arc<Watch>, unready_for: Duration, shutdown: impl Future<Output = ()>) {
    shutdown.await;
    watch.end();
    tokio::time::sleep(unready_for).await;
}

/// The next connection, once there is a place for it. Dropping the future loses nothing.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    watch: &Watch,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = match places.clone().try_acquire_owned() {
        Ok(permit) => permit,
        Err(_) => {
            watch.meters.connections_full.inc();
            places.clone().acquire_owned().await.map_err(io::Error::other)?
        }
    };
    let mut wait = BACK_OFF_FIRST;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok((stream, permit)),
            // The client gave up while it waited.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                watch.meters.accepts_failed.inc();
                tracing::warn!(%error, "no connection can be accepted for a moment");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(BACK_OFF_LAST);
            }
        }
    }
}

/// A connection that is counted as open.
struct Open(Arc<Watch>);

impl Open {
    fn new(watch: Arc<Watch>) -> Self {
        watch.meters.connections.inc();
        watch.meters.connections_open.inc();
        Self(watch)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.meters.connections_open.dec();
    }
}

/// What the connections of a server have in common.
struct Server {
    front: Front,
    limits: Limits,
    /// Ends TLS handshakes that are under way.
    closing: watch::Sender<bool>,
    open: mpsc::Sender<Infallible>,
    graceful: GracefulShutdown,
    connections: JoinSet<()>,
}

impl Server {
    /// Serves a connection on a task of its own.
    fn take(&mut self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        // Answers are written whole: waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let peer = stream.peer_addr().ok().map(|peer| peer.ip().to_canonical());
        let here = stream.local_addr().ok().map(|here| here.ip().to_canonical());
        // Who reaches this machine by its own address is on it too.
        let local = peer.is_some_and(|peer| peer.is_loopback() || Some(peer) == here);
        let place =
            Place { _permit: Arc::new(permit), _open: self.open.clone(), address: peer, local };
        let (front, limits) = (self.front.clone(), self.limits);
        let watcher = self.graceful.watcher();
        let Some(acceptor) = front.tls().map(Tls::acceptor) else {
            self.connections.spawn(converse(stream, place, front, limits, watcher));
            return;
        };
        let mut closing = self.closing.subscribe();
        self.connections.spawn(async move {
            let greeted = tokio::time::timeout(limits.header_timeout, acceptor.accept(stream));
            let greeted = tokio::select! {
                greeted = greeted => greeted,
                _ = closing.wait_for(|closing| *closing) => return,
            };
            match greeted {
                Ok(Ok(stream)) => converse(stream, place, front, limits, watcher).await,
                Ok(Err(error)) => tracing::debug!(%error, "no TLS connection came about"),
                Err(_) => tracing::debug!("a client took too long to begin TLS"),
            }
        });
    }
}

/// Answers the requests of a connection, until one side ends it.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    place: Place,
    front: Front,
    limits: Limits,
    watcher: Watcher,
) {
    let open = Open::new(front.watch().clone());
    let turns = Turns::default();
    let Limits { header_timeout, stall_timeout, idle_timeout, .. } = limits;
    let stream = Paced::new(stream, turns.clone(), header_timeout, stall_timeout);
    let service = service_fn(move |request| {
        let (front, place, turn) = (front.clone(), place.clone(), turns.begin());
        async move {
            let answer = front.answer(place, request).await;
            drop(turn);
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        // Without a timer the timeout would do nothing.
        .timer(TokioTimer::new())
        .header_read_timeout(idle_timeout)
        .half_close(true)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        open.0.meters.connections_broken.inc();
        tracing::debug!(%error, "a connection ended early");
    }
}
