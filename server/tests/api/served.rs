//! A server under test.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use creneau::journal::{AppendError, Appending, Journal, JournalReader, Sequence};
use creneau::storage::{Storage, memory};
use creneau::{Config, Engine, Environment, SystemRandom, Timestamp, WallClock};
use creneau_server::http::{Limits, Options, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::client::Client;

/// What the engine's clock shows first: a Monday.
pub(crate) const START: &str = "2027-03-22T07:00:00+01:00";

/// What becomes of what the engine writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// It is written.
    Open,
    /// It waits.
    Shut,
    /// It fails.
    Broken,
}

/// A journal before which a gate can be shut.
struct GatedJournal {
    inner: Box<dyn Journal>,
    gate: watch::Receiver<Gate>,
}

impl Journal for GatedJournal {
    fn append<'a>(&'a mut self, expected: Sequence, frame: &'a [u8]) -> Appending<'a> {
        Box::pin(async move {
            let gate = *self.gate.wait_for(|gate| *gate != Gate::Shut).await.unwrap();
            if gate == Gate::Broken {
                return Err(AppendError::Unknown("secret of the disk".to_owned()));
            }
            self.inner.append(expected, frame).await
        })
    }

    fn mark(&mut self, durable: Sequence) {
        self.inner.mark(durable);
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        self.inner.reader()
    }

    fn blocks(&self) -> bool {
        false
    }
}

pub(crate) struct StoppedClock(pub(crate) Timestamp);

impl WallClock for StoppedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A server, and the engine behind it.
pub(crate) struct Served {
    pub(crate) engine: Engine,
    pub(crate) address: SocketAddr,
    gate: watch::Sender<Gate>,
    stop: Option<oneshot::Sender<()>>,
    done: JoinHandle<io::Result<()>>,
}

impl Served {
    pub(crate) async fn new() -> Self {
        Self::with(Config::in_memory(), Limits::default(), START).await
    }

    pub(crate) async fn bounded(limits: Limits) -> Self {
        Self::with(Config::in_memory(), limits, START).await
    }

    pub(crate) async fn with(config: Config, options: impl Into<Options>, start: &str) -> Self {
        let options = options.into();
        let (gate, seen) = watch::channel(Gate::Open);
        let storage = memory::fresh();
        let journal = Box::new(GatedJournal { inner: storage.journal, gate: seen });
        let wall = Arc::new(StoppedClock(start.parse().unwrap()));
        let environment = Environment { wall, random: Arc::new(SystemRandom::default()) };
        let storage = Storage { journal, ..storage };
        let engine = Engine::open_with(config, storage, environment).await.unwrap();
        Self::over(engine, gate, options).await
    }

    /// Over a directory, by the clock of this machine.
    #[cfg(feature = "rocksdb")]
    pub(crate) async fn durable(directory: &std::path::Path) -> Self {
        let engine = Engine::open(Config::at(directory)).await.unwrap();
        Self::over(engine, watch::Sender::new(Gate::Open), Options::default()).await
    }

    async fn over(engine: Engine, gate: watch::Sender<Gate>, options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = serve(engine.clone(), listener, options, async {
            let _ = stopped.await;
        });
        let done = tokio::spawn(serving);
        Self { engine, address, gate, stop: Some(stop), done }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    pub(crate) fn gate(&self, gate: Gate) {
        self.gate.send_replace(gate);
    }

    /// The gate, for when the server has ended.
    pub(crate) fn gate_handle(&self) -> watch::Sender<Gate> {
        self.gate.clone()
    }

    /// Asks the server to end.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.done.is_finished()
    }

    /// Waits for the server's end.
    pub(crate) async fn ended(self) {
        let ended = tokio::time::timeout(Duration::from_secs(20), self.done).await;
        ended.expect("an end in time").unwrap().unwrap();
    }

    /// Waits until the engine has `count` requests under way.
    pub(crate) async fn under_way(&self, count: usize) {
        for _ in 0..2_000 {
            if self.engine.status().under_way == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} under way, not {count}", self.engine.status().under_way);
    }

    /// Creates a calendar and answers with its id.
    pub(crate) async fn calendar(&self, definition: &Value) -> String {
        let mut client = self.client().await;
        let created = client.post("/v1/calendars", definition).await.ok(201);
        created["calendar_id"].as_str().unwrap().to_owned()
    }
}

/// A practice: one lane, mornings and afternoons, two reasons.
pub(crate) fn practice() -> Value {
    let day = json!(["08:00-12:00", "14:00-18:00"]);
    json!({
        "practitioner": {"name": "Dr Ada Martin", "specialty": "general practice"},
        "location": {"name": "12 rue des Lilas", "department": "75"},
        "time_zone": "Europe/Paris",
        "grid_minutes": 5,
        "lanes": 1,
        "reasons": [
            {"id": "check-up", "name": "Check-up", "duration_minutes": 15},
            {"id": "first-visit", "name": "First visit", "duration_minutes": 30},
        ],
        "weekly_hours": {
            "monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day,
        },
        "horizon_days": 60,
    })
}

/// A request for a hold of a check-up.
pub(crate) fn hold_of(calendar: &str, start: &str, patient: &str) -> Value {
    json!({
        "calendar_id": calendar, "start": start, "reason": "check-up", "patient_id": patient,
    })
}

/// A text of an answer.
#[track_caller]
pub(crate) fn text<'a>(answer: &'a Value, field: &str) -> &'a str {
    answer[field].as_str().unwrap_or_else(|| panic!("no {field} in {answer}"))
}
