//! The opening hours of queues. All hours are in the queue's own time zone, including days with clock changes.

use async_graphql::Enum;
use chrono::{DateTime, Datelike as _, Days, MappedLocalTime, NaiveDate, NaiveTime, TimeDelta, Timelike as _, Utc};
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

/// Number of days in which the next opening is searched. A queue has at most 400 closed days.
const DAYS: u64 = 408;

/// Returns true if a queue is open at a time. A queue without hours is always open.
#[must_use]
pub fn is_open(hours: Option<&BusinessHours>, now: DateTime<Utc>) -> bool {
    let Some(hours) = hours else { return true };
    let there = now.with_timezone(&zone(hours));
    if is_closed_day(hours, there.date_naive()) {
        return false;
    }
    let weekday = there.weekday().number_from_monday();
    let minute = there.hour() * 60 + there.minute();
    let at = |open: &OpenHours| {
        u32::from(open.weekday) == weekday && (u32::from(open.from)..u32::from(open.to)).contains(&minute)
    };
    hours.open.iter().any(at)
}

fn zone(hours: &BusinessHours) -> Tz {
    hours.time_zone.parse().unwrap_or(Tz::UTC)
}

fn is_closed_day(hours: &BusinessHours, day: NaiveDate) -> bool {
    hours.closed_on.contains(&day.format("%Y-%m-%d").to_string())
}

/// The facts for a customer who writes outside of the opening hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedNotice {
    /// The closed message of the queue. None if the queue has no message of its own.
    pub message: Option<String>,
    /// The time at which the queue opens next. None if it never opens.
    pub opens_at: Option<DateTime<Utc>>,
    /// The IANA name of the queue's time zone.
    pub time_zone: String,
}

/// Returns the facts for a customer who writes to a queue now. None while the queue is open.
#[must_use]
pub fn closed_notice(queue: &queue::Model, now: DateTime<Utc>) -> Option<ClosedNotice> {
    let hours = queue.hours.as_ref().filter(|hours| !is_open(Some(hours), now))?;
    Some(ClosedNotice {
        message: hours.answer.clone(),
        opens_at: next_opening(hours, now),
        time_zone: hours.time_zone.clone(),
    })
}

/// Returns the first time after `now` at which closed hours open. None if they never open.
#[must_use]
pub fn next_opening(hours: &BusinessHours, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let today = now.with_timezone(&zone(hours)).date_naive();
    (0..DAYS).find_map(|ahead| {
        let day = today.checked_add_days(Days::new(ahead)).filter(|day| !is_closed_day(hours, *day))?;
        let weekday = day.weekday().number_from_monday();
        let ranges = hours.open.iter().filter(|open| u32::from(open.weekday) == weekday);
        ranges.filter_map(|open| opening(hours, day, *open, now)).min()
    })
}

/// Returns the first minute after `now` in a range of a day. Where clocks go forward, a range may begin later than it
/// says.
fn opening(hours: &BusinessHours, day: NaiveDate, open: OpenHours, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (open.from..open.to).find_map(|minute| {
        let there = day.and_time(NaiveTime::MIN) + TimeDelta::minutes(minute.into());
        match there.and_local_timezone(zone(hours)) {
            MappedLocalTime::Single(at) => Some(at.to_utc()).filter(|at| *at > now),
            MappedLocalTime::Ambiguous(first, second) => {
                [first, second].map(|at| at.to_utc()).into_iter().find(|at| *at > now)
            }
            MappedLocalTime::None => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{DateTime, Utc, is_open, minutes, next_opening, time};
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

    #[test]
    fn the_next_opening_is_the_first_open_minute_of_the_zone() {
        let hours = BusinessHours {
            time_zone: "Europe/Berlin".to_owned(),
            open: [(1, 9 * 60, 17 * 60), (5, 13 * 60, 17 * 60), (5, 9 * 60, 12 * 60), (7, 150, 600)]
                .map(|(weekday, from, to)| OpenHours { weekday, from, to })
                .to_vec(),
            closed_on: vec!["2026-12-25".to_owned()],
            answer: None,
        };
        for (now, opens) in [
            ("2026-07-06T06:00:00Z", "2026-07-06T07:00:00Z"),
            ("2026-07-06T15:00:00Z", "2026-07-10T07:00:00Z"),
            ("2026-07-10T10:30:00Z", "2026-07-10T11:00:00Z"),
            // The Friday is a closed day, and Sunday is the next day with hours.
            ("2026-12-24T12:00:00Z", "2026-12-27T01:30:00Z"),
            // Half past two does not exist on the day on which clocks go forward.
            ("2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        ] {
            assert_eq!(next_opening(&hours, at(now)), Some(at(opens)), "{now}");
            assert!(is_open(Some(&hours), at(opens)), "{opens}");
        }
        let never = BusinessHours { open: vec![], ..hours };
        assert_eq!(next_opening(&never, at("2026-07-06T06:00:00Z")), None);
    }
}
