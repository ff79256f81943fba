//! Where calendars are made: in an engine of this process, or by a running server.

use std::time::Duration;

use creneau::{Definition, Engine, Error, Rejection, WeeklyHours};

use super::client::Client;

/// How often a request is repeated while the other side says that too much is under way.
pub(super) const TRIES_MAX: usize = 30;

/// The longest that one such repeat waits, whatever the other side asks for.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(10);

/// Where calendars are made. A clone is a handle to the same place.
#[derive(Clone)]
pub enum Target {
    /// In this engine.
    Engine(Engine),
    /// By this server.
    Server(Client),
}

/// What became of a centre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A new calendar.
    Made { calendar_id: String },
    /// It is there from an earlier run, with these hours where they could be read.
    There { calendar_id: String, hours: Option<WeeklyHours> },
    /// No calendar can be made of it.
    Refused { reason: String },
}

impl Target {
    /// Makes a calendar, the `index`th of the file. The external id keeps it from being made
    /// twice.
    ///
    /// # Errors
    ///
    /// What went wrong where it may go well another time.
    pub(super) async fn make(&self, index: usize, definition: Definition) -> Result<Fate, String> {
        match self {
            Self::Engine(engine) => make_in_engine(engine, definition).await,
            Self::Server(client) => client.make(index, &definition).await,
        }
    }
}

async fn make_in_engine(engine: &Engine, definition: Definition) -> Result<Fate, String> {
    for _ in 0..TRIES_MAX {
        match engine.create_calendar(definition.clone(), None).await {
            Ok(Ok(made)) => return Ok(Fate::Made { calendar_id: made.value.id.to_string() }),
            Ok(Err(Rejection::ExternalIdTaken { calendar })) => {
                let info = engine.calendar(calendar).await.map_err(|error| error.to_string())?;
                let hours = info.ok().map(|info| info.definition.weekly_hours);
                return Ok(Fate::There { calendar_id: calendar.to_string(), hours });
            }
            Ok(Err(rejection)) => return Ok(Fate::Refused { reason: rejection.to_string() }),
            Err(Error::Overloaded { retry_after }) => {
                tokio::time::sleep(retry_after.min(WAIT_MAX)).await;
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("too much is under way, for too long".to_owned())
}
