//! Records of the same centre become one.

use std::collections::HashMap;

use super::hours::Day;
use super::record::{Content, Record};
use super::{Centre, MAX_NOTES, Outcome, Plan, RecordReport};

/// The longest external id; the hashes in it take the rest.
const MAX_EXTERNAL_ID_BYTES: usize = 64;

/// The plan as it grows, record by record.
#[derive(Default)]
pub(super) struct Merge {
    plan: Plan,
    weeks: Vec<Week>,
    /// The centre that stands for an id at a normalised address.
    known: HashMap<(String, String), usize>,
}

/// The days of one centre, each with the record that said so last.
type Week = [(Day, usize); 7];

impl Merge {
    /// Puts the next record of the file into the plan.
    pub(super) fn add(&mut self, record: Record) {
        let Record { id, mut notes, content } = record;
        let index = self.plan.records.len();
        let (outcome, centre, reason) = match content {
            Err(reason) => (Outcome::Refused, None, Some(reason)),
            Ok(content) => {
                let (outcome, centre) = self.add_content(index, content, &mut notes);
                (outcome, Some(centre), None)
            }
        };
        if MAX_NOTES < notes.len() {
            let left_out = notes.len() - (MAX_NOTES - 1);
            notes.truncate(MAX_NOTES - 1);
            notes.push(format!("{left_out} more notes left out"));
        }
        self.plan.records.push(RecordReport { index, id, outcome, centre, notes, reason });
    }

    fn add_content(
        &mut self,
        index: usize,
        content: Content,
        notes: &mut Vec<String>,
    ) -> (Outcome, usize) {
        let key = (content.id.clone(), normalised(&content.address));
        let known = self.known.get(&key).copied();
        if let Some(at) = known
            && let Some(centre) = self.plan.centres.get_mut(at)
            && let Some(week) = self.weeks.get_mut(at)
        {
            merge_details(centre, &content, notes);
            merge_week(week, content.days, index, notes);
            return (Outcome::Merged, at);
        }
        let at = self.plan.centres.len();
        self.plan.centres.push(Centre {
            external_id: external_id(&key.0, &key.1),
            record: index,
            name: content.name,
            kind: content.kind,
            city: content.city,
            address: content.kept_address,
            department: content.territory.department,
            lat: content.position.map(|(lat, _)| lat),
            lon: content.position.map(|(_, lon)| lon),
            time_zone: content.territory.time_zone,
            weekly: Default::default(),
        });
        self.weeks.push(content.days.map(|day| (day, index)));
        self.known.insert(key, at);
        (Outcome::Taken, at)
    }

    /// The plan, once every record is in.
    pub(super) fn finish(mut self) -> Plan {
        for (centre, week) in self.plan.centres.iter_mut().zip(self.weeks) {
            centre.weekly = week.map(|(day, _)| day.spans().to_vec());
        }
        self.plan
    }
}

/// The first record names the centre, and a later one fills a kind or city that it lacks.
fn merge_details(centre: &mut Centre, later: &Content, notes: &mut Vec<String>) {
    let fields = [
        ("name", &mut centre.name, &later.name),
        ("kind", &mut centre.kind, &later.kind),
        ("city", &mut centre.city, &later.city),
    ];
    for (field, kept, given) in fields {
        if kept.is_empty() {
            kept.clone_from(given);
        } else if !given.is_empty() && kept != given {
            notes.push(format!("{field}: {given:?} here; {kept:?} of an earlier record kept"));
        }
    }
    if centre.department.is_none() {
        centre.department.clone_from(&later.territory.department);
        centre.time_zone = later.territory.time_zone;
    } else if later.territory.department.is_some()
        && (&centre.department, centre.time_zone)
            != (&later.territory.department, later.territory.time_zone)
    {
        let (department, time_zone) = (&centre.department, centre.time_zone);
        let kept = department.as_deref().unwrap_or_default();
        notes.push(format!(
            "insee: another department or time zone here; {kept}, {time_zone} of an earlier \
             record kept"
        ));
    }
    let kept = centre.lat.zip(centre.lon);
    match (kept, later.position) {
        (None, Some((lat, lon))) => (centre.lat, centre.lon) = (Some(lat), Some(lon)),
        (Some(kept), Some(given)) if kept != given => notes.push(format!(
            "lat, lon: {}, {} here; {}, {} of an earlier record kept",
            given.0, given.1, kept.0, kept.1
        )),
        _ => {}
    }
}

/// Days come together; where two records disagree on one, the later counts.
fn merge_week(week: &mut Week, later: [Day; 7], index: usize, notes: &mut Vec<String>) {
    for (number, (kept, given)) in week.iter_mut().zip(later).enumerate() {
        let (day, record) = kept;
        if given == Day::Unstated || given == *day {
            continue;
        }
        if *day != Day::Unstated {
            notes.push(format!(
                "hours, {}: {} in record {record}, {} here; the later counts",
                super::hours::day_name(number),
                show(day),
                show(&given)
            ));
        }
        *kept = (given, index);
    }
}

/// A day as a note shows it.
fn show(day: &Day) -> String {
    match day.spans() {
        [] => "closed".to_owned(),
        spans => spans.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// The address as it is compared: in lower case, with one kind of apostrophe, each run of white
/// space as one space and none before a comma. Accents and everything else stay, since leaving
/// them out could make one centre of two; the file has no two that differ only there. The hash of
/// it is part of every external id, so a change here makes every centre a new one.
fn normalised(address: &str) -> String {
    let lower = super::tidy(address).to_lowercase();
    lower.replace('’', "'").replace(" ,", ",")
}

/// The id, made visible ASCII and short where it is not, and the hash of the normalised address.
fn external_id(id: &str, address: &str) -> String {
    // A dash and sixteen digits follow the id, and the same again come between where it is changed.
    const HASH_BYTES: usize = 17;
    let visible: String = id.chars().filter(char::is_ascii_graphic).collect();
    let address = fnv1a(address.as_bytes());
    // A tilde stands only where an id was changed, so that no changed id is another one's own.
    let plain = visible == id && !id.contains('~');
    if plain && id.len() <= MAX_EXTERNAL_ID_BYTES - HASH_BYTES {
        return format!("{id}-{address:016x}");
    }
    let kept: String = visible.chars().take(MAX_EXTERNAL_ID_BYTES - 2 * HASH_BYTES).collect();
    format!("{kept}~{:016x}-{address:016x}", fnv1a(id.as_bytes()))
}

/// FNV-1a with 64 bits: short, and the same on every machine and in every release, which the
/// hasher of the standard library does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_ids_stay_the_same() {
        // The published test vector of FNV-1a.
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(external_id("a-d1", "foobar"), "a-d1-85944171f73967e8");
        let long = external_id(&"é long id ".repeat(20), "foobar");
        assert!(long.len() <= MAX_EXTERNAL_ID_BYTES && long.bytes().all(|b| b.is_ascii_graphic()));
        assert_ne!(long, external_id(&"é long id ".repeat(21), "foobar"));
        let changed = external_id("é", "foobar");
        let own = changed.strip_suffix("-85944171f73967e8").unwrap();
        assert_ne!(external_id(own, "foobar"), changed);
    }

    #[test]
    fn addresses_are_compared_by_their_words() {
        let found = normalised("3 rue  de l’Église ,\u{a0}18340  Levet ");
        assert_eq!(found, normalised("3 Rue de l'église, 18340 LEVET"));
        assert_ne!(found, normalised("4 Rue de l'église, 18340 LEVET"));
    }
}
