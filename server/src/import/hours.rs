//! Opening hours as people write them in French, read into spans of one day.
//!
//! A text is cut into tokens, the tokens into parts at commas and their like, and a part into runs
//! of times. A run of exactly `time dash time` is an interval; two intervals need nothing between
//! them. Anything else is left out and noted, and the rest of the text is read. The one exception
//! is a part with a word that turns its meaning around, such as "fermé de 12:00 à 14:00": no time
//! in it can be taken for an opening, so the part is left out whole.

mod tokens;

use super::{Span, quote, tidy};
use tokens::{Kind, MINUTES_PER_DAY, Token, tokens};

/// The longest text of a day that is read, in bytes; no week of real hours comes near it.
const MAX_DAY_BYTES: usize = 1000;
/// Times off this grid are kept, but noted: a calendar's grid rounds an opening inwards.
const USUAL_GRID_MINUTES: u16 = 5;

const WEEKDAYS: [&str; 7] =
    ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];

/// What a record says about one day of the week.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Day {
    /// Nothing, or nothing that could be read.
    Unstated,
    Closed,
    /// Sorted spans that do not touch; at least one.
    Open(Vec<Span>),
}

impl Day {
    /// Both days taken together.
    pub(super) fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Open(mut spans), Self::Open(more)) => {
                spans.extend(more);
                Self::Open(disjoint(spans, |_, _, _| ()))
            }
            (Self::Open(spans), _) | (_, Self::Open(spans)) => Self::Open(spans),
            (Self::Closed, _) | (_, Self::Closed) => Self::Closed,
            (Self::Unstated, Self::Unstated) => Self::Unstated,
        }
    }

    pub(super) fn spans(&self) -> &[Span] {
        match self {
            Self::Open(spans) => spans,
            Self::Closed | Self::Unstated => &[],
        }
    }
}

/// The index of a French day name, Monday first; abbreviations such as "lun." count.
pub(super) fn weekday(name: &str) -> Option<usize> {
    let name = tidy(name).to_lowercase();
    let name = name.trim_end_matches(['.', ':', ' ']);
    WEEKDAYS.iter().position(|day| *day == name || day.get(..3) == Some(name))
}

/// The name of the weekday with this index.
pub(super) fn day_name(index: usize) -> &'static str {
    WEEKDAYS.get(index).copied().unwrap_or_default()
}

/// Reads the hours of one day; `day` is its name, for the notes.
pub(super) fn read_day(day: &str, text: &str, notes: &mut Vec<String>) -> Day {
    let mut note = |what: String| notes.push(format!("hours, {}: {what}", tidy(day)));
    if text.len() > MAX_DAY_BYTES {
        note(format!("longer than {MAX_DAY_BYTES} bytes; left out"));
        return Day::Unstated;
    }
    let compact: String = text.to_lowercase().split_whitespace().collect();
    if matches!(compact.as_str(), "24h/24" | "24h/24h" | "24/24" | "24hsur24") {
        return Day::Open(vec![Span { start: 0, end: MINUTES_PER_DAY }]);
    }

    let chars: Vec<char> = text.chars().collect();
    let mut spans = Vec::new();
    let mut closed = false;
    for part in tokens(&chars).split(|token| token.kind == Kind::Break) {
        closed |= read_part(&chars, part, &mut spans, &mut note);
    }
    if !spans.is_empty() {
        Day::Open(disjoint(spans, |one, two, both| {
            note(format!("{one} and {two} overlap; taken as {both}"));
        }))
    } else if closed {
        Day::Closed
    } else {
        Day::Unstated
    }
}

/// Sorts the spans and joins those that touch; tells of those that overlap.
fn disjoint(mut spans: Vec<Span>, mut overlap: impl FnMut(Span, Span, Span)) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start <= last.end => {
                let both = Span { start: last.start, end: last.end.max(span.end) };
                if span.start < last.end {
                    overlap(*last, span, both);
                }
                *last = both;
            }
            _ => joined.push(span),
        }
    }
    joined
}

/// The characters of some tokens that follow each other, as notes quote them.
fn quote_tokens(chars: &[char], tokens: &[Token]) -> String {
    let range = match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => chars.get(first.from..last.to).unwrap_or_default(),
        _ => &[],
    };
    quote(&range.iter().collect::<String>())
}

/// Reads what stands between two breaks; whether it says "closed".
fn read_part(
    chars: &[char],
    part: &[Token],
    spans: &mut Vec<Span>,
    note: &mut impl FnMut(String),
) -> bool {
    let is_time = |token: &Token| matches!(token.kind, Kind::Time(_) | Kind::NoTime);
    let has = |kind| part.iter().any(|token| token.kind == kind);
    if has(Kind::Turns) || (has(Kind::Closed) && part.iter().any(is_time)) {
        note(format!("{} could not be read; left out", quote_tokens(chars, part)));
        return false;
    }
    for words in part.chunk_by(|one, next| one.kind == next.kind) {
        if words.first().is_some_and(|word| word.kind == Kind::Unknown) {
            note(format!("{} could not be read; left out", quote_tokens(chars, words)));
        }
    }

    let mut run: Vec<Token> = Vec::new();
    for token in part.iter().filter(|token| is_time(token) || token.kind == Kind::Dash) {
        if is_time(token) && run.last().is_some_and(is_time) {
            read_run(chars, &run, spans, note);
            run.clear();
        }
        // A dash twice, or before any time, is a slip of the pen.
        if is_time(token) || run.last().is_some_and(is_time) {
            run.push(*token);
        }
    }
    if !run.is_empty() {
        read_run(chars, &run, spans, note);
    }
    // A dash alone is how many a table says closed.
    has(Kind::Closed) || (has(Kind::Dash) && part.iter().all(|token| token.kind == Kind::Dash))
}

/// Reads one run of times and dashes.
fn read_run(chars: &[char], run: &[Token], spans: &mut Vec<Span>, note: &mut impl FnMut(String)) {
    let text = quote_tokens(chars, run);
    let kinds: Vec<Kind> = run.iter().map(|token| token.kind).collect();
    // A dash after every time is a slip of the pen, like one before.
    let kinds = kinds.strip_suffix(&[Kind::Dash]).unwrap_or(&kinds);
    let (start, end) = match kinds {
        // Midnight as an end is the one that comes; from midnight to midnight says nothing.
        [Kind::Time(start @ 1..), Kind::Dash, Kind::Time(0)] => (*start, MINUTES_PER_DAY),
        [Kind::Time(start), Kind::Dash, Kind::Time(end)] => (*start, *end),
        _ => return note(format!("{text} could not be read; left out")),
    };
    if end < start {
        return note(format!("{text} ends before it starts; left out"));
    }
    if end == start {
        return note(format!("{text} ends when it starts; left out"));
    }
    if start % USUAL_GRID_MINUTES != 0 || end % USUAL_GRID_MINUTES != 0 {
        note(format!("{text} is off the grid of {USUAL_GRID_MINUTES} minutes; kept as it is"));
    }
    spans.push(Span { start, end });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a text is read as, and what its notes say, one line each.
    fn read(text: &str) -> String {
        let mut notes = Vec::new();
        let day = read_day("lundi", text, &mut notes);
        let mut found = match day {
            Day::Open(spans) => {
                spans.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            Day::Closed => "closed".to_owned(),
            Day::Unstated => "unstated".to_owned(),
        };
        for note in notes {
            found += "\n";
            found += note.strip_prefix("hours, lundi: ").unwrap_or(&note);
        }
        found
    }

    #[test]
    fn hours_as_the_file_writes_them() {
        assert_eq!(read("08:15-12:15"), "08:15-12:15");
        assert_eq!(read("08:00-12:00, 14:00-18:00"), "08:00-12:00, 14:00-18:00");
        assert_eq!(read("09:00-13:00 13:30-17:00"), "09:00-13:00, 13:30-17:00");
        // Touching, out of order, overlapping, and ending before it starts.
        assert_eq!(read("09:00-14:00, 14:00-19:00"), "09:00-19:00");
        assert_eq!(read("14:00-18:00, 09:00-13:00"), "09:00-13:00, 14:00-18:00");
        assert_eq!(
            read("09:00-17:00, 14:00-18:00"),
            "09:00-18:00\n09:00-17:00 and 14:00-18:00 overlap; taken as 09:00-18:00"
        );
        assert_eq!(
            read("14:00-13:00, 14:00-18:00"),
            "14:00-18:00\n\"14:00-13:00\" ends before it starts; left out"
        );
        // Open more than eleven hours without a break.
        assert_eq!(read("08:00-20:00"), "08:00-20:00");
    }

    #[test]
    fn hours_as_others_write_them() {
        for text in [
            "8h30-12h",
            "8h30 - 12h",
            "8 h 30 à 12 h 00",
            "08.30–12.00",
            "0830 — 1200",
            "8:30-12",
            "de 8H30 à midi",
            "08:30:00-12:00:00",
            "matin : 8h30−12h.",
            "08h30 -- 12h00 min",
            "8 heures 30 jusqu'à 12 heures",
            "(8h30→12h)",
            "- 08 : 30 -12: 00 -",
        ] {
            assert_eq!(read(text), "08:30-12:00", "{text:?}");
        }
        let two = "09:00-12:00, 14:00-18:30";
        for text in [
            "9h-12h et 14h-18h30",
            "9h-12h/14h-18h30",
            "9h-12h;14h-18h30",
            "9-12\n14-18h30",
            "matin: 9h à 12h après-midi: 14h à 18h30",
            "09:00-12:00. 14:00-18:30",
        ] {
            assert_eq!(read(text), two, "{text:?}");
        }
        assert_eq!(read("20:00-24:00"), "20:00-24:00");
        assert_eq!(read("20h-00h00"), "20:00-24:00");
        assert_eq!(read("24h/24"), "00:00-24:00");
        assert_eq!(read("Midi-minuit"), "12:00-24:00");
        for text in ["fermé", "Fermée.", "FERMÉ", "-", "—"] {
            assert_eq!(read(text), "closed", "{text:?}");
        }
        assert_eq!(read(" "), "unstated");
    }

    #[test]
    fn what_cannot_be_read_is_left_out_alone() {
        for (text, kept, note) in [
            ("9h-12h, 25h-26h", "09:00-12:00", "\"25h-26h\" could not be read"),
            ("9h-12h, 14h", "09:00-12:00", "\"14h\" could not be read"),
            ("9h-12h, 14h60-18h", "09:00-12:00", "\"14h60-18h\" could not be read"),
            ("9h-12h selon stock", "09:00-12:00", "\"selon stock\" could not be read"),
            ("9h-12h, 8h-18h-20h", "09:00-12:00", "\"8h-18h-20h\" could not be read"),
            ("9h-18h sauf 12h-14h", "unstated", "\"9h-18h sauf 12h-14h\" could not"),
            ("9h-12h, fermé 12h-14h", "09:00-12:00", "\"fermé 12h-14h\" could not"),
            ("1pm-5pm", "unstated", "\"1pm-5pm\" could not be read"),
            ("22:00-06:00", "unstated", "ends before it starts"),
            ("00:00-00:00", "unstated", "ends when it starts"),
            ("08:02-12:00", "08:02-12:00", "off the grid of 5 minutes"),
        ] {
            let found = read(text);
            let (hours, notes) = found.split_once('\n').unwrap_or((&found, ""));
            assert_eq!(hours, kept, "{text:?}: {found}");
            assert!(notes.contains(note), "{text:?}: {found}");
        }
    }

    #[test]
    fn days_have_one_name_and_its_abbreviation() {
        assert_eq!(weekday("lundi"), Some(0));
        assert_eq!(weekday(" Dim. "), Some(6));
        assert_eq!(weekday("monday"), None);
        assert_eq!(weekday(""), None);
    }

    /// Every text of a few characters out of those that matter: no panic, and spans in order.
    #[test]
    fn no_text_breaks_the_reader() {
        let pieces = ["9", "24", "12:30", "h", "à", "-", ",", " ", "é", "midi", "\u{301}", "."];
        let count = pieces.len().pow(5);
        for number in 0..count {
            let (mut rest, mut text) = (number, String::new());
            for _ in 0..5 {
                text += pieces[rest % pieces.len()];
                rest /= pieces.len();
            }
            if let Day::Open(spans) = read_day("lundi", &text, &mut Vec::new()) {
                assert!(spans.iter().all(|span| span.start < span.end && span.end <= 1440));
                assert!(spans.windows(2).all(|pair| pair[0].end < pair[1].start), "{text:?}");
            }
        }
    }
}
