//! The binary as it is used: against servers that lie, with a backup, over TLS, and killed.

#[cfg(test)]
mod backups;
#[cfg(test)]
mod gauging;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod lies;
#[cfg(test)]
mod overloaded;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod secured;
#[cfg(test)]
mod tethered;
