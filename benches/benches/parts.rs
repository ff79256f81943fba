//! A slot word, a decision, an entry's bytes: no disk, one thread.
#![expect(clippy::unwrap_used, reason = "benchmarks")]

use std::hint::black_box;

use creneau::booking::{By, Calendar, Command, Details, Event};
use creneau::journal::{Entry, Frame, frame};
use creneau::testing::words::Words;
use creneau::{CalendarId, Definition, Guard, HoldId, Interval, Reason, Timestamp, WeeklyHours};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const STEPS_PER_DAY: u32 = 288;

/// A Monday at midnight in Paris.
fn monday() -> Timestamp {
    "2027-01-04T00:00:00+01:00".parse().unwrap()
}

fn always_open(lanes: u16) -> Definition {
    let mut definition = Definition::weekdays("Centre", "Europe/Paris");
    let day: Vec<_> = Interval::new(0, 24 * 60).into_iter().collect();
    definition.weekly_hours = WeeklyHours { days: std::array::from_fn(|_| day.clone()) };
    definition.reasons = vec![Reason::new("dose".parse().unwrap(), "Dose", 15)];
    definition.lanes = lanes;
    definition
}

fn slot_words(c: &mut Criterion) {
    let mut group = c.benchmark_group("slot word");
    let words = Words::open(1, 90);
    group.bench_function("claim three steps and give them back", |b| {
        b.iter(|| {
            let lane = words.claim(black_box(60), 3, 0);
            words.give_back(lane.unwrap(), 60, 3);
        });
    });
    group.bench_function("claim across two words and give them back", |b| {
        b.iter(|| {
            let lane = words.claim(black_box(words.crossing()), 3, 0);
            words.give_back(lane.unwrap(), words.crossing(), 3);
        });
    });
    words.claim(100, 3, 0).unwrap();
    group.bench_function("lose", |b| b.iter(|| words.claim(black_box(101), 3, 0)));
    let hall = Words::open(100, 90);
    for lane in 0..99 {
        hall.claim(60, 3, lane).unwrap();
    }
    group.bench_function("find the last of 100 lanes and give it back", |b| {
        b.iter(|| {
            let lane = hall.claim(black_box(60), 3, 0).unwrap();
            hall.give_back(lane, 60, 3);
        });
    });
    group.bench_function("list the free starts of a day", |b| {
        b.iter(|| words.free_starts(black_box(0), STEPS_PER_DAY, 3));
    });
    group.finish();
}

fn hold(number: u128, start: Timestamp) -> Command {
    Command::Hold {
        hold: HoldId::from_bits(number),
        person: format!("patient-{number}").parse().unwrap(),
        reason: "dose".parse().unwrap(),
        start,
        lane: 0,
        hold_ms: 900_000,
        guards: vec![Guard::per_calendar()],
        details: Details::default(),
        by: By::Unsaid,
        overflow: false,
    }
}

/// A calendar with `booked` appointments, and the first start after them.
fn calendar(booked: u32) -> (Calendar, Timestamp) {
    let created = Calendar::create(CalendarId::from_bits(7), always_open(1), monday()).unwrap();
    let mut calendar = Calendar::created(&created).unwrap();
    let mut start = monday();
    for number in 0..booked {
        for command in [
            hold(number.into(), start),
            Command::Confirm { hold: HoldId::from_bits(number.into()), by: By::Unsaid },
        ] {
            for event in calendar.decide(&command, monday()).unwrap() {
                calendar.apply(&event);
            }
        }
        start = start.plus_minutes(15);
    }
    (calendar, start)
}

fn decisions(c: &mut Criterion) {
    let mut group = c.benchmark_group("decide");
    for booked in [0, 1_000, 8_000] {
        let (calendar, start) = calendar(booked);
        let command = hold(u128::MAX, start);
        group.bench_function(format!("hold beside {booked} appointments"), |b| {
            b.iter(|| calendar.decide(black_box(&command), monday()));
        });
        let events = calendar.decide(&command, monday()).unwrap();
        group.bench_function(format!("apply beside {booked} appointments"), |b| {
            b.iter_batched_ref(
                || calendar.clone(),
                |calendar| events.iter().for_each(|event| calendar.apply(black_box(event))),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// The entry of a hold.
fn entry() -> Entry {
    let (calendar, start) = calendar(0);
    let events: Vec<Event> = calendar.decide(&hold(1, start), monday()).unwrap();
    Entry { command: None, events }
}

fn codec(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec");
    let entry = entry();
    let bytes = entry.encode().unwrap();
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("encode the entry of a hold", |b| b.iter(|| black_box(&entry).encode()));
    group.bench_function("decode the entry of a hold", |b| {
        b.iter(|| Entry::decode(black_box(&bytes)));
    });
    for count in [1, 128, 1_024] {
        let entries = vec![bytes.as_slice(); count];
        let built = frame::build(1, [0; 32], &entries);
        group.throughput(Throughput::Bytes(built.len() as u64));
        group.bench_function(format!("build a frame of {count} entries"), |b| {
            b.iter(|| frame::build(1, [0; 32], black_box(&entries)));
        });
        group.bench_function(format!("parse a frame of {count} entries"), |b| {
            b.iter(|| Frame::parse(black_box(&built)).map(|frame| frame.last()));
        });
    }
    group.finish();
}

criterion_group!(parts, slot_words, decisions, codec);
criterion_main!(parts);
