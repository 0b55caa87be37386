//! When a queue is served. Hours are those of the queue's own time zone, also on the days on which its clocks change.

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use chrono_tz::Tz;
use entity::queue::{self, BusinessHours, OpenHours};

/// What is told at other times where the queue says nothing of its own.
const ANSWER: &str = "Nobody is here at this time. Your message is kept and will be answered.";

/// Whether a queue is served at a time. One without hours always is.
#[must_use]
pub fn is_open(hours: Option<&BusinessHours>, now: DateTime<Utc>) -> bool {
    let Some(hours) = hours else { return true };
    let zone: Tz = hours.time_zone.parse().unwrap_or(Tz::UTC);
    let there = now.with_timezone(&zone);
    if hours.closed_on.contains(&there.format("%Y-%m-%d").to_string()) {
        return false;
    }
    let weekday = there.weekday().number_from_monday();
    let minute = there.hour() * 60 + there.minute();
    let at = |open: &OpenHours| {
        u32::from(open.weekday) == weekday && (u32::from(open.from)..u32::from(open.to)).contains(&minute)
    };
    hours.open.iter().any(at)
}

/// What a customer is told who writes while a queue is not served.
#[must_use]
pub fn closed(queue: &queue::Model, now: DateTime<Utc>) -> Option<String> {
    if is_open(queue.hours.as_ref(), now) {
        return None;
    }
    let answer = queue.hours.as_ref().and_then(|hours| hours.answer.clone());
    Some(answer.unwrap_or_else(|| ANSWER.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{BusinessHours, DateTime, OpenHours, Utc, is_open};

    fn at(time: &str) -> DateTime<Utc> {
        time.parse().expect("a time")
    }

    #[test]
    fn hours_are_those_of_the_zone_in_summer_and_in_winter() {
        let hours = BusinessHours {
            time_zone: "Europe/Berlin".to_owned(),
            open: (1..=5).map(|weekday| OpenHours { weekday, from: 9 * 60, to: 17 * 60 }).collect(),
            closed_on: vec!["2026-12-25".to_owned()],
            answer: None,
        };
        let open = |time| is_open(Some(&hours), at(time));
        assert!(open("2026-07-01T07:00:00Z"), "nine in summer");
        assert!(!open("2026-01-07T07:59:59Z"), "before nine in winter");
        assert!(open("2026-01-07T08:00:00Z"), "nine in winter");
        assert!(!open("2026-01-07T16:00:00Z"), "seventeen in winter");
        assert!(!open("2026-01-10T10:00:00Z"), "a Saturday");
        assert!(!open("2026-12-25T10:00:00Z"), "a closed day");
        assert!(is_open(None, at("2026-12-25T10:00:00Z")));
    }
}
