//! The commands, as other programs call them: the real binary, its output and its exit status.

#[cfg(test)]
mod backups;
#[cfg(test)]
mod deadlines;
#[cfg(test)]
mod demonstration;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod importing;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod offline;
#[cfg(test)]
mod real_centres;
#[cfg(test)]
mod secured;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod watched;
