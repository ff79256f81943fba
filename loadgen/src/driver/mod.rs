//! What is driven: a server over HTTP, or an engine in this process.

mod access;
mod embedded;
mod http;
mod wire;

use std::net::SocketAddr;
use std::path::Path;

use creneau::{CalendarId, Engine, ReasonId};
use hyper::Method;
use serde_json::Value;
use tokio::sync::watch;

use crate::api::{Ask, Bookable, Outcome};
use crate::scenario::{Calendars, Client};

pub(crate) use access::Access;
pub(crate) use embedded::Embedded;
pub(crate) use http::{Done, Http};

/// Where a server is; none while it is gone.
pub(crate) type Address = watch::Receiver<Option<SocketAddr>>;

/// What is driven.
pub(crate) enum Driver {
    Http(Http),
    Embedded(Embedded),
}

impl Driver {
    /// Drives the server at an address, which may change when the server is killed.
    pub(crate) fn http(address: Address, access: Access, client: &Client) -> Self {
        Self::Http(Http::new(address, access, client))
    }

    /// Drives an engine.
    pub(crate) const fn embedded(engine: Engine) -> Self {
        Self::Embedded(Embedded::new(engine))
    }

    /// What it is called in reports.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Embedded(_) => "embedded",
        }
    }

    /// Sends a request once; writes under a key.
    pub(crate) async fn send(&self, ask: &Ask, key: Option<&str>) -> Outcome {
        match self {
            Self::Http(http) => http.send(ask, key).await,
            Self::Embedded(embedded) => embedded.send(ask, key).await,
        }
    }

    /// Sends a request, and is gone before the answer.
    pub(crate) async fn hang_up(&self, ask: &Ask, key: &str) {
        match self {
            Self::Http(http) => http.hang_up(ask, key).await,
            Self::Embedded(embedded) => embedded.hang_up(ask, key).await,
        }
    }

    /// Makes a calendar; number and key tell it from the others of a run.
    ///
    /// # Errors
    ///
    /// Why it could not be made.
    pub(crate) async fn create(
        &self,
        calendars: &Calendars,
        name: &str,
        key: &str,
    ) -> Result<Bookable, String> {
        match self {
            Self::Http(http) => http.create(calendars, name, key).await,
            Self::Embedded(embedded) => embedded.create(calendars, name, key).await,
        }
    }

    /// Has a backup taken to a directory in which there must be nothing, and gives the last entry
    /// that is in it. A server must be on this machine.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(crate) async fn back_up(&self, to: &Path) -> Result<u64, String> {
        match self {
            Self::Http(http) => http.back_up(to).await,
            Self::Embedded(embedded) => embedded.back_up(to).await,
        }
    }

    /// Has something be done that is no patient's to do, or reads it, until there is an answer.
    ///
    /// # Errors
    ///
    /// Why it was not done.
    pub(crate) async fn operate(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Done, String> {
        match self {
            Self::Http(http) => http.operate(method, path, body, key).await,
            Self::Embedded(_) => Err("only a server is operated".to_owned()),
        }
    }

    /// The calendars that are there, at most `count`.
    ///
    /// # Errors
    ///
    /// Why they could not be listed.
    pub(crate) async fn existing(&self, count: usize) -> Result<Vec<Bookable>, String> {
        match self {
            Self::Http(http) => http.existing(count).await,
            Self::Embedded(embedded) => embedded.existing(count).await,
        }
    }
}

impl Calendars {
    /// One that was made by these.
    const fn made(&self, calendar: CalendarId, reason: ReasonId) -> Bookable {
        let (lanes, duration_minutes) = (self.lanes, self.reason_minutes);
        Bookable { calendar, reason, lanes, duration_minutes, buffer_minutes: 0, own: true }
    }
}

/// The reason of the calendars that a rehearsal creates.
pub(crate) const REASON: &str = "visit";
