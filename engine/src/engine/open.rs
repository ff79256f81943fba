//! Opening an engine: storage, recovery, and the parts that run by themselves.

use std::sync::Arc;

use super::{Engine, Inner};
#[cfg(feature = "rocksdb")]
use crate::audit::{Report, audit};
use crate::config::{Config, Place};
use crate::error::Error;
use crate::ids::{RandomBits, SystemRandom};
#[cfg(feature = "rocksdb")]
use crate::journal::Sequence;
use crate::limits::CLOCK_BEHIND_MAX_MS;
use crate::metrics::Meters;
use crate::opening::Opening;
use crate::planted::{self, Bug};
use crate::recovery::{Recovered, recover};
use crate::runtime::sync::{self, AsyncMutex, AtomicBool, AtomicU64, oneshot, watch};
use crate::runtime::{
    Admission, Behind, Claims, CommitQueue, Committer, Deadlines, Directory, Following, Index,
    Shared, Upkeep, guard_keys, is_lock_free,
};
#[cfg(feature = "rocksdb")]
use crate::storage::Inspection;
use crate::storage::{Storage, memory};
use crate::time::{Clock, SystemWallClock, WallClock};

/// Calendars that may be under creation at the same time.
const CREATIONS_MAX: usize = 256;

/// What an engine takes from the world: the machine's, or a simulated one.
pub struct Environment {
    /// The wall clock.
    pub wall: Arc<dyn WallClock>,
    /// Where identifiers come from.
    pub random: Arc<dyn RandomBits>,
}

impl Environment {
    /// The machine's own.
    #[must_use]
    pub fn system() -> Self {
        Self { wall: Arc::new(SystemWallClock), random: Arc::new(SystemRandom::default()) }
    }
}

impl Engine {
    /// Opens an engine on the host's tokio runtime, which must have timers.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a setting out of range; [`Error::Open`], [`Error::Journal`],
    /// [`Error::TailLost`] or [`Error::ClockBehind`] when it is not safe to go on from what is on
    /// disk; [`Error::NotLockFree`] on a processor without a 128-bit compare-and-swap.
    pub async fn open(config: Config) -> Result<Self, Error> {
        Self::open_watched(config, Opening::default()).await
    }

    /// As [`Engine::open`], and tells `opening` how far it has come: a start may have a long
    /// journal to replay.
    ///
    /// # Errors
    ///
    /// As [`Engine::open`].
    pub async fn open_watched(config: Config, opening: Opening) -> Result<Self, Error> {
        config.check()?;
        let storage = match &config.place {
            Place::Memory => memory::fresh(),
            #[cfg(feature = "rocksdb")]
            Place::Directory(path) => {
                let path = path.clone();
                let contact = config.contact.clone();
                let write_timeout = config.write_timeout;
                let standard = crate::storage::rocksdb::Options::default();
                let options =
                    crate::storage::rocksdb::Options { contact, write_timeout, ..standard };
                blocking(move || crate::storage::rocksdb::open(&path, options)).await??
            }
        };
        Self::open_on(config, storage, Environment::system(), opening).await
    }

    /// Opens an engine on storage and an environment of the host's choice.
    ///
    /// # Errors
    ///
    /// As [`Engine::open`].
    pub async fn open_with(
        config: Config,
        storage: Storage,
        environment: Environment,
    ) -> Result<Self, Error> {
        Self::open_on(config, storage, environment, Opening::default()).await
    }

    async fn open_on(
        config: Config,
        storage: Storage,
        environment: Environment,
        opening: Opening,
    ) -> Result<Self, Error> {
        config.check()?;
        if !is_lock_free() {
            return Err(Error::NotLockFree);
        }
        let index =
            Arc::new(Index::new(Behind::new(storage.store.clone()), storage.journal.blocks()));
        let (storage, recovered) = if storage.journal.blocks() {
            let index = index.clone();
            blocking(move || {
                recover(&storage, &index, &opening).map(|recovered| (storage, recovered))
            })
            .await??
        } else {
            let recovered = recover(&storage, &index, &opening)?;
            (storage, recovered)
        };
        index.rows().live();
        index.doses().fill(|delivery| index.tally(delivery));
        let start = start_of_time(&*environment.wall, &recovered)?;
        let shared = shared(config, &storage, index.clone(), &environment, &recovered, start);
        let committer = Committer {
            queue: shared.queue.clone(),
            journal: storage.journal,
            index,
            meters: shared.meters.clone(),
            clock: shared.clock,
            tail: recovered.tail,
        };
        let committer = start_committer(committer, shared.blocks)?;
        let directory = Directory::start(shared.clone()).await?;
        let stop = watch::Sender::new(false);
        let upkeep = Upkeep {
            shared: shared.clone(),
            directory: directory.clone(),
            wall: environment.wall,
            stop: stop.subscribe(),
        };
        upkeep.start();
        note_names(&shared)?;
        let committer = AsyncMutex::new(Some(committer));
        let replayed = recovered.replayed;
        let engine =
            Self { inner: Arc::new(Inner { shared, directory, stop, committer, replayed }) };
        engine.go_on_covering();
        engine.keep_lines();
        Ok(engine)
    }
}

/// Opens a directory that nobody uses to look at it, and changes nothing in it: see
/// [`audit`](crate::audit). It blocks.
///
/// # Errors
///
/// [`Error::Open`] when the directory is in use, is not ours, or cannot be read at all. Damage is
/// no error; it is told in [`Inspection::damage`].
#[cfg(feature = "rocksdb")]
pub fn inspect(directory: &std::path::Path) -> Result<Inspection, Error> {
    let options = crate::storage::rocksdb::Options::default();
    crate::storage::rocksdb::inspect(directory, &options).map_err(Error::from)
}

/// How to reach the process that uses a directory, by [`Config::contact`]; none where it does not
/// say. It counts only while the directory is in use.
#[cfg(feature = "rocksdb")]
#[must_use]
pub fn contact(directory: &std::path::Path) -> Option<String> {
    crate::storage::rocksdb::contact(directory)
}

/// Backs up a directory that nobody uses to the directory `to`, and gives the last sequence of the
/// copy; see [`Engine::back_up`] for one that an engine uses. It blocks.
///
/// # Errors
///
/// [`Error::Open`] when the directory is in use or damaged, [`Error::Backup`] when no copy was
/// made.
#[cfg(feature = "rocksdb")]
pub fn back_up(directory: &std::path::Path, to: &std::path::Path) -> Result<Sequence, Error> {
    let storage = crate::storage::rocksdb::open_existing(directory, &Default::default())?;
    Ok(storage.journal.reader().back_up(to)?)
}

/// Brings a backup back: copies it to the directory `to`, in which there must be nothing, audits
/// the copy, and gives it its name if it is sound. `now` is the wall clock's instant. It blocks.
///
/// # Errors
///
/// [`Error::Open`] when `from` is no backup, when it is not sound, or when the copy failed. Then
/// nothing is left of the copy.
#[cfg(feature = "rocksdb")]
pub fn restore(
    from: &std::path::Path,
    to: &std::path::Path,
    now: crate::Timestamp,
) -> Result<Report, Error> {
    let judge = |copy: &std::path::Path| {
        let found = inspect(copy).map_err(|error| error.to_string())?;
        let report = audit(&found, now);
        match report.faults.first() {
            None => Ok(report),
            Some(fault) => Err(format!("it is not sound: {}; see creneau verify", fault.what)),
        }
    };
    Ok(crate::storage::rocksdb::restore(from, to, judge)?)
}

/// Notes the names of commands that the store has, and who has had doses: beside the first requests
/// where that takes long.
fn note_names(shared: &Arc<Shared>) -> Result<(), Error> {
    if !shared.blocks {
        shared.index.note_names(|| true)?;
        return Ok(shared.index.note_recorded(|| true)?);
    }
    let shared = shared.clone();
    tokio::task::spawn_blocking(move || {
        // Without them every refusal asks the store, which is slower and not wrong.
        if let Err(error) = shared.index.note_names(|| shared.check().is_ok()) {
            tracing::warn!(%error, "the names of known commands were not read");
        }
        if let Err(error) = shared.index.note_recorded(|| shared.check().is_ok()) {
            tracing::warn!(%error, "who has had doses was not read");
        }
    });
    Ok(())
}

/// Runs what blocks beside the runtime's own threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Start(error.to_string()))
}

/// The later of the wall clock and the last journaled instant, unless they are too far apart.
fn start_of_time(wall: &dyn WallClock, recovered: &Recovered) -> Result<crate::Timestamp, Error> {
    let clock = wall.now();
    match recovered.last {
        Some(journal) if clock.plus_ms(CLOCK_BEHIND_MAX_MS) < journal => {
            Err(Error::ClockBehind { clock, journal })
        }
        Some(journal) if !planted::is(Bug::ClockBehindJournal) => Ok(clock.max(journal)),
        _ => Ok(clock),
    }
}

fn shared(
    config: Config,
    storage: &Storage,
    index: Arc<Index>,
    environment: &Environment,
    recovered: &Recovered,
    start: crate::Timestamp,
) -> Arc<Shared> {
    let guards = Arc::new(Claims::default());
    let deadlines = Deadlines::default();
    for (hold, (deadline, row)) in &recovered.holds {
        deadlines.add(*deadline, row.calendar);
        for key in guard_keys(&row.guards, row.calendar, &row.person) {
            guards.restore(key, *hold);
        }
    }
    Arc::new(Shared {
        clock: Clock::starting_at(start),
        random: environment.random.clone(),
        queue: CommitQueue::new(recovered.tail.sequence),
        index,
        reader: storage.journal.reader(),
        admission: Admission::new(config.engine_holds_max, config.engine_requests_max),
        creation: Admission::new(0, CREATIONS_MAX),
        closing: AtomicBool::new(false),
        guards,
        commands: Arc::new(Claims::default()),
        deadlines,
        blocks: storage.journal.blocks(),
        generations: AtomicU64::new(0),
        following: Following::default(),
        meters: Arc::new(Meters::new(recovered.holds.len(), recovered.tail.sequence)),
        config,
    })
}

/// Starts the committer: on a thread of its own where the journal blocks, otherwise as a task.
fn start_committer(committer: Committer, blocks: bool) -> Result<oneshot::Receiver<()>, Error> {
    let (sender, ended) = oneshot::channel();
    let run = async move {
        committer.run().await;
        // By now the journal is closed; dropping the sender says so.
        drop(sender);
    };
    if blocks {
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::Builder::new().name("creneau-committer".to_owned());
        let started = thread.spawn(move || runtime.block_on(run));
        started.map_err(|error| Error::Start(error.to_string()))?;
    } else {
        sync::spawn(run);
    }
    Ok(ended)
}
