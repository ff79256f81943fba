//! Malformed frames: random bytes, and requests that were sound before something was changed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Size;
use super::attacks::answer;
use super::tally::{Fate, Tally};
use crate::clock::pause;
use crate::dice::Dice;

/// Connections at a time.
const SENDERS: u64 = 64;

/// Bytes of a frame without a plan.
const BYTES_MAX: u64 = 600;

/// Changes that are made to a request at once.
const CHANGES_MAX: u64 = 4;

/// How long a frame is waited for. What ends in the midst of a request is told so by the end of
/// this side of the connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sound requests, or nearly: their ids are those of nobody.
const SOUND: [&str; 8] = [
    "GET /v1/calendars/cal_01arz3ndektsv4rrffq69g5fav/slots?reason=visit&from=2030-01-01&days=2 \
     HTTP/1.1\r\nHost: t\r\n\r\n",
    "POST /v1/holds HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nIdempotency-Key: a\r\n\
     Content-Length: 117\r\n\r\n{\"calendar_id\":\"cal_01arz3ndektsv4rrffq69g5fav\",\"start\":\
     \"2030-01-01T09:00:00Z\",\"reason\":\"visit\",\"patient_id\":\"eve\"}",
    "POST /v1/holds/hold_01arz3ndektsv4rrffq69g5fav/confirm HTTP/1.1\r\nHost: t\r\n\
     Content-Length: 2\r\n\r\n{}",
    "DELETE /v1/holds/hold_01arz3ndektsv4rrffq69g5fav HTTP/1.1\r\nHost: t\r\n\r\n",
    "POST /v1/appointments/search HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n\
     1c\r\n{\"patient_id\":\"eve\",\"limit\":1}\r\n0\r\n\r\n",
    "POST /v1/appointments/appt_01arz3ndektsv4rrffq69g5fav/move HTTP/1.1\r\nHost: t\r\n\
     Content-Length: 34\r\n\r\n{\"start\":\"2030-01-01T09:00:00+01:00\"}",
    "PATCH /v1/calendars/cal_01arz3ndektsv4rrffq69g5fav HTTP/1.1\r\nHost: t\r\nIf-Match: \"1\"\r\n\
     Content-Length: 11\r\n\r\n{\"lanes\":-1}",
    "GET /metrics HTTP/1.1\r\nHost: t\r\nAccept: text/plain;q=0.5, */*\r\nRange: bytes=0-\r\n\r\n",
];

/// Sends all frames.
pub(super) async fn send(address: SocketAddr, size: Size, tally: &Arc<Tally>) {
    let mut senders = JoinSet::new();
    for number in 0..SENDERS {
        let (tally, mut dice) = (tally.clone(), Dice::of(size.seed, number));
        let frames = size.frames / SENDERS + u64::from(number < size.frames % SENDERS);
        senders.spawn(async move {
            let mut left = frames;
            while 0 < left {
                let Ok(stream) = TcpStream::connect(address).await else {
                    tally.add(Fate::Broken);
                    left -= 1;
                    pause(100).await;
                    continue;
                };
                left -= converse(stream, left, &mut dice, &tally).await;
            }
        });
    }
    while senders.join_next().await.is_some() {}
}

/// Frames on one connection, until the server ends it; gives how many there were.
async fn converse(mut stream: TcpStream, left: u64, dice: &mut Dice, tally: &Tally) -> u64 {
    let mut sent = 0;
    while sent < left {
        sent += 1;
        if stream.write_all(&frame(dice)).await.is_err() {
            tally.add(Fate::Closed);
            break;
        }
        // The server cannot know that nothing more comes, unless it is told.
        let last = dice.chance(0.5);
        if last && stream.shutdown().await.is_err() {
            tally.add(Fate::Closed);
            break;
        }
        let within = if last { PATIENCE } else { Duration::from_millis(5) };
        let fate = answer(&mut stream, within).await;
        tally.add(fate);
        if last || !matches!(fate, Fate::Answered(_) | Fate::Silent) {
            break;
        }
    }
    let _ = stream.set_zero_linger();
    sent
}

/// A frame that is most likely wrong.
fn frame(dice: &mut Dice) -> Vec<u8> {
    let byte = |dice: &mut Dice| u8::try_from(dice.below(256)).unwrap_or(0);
    if dice.chance(0.25) {
        let len = dice.below(BYTES_MAX) + 1;
        return (0..len).map(|_| byte(dice)).collect();
    }
    let mut bytes = dice.pick(&SOUND).copied().unwrap_or_default().as_bytes().to_vec();
    for _ in 0..=dice.below(CHANGES_MAX) {
        let place = usize::try_from(dice.below(bytes.len() as u64)).unwrap_or(0);
        let end = place.saturating_add(1 + usize::try_from(dice.below(24)).unwrap_or(0));
        let end = end.min(bytes.len());
        match dice.below(6) {
            0 => bytes.truncate(place.max(1)),
            1 => drop(bytes.drain(place..end)),
            2 => {
                let again = bytes.get(place..end).unwrap_or_default().to_vec();
                bytes.splice(place..place, again);
            }
            3 => {
                let others: Vec<u8> = (place..end).map(|_| byte(dice)).collect();
                bytes.splice(place..end, others);
            }
            4 => {
                let other = dice.pick(&SOUND).copied().unwrap_or_default().as_bytes();
                let from = other.len().min(place);
                bytes.splice(place..end, other.iter().skip(from).copied());
            }
            _ => bytes.iter_mut().skip(place).take(1).for_each(|it| *it ^= 1 << dice.below(8)),
        }
        if bytes.is_empty() {
            bytes.push(byte(dice));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_repeat_under_a_seed_and_are_of_many_kinds() {
        let frames = |seed| {
            let mut dice = Dice::of(seed, 0);
            (0..2_000).map(|_| frame(&mut dice)).collect::<Vec<_>>()
        };
        assert_eq!(frames(1), frames(1));
        assert_ne!(frames(1), frames(2));
        let distinct: std::collections::BTreeSet<_> = frames(1).into_iter().collect();
        assert!(1_900 < distinct.len() && distinct.iter().all(|it| !it.is_empty()));
    }
}
