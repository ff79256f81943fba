//! What to try, as lines for a shell that work when they are pasted in order.

use std::fmt::Write;

use creneau::{Engine, FindSlots, Timestamp, booking};

use super::Shown;

/// What starts each line for the shell: it sets them apart from the words.
const INDENT: &str = "    ";

/// The reason that the guide books; the first calendar has it.
const REASON: &str = "consultation";

/// How many days away the start is that the guide books: who reads it later finds it free too.
const AHEAD_DAYS: i64 = 2;

/// Days after that in which it is looked for: a practice closes for less.
const LOOK_DAYS: i64 = 14;

/// What the lines are filled in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guide {
    /// Where the server is, such as `http://127.0.0.1:8080`.
    pub server: String,
    /// Two free starts of the first calendar, with its offset.
    pub starts: [String; 2],
    /// The date of the first start.
    pub date: String,
}

impl Guide {
    /// Looks for free starts.
    ///
    /// # Errors
    ///
    /// What went wrong, for a reader at the screen.
    pub async fn find(engine: &Engine, server: String, first: &Shown) -> Result<Self, String> {
        let text = |error: creneau::Error| error.to_string();
        let schedule = engine.schedule(first.id).await.map_err(text)?;
        let schedule = schedule.map_err(|refusal| refusal.to_string())?;
        // A whole day, so that what is booked is the first that a listing of it shows.
        let day = booking::schedule::later(schedule.date_at(engine.now()), AHEAD_DAYS);
        let from = schedule.midnight(day);
        let wanted = FindSlots {
            calendar: first.id,
            reason: REASON.parse().map_err(|error| format!("{REASON}: {error}"))?,
            from,
            until: from.plus_minutes(LOOK_DAYS * 24 * 60),
            limit: 100,
            practice: false,
        };
        let found = engine.find_slots(wanted).await.map_err(text)?;
        let found = found.map_err(|refusal| refusal.to_string())?;
        let local = |instant: Timestamp| {
            instant.to_jiff().display_with_offset(schedule.offset_at(instant)).to_string()
        };
        let (Some(one), Some(other)) = (found.slots.first(), found.slots.last()) else {
            return Err("no free slot was found".to_owned());
        };
        Ok(Self {
            server,
            starts: [local(one.start), local(other.start)],
            date: schedule.date_at(one.start).to_string(),
        })
    }

    /// What is shown: each step with its words, and its lines for the shell.
    fn steps(&self, first: &Shown) -> Vec<(String, Vec<String>)> {
        let Self { server, starts: [start, other], date } = self;
        let Shown { id, name, department, .. } = first;
        let specialty = first.specialty.as_deref().unwrap_or_default();
        let json = "-H 'content-type: application/json'";
        let take = |field: &str| format!(r#"sed -n 's/.*"{field}":"\([^"]*\)".*/\1/p'"#);
        let place = format!(r#""calendar_id":"{id}","start":"{start}","reason":"{REASON}""#);
        let hold = |patient: &str| format!(r#"-d '{{{place},"patient_id":"{patient}"}}'"#);
        let step = |words: &str, lines: &[String]| (words.to_owned(), lines.to_vec());
        let read = format!(r#"curl -s "{server}/v1/appointments/$APPOINTMENT"; echo"#);
        vec![
            step(
                "Find calendars by department, and by specialty:",
                &[
                    format!("curl -s '{server}/v1/calendars?department={department}'; echo"),
                    format!("curl -s -G '{server}/v1/calendars' \\"),
                    format!("  --data-urlencode 'specialty={specialty}'; echo"),
                ],
            ),
            step(
                &format!("Look for free slots of {name}:"),
                &[
                    format!("curl -s -G {server}/v1/calendars/{id}/slots \\"),
                    format!("  -d reason={REASON} -d from={date} -d days=3 -d limit=5; echo"),
                ],
            ),
            step(
                "Hold one, for 15 minutes:",
                &[
                    format!("HOLD=$(curl -s {server}/v1/holds {json} \\"),
                    format!("  {} \\", hold("patient-1")),
                    format!("  | {}); echo \"$HOLD\"", take("hold_id")),
                ],
            ),
            step(
                "Nobody else can have it; they are offered what is near:",
                &[
                    format!("curl -s {server}/v1/holds {json} \\"),
                    format!("  {}; echo", hold("patient-2")),
                ],
            ),
            step(
                "Confirm it, and read the appointment that it has become:",
                &[
                    format!("APPOINTMENT=$(curl -s -X POST \"{server}/v1/holds/$HOLD/confirm\" \\"),
                    format!("  | {}); echo \"$APPOINTMENT\"", take("appointment_id")),
                    read,
                ],
            ),
            step(
                "Move it; it keeps its identifier:",
                &[
                    format!("curl -s \"{server}/v1/appointments/$APPOINTMENT/move\" {json} \\"),
                    format!("  -d '{{\"start\":\"{other}\"}}'; echo"),
                ],
            ),
            step(
                "Cancel it:",
                &[format!("curl -s -X DELETE \"{server}/v1/appointments/$APPOINTMENT\"; echo")],
            ),
            step(
                "Find all appointments of a patient:",
                &[
                    format!("curl -s {server}/v1/appointments/search {json} \\"),
                    "  -d '{\"patient_id\":\"patient-1\"}'; echo".to_owned(),
                ],
            ),
        ]
    }
}

/// The text on the screen.
#[must_use]
pub fn guide(guide: &Guide, shown: &[Shown]) -> String {
    let mut text = String::from("These calendars can be booked:\n\n");
    for calendar in shown {
        let Shown { id, name, specialty, department, address } = calendar;
        let what = specialty.as_deref().unwrap_or("centre de vaccination");
        let _ = writeln!(text, "  {id}  {department:<3}  {name}, {what}, {address}");
    }
    text.push_str("\nPaste these lines into another terminal, in order:\n");
    for (words, lines) in shown.first().map(|first| guide.steps(first)).unwrap_or_default() {
        let _ = write!(text, "\n{words}\n\n");
        for line in lines {
            let _ = writeln!(text, "{INDENT}{line}");
        }
    }
    text.push_str("\nCtrl-C ends the server, and everything in it is gone.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_for_the_shell_is_filled_in() {
        let first = Shown {
            id: creneau::CalendarId::from_bits(7),
            name: "Dr N".to_owned(),
            specialty: Some("sage-femme".to_owned()),
            department: "44".to_owned(),
            address: "1 rue X".to_owned(),
        };
        let filled = Guide {
            server: "http://127.0.0.1:1".to_owned(),
            starts: [
                "2027-03-01T09:00:00+01:00".to_owned(),
                "2027-03-01T10:00:00+01:00".to_owned(),
            ],
            date: "2027-03-01".to_owned(),
        };
        let text = guide(&filled, &[first]);
        let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(INDENT)).collect();
        let curls = lines.iter().filter(|line| line.contains("curl -s")).count();
        assert_eq!(curls, 10);
        assert_eq!(lines.iter().filter(|line| line.contains("http://127.0.0.1:1/v1/")).count(), 10);
    }
}
