//! What was measured, and how it is told: medians with their spread, a table, and JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::goals::{Goal, Row};

/// What the rounds of a row gave.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) ours: Vec<f64>,
    /// Empty where there is no reference.
    pub(crate) reference: Vec<f64>,
    /// What else was seen, a sentence each.
    pub(crate) notes: Vec<String>,
}

/// The middle of the values; the mean of both where two are in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// The distance from the least to the greatest value, as a part of the median.
fn spread(values: &[f64]) -> Option<f64> {
    let least = values.iter().copied().min_by(f64::total_cmp)?;
    let greatest = values.iter().copied().max_by(f64::total_cmp)?;
    Some((greatest - least) / median(values)?)
}

/// The value that `share` of all values do not exceed.
pub(crate) fn quantile(sorted: &[u64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index, from a share of it"
    )]
    let place = (number(last) * share).ceil() as usize;
    sorted.get(place.min(last)).map_or(0.0, |value| number(*value))
}

/// A count as a number to calculate with: none here comes near 2 to the power of 52.
#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds of a run")]
pub(crate) fn number(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(0) as f64
}

/// A row with what was measured of it.
pub(crate) struct Told<'a> {
    row: &'a Row,
    measured: &'a Measured,
}

impl<'a> Told<'a> {
    pub(crate) const fn new(row: &'a Row, measured: &'a Measured) -> Self {
        Self { row, measured }
    }

    fn ours(&self) -> Option<f64> {
        median(&self.measured.ours)
    }

    fn reference(&self) -> Option<f64> {
        median(&self.measured.reference)
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.ours()? / self.reference()?)
    }

    /// Whether the goal is met.
    pub(crate) fn met(&self) -> Option<bool> {
        Some(match self.row.goal {
            Goal::RatioAtLeast(least) => least <= self.ratio()?,
            Goal::RatioAtMost(most) => self.ratio()? <= most,
            Goal::AtLeast(least) => least <= self.ours()?,
            Goal::AtMost(most) => self.ours()? <= most,
        })
    }

    /// One object of `bench.json`.
    pub(crate) fn json(&self) -> Value {
        json!({
            "name": self.row.name, "ours": self.ours(), "reference": self.reference(),
            "ratio": self.ratio(), "unit": self.row.unit,
            "ours_rounds": self.measured.ours, "reference_rounds": self.measured.reference,
            "goal": self.row.goal.to_string(), "met": self.met(), "notes": self.measured.notes,
        })
    }

    /// One line of the table, and one for each note.
    pub(crate) fn text(&self) -> String {
        let value = |values: &[f64]| match median(values).zip(spread(values)) {
            Some((median, spread)) => format!("{} ±{:.0} %", figure(median), spread * 50.0),
            None => "-".to_owned(),
        };
        let ratio = self.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let met = match self.met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "-",
        };
        let Row { name, unit, goal, .. } = self.row;
        let (ours, reference) = (value(&self.measured.ours), value(&self.measured.reference));
        let goal = goal.to_string();
        let mut text = format!(
            "| {name:<16} | {unit:<10} | {ours:>18} | {reference:>18} | {ratio:>6} | {goal:<12} | \
             {met:<6} |"
        );
        for note in &self.measured.notes {
            let _ = write!(text, "\n    {name}: {note}");
        }
        text
    }
}

/// The table's head.
pub(crate) fn head() -> String {
    const WIDTHS: [usize; 7] = [18, 12, 20, 20, 8, 14, 8];
    let [name, unit, ours, reference, none] = ["name", "unit", "ours", "reference", ""];
    let lines = WIDTHS.map(|width| "-".repeat(width)).join("|");
    format!(
        "| {name:<16} | {unit:<10} | {ours:>18} | {reference:>18} |  ratio | goal         | \
         {none:6} |\n|{lines}|"
    )
}

/// A figure with its thousands apart, or with two digits where it is small.
pub(crate) fn figure(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if 0 < place && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_told_by_its_medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), Some(2.5));
        assert_eq!((quantile(&[1, 2, 3, 4], 0.5), quantile(&[], 0.5)), (3.0, 0.0));
        assert_eq!((figure(1_234_567.4), figure(0.371)), ("1,234,567".into(), "0.37".into()));
        let row = crate::goals::ROWS.iter().find(|row| row.name == "journal_1024").unwrap();
        let of = |ours: &[f64]| Measured {
            ours: ours.to_vec(),
            reference: vec![100.0, 90.0, 110.0],
            notes: Vec::new(),
        };
        let (good, bad) = (of(&[80.0, 10.0, 70.0]), of(&[50.0]));
        assert_eq!(Told::new(row, &good).met(), Some(true));
        assert_eq!(Told::new(row, &good).json()["ratio"], 0.7);
        assert_eq!(Told::new(row, &bad).met(), Some(false));
        let none = Measured { ours: vec![1.0], ..Measured::default() };
        let json = Told::new(row, &none).json();
        assert!(json["reference"].is_null() && json["ratio"].is_null(), "{json}");
    }
}
