//! Connections, from the listener to the graceful end.

use std::collections::VecDeque;
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
use tokio::time::Instant;

use super::app::Place;
use super::crowd::{Crowd, Seat};
use super::front::Front;
use super::limits::{HEADER_BYTES_MAX, LOOK_AGAIN_MS, Limits, NEWCOMERS_MAX, TURNED_AWAY_MAX};
use super::options::Options;
use super::pace::Paced;
use super::tls::Tls;
use super::turned_away;
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
    let rooms = Rooms::new(&limits);
    let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
    let mut server = Server {
        front,
        limits,
        closing: watch::Sender::new(false),
        open,
        graceful: GracefulShutdown::new(),
        connections: JoinSet::new(),
        rooms: rooms.clone(),
    };
    let mut ending = pin!(end(server.front.watch().clone(), limits.unready_for, shutdown));
    let mut newcomers: VecDeque<Newcomer> = VecDeque::new();
    loop {
        tokio::select! {
            biased;
            () = &mut ending => break,
            Some(_) = server.connections.join_next(), if !server.connections.is_empty() => {}
            room = rooms.wait(newcomers.front()), if !newcomers.is_empty() => {
                if let Some(Newcomer { stream, .. }) = newcomers.pop_front() {
                    server.seat(stream, room);
                }
            }
            accepted = accept(&listener, server.front.watch()),
                if rooms.greets(newcomers.len()) =>
            {
                server.greet(accepted?, &mut newcomers);
            }
        }
    }
    drop(newcomers);
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

/// Serves one connection that somebody else has accepted, until either side ends it. Nobody knows
/// where its client is, so it counts as being elsewhere, and no rate of an address bounds it.
pub async fn serve_connection(
    front: Front,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) {
    let limits = front.watch().limits;
    let seat = Arc::<Crowd>::default().seat();
    let Ok(permit) = Arc::new(Semaphore::new(1)).try_acquire_owned() else { return };
    let (open, _) = mpsc::channel(1);
    let guest = seat.guest.clone();
    let place =
        Place { _permit: Arc::new(permit), _open: open, guest, address: None, local: false };
    converse(stream, place, front, limits, GracefulShutdown::new().watcher()).await;
}

/// Waits for the order to end, and lets load balancers see it first.
async fn end(watch: Arc<Watch>, unready_for: Duration, shutdown: impl Future<Output = ()>) {
    shutdown.await;
    watch.end();
    tokio::time::sleep(unready_for).await;
}

/// The next connection. Dropping the future loses nothing.
async fn accept(listener: &TcpListener, watch: &Watch) -> io::Result<TcpStream> {
    let mut wait = BACK_OFF_FIRST;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok(stream),
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

/// A connection that found no place.
struct Newcomer {
    stream: TcpStream,
    since: Instant,
}

/// What there is for a newcomer.
enum Room {
    Place(OwnedSemaphorePermit),
    /// Nothing, which can be said.
    Refusal(OwnedSemaphorePermit),
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

/// What a newcomer may wait for.
#[derive(Clone)]
struct Rooms {
    places: Arc<Semaphore>,
    crowd: Arc<Crowd>,
    /// Bounds those who are being told that there is no place.
    turned_away: Arc<Semaphore>,
    give_way_after: Duration,
}

impl Rooms {
    fn new(limits: &Limits) -> Self {
        let places = limits.connections_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            crowd: Arc::default(),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY_MAX)),
            give_way_after: limits.give_way_after,
        }
    }

    /// Whether one more connection may be accepted where so many newcomers wait already. Others
    /// wait in the listener's backlog.
    fn greets(&self, waiting: usize) -> bool {
        waiting < NEWCOMERS_MAX || 0 < self.turned_away.available_permits()
    }

    /// Waits for a place for the first newcomer, and has others give way. Where nobody has for long
    /// enough, there is a refusal, as soon as not too many are being refused. Dropping the future
    /// loses nothing.
    async fn wait(&self, newcomer: Option<&Newcomer>) -> Room {
        let look_again = Duration::from_millis(LOOK_AGAIN_MS);
        // Who was there when the newcomer came has its time, and is looked at after that.
        let patience = self.give_way_after + 2 * look_again;
        loop {
            self.crowd.make_room(self.give_way_after, look_again);
            if let Ok(place) = self.places.clone().try_acquire_owned() {
                return Room::Place(place);
            }
            let waited = newcomer.map_or(Duration::ZERO, |newcomer| newcomer.since.elapsed());
            if patience <= waited
                && let Ok(permit) = self.turned_away.clone().try_acquire_owned()
            {
                return Room::Refusal(permit);
            }
            let place = self.places.clone().acquire_owned();
            if let Ok(Ok(place)) = tokio::time::timeout(look_again, place).await {
                return Room::Place(place);
            }
        }
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
    rooms: Rooms,
}

impl Server {
    /// Serves a connection where there is a place and nobody waits for one. Otherwise it waits, or
    /// is turned away where too many wait.
    fn greet(&mut self, stream: TcpStream, newcomers: &mut VecDeque<Newcomer>) {
        if newcomers.is_empty()
            && let Ok(permit) = self.rooms.places.clone().try_acquire_owned()
        {
            return self.take(stream, permit);
        }
        self.front.watch().meters.connections_full.inc();
        if NEWCOMERS_MAX <= newcomers.len()
            && let Ok(permit) = self.rooms.turned_away.clone().try_acquire_owned()
        {
            return self.seat(stream, Room::Refusal(permit));
        }
        newcomers.push_back(Newcomer { stream, since: Instant::now() });
    }

    /// Serves a newcomer, or turns it away.
    fn seat(&mut self, stream: TcpStream, room: Room) {
        match room {
            Room::Place(permit) => self.take(stream, permit),
            Room::Refusal(permit) => {
                self.front.watch().meters.connections_refused.inc();
                let plain = self.front.tls().is_none();
                self.connections.spawn(async move {
                    turned_away::tell(stream, plain).await;
                    drop(permit);
                });
            }
        }
    }

    /// Serves a connection on a task of its own.
    fn take(&mut self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        // Answers are written whole: waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let peer = stream.peer_addr().ok().map(|peer| peer.ip().to_canonical());
        let here = stream.local_addr().ok().map(|here| here.ip().to_canonical());
        // Who reaches this machine by its own address is on it too.
        let local = peer.is_some_and(|peer| peer.is_loopback() || Some(peer) == here);
        let seat = self.rooms.crowd.seat();
        let place = Place {
            _permit: Arc::new(permit),
            _open: self.open.clone(),
            guest: seat.guest.clone(),
            address: peer,
            local,
        };
        let (front, limits) = (self.front.clone(), self.limits);
        let watch = front.watch().clone();
        let watcher = self.graceful.watcher();
        let mut closing = self.closing.subscribe();
        self.connections.spawn(async move {
            let served = async {
                let Some(acceptor) = front.tls().map(Tls::acceptor) else {
                    return converse(stream, place, front, limits, watcher).await;
                };
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
            };
            attend(served, seat, limits.give_way_after, watch).await;
        });
    }
}

/// Serves a connection until it ends or is asked to give way.
async fn attend(
    served: impl Future<Output = ()>,
    seat: Seat,
    patience: Duration,
    watch: Arc<Watch>,
) {
    tokio::select! {
        // In this order: what has arrived is looked at first.
        biased;
        () = served => {}
        () = seat.guest.leaves(patience) => {
            watch.meters.connections_yielded.inc();
            tracing::debug!("a connection gave its place to another");
        }
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
    let guest = place.guest.clone();
    let Limits { header_timeout, stall_timeout, idle_timeout, .. } = limits;
    let stream = Paced::new(stream, guest.clone(), header_timeout, stall_timeout);
    let service = service_fn(move |request| {
        let (front, place, turn) = (front.clone(), place.clone(), guest.begin());
        async move {
            let answer = front.answer(place, request).await;
            Ok::<_, Infallible>(answer.map(|body| body.of(turn)))
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
