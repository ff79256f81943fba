//! One binary for all integration tests, so that RocksDB is linked once.

#[cfg(feature = "rocksdb")]
mod audit;
#[cfg(test)]
mod campaign;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod first;
#[cfg(test)]
mod followed;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod history;
#[cfg(test)]
#[cfg(feature = "testing")]
mod metrics;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod practice;
#[cfg(test)]
mod reviews;
#[cfg(feature = "rocksdb")]
mod storage;
#[cfg(test)]
mod waiting;
