//! Bytes for what reads requests: on a connection of its own, to a whole server in memory.

mod answers;
mod asked;

use std::sync::Arc;
use std::time::Duration;

use creneau::storage::memory;
use creneau::{Config, Engine, Environment, RandomBits, Timestamp, WallClock};
use creneau_server::http::{Front, Limits, Watched, serve_connection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::met::Met;
use crate::tape::Tape;

/// What the engine's clock shows: a Monday.
const NOW: &str = "2027-03-22T07:00:00+01:00";

/// Bytes that may be under way in each direction.
const PIPE_BYTES: usize = 64 << 10;

/// Bytes of one input; what is larger is for tests of bounds.
const INPUT_BYTES_MAX: usize = 32 << 10;

struct StoppedClock(Timestamp);

impl WallClock for StoppedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Counts in place of chance: ids are the same each time, so that an input can name them.
#[derive(Default)]
struct Counting(std::sync::atomic::AtomicU64);

impl RandomBits for Counting {
    fn bits(&self) -> u128 {
        let number = 1 + self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        u128::from(number) << 64
    }
}

/// Checks what reads requests. The first byte says what the others are:
///
/// - `c`: choices, of which requests are made that mean something;
/// - `b`: an operation, and the body that it gets;
/// - `q`: an operation, and the path and query that it gets;
/// - anything else is the first byte of what a connection is sent.
///
/// # Panics
///
/// When a request brings about an answer that tells of a fault in the server, or one that is none.
pub fn request(bytes: &[u8]) -> Met {
    let mut met = Met::default();
    let bytes = bytes.get(..INPUT_BYTES_MAX).unwrap_or(bytes);
    let sent = match bytes.split_first() {
        Some((b'c', rest)) => asked::choices(&mut Tape::new(rest)),
        Some((b'b', rest)) => asked::with_body(rest),
        Some((b'q', rest)) => asked::with_query(rest),
        _ => bytes.to_vec(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let received = runtime.block_on(served(sent, &asked::preparation()));
    answers::check(&received, &mut met);
    met
}

/// What a server sends to who has sent the preparation, this, and then nothing more.
async fn served(sent: Vec<u8>, preparation: &str) -> Vec<u8> {
    let wall = Arc::new(StoppedClock(NOW.parse().expect("an instant")));
    let environment = Environment { wall, random: Arc::new(Counting::default()) };
    let engine = Engine::open_with(Config::in_memory(), memory::fresh(), environment)
        .await
        .expect("an engine");
    let front = Front::new(Limits::default(), Watched::default()).expect("a front");
    front.open(engine.clone());
    let (client, server) = tokio::io::duplex(PIPE_BYTES);
    let (mut reader, mut writer) = tokio::io::split(client);
    let sending = async move {
        for part in [preparation.as_bytes(), &sent] {
            // The server may have had enough of it.
            if writer.write_all(part).await.is_err() {
                return;
            }
        }
        let _ = writer.shutdown().await;
    };
    let mut received = Vec::new();
    let reading = async {
        // A feed goes on; time is skipped, so that this is over at once.
        let read = reader.read_to_end(&mut received);
        let _ = tokio::time::timeout(Duration::from_secs(120), read).await;
    };
    tokio::join!(
        async {
            let served = serve_connection(front, server);
            let _ = tokio::time::timeout(Duration::from_secs(180), served).await;
        },
        sending,
        reading
    );
    engine.shutdown().await.expect("an engine that ends in order");
    received
}
