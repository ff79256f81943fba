//! Many who want the same.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Barrier;

use crate::served::{Served, hold_of, text};

const CLIENTS: usize = 200;
const ROUNDS: usize = 100;

/// The slot that everyone wants in a round.
fn wanted(round: usize) -> String {
    format!("2027-03-23T{:02}:{:02}:00+01:00", round / 12, round % 12 * 5)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_who_want_one_slot_one_gets_it_every_time() {
    let served = Served::new().await;
    let day = json!(["00:00-24:00"]);
    let centre = json!({
        "location": {"name": "Stade"},
        "time_zone": "Europe/Paris",
        "grid_minutes": 5,
        "lanes": 1,
        "reasons": [{"id": "check-up", "name": "Jab", "duration_minutes": 5}],
        "weekly_hours": {"tuesday": day, "wednesday": day},
        "horizon_days": 10,
    });
    let calendar: Arc<str> = served.calendar(&centre).await.into();
    let start = Arc::new(Barrier::new(CLIENTS));
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let (calendar, start, mut client) =
            (calendar.clone(), start.clone(), served.client().await);
        clients.push(tokio::spawn(async move {
            let mut won = Vec::new();
            for round in 0..ROUNDS {
                let slot = wanted(round);
                let body = hold_of(&calendar, &slot, &format!("patient-{round}-{number}"));
                start.wait().await;
                let answer = client.post("/v1/holds", &body).await;
                if answer.status == 201 {
                    assert_eq!(answer.json()["start"], json!(slot));
                    won.push(round);
                    continue;
                }
                let taken = answer.problem(409, "slot_taken");
                let alternatives = taken["alternatives"].as_array().unwrap();
                assert_eq!(alternatives.len(), 3, "{taken}");
                assert!(alternatives.iter().all(|slot| slot["calendar_id"] == json!(*calendar)));
                assert!(alternatives.iter().all(|other| text(other, "start") != slot), "{taken}");
            }
            won
        }));
    }
    let mut winners = vec![0; ROUNDS];
    for client in clients {
        for round in client.await.unwrap() {
            winners[round] += 1;
        }
    }
    assert_eq!(winners, vec![1; ROUNDS]);
}
