//! The opening hours of queues. All hours are in the queue's own time zone, including days with clock changes.

use async_graphql::Enum;
use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use chrono_tz::Tz;
use entity::queue::{self, BusinessHours, OpenHours};

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "chrono::Weekday")]
pub enum Weekday {
    /// The first day of the week.
    #[graphql(name = "MONDAY")]
    Mon,
    /// The second day of the week.
    #[graphql(name = "TUESDAY")]
    Tue,
    /// The third day of the week.
    #[graphql(name = "WEDNESDAY")]
    Wed,
    /// The fourth day of the week.
    #[graphql(name = "THURSDAY")]
    Thu,
    /// The fifth day of the week.
    #[graphql(name = "FRIDAY")]
    Fri,
    /// The sixth day of the week.
    #[graphql(name = "SATURDAY")]
    Sat,
    /// The seventh day of the week.
    #[graphql(name = "SUNDAY")]
    Sun,
}

impl Weekday {
    /// Returns the stored number of the day: 1 for Monday to 7 for Sunday.
    #[must_use]
    pub fn number(self) -> u8 {
        u8::try_from(chrono::Weekday::from(self).number_from_monday()).unwrap_or_default()
    }

    /// Returns the day with a stored number.
    #[must_use]
    pub fn numbered(number: u8) -> Option<Self> {
        chrono::Weekday::try_from(number.checked_sub(1)?).ok().map(Self::from)
    }
}

/// Returns the minutes since midnight of a time such as `09:30`, at most `24:00`. None for any other text.
#[must_use]
pub fn minutes(time: &str) -> Option<u16> {
    let (hours, minutes) = time.split_once(':')?;
    let two = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !two(hours) || !two(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let time = hours * 60 + minutes;
    (minutes < 60 && time <= 24 * 60).then_some(time)
}

/// Writes a number of minutes since midnight as a time, such as `09:30`.
#[must_use]
pub fn time(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// The message outside of the opening hours when the queue has no message of its own.
const DEFAULT_CLOSED_MESSAGE: &str = "Nobody is here at this time. Your message is kept and will be answered.";

/// Returns true if a queue is open at a time. A queue without hours is always open.
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

/// Returns the message to a customer who writes outside of the opening hours. None while the queue is open.
#[must_use]
pub fn closed_message(queue: &queue::Model, now: DateTime<Utc>) -> Option<String> {
    if is_open(queue.hours.as_ref(), now) {
        return None;
    }
    let answer = queue.hours.as_ref().and_then(|hours| hours.answer.clone());
    Some(answer.unwrap_or_else(|| DEFAULT_CLOSED_MESSAGE.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{DateTime, Utc, is_open, minutes, time};
    use entity::queue::{BusinessHours, OpenHours};

    fn at(time: &str) -> DateTime<Utc> {
        time.parse().expect("a time")
    }

    #[test]
    fn times_are_written_as_clocks_show_them() {
        for (text, then) in [("00:00", 0), ("09:30", 570), ("24:00", 1_440)] {
            assert_eq!((minutes(text), time(then).as_str()), (Some(then), text));
        }
        for bad in ["", "9:30", "09.30", "24:01", "12:60", "+9:30", "09:30:00", "99:99"] {
            assert_eq!(minutes(bad), None, "{bad}");
        }
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
