use std::io::Write;

use super::*;
use crate::clock::wall;

fn place(lane: Option<u16>) -> Place {
    let start = Timestamp::from_millis(1_800_000_000_000);
    Place { calendar: CalendarId::from_bits(1), start, end: start.plus_minutes(15), lane }
}

fn entries() -> Vec<Entry> {
    let told = |call, place, expires_at, state| {
        Entry::Told(Told { call, hold: HoldId::from_bits(9), place, expires_at, state })
    };
    let (calendar, start) = (Some(CalendarId::from_bits(1)), Some(place(None).start));
    vec![
        Entry::Asked(Asked::plain(Call::Hold, None, calendar, start)),
        told(Call::Hold, Some(place(None)), Some(wall()), State::Held),
        told(Call::Confirm, Some(place(Some(3))), None, State::Booked),
        told(Call::Release, None, None, State::Released),
        Entry::Refused { call: Call::Hold, code: "slot_taken".to_owned(), why: None },
        Entry::Unknown { call: Call::Move, why: "no answer in time".to_owned() },
        Entry::BackupAsked { to: "/backups/1".to_owned() },
        Entry::BackupTold { last: 12 },
    ]
}

/// The lines that only a campaign has.
fn of_a_campaign() -> Vec<Entry> {
    use crate::api::Stated;
    use campaign::{CentreSet, CohortSet};
    use creneau::{CampaignId, DeliveryId, PlaceId};
    let (calendar, start) = (Some(CalendarId::from_bits(1)), Some(place(None).start));
    let (stated_at, band) = (place(None).start, "old".to_owned());
    let stated = Stated { number: 2, band: band.clone(), stated_at, infected_at: Some(stated_at) };
    let delivery = Delivery {
        delivery: None,
        place: PlaceId::from_bits(3),
        lot: "lot".to_owned(),
        arrives: stated_at,
        expires: stated_at.plus_minutes(1),
        doses: 4,
    };
    let told = Delivery { delivery: Some(DeliveryId::from_bits(5)), ..delivery.clone() };
    let hold = HoldId::from_bits(9);
    let concerned = vec![Concerned { hold, delivery: told.delivery, given: true }];
    let lot = told.lot.clone();
    let (cohort, centre) = (
        CohortSet { band, opens: Some(stated_at) },
        CentreSet { calendar: CalendarId::from_bits(1), place: PlaceId::from_bits(3) },
    );
    let set = CampaignSet {
        campaign: CampaignId::from_bits(2),
        days_min: 21,
        days_max: 28,
        after_infection_days: 60,
        cohorts: vec![cohort.clone(), CohortSet { opens: None, ..cohort }],
        centres: vec![centre],
        line: vec!["old".to_owned()],
    };
    let why = Some("not_yet".to_owned());
    let asked = Asked::plain(Call::Hold, None, calendar, start);
    vec![
        Entry::CampaignSet(set),
        Entry::DeliveryAsked(delivery),
        Entry::DeliveryTold { delivery: told, concerned: concerned.clone(), once: true },
        Entry::RecallAsked { lot: lot.clone() },
        Entry::RecallTold { lot, concerned },
        Entry::Asked(Asked { dose: Some(stated), ..asked }),
        Entry::Refused { call: Call::Hold, code: "not_eligible".to_owned(), why },
    ]
}

/// The lines of somebody who waits.
fn of_a_line() -> Vec<Entry> {
    let (wish, since) = (creneau::WishId::from_bits(4), place(None).start);
    let until = since.plus_minutes(60);
    let place_id = creneau::PlaceId::from_bits(3);
    let told = Told {
        call: Call::Hold,
        hold: HoldId::from_bits(9),
        place: Some(place(None)),
        expires_at: Some(until),
        state: State::Held,
    };
    vec![
        Entry::Lined(Lined { wish, place: place_id, rank: 2, since, until }),
        Entry::Offered(Offered { wish, looked_at: since, told }),
        Entry::Waited(Waited { wish, looked_at: since }),
    ]
}

#[test]
fn lines_of_a_campaign_are_read_as_they_were_written() {
    for (n, entry) in (1..).zip(of_a_campaign().into_iter().chain(of_a_line())) {
        let of_campaign = matches!(
            entry,
            Entry::CampaignSet(_)
                | Entry::DeliveryAsked(_)
                | Entry::DeliveryTold { .. }
                | Entry::RecallAsked { .. }
                | Entry::RecallTold { .. }
        );
        let of_patient = !of_campaign;
        assert_eq!(entry.has_no_patient(), !of_patient);
        let (patient, key) = (String::new(), "key".to_owned());
        let line = Line { n, at: wall(), patient, key, entry };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line, "{text}");
    }
}

/// As version 3 wrote it, before anybody waited in a line: then nobody comes first.
#[test]
fn a_campaign_of_version_3_has_no_line() {
    let Entry::CampaignSet(set) = of_a_campaign().remove(0) else { panic!() };
    assert_eq!((set.rank("old"), set.rank("child")), (0, 1));
    let text = serde_json::to_string(&set).unwrap().replace(",\"line\":[\"old\"]", "");
    let older: campaign::CampaignSet = serde_json::from_str(&text).unwrap();
    assert_eq!((older.line.as_slice(), older.rank("old")), (&[][..], 0));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let line = Line {
        n: 1,
        at: wall(),
        patient: String::new(),
        key: "r-campaign".to_owned(),
        entry: Entry::CampaignSet(older),
    };
    let head = "{\"format\":\"creneau-ledger\",\"version\":3,\"run\":\"r\",\"scenario\":\"s\"}\n";
    std::fs::write(&path, format!("{head}{}\n", serde_json::to_string(&line).unwrap())).unwrap();
    assert_eq!(read(&path).unwrap().lines, [line]);
}

/// As versions 1 and 2 wrote them, before anybody had a dose.
#[test]
fn ledgers_of_older_versions_are_read() {
    let head =
        |n| format!(r#"{{"n":{n},"at":"2026-11-24T10:00:00Z","patient":"r-p0","key":"r-0-1","#);
    let asked = r#""what":"asked","call":"hold","calendar":"CALENDAR","start":"START"}"#;
    let refused = r#""what":"refused","call":"hold","code":"slot_taken"}"#;
    let lines = format!("{}{asked}\n{}{refused}\n", head(1), head(2));
    let lines = lines.replace("START", "2026-11-26T08:00:00Z");
    let calendar = CalendarId::from_bits(1).to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    for version in [1, 2] {
        let head = format!(
            "{{\"format\":\"creneau-ledger\",\"version\":{version},\"run\":\"r\",\
             \"scenario\":\"s\"}}\n"
        );
        std::fs::write(&path, head + &lines.replace("CALENDAR", &calendar)).unwrap();
        let found = read(&path).unwrap();
        assert_eq!((found.header.version, found.lines.len()), (version, 2));
        let code = "slot_taken".to_owned();
        let refused = Entry::Refused { call: Call::Hold, code, why: None };
        assert_eq!(found.lines[1].entry, refused);
        let Entry::Asked(asked) = &found.lines[0].entry else { panic!() };
        assert_eq!(asked.dose, None);
    }
}

#[tokio::test]
async fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let header = Header::new("run", "scenario");
    let ledger = Ledger::create(&path, &header).unwrap();
    let mut expected = Vec::new();
    for (n, entry) in (1..).zip(entries()) {
        let at = wall();
        ledger.write(at, "patient", &format!("key-{n}"), entry.clone()).await.unwrap();
        let (patient, key) = ("patient".to_owned(), format!("key-{n}"));
        expected.push(Line { n, at, patient, key, entry });
        // It is there at once, not only at the end.
        assert_eq!(read(&path).unwrap().lines, expected);
    }
    assert_eq!(ledger.close().unwrap(), 8);
    assert_eq!(ledger.write(wall(), "p", "k", entries().remove(0)).await, Err(Lost));
    assert_eq!(read(&path).unwrap(), Read { header, lines: expected, torn: false });
    let again = Ledger::create(&path, &Header::new("run", "scenario"));
    assert!(again.is_err(), "a ledger is never overwritten");
}

#[tokio::test]
async fn a_torn_last_line_is_left_out_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let ledger = Ledger::create(&path, &Header::new("run", "scenario")).unwrap();
    for entry in entries() {
        ledger.write(wall(), "patient", "key", entry).await.unwrap();
    }
    ledger.close().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let last = whole.iter().rposition(|byte| *byte == b'{').unwrap();
    for end in last + 1..whole.len() {
        std::fs::write(&path, &whole[..end]).unwrap();
        let found = read(&path).unwrap();
        assert_eq!((found.lines.len(), found.torn), (7, true), "cut at {end}");
    }
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"\n{\"n\":9}\n").unwrap();
    assert!(read(&path).unwrap_err().contains("line 10"));
    let text = String::from_utf8(whole).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.contains("\"n\":3,")).collect();
    std::fs::write(&path, without.join("\n") + "\n").unwrap();
    assert!(read(&path).unwrap_err().contains("has the number 4"));
    std::fs::write(
        &path,
        "{\"format\":\"creneau-ledger\",\"version\":5,\"run\":\"r\",\"scenario\":\"s\"}\n",
    )
    .unwrap();
    assert!(read(&path).unwrap_err().contains("version 5"));
}

#[tokio::test]
async fn a_ledger_that_was_changed_is_refused_or_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let ledger = Ledger::create(&path, &Header::new("run", "scenario")).unwrap();
    for entry in entries() {
        ledger.write(wall(), "patient", "key", entry).await.unwrap();
    }
    ledger.close().unwrap();
    let sound = std::fs::read(&path).unwrap();
    let (mut dice, mut kept) = (crate::dice::Dice::new(4), 0);
    for _ in 0..3_000 {
        let mut bytes = sound.clone();
        for _ in 0..=dice.below(3) {
            let place = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
            match dice.below(4) {
                0 => bytes.truncate(place),
                1 => drop(bytes.remove(place)),
                2 => bytes[place] ^= 1 << dice.below(8),
                _ => bytes.insert(place, bytes[place / 2]),
            }
            if bytes.is_empty() {
                break;
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let Ok(found) = read(&path) else { continue };
        kept += 1;
        // Lines are counted, so none is left out but the one at the end.
        let feeds = bytes.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(found.lines.len(), feeds.saturating_sub(1));
        assert_eq!(found.torn, bytes.last() != Some(&b'\n'));
    }
    assert!(300 < kept, "{kept}");
}
