//! The words, marks and times of which texts of opening hours are made.

pub(super) const MINUTES_PER_DAY: u16 = 24 * 60;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Time(u16),
    /// Digits that are no time of a day.
    NoTime,
    Dash,
    Break,
    Closed,
    /// A word that turns the meaning of the times around it.
    Turns,
    Filler,
    Unknown,
}

/// A token and the characters it stands on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub kind: Kind,
    pub from: usize,
    pub to: usize,
}

/// Cuts a text into tokens; white space, brackets and quotes are none.
pub(super) fn tokens(chars: &[char]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let from = at;
        at += 1;
        let kind = match c {
            // A line ends a part like a comma does.
            '\n' | '\r' | ',' | ';' | '/' | '|' | '&' | '+' | '•' | '·' => Kind::Break,
            '.' if chars.get(at).is_none_or(|next| next.is_whitespace()) => Kind::Break,
            '-' | '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '~' | '→' | '>' => {
                Kind::Dash
            }
            '0'..='9' => {
                let (time, end) = read_time(chars, from);
                at = end;
                time.map_or(Kind::NoTime, Kind::Time)
            }
            _ if c.is_alphabetic() => {
                at = word_end(chars, from);
                let word = chars.get(from..at).unwrap_or_default().iter().collect::<String>();
                let kind = word_kind(&word.to_lowercase());
                // "1pm" and its like: the letters say how to read the number before them.
                let glued = from.checked_sub(1).and_then(|before| chars.get(before));
                match kind {
                    Kind::Unknown if glued.is_some_and(char::is_ascii_digit) => Kind::Turns,
                    _ => kind,
                }
            }
            _ if c.is_whitespace() || c.is_control() => continue,
            '(' | ')' | '[' | ']' | '"' | '«' | '»' | ':' | '\'' | '’' | '*' | '.' => continue,
            // Combining accents, and characters without width.
            '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => continue,
            _ => Kind::Unknown,
        };
        tokens.push(Token { kind, from, to: at });
    }
    tokens
}

/// Where a word ends: it may hold apostrophes and, as in "après-midi", hyphens.
fn word_end(chars: &[char], from: usize) -> usize {
    let mut at = from;
    while let Some(c) = chars.get(at) {
        let inner = match c {
            '\'' | '’' => true,
            // "midi-14h" and "midi-minuit" are intervals.
            '-' => {
                let word = chars.get(from..at).unwrap_or_default().iter();
                !word.map(char::to_ascii_lowercase).eq("midi".chars())
            }
            _ => false,
        };
        let next_is_letter = chars.get(at + 1).is_some_and(|next| next.is_alphabetic());
        if !(c.is_alphabetic() || inner && next_is_letter) {
            break;
        }
        at += 1;
    }
    at
}

fn word_kind(word: &str) -> Kind {
    match word {
        "à" | "a" | "au" | "jusqu'à" | "jusqu’à" | "jusque" => Kind::Dash,
        "et" | "puis" => Kind::Break,
        "midi" => Kind::Time(MINUTES_PER_DAY / 2),
        "minuit" => Kind::Time(0),
        "fermé" | "fermée" | "fermés" | "ferme" | "fermeture" | "closed" | "aucun" | "aucune"
        | "néant" => Kind::Closed,
        "sauf" | "hors" | "excepté" | "except" | "pas" | "pause" | "paire" | "paires"
        | "impaire" | "impaires" | "am" | "pm" => Kind::Turns,
        "de" | "du" | "le" | "la" | "l'après-midi" | "l’après-midi" | "ouvert" | "ouverte"
        | "ouverture" | "horaires" | "matin" | "après-midi" | "soir" | "journée" | "non-stop"
        | "continu" | "en" | "sans" | "interruption" | "heure" | "heures" | "h" => Kind::Filler,
        _ => Kind::Unknown,
    }
}

/// Reads the time whose first digit is at `from`: its minute of the day, and where it ends.
fn read_time(chars: &[char], from: usize) -> (Option<u16>, usize) {
    let (digits, end) = digits_at(chars, from);
    if end - from > 2 {
        // "0830" and "830"; anything longer is no time.
        return (time_of(digits / 100, digits % 100).filter(|_| end - from <= 4), end);
    }
    let mark = skip_spaces(chars, end);
    match chars.get(mark) {
        Some('h' | 'H') => read_after_hour(chars, digits, mark),
        Some(':' | '：' | '∶') => read_after_colon(chars, digits, mark),
        Some('.') if mark == end && chars.get(mark + 1).is_some_and(char::is_ascii_digit) => {
            let (minutes, end) = digits_at(chars, mark + 1);
            (time_of(digits, minutes).filter(|_| end - mark == 3), end)
        }
        _ => (time_of(digits, 0), end),
    }
}

/// The rest of "8h", "8h30", "8 h 30 min" or "8 heures 30".
fn read_after_hour(chars: &[char], hour: u32, mark: usize) -> (Option<u16>, usize) {
    let unit_end = ascii_word_end(chars, mark);
    let unit: String = chars.get(mark..unit_end).unwrap_or_default().iter().collect();
    if !matches!(unit.to_ascii_lowercase().as_str(), "h" | "hr" | "hrs" | "heure" | "heures") {
        // A word that begins like a unit; it is read by itself.
        return (time_of(hour, 0), mark);
    }
    let digits_from = skip_spaces(chars, unit_end);
    let (minutes, end) = digits_at(chars, digits_from);
    // In "9h 12h" the second number is a time by itself.
    let next = chars.get(skip_spaces(chars, end));
    let apart = digits_from != unit_end && matches!(next, Some('h' | 'H' | ':' | '.'));
    if end == digits_from || apart {
        return (time_of(hour, 0), unit_end);
    }
    let time = time_of(hour, minutes).filter(|_| end - digits_from == 2);
    let unit_from = skip_spaces(chars, end);
    let unit_end = ascii_word_end(chars, unit_from);
    let unit: String = chars.get(unit_from..unit_end).unwrap_or_default().iter().collect();
    let has_unit = matches!(unit.to_ascii_lowercase().as_str(), "min" | "mn" | "minutes");
    (time, if has_unit { unit_end } else { end })
}

/// The rest of "08:30", "08 : 30", "08:30h" or, as databases write it, "08:30:00".
fn read_after_colon(chars: &[char], hour: u32, mark: usize) -> (Option<u16>, usize) {
    let from = skip_spaces(chars, mark + 1);
    let (minutes, mut end) = digits_at(chars, from);
    let mut time = time_of(hour, minutes).filter(|_| end - from == 2);
    if chars.get(end) == Some(&':') {
        let (seconds, seconds_end) = digits_at(chars, end + 1);
        time = time.filter(|_| seconds == 0 && seconds_end == end + 3);
        end = seconds_end;
    }
    let unit_end = ascii_word_end(chars, end);
    match chars.get(end..unit_end) {
        Some(['h' | 'H']) => (time, unit_end),
        _ => (time, end),
    }
}

/// A minute of the day; 24:00 is the last.
fn time_of(hour: u32, minute: u32) -> Option<u16> {
    let valid = minute < 60 && (hour < 24 || (hour == 24 && minute == 0));
    u16::try_from(hour * 60 + minute).ok().filter(|_| valid)
}

/// The number at `from` and where it ends; one too large to be a time stays too large.
fn digits_at(chars: &[char], from: usize) -> (u32, usize) {
    const TOO_LARGE: u32 = 1_000_000;
    let mut number = 0;
    let mut at = from;
    while let Some(digit) = chars.get(at).and_then(|c| c.to_digit(10)) {
        number = (number * 10 + digit).min(TOO_LARGE);
        at += 1;
    }
    (number, at)
}

fn skip_spaces(chars: &[char], from: usize) -> usize {
    let blank = |c: &&char| c.is_whitespace() && !matches!(c, '\n' | '\r');
    from + chars.get(from..).unwrap_or_default().iter().take_while(blank).count()
}

fn ascii_word_end(chars: &[char], from: usize) -> usize {
    let rest = chars.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|c| c.is_ascii_alphabetic()).count()
}
