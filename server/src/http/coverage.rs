//! Who is protected, and what a campaign desk sees.

use creneau::booking::hours::Date;
use creneau::{Coverage, CoverageBy, ReadCoverage};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};

use super::answer::{self, Response};
use super::app::App;
use super::campaigns;
use super::coverage_dto::{self, CoverageBody, CoveragePage, DeskBody, WaitingThere};
use super::deliveries::required;
use super::delivery_dto::{ConcernedBody, DeliveryBody};
use super::local::Day;
use super::problem::Problem;
use super::request::{Asked, Query};

const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");

const PROMETHEUS: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

const DATE_RULE: &str = "must be a date, YYYY-MM-DD";

/// As what coverage is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
    Prometheus,
}

impl Format {
    /// What is said in the query counts before what `Accept` says.
    fn of(query: &mut Query, headers: &HeaderMap) -> Result<Self, Problem> {
        match query.take("format").as_deref() {
            Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some("prometheus") => Ok(Self::Prometheus),
            Some(_) => Err(Problem::invalid("format", "must be json, csv or prometheus")),
            None if accepts_csv(headers) => Ok(Self::Csv),
            None => Ok(Self::Json),
        }
    }
}

/// Whether the first kind that is asked for and can be had is CSV.
fn accepts_csv(headers: &HeaderMap) -> bool {
    let listed = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let kinds = listed.flat_map(|value| value.split(','));
    let kinds = kinds.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    let mut known = kinds.filter_map(|kind| match kind.to_ascii_lowercase().as_str() {
        "text/csv" => Some(true),
        "application/json" | "application/*" | "*/*" => Some(false),
        _ => None,
    });
    known.next().unwrap_or(false)
}

/// What rows are told apart by: names that commas part, each once.
fn told_apart_by(query: &mut Query) -> Result<Vec<CoverageBy>, Problem> {
    const RULE: &str = "must be place, day, vaccine, band or territory, each once, \
                        parted by commas";
    let Some(text) = query.take("by").filter(|text| !text.is_empty()) else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    for name in text.split(',') {
        let by = match name {
            "place" => CoverageBy::Place,
            "day" => CoverageBy::Day,
            "vaccine" => CoverageBy::Vaccine,
            "band" => CoverageBy::Band,
            "territory" => CoverageBy::Territory,
            _ => return Err(Problem::invalid("by", RULE)),
        };
        if all.contains(&by) {
            return Err(Problem::invalid("by", RULE));
        }
        all.push(by);
    }
    // Columns stand in the order in which rows are sorted.
    all.sort_unstable();
    Ok(all)
}

pub(super) async fn read(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let mut query = asked.query(&["by", "place_id", "from", "until", "format"])?;
    let campaign = campaigns::id(app, &asked.id).await?;
    let format = Format::of(&mut query, &asked.headers)?;
    let by = told_apart_by(&mut query)?;
    let place = match query.take("place_id") {
        Some(text) => Some(app.place(&text).await?),
        None => None,
    };
    let mut day = |name: &str| -> Result<Option<Date>, Problem> {
        Ok(query.parse::<Day>(name, DATE_RULE)?.map(|Day(date)| date.into()))
    };
    let (from, until) = (day("from")?, day("until")?);
    let wanted = ReadCoverage { campaign, by: by.clone(), place, from, until };
    let rows = app.settled(app.engine.coverage(wanted).await).await?;
    let rows: Vec<CoverageBody> = rows.into_iter().map(CoverageBody::from).collect();
    Ok(match format {
        Format::Json => answer::json(StatusCode::OK, &CoveragePage { rows }),
        Format::Csv => answer::text(coverage_dto::csv(&by, &rows), CSV),
        Format::Prometheus => {
            answer::text(coverage_dto::prometheus(campaign, &by, &rows), PROMETHEUS)
        }
    })
}

/// What a campaign desk sees of a place on a day, in one call.
pub(super) async fn desk(app: &App, asked: &Asked) -> Result<Response, Problem> {
    let mut query = asked.query(&["place_id", "day"])?;
    let campaign = campaigns::id(app, &asked.id).await?;
    let place = app.place(&required(&mut query, "place_id")?).await?;
    let day = required(&mut query, "day")?.parse::<Day>();
    let day = day.map_err(|_| Problem::invalid("day", DATE_RULE))?;
    let deliveries = app.settled(app.engine.deliveries(campaign, place).await).await?;
    let (by, place_alone, day) = (Vec::new(), Some(place), Some(Date::from(day.0)));
    let wanted = ReadCoverage { campaign, by, place: place_alone, from: day, until: day };
    let rows = app.settled(app.engine.coverage(wanted).await).await?;
    let there = app.settled(app.engine.without_dose(campaign, Some(place)).await).await?;
    let info = app.settled(app.engine.campaign(campaign).await).await?;
    let mut lines = Vec::with_capacity(info.campaign.vaccines.len());
    for vaccine in info.campaign.vaccines {
        let line = app.engine.line((campaign, place, vaccine.id.clone()), 0).await;
        let waiting = app.settled(line).await?.waiting;
        lines.push(WaitingThere { vaccine: vaccine.id.to_string(), waiting });
    }
    let body = DeskBody {
        deliveries: deliveries.into_iter().map(DeliveryBody::from).collect(),
        coverage: rows.into_iter().next().unwrap_or_else(Coverage::default).into(),
        without_dose: ConcernedBody::each(&there, app).await,
        lines,
    };
    Ok(answer::json(StatusCode::OK, &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_chosen_by_the_query_and_else_by_accept() {
        let of = |query: &str, accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            let mut query = Query::read(query, &["format"]).unwrap();
            Format::of(&mut query, &headers).map_err(|problem| problem.detail().to_owned())
        };
        for (query, accept, format) in [
            ("", "*/*", Format::Json),
            ("", "", Format::Json),
            ("", "text/csv", Format::Csv),
            ("", "text/html, text/csv;q=0.9, */*;q=0.1", Format::Csv),
            ("", "application/json, text/csv", Format::Json),
            ("format=json", "text/csv", Format::Json),
            ("format=csv", "application/json", Format::Csv),
            ("format=prometheus", "text/csv", Format::Prometheus),
        ] {
            assert_eq!(of(query, accept), Ok(format), "{query} {accept}");
        }
        assert!(of("format=xml", "*/*").unwrap_err().starts_with("format must be"));
    }

    #[test]
    fn rows_are_told_apart_by_what_there_is() {
        let by = |text: &str| told_apart_by(&mut Query::read(text, &["by"]).unwrap());
        assert_eq!(by("").unwrap(), []);
        assert_eq!(by("by=day,place").unwrap(), [CoverageBy::Place, CoverageBy::Day]);
        for wrong in ["by=person", "by=day,day", "by=day,", "by=Day"] {
            assert!(by(wrong).unwrap_err().detail().starts_with("by must be"), "{wrong}");
        }
    }
}
