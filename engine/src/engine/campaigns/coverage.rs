//! Who is protected, and who is to be.

use std::collections::BTreeMap;

use super::{Engine, refused};
use crate::booking::Rejection;
use crate::booking::hours::Date;
use crate::campaign::Campaign;
use crate::error::{Answer, Error};
use crate::limits::COVERAGE_ROWS_MAX;
use crate::readers::coverage::{self, Cell, Protected};
use crate::request::{Coverage, CoverageBy, ReadCoverage};
use crate::runtime::catch_up;

impl Engine {
    /// Doses given and booked in a campaign, exact up to the watermark: in the order of what they
    /// are told apart by. Days are those of the calendars' own clocks.
    ///
    /// Refused as [`Rejection::UnknownCampaign`], or as [`Rejection::Invalid`] where there would be
    /// more than [`COVERAGE_ROWS_MAX`] rows.
    ///
    /// # Errors
    ///
    /// [`Error`] when the engine cannot answer; see its variants.
    pub async fn coverage(&self, asked: ReadCoverage) -> Answer<Vec<Coverage>> {
        let shared = self.shared();
        shared.check()?;
        let Some((_, campaign)) = shared.index.doses().campaign(asked.campaign) else {
            return refused(Rejection::UnknownCampaign);
        };
        let store = catch_up(shared).await?;
        let mut rows: BTreeMap<Key, Coverage> = BTreeMap::new();
        let mut too_many = false;
        coverage::read(&*store, asked.campaign, |cell, counts| {
            if !asked.wants(&cell) {
                return;
            }
            let key = asked.key(&cell);
            too_many |= rows.len() == COVERAGE_ROWS_MAX && !rows.contains_key(&key);
            if too_many {
                return;
            }
            rows.entry(key).or_insert_with(|| asked.row(&cell)).add(&campaign, &cell, counts);
        })
        .map_err(Error::from)?;
        if too_many {
            let rule = format!("must tell apart at most {COVERAGE_ROWS_MAX} rows");
            return refused(Rejection::Invalid { field: "by".to_owned(), rule });
        }
        let mut rows: Vec<Coverage> = rows.into_values().collect();
        if rows.is_empty() && asked.by.is_empty() {
            rows.push(Coverage::default());
        }
        Ok(Ok(rows))
    }
}

/// A cell with what it is not told apart by left out.
type Key = (Option<u128>, Option<i32>, Option<String>, Option<String>, Option<String>);

impl ReadCoverage {
    fn wants(&self, cell: &Cell) -> bool {
        let day = Date::from(coverage::date(cell.day));
        self.place.is_none_or(|place| place == cell.place)
            && self.from.is_none_or(|from| from <= day)
            && self.until.is_none_or(|until| day <= until)
    }

    fn key(&self, cell: &Cell) -> Key {
        let by = |what| self.by.contains(&what);
        (
            by(CoverageBy::Place).then(|| cell.place.bits()),
            by(CoverageBy::Day).then_some(cell.day),
            by(CoverageBy::Vaccine).then(|| cell.vaccine.to_string()),
            by(CoverageBy::Band).then(|| cell.band.to_string()),
            by(CoverageBy::Territory)
                .then(|| cell.territory.as_ref().map_or(String::new(), ToString::to_string)),
        )
    }

    fn row(&self, cell: &Cell) -> Coverage {
        let by = |what| self.by.contains(&what);
        Coverage {
            place: by(CoverageBy::Place).then_some(cell.place),
            day: by(CoverageBy::Day).then(|| coverage::date(cell.day).into()),
            vaccine: by(CoverageBy::Vaccine).then(|| cell.vaccine.clone()),
            band: by(CoverageBy::Band).then(|| cell.band.clone()),
            territory: cell.territory.clone().filter(|_| by(CoverageBy::Territory)),
            ..Coverage::default()
        }
    }
}

impl Coverage {
    fn add(&mut self, campaign: &Campaign, cell: &Cell, counts: Protected) {
        self.booked += counts.booked;
        self.given += counts.given;
        if cell.number == 1 {
            self.first += counts.given;
        }
        let doses = campaign.vaccine(&cell.vaccine).map_or(1, |vaccine| vaccine.doses);
        if cell.number == doses {
            self.complete += counts.given;
        }
        if doses < cell.number {
            self.boosters += counts.given;
        }
    }
}
