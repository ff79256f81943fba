//! What a server says of the deliveries of a campaign and of who is protected by it.

use std::collections::BTreeMap;

use hyper::Method;
use serde::Deserialize;

use super::Tally;
use super::coverage::{Counts, Coverage};
use super::wanted::Doses;
use crate::api::{Ask, Reply};
use crate::audit::claims::Claims;
use crate::audit::over_api::{TRIES_MAX, read};
use crate::audit::seen::{InLine, Seen};
use crate::driver::Driver;
use crate::ledger::campaign::CampaignSet;

#[derive(Deserialize)]
struct TallySaid {
    claimed: u32,
    given: u32,
    wasted: u32,
}

#[derive(Deserialize)]
struct DeliverySaid {
    delivery_id: String,
    doses: u32,
    tally: TallySaid,
}

#[derive(Deserialize)]
struct DeliveriesSaid {
    deliveries: Vec<DeliverySaid>,
}

#[derive(Deserialize)]
struct RowSaid {
    #[serde(default)]
    band: String,
    first: u64,
    complete: u64,
    given: u64,
    booked: u64,
}

#[derive(Deserialize)]
struct CoverageSaid {
    rows: Vec<RowSaid>,
}

/// Reads who waits, deliveries, and who is protected in both forms.
///
/// # Errors
///
/// What could not be read.
pub(in super::super) async fn look(
    (set, doses): (&CampaignSet, &Doses),
    claims: &Claims,
    driver: &Driver,
    seen: &mut Seen,
) -> Result<(), String> {
    lines((set, doses), claims, driver, seen).await?;
    deliveries(set, driver, seen).await?;
    // What was offered before and what was offered since may be in a tally.
    lines((set, doses), claims, driver, seen).await?;
    coverage(set, driver, seen).await
}

/// Reads each place in a line that somebody was told of.
async fn lines(
    (set, doses): (&CampaignSet, &Doses),
    claims: &Claims,
    driver: &Driver,
    seen: &mut Seen,
) -> Result<(), String> {
    for wish in doses.waiters.all.keys() {
        let ask = Ask::ReadLine { campaign: set.campaign, wish: *wish };
        let it = match read(driver, TRIES_MAX, &ask).await? {
            None => continue,
            Some(Reply::InLine(it)) => it,
            other => return Err(format!("{wish}: answered as {other:?}")),
        };
        let (granted, offer) = (it.appointment.map(Into::into), it.offer.map(|offer| offer.id));
        seen.offers_unseen.extend(offer.filter(|hold| !claims.bookings.contains_key(hold)));
        let (status, rank, since) = (it.status, it.rank, it.since);
        seen.lines.insert(*wish, InLine { status, rank, since, granted, offer });
    }
    Ok(())
}

/// Reads what has become of each delivery.
async fn deliveries(set: &CampaignSet, driver: &Driver, seen: &mut Seen) -> Result<(), String> {
    let campaign = format!("/v1/campaigns/{}", set.campaign);
    for centre in &set.centres {
        let path = format!("{campaign}/deliveries?place_id={}", centre.place);
        let told = driver.operate(Method::GET, &path, None, None).await?;
        let told: DeliveriesSaid =
            serde_json::from_slice(&told.body).map_err(|error| format!("{path}: {error}"))?;
        for it in told.deliveries {
            let id = it.delivery_id.parse().map_err(|error| format!("{path}: {error}"))?;
            let TallySaid { claimed, given, wasted } = it.tally;
            seen.lots.insert(id, Tally { doses: it.doses, claimed, given, wasted });
        }
    }
    Ok(())
}

/// Reads who is protected.
async fn coverage(set: &CampaignSet, driver: &Driver, seen: &mut Seen) -> Result<(), String> {
    let path = format!("/v1/campaigns/{}/coverage?by=band", set.campaign);
    let told = driver.operate(Method::GET, &path, None, None).await?;
    let json: CoverageSaid =
        serde_json::from_slice(&told.body).map_err(|error| format!("{path}: {error}"))?;
    let json = json.rows.into_iter().map(|row| {
        let RowSaid { band, first, complete, given, booked } = row;
        (band, Counts { first, complete, given, booked })
    });
    let json = json.collect();
    let path = format!("{path}&format=csv");
    let told = driver.operate(Method::GET, &path, None, None).await?;
    let csv = csv(&String::from_utf8_lossy(&told.body));
    let csv = csv.ok_or_else(|| format!("{path}: is no table of bands"))?;
    seen.coverage = Some(Coverage { json, csv });
    Ok(())
}

/// A table whose names need no quotes; none where it is another.
fn csv(text: &str) -> Option<BTreeMap<String, Counts>> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.split(',').collect();
    let column = |name: &str| names.iter().position(|it| *it == name);
    let band = column("band")?;
    let columns = [column("first")?, column("complete")?, column("given")?, column("booked")?];
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let [first, complete, given, booked] =
                columns.map(|place| cells.get(place).and_then(|cell| cell.parse().ok()));
            let counts =
                Counts { first: first?, complete: complete?, given: given?, booked: booked? };
            Some(((*cells.get(band)?).to_owned(), counts))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_by_its_names() {
        let text = "band,first,complete,boosters,given,booked\r\n75-plus,2,1,0,3,4\r\n";
        let row = Counts { first: 2, complete: 1, given: 3, booked: 4 };
        assert_eq!(csv(text), Some(BTreeMap::from([("75-plus".to_owned(), row)])));
        assert_eq!(csv("band,first\r\n"), None);
        assert_eq!(csv(&text.replace(",4", ",many")), None);
    }
}
