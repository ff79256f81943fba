//! A campaign that was rehearsed passes, and each of ten planted faults fails it: the audit says by
//! which rule, and names the person, the appointment or the delivery.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use creneau::{Config, DeliveryId, Engine, Event, HoldId};
use creneau_server::http::{Limits, serve};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::coverage::Counts;
use super::wanted::Doses;
use super::{id, judge as judge_doses};
use crate::api::Call;
use crate::audit::claims::Claims;
use crate::audit::judge::judge;
use crate::audit::seen::{Observed, Owned, Seen};
use crate::audit::{Finding, Rule, Verdict, over_api, over_journal};
use crate::driver::{Access, Driver};
use crate::ledger::campaign::Concerned;
use crate::ledger::{Entry, Read, read};
use crate::run::{Asked, Place, rehearse};
use crate::scenario::Scenario;

/// Six seconds of a campaign in four centres; everybody who may has booked after one. Some of the
/// others wait in line when more doses come.
const SMALL: &str = r#"
name = "small"
seed = 9
[[phases]]
name = "all"
seconds = 6
rate = 50
[campaign]
doses_per_centre = 8
people_per_dose = 9
days_min = 21
days_max = 28
given_share = 0.7
cut = { after_seconds = 2, doses = 3 }
extra = { after_seconds = 5, doses = 5 }
line = ["old"]
line_share = 0.6
decline_share = 0.2
ignore_share = 0.2
look_every_ms = 100
[campaign.mix]
both = 55
first = 20
move = 5
cancel = 3
elsewhere = 5
account = 5
second = 5
abandon = 2
[[campaign.cohorts]]
band = "child"
weight = 10
[[campaign.cohorts]]
band = "adult"
weight = 30
opens_after_seconds = 2
[[campaign.cohorts]]
band = "old"
weight = 60
opens_after_seconds = 0
[habits]
retry = 0.1
hang_up = 0.05
[think]
min_ms = 0
max_ms = 60
[search]
days = 8
first_day = 0
last_day = 2
[calendars]
count = 4
horizon_days = 60
[thresholds]
error_share = 0.0
bookings_min = 20
given_min = 3
"#;

/// A rehearsal, and what was seen after it, in which faults are planted.
#[derive(Clone)]
struct Story {
    ledger: Read,
    seen: Seen,
    events: Vec<Event>,
    /// How many events each entry of the journal has.
    entries: Vec<usize>,
}

/// One rehearsal for all tests.
fn sound() -> Story {
    static STORY: OnceLock<Story> = OnceLock::new();
    // Each test has a runtime of its own, and this one must outlive none of them.
    let told = STORY.get_or_init(|| {
        let thread = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(rehearsed())
        });
        thread.join().unwrap()
    });
    told.clone()
}

async fn rehearsed() -> Story {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { hold: Duration::from_secs(2), ..Config::in_memory() };
    let engine = Engine::open(config).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(engine.clone(), listener, Limits::default(), std::future::pending()));
    let scenario = Scenario::parse(SMALL).unwrap();
    let client = scenario.client.clone();
    let path = folder.path().join("ledger.jsonl");
    let place = Place::Target { address, access: Access::default() };
    let (ledger, history, backup) = (Some(path.clone()), None, None);
    let asked = Asked { place, ledger, history, backup, wait_seconds: 10, quiet: true };
    let report = rehearse(scenario, asked).await.unwrap();
    assert!(report.passes(), "{}", report.text());

    let ledger = read(&path).unwrap();
    let (_, address) = watch::channel(Some(address));
    let driver = Arc::new(Driver::http(address, Access::default(), &client));
    let claims = Claims::of(&ledger);
    let mut verdict = Verdict::new("API");
    let mut seen = over_api::look(&claims, &driver, 3, &mut verdict).await;
    let doses = Doses::of(&ledger);
    let set = doses.set.as_ref().unwrap();
    super::over_api::look((set, &doses), &claims, &driver, &mut seen).await.unwrap();
    let (mut feed, end) = (engine.feed(0), engine.status().watermark);
    let (mut events, mut entries, mut sequence) = (Vec::new(), Vec::new(), 0);
    while sequence < end {
        let entry = feed.next().await.unwrap().unwrap();
        sequence = entry.sequence;
        entries.push(entry.events.len());
        events.extend(entry.events.iter().cloned());
    }
    Story { ledger, seen, events, entries }
}

impl Story {
    /// What an audit by the API says.
    fn by_api(&self) -> Verdict {
        self.judged("API", &self.seen)
    }

    fn judged(&self, source: &'static str, seen: &Seen) -> Verdict {
        let (claims, mut verdict) = (Claims::of(&self.ledger), Verdict::new(source));
        judge(&claims, seen, &mut verdict);
        judge_doses(&Doses::of(&self.ledger), &claims, seen, &mut verdict);
        verdict
    }

    /// What one by the journal says.
    fn by_journal(&self) -> Verdict {
        let claims = Claims::of(&self.ledger);
        let (mut model, mut verdict) = (over_journal::Model::default(), Verdict::new("journal"));
        self.events.iter().for_each(|event| model.take(event, &mut verdict));
        let seen = model.seen(&claims, crate::clock::wall(), &mut verdict);
        let judged = self.judged("journal", &seen);
        verdict.findings.extend(judged.findings);
        verdict
    }

    #[track_caller]
    fn fails(verdict: &Verdict, rule: Rule, named: &impl ToString) {
        let named = named.to_string();
        let found = |it: &Finding| it.rule == rule && (it.id == named || it.what.contains(&named));
        let any = verdict.findings.iter().any(found);
        assert!(any, "{rule:?} of {named} in {:#?}", verdict.findings);
    }

    /// The appointments that stand, with their persons.
    fn standing(&self) -> Vec<(String, Owned)> {
        let all = self.seen.of_patients.iter();
        let all = all.flat_map(|(who, owned)| owned.iter().map(|it| (who.clone(), it.clone())));
        all.filter(|(_, it)| !it.cancelled).collect()
    }

    fn owned(&mut self, hold: HoldId) -> &mut Owned {
        let all = self.seen.of_patients.values_mut().flatten();
        { all }.find(|it| it.id == hold).unwrap()
    }

    /// Who has both doses.
    fn pair(&self) -> (String, HoldId, HoldId) {
        let standing = self.standing();
        let of = |number| {
            let standing = standing.iter();
            standing.filter(move |(_, it)| it.dose.is_some_and(|dose| dose.number == number))
        };
        let both = of(1).find_map(|(who, first)| {
            let second = of(2).find(|(other, _)| who == other)?;
            Some((who.clone(), first.id, second.1.id))
        });
        both.unwrap()
    }

    /// A delivery of which doses are booked or given, and a hold that has one of another.
    fn full(&self) -> (DeliveryId, Vec<HoldId>) {
        let standing = self.standing();
        let of = |it: &Owned| it.dose.and_then(|dose| dose.delivery);
        let delivery = standing.iter().find(|(_, it)| it.given).and_then(|(_, it)| of(it));
        let delivery = delivery.unwrap();
        let others = standing.iter().filter(|(_, it)| of(it) != Some(delivery));
        (delivery, others.map(|(_, it)| it.id).collect())
    }

    /// What the band of a hold was stated to be.
    fn band(&mut self, hold: HoldId) -> &mut String {
        let told = self.ledger.lines.iter().find(|line| match &line.entry {
            Entry::Told(told) => told.call == Call::Hold && told.hold == hold,
            _ => false,
        });
        let key = told.unwrap().key.clone();
        let asked = self.ledger.lines.iter_mut().find(|line| line.key == key).unwrap();
        let Entry::Asked(asked) = &mut asked.entry else { panic!() };
        &mut asked.dose.as_mut().unwrap().band
    }
}

mod line;

#[test]
fn a_sound_campaign_passes_and_everything_was_looked_at() {
    let story = sound();
    let (api, journal) = (story.by_api(), story.by_journal());
    assert_eq!((api.findings.as_slice(), journal.findings.as_slice()), (&[][..], &[][..]));
    for rule in Rule::OF_CAMPAIGNS {
        assert!(0 < api.checked[&rule], "{rule:?}");
    }
    let (_, first, second) = story.pair();
    assert_ne!(first, second);
}

#[test]
fn a_dose_in_two_arms_is_found() {
    let mut story = sound();
    // By the API: more were given of a delivery than it had.
    let (delivery, others) = story.full();
    let doses = Doses::of(&story.ledger).deliveries[&delivery].doses as usize;
    for hold in others.into_iter().take(doses + 1) {
        let owned = story.owned(hold);
        owned.given = true;
        owned.dose.as_mut().unwrap().delivery = Some(delivery);
    }
    Story::fails(&story.by_api(), Rule::Stock, &delivery);
    // By the journal: the dose of one appointment was given twice.
    let mut story = sound();
    let given = story.events.iter().find(|event| matches!(event, Event::Given { .. }));
    let given = given.unwrap().clone();
    let hold = given.booking().unwrap().id;
    story.events.push(given);
    Story::fails(&story.by_journal(), Rule::Stock, &hold);
}

#[test]
fn more_booked_than_delivered_is_found() {
    let mut story = sound();
    let (delivery, others) = story.full();
    let doses = Doses::of(&story.ledger).deliveries[&delivery].doses as usize;
    for hold in others.into_iter().take(doses + 1) {
        story.owned(hold).dose.as_mut().unwrap().delivery = Some(delivery);
    }
    Story::fails(&story.by_api(), Rule::Stock, &delivery);
    // By the journal, though each of them is released at once.
    let mut story = sound();
    let held = story.events.iter().rev().find(
        |event| matches!(event, Event::Held { booking, .. } if booking.details.dose.is_some()),
    );
    let Some(Event::Held { at, booking, deadline, guards }) = held.cloned() else { panic!() };
    let delivery = booking.delivery().unwrap();
    for number in 0..20_u32 {
        let mut booking = booking.clone();
        booking.id = HoldId::from_bits(u128::from(number) + 1);
        booking.person = format!("stranger-{number}").parse().unwrap();
        let guards = guards.clone();
        story.events.push(Event::Held { at, booking, deadline, guards });
    }
    Story::fails(&story.by_journal(), Rule::Stock, &delivery);
}

#[test]
fn a_wrong_band_that_was_accepted_is_found() {
    let mut story = sound();
    let (_, first, _) = story.pair();
    story.band(first).replace_range(.., "child");
    Story::fails(&story.by_api(), Rule::Eligible, &first);
    Story::fails(&story.by_journal(), Rule::Eligible, &first);
}

#[test]
fn a_phase_that_was_not_open_is_found() {
    let mut story = sound();
    let (_, first, _) = story.pair();
    let told_at = Claims::of(&story.ledger).bookings[&first].told_at;
    let band = story.band(first).clone();
    for line in &mut story.ledger.lines {
        let Entry::CampaignSet(set) = &mut line.entry else { continue };
        let cohort = set.cohorts.iter_mut().find(|it| it.band == band).unwrap();
        cohort.opens = Some(told_at.plus_ms(60_000));
    }
    Story::fails(&story.by_api(), Rule::Eligible, &first);
    // The journal has the instant of the phase itself.
    let mut story = sound();
    for event in &mut story.events {
        if let Event::Held { at, booking, .. } = event
            && booking.id == first
        {
            *at = at.plus_ms(-2 * 60 * 60 * 1_000);
        }
    }
    Story::fails(&story.by_journal(), Rule::Eligible, &first);
}

#[test]
fn who_was_refused_though_they_may_is_found() {
    let mut story = sound();
    let refused = story.ledger.lines.iter_mut().find_map(|line| match &mut line.entry {
        Entry::Refused { why: Some(why), .. } if why == "not_for_band" => {
            why.replace_range(.., "after_infection");
            Some(line.patient.clone())
        }
        _ => None,
    });
    Story::fails(&story.by_api(), Rule::Eligible, &refused.unwrap());
}

#[test]
fn somebody_with_two_first_doses_is_found() {
    let mut story = sound();
    let (person, first, _) = story.pair();
    let mut again = story.owned(first).clone();
    again.id = HoldId::from_bits(99);
    story.seen.of_patients.get_mut(&person).unwrap().push(again);
    Story::fails(&story.by_api(), Rule::OneDose, &person);
    let mut story = sound();
    let held = story
        .events
        .iter()
        .find(|event| matches!(event, Event::Held { booking, .. } if booking.id == first));
    let Some(Event::Held { at, booking, deadline, guards }) = held.cloned() else { panic!() };
    let mut booking = booking;
    booking.id = HoldId::from_bits(99);
    story.events.push(Event::Held { at, booking, deadline, guards });
    Story::fails(&story.by_journal(), Rule::OneDose, &person);
}

#[test]
fn a_second_dose_without_a_first_is_found() {
    let mut story = sound();
    let (person, first, _) = story.pair();
    story.owned(first).cancelled = true;
    Story::fails(&story.by_api(), Rule::FirstBefore, &person);
    // Or given before it.
    let mut story = sound();
    let pair = story.standing().into_iter().find_map(|(who, it)| {
        let second = it.dose.is_some_and(|dose| dose.number == 2);
        let own = &story.seen.of_patients[&who];
        let first = own.iter().any(|it| it.dose.is_some_and(|dose| dose.number == 1) && !it.given);
        (second && first).then_some((who, it.id))
    });
    let (person, second) = pair.unwrap();
    story.owned(second).given = true;
    Story::fails(&story.by_api(), Rule::FirstBefore, &person);
    let confirmed = story
        .events
        .iter()
        .find(|event| matches!(event, Event::Confirmed { booking, .. } if booking.id == second));
    let Some(Event::Confirmed { at, booking, .. }) = confirmed.cloned() else { panic!() };
    let before = booking.delivery();
    story.events.push(Event::Given { at, booking, before, stays_until: at });
    Story::fails(&story.by_journal(), Rule::FirstBefore, &person);
}

#[test]
fn an_interval_that_is_too_short_is_found() {
    let mut story = sound();
    let (person, _, second) = story.pair();
    let owned = story.owned(second);
    owned.place.start = owned.place.start.plus_ms(-10 * super::DAY_MS);
    Story::fails(&story.by_api(), Rule::Interval, &person);
    // In the journal the appointment was moved there.
    let mut story = sound();
    let confirmed = story
        .events
        .iter()
        .find(|event| matches!(event, Event::Confirmed { booking, .. } if booking.id == second));
    let Some(Event::Confirmed { at, booking, .. }) = confirmed.cloned() else { panic!() };
    let (mut moved, from) = (booking.clone(), booking.span);
    for instant in [&mut moved.span.start, &mut moved.span.end, &mut moved.span.occupied_until] {
        *instant = instant.plus_ms(-10 * super::DAY_MS);
    }
    let from_calendar = booking.calendar;
    story.events.push(Event::Moved { at, booking: moved, from_calendar, from });
    Story::fails(&story.by_journal(), Rule::Interval, &person);
}

#[test]
fn who_keeps_a_dose_that_somebody_before_them_was_left_without_is_found() {
    let mut story = sound();
    let doses = Doses::of(&story.ledger);
    // Of those who had a dose when it was cut the first is said to be left without, not the last.
    let swap = doses.cuts.iter().find_map(|cut| {
        let of = |it: &Owned| it.dose.and_then(|dose| dose.delivery);
        let standing = story.standing();
        let keeps = standing.iter().filter(|(_, it)| of(it) == Some(cut.delivery));
        let mut keeps: Vec<HoldId> = keeps.map(|(_, it)| it.id).collect();
        keeps.retain(|id| doses.holds[id].told_at < cut.asked_at);
        keeps.sort_by_key(|id| doses.holds[id].told_at);
        let (first, last) = (*keeps.first()?, *keeps.last()?);
        let apart = doses.holds[&first].told_at < doses.holds[&last].asked_at;
        apart.then_some((cut.delivery, first, last))
    });
    let (delivery, first, last) = swap.unwrap();
    for line in &mut story.ledger.lines {
        let Entry::DeliveryTold { delivery: said, concerned, .. } = &mut line.entry else {
            continue;
        };
        if said.delivery == Some(delivery) && !concerned.is_empty() {
            concerned.push(Concerned { hold: first, delivery: None, given: false });
        }
    }
    let verdict = story.by_api();
    Story::fails(&verdict, Rule::InOrder, &id(first));
    assert!(verdict.findings.iter().any(|it| it.what.contains("which came later")));
    assert_ne!(first, last);
    // In the journal the first is left without, while the last has one.
    let mut story = sound();
    let at = story.events.iter().position(
        |event| matches!(event, Event::Dosed { before, .. } if *before == Some(delivery)),
    );
    let held = story
        .events
        .iter()
        .find(|event| matches!(event, Event::Held { booking, .. } if booking.id == first));
    let mut booking = held.unwrap().booking().unwrap().clone();
    let mut details = (*booking.details).clone();
    details.dose.as_mut().unwrap().delivery = None;
    booking.details = details.into();
    let when = story.events[at.unwrap()].at();
    let wrong = Event::Dosed { at: when, booking, before: Some(delivery) };
    story.events.insert(at.unwrap(), wrong);
    Story::fails(&story.by_journal(), Rule::InOrder, &first);
}

#[test]
fn who_is_without_a_dose_while_one_is_left_is_found() {
    let mut story = sound();
    let doses = Doses::of(&story.ledger);
    let free = story.standing().into_iter().find_map(|(_, it)| {
        let delivery = it.dose.and_then(|dose| dose.delivery)?;
        let lot = &doses.deliveries[&delivery].lot;
        let recalled = doses.recalled.iter().any(|it| lot.starts_with(it.as_str()));
        (!it.given && !recalled).then_some((it.id, delivery))
    });
    let (hold, delivery) = free.unwrap();
    story.owned(hold).dose.as_mut().unwrap().delivery = None;
    story.seen.lots.get_mut(&delivery).unwrap().claimed -= 1;
    Story::fails(&story.by_api(), Rule::InOrder, &id(hold));
}

#[test]
fn an_acknowledged_booking_that_is_lost_is_found() {
    let mut story = sound();
    let (person, first, _) = story.pair();
    let (observed, _) = story.seen.bookings.get_mut(&first).unwrap();
    *observed = Observed::Missing;
    story.seen.of_patients.get_mut(&person).unwrap().retain(|it| it.id != first);
    Story::fails(&story.by_api(), Rule::Acknowledged, &first);
    let mut story = sound();
    story.events.retain(|event| event.booking().is_none_or(|it| it.id != first));
    Story::fails(&story.by_journal(), Rule::Acknowledged, &first);
}

#[test]
fn a_given_dose_that_is_forgotten_is_found() {
    let mut story = sound();
    let given = story.standing().into_iter().find(|(_, it)| it.given).unwrap().1.id;
    story.owned(given).given = false;
    Story::fails(&story.by_api(), Rule::Acknowledged, &id(given));
    let mut story = sound();
    story.events.retain(|event| !matches!(event, Event::Given { .. }));
    Story::fails(&story.by_journal(), Rule::Acknowledged, &id(given));
}

#[test]
fn a_figure_that_is_off_by_one_is_found() {
    let changes: [fn(&mut Counts); 3] =
        [|it| it.given += 1, |it| it.booked -= 1, |it| it.complete += 1];
    for change in changes {
        let mut story = sound();
        let coverage = story.seen.coverage.as_mut().unwrap();
        change(coverage.json.get_mut("old").unwrap());
        change(coverage.csv.get_mut("old").unwrap());
        Story::fails(&story.by_api(), Rule::Coverage, &"old");
    }
    let mut story = sound();
    story.seen.coverage.as_mut().unwrap().csv.get_mut("old").unwrap().booked += 1;
    Story::fails(&story.by_api(), Rule::Coverage, &"csv");
}

#[test]
fn a_tally_that_counts_twice_is_found() {
    let mut story = sound();
    let (delivery, _) = story.full();
    story.seen.lots.get_mut(&delivery).unwrap().given += 1;
    Story::fails(&story.by_api(), Rule::Stock, &delivery);
}
