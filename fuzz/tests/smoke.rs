//! Each check over its seeds, over changes of them, and over bytes without a plan; and that these
//! meet what there is to meet.

use std::path::Path;

use creneau_fuzz::{Met, commands, entry, import, request, settings};

/// Bytes of an input without a plan.
const BYTES_MAX: u64 = 512;

/// Changes that are made to a seed at once.
const CHANGES_MAX: u64 = 4;

/// Numbers that look like chance and are the same each time: `splitmix64`.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end as u64).max(1)).unwrap()
    }

    fn bytes(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// A seed with a few bytes set, cut out, doubled, or put in from another one.
    fn changed(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.next() % CHANGES_MAX {
            let (one, next) = (self.below(bytes.len() + 1), self.below(bytes.len() + 1));
            let (from, to) = (one.min(next), one.max(next).min(one.min(next) + 32));
            match self.below(5) {
                0 => bytes.truncate(from.max(1)),
                1 => drop(bytes.drain(from..to)),
                2 => bytes.extend_from_within(from..to),
                3 => {
                    let other = &seeds[self.below(seeds.len())];
                    let part = self.below(other.len())..other.len();
                    bytes.splice(from..to, other[part].iter().take(32).copied());
                }
                _ => {
                    let set = self.next().to_le_bytes()[0];
                    bytes.iter_mut().skip(from).take(1).for_each(|byte| *byte = set);
                }
            }
        }
        bytes
    }
}

fn seeds(of: &str) -> Vec<Vec<u8>> {
    files_of("seeds", of)
}

fn files_of(kind: &str, of: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(of);
    // Of a target whose seeds meet everything nothing is kept, and git keeps no empty folder.
    if kind == "corpus" && !folder.exists() {
        return Vec::new();
    }
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Runs a check over each of its seeds.
fn run_seeds(of: &str, check: fn(&[u8]) -> Met) -> Met {
    let mut met = Met::default();
    seeds(of).iter().for_each(|seed| met.add(check(seed)));
    met
}

/// Runs a check over so many changes of its seeds, and over so many inputs that begin with one of
/// `modes` and go on without a plan.
fn run(of: &str, check: fn(&[u8]) -> Met, changes: usize, modes: &[u8], others: usize) -> Met {
    let (seeds, mut dice, mut met) = (seeds(of), Dice(0), Met::default());
    for _ in 0..changes {
        met.add(check(&dice.changed(&seeds)));
    }
    for mode in modes.iter().cycle().take(others) {
        let len = dice.next() % BYTES_MAX;
        met.add(check(&[vec![*mode], dice.bytes(len)].concat()));
    }
    met
}

/// A check that met nothing would hold by chance.
fn assert_met(met: &Met, at_least: u64, what: &str) {
    for what in what.split(", ") {
        assert!(at_least <= met.times(what), "{what}: {met:?}");
    }
}

#[test]
fn entry_holds() {
    let met = run_seeds("entry", entry);
    assert_met(&met, 3, "entry read, frame read");
    assert_met(&met, 1, "change refused, frame with something between its entries");
    assert_met(&met, 1, "frame of an older form");
    let met = run("entry", entry, 4_000, b"ems", 3_000);
    assert_met(&met, 500, "frame made up, change refused, frame read, entry read");
    assert_met(&met, 500, "frame refused, entry refused");
    assert_met(&met, 100, "frame with something between its entries");
}

#[test]
fn import_holds() {
    let met = run_seeds("import", import);
    assert_met(&met, 1, "hours read, calendar made, calendar refused");
    assert_met(&met, 3, "record taken, record merged, record refused");
    let met = run("import", import, 2_000, b"hrr", 2_000);
    assert_met(&met, 300, "file read, file refused, hours read, calendar made, calendar refused");
    assert_met(&met, 300, "record taken, record merged, record refused");
}

#[test]
fn commands_hold() {
    const OUTCOMES: &str = "Held, Confirmed, Released, Expired, Cancelled, Moved, CalendarChanged, \
        nothing, Invalid, VersionMismatch, UnknownAppointment, HoldReleased, HoldExpired, \
        HoldConfirmed, NotChangeable, InThePast, OutsideOpenings, SlotTaken, PersonHasHold, \
        moved to another calendar, restart, calendar created";
    const OTHERS: &str = "UnknownHold, UnknownReason, OffGrid, BeyondHorizon, calendar refused";
    assert_met(&run_seeds("commands", commands), 1, OUTCOMES);
    let modes: Vec<u8> = (0..=u8::MAX).collect();
    let met = run("commands", commands, 3_000, &modes, 3_000);
    assert_met(&met, 100, OUTCOMES);
    assert_met(&met, 100, OTHERS);
}

#[test]
fn request_holds() {
    const CODES: &str = "done, invalid_request, slot_taken, patient_has_hold, \
        outside_openings, version_required, version_mismatch";
    let met = run_seeds("request", request);
    assert_met(&met, 1, CODES);
    assert_met(&met, 1, "refused without a word, feed");
    let met = run("request", request, 600, b"cbqG", 400);
    assert_met(&met, 50, "done, invalid_request, answers whole, refused without a word");
    assert_met(&met, 10, "slot_taken, hold_confirmed, hold_released, version_required");
}

#[test]
fn settings_hold() {
    let met = run_seeds("settings", settings);
    assert_met(&met, 1, "settings read, setting refused, no settings");
    let met = run("settings", settings, 3_000, b"#m", 500);
    assert_met(&met, 20, "settings read, setting refused, no settings");
}

/// A check with its name.
type Check = (&'static str, fn(&[u8]) -> Met);

const CHECKS: [Check; 5] = [
    ("commands", commands),
    ("entry", entry),
    ("import", import),
    ("request", request),
    ("settings", settings),
];

/// What was found to be of interest, kept small; see the README.
#[test]
fn the_corpus_holds() {
    let mut kept = 0;
    for (of, check) in CHECKS {
        for input in files_of("corpus", of) {
            check(&input);
            kept += 1;
        }
    }
    assert!(50 <= kept, "{kept} inputs");
}

/// Changes seeds, and keeps what meets things together that nothing before has met together.
/// It writes to `fuzz/corpus`, where `CRENEAU_KEEP_CORPUS` asks for that.
#[test]
fn keep_what_is_new() {
    if std::env::var_os("CRENEAU_KEEP_CORPUS").is_none() {
        return;
    }
    for (of, check) in CHECKS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(of);
        std::fs::create_dir_all(&folder).unwrap();
        let (seeds, mut dice) = (seeds(of), Dice(1));
        let met = |input: &[u8]| {
            let met = format!("{:?}", check(input));
            met.chars().filter(|it| !it.is_ascii_digit()).collect::<String>()
        };
        let mut seen: std::collections::BTreeSet<_> = seeds.iter().map(|it| met(it)).collect();
        let mut kept = 0;
        for _ in 0..1_500 {
            let input = dice.changed(&seeds);
            if input.len() <= 1_024 && kept < 60 && seen.insert(met(&input)) {
                std::fs::write(folder.join(format!("met-{kept:02}")), &input).unwrap();
                kept += 1;
            }
        }
    }
}
