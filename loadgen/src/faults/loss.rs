//! What a power loss leaves of a disk.
//!
//! What was synced is there. Of all else the loss decides, for names and for bytes apart.

use std::collections::BTreeSet;

use super::disk::{Change, Content, Disk, Node, PAGE, apply};
use crate::dice::Dice;

/// What becomes of changes of names that are not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Lost,
    Kept,
    /// All up to some instant, as from one journal.
    UpTo,
    /// In each folder up to an instant of its own, as from logs of their own.
    Apart,
}

/// What becomes of changes of bytes that are not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    Lost,
    Kept,
    /// All up to some instant, and of the next write the first bytes.
    Torn,
    /// Some pages of some writes, whatever their order; a page may be torn too.
    Scattered,
}

/// What survives a power loss beside what was synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Survival {
    pub(crate) names: Names,
    pub(crate) writes: Writes,
}

impl Survival {
    /// Nothing beside what was synced.
    pub(crate) const NOTHING: Self = Self { names: Names::Lost, writes: Writes::Lost };

    /// One of all.
    pub(crate) fn any(dice: &mut Dice) -> Self {
        let names = [Names::Lost, Names::Kept, Names::UpTo, Names::Apart];
        let writes = [Writes::Lost, Writes::Kept, Writes::Torn, Writes::Scattered];
        Self {
            names: dice.pick(&names).copied().unwrap_or(Names::Lost),
            writes: dice.pick(&writes).copied().unwrap_or(Writes::Lost),
        }
    }
}

impl Disk {
    /// Loses power: from now on readers see what is durable, and that is all there is.
    pub(crate) fn lose_power(&mut self, survival: Survival, dice: &mut Dice) {
        // The instant is that of some change that is not durable yet.
        let cut = self.some_instant(dice);
        self.lose_writes(survival.writes, cut, dice);
        self.lose_names(survival.names, cut, dice);
        for content in self.nodes.values_mut() {
            match content {
                Content::File(bytes) => bytes.live.clone_from(&bytes.durable),
                Content::Folder(folder) => folder.live.clone_from(&folder.durable),
            }
        }
        self.sweep();
    }

    fn some_instant(&self, dice: &mut Dice) -> u64 {
        let files = self.nodes.values().filter_map(|content| match content {
            Content::File(bytes) => Some(bytes),
            Content::Folder(_) => None,
        });
        let of_files = files.flat_map(|bytes| bytes.changes.iter().map(|(order, _)| *order));
        let of_names = self.names.iter().map(|change| change.order);
        let mut orders: Vec<u64> = of_files.chain(of_names).collect();
        orders.sort_unstable();
        dice.pick(&orders).copied().unwrap_or(self.order)
    }

    fn lose_writes(&mut self, writes: Writes, cut: u64, dice: &mut Dice) {
        for content in self.nodes.values_mut() {
            let Content::File(bytes) = content else { continue };
            for (order, change) in std::mem::take(&mut bytes.changes) {
                match writes {
                    Writes::Lost => {}
                    Writes::Kept => apply(&mut bytes.durable, &change),
                    Writes::Torn if order < cut => apply(&mut bytes.durable, &change),
                    Writes::Torn if order == cut => tear(&mut bytes.durable, &change, dice),
                    Writes::Torn => {}
                    Writes::Scattered => scatter(&mut bytes.durable, &change, dice),
                }
            }
        }
    }

    fn lose_names(&mut self, names: Names, cut: u64, dice: &mut Dice) {
        let mut behind: BTreeSet<Node> = BTreeSet::new();
        for change in std::mem::take(&mut self.names) {
            let survives = match names {
                Names::Lost => false,
                Names::Kept => true,
                Names::UpTo => change.order <= cut,
                // What is behind in one of its folders is done in none: no rename is half.
                Names::Apart => {
                    let lost = change.folders().any(|it| behind.contains(&it)) || dice.chance(0.3);
                    if lost {
                        behind.extend(change.folders());
                    }
                    !lost
                }
            };
            if survives {
                self.apply_names(&change, |folder| &mut folder.durable);
            }
        }
    }
}

/// A write of which some first bytes arrived, perhaps none and perhaps all.
fn tear(durable: &mut Vec<u8>, change: &Change, dice: &mut Dice) {
    match change {
        Change::Resize { .. } => {
            if dice.chance(0.5) {
                apply(durable, change);
            }
        }
        Change::Write { at, bytes } => {
            let kept = usize::try_from(dice.between(0, bytes.len() as u64)).unwrap_or(0);
            let bytes = bytes.get(..kept).unwrap_or_default().to_vec();
            if !bytes.is_empty() {
                apply(durable, &Change::Write { at: *at, bytes });
            }
        }
    }
}

/// Pages of a write, each of which arrives or does not. What lies between is zeros.
fn scatter(durable: &mut Vec<u8>, change: &Change, dice: &mut Dice) {
    let Change::Write { at, bytes } = change else { return tear(durable, change, dice) };
    let (mut at, mut rest) = (*at, bytes.as_slice());
    while !rest.is_empty() {
        let (page, after) = rest.split_at(rest.len().min(PAGE - at % PAGE));
        let write = Change::Write { at, bytes: page.to_vec() };
        if dice.chance(0.5) {
            apply(durable, &write);
        } else if dice.chance(0.2) {
            tear(durable, &write, dice);
        }
        (at, rest) = (at + page.len(), after);
    }
}
