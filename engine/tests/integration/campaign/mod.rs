//! Campaigns through the whole engine: who may have a dose, deliveries, two doses, and restarts.

mod deliveries;
mod doses;
mod lines;
mod spring;
