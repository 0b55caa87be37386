//! When queues are served, as administrators say it.

use std::collections::BTreeSet;

use async_graphql::InputObject;
use chrono::NaiveDate;
use chrono_tz::Tz;
use entity::queue::{BusinessHours, OpenHours};

use super::names::invalid;
use crate::{
    agents::hours::{self, Weekday},
    contacts::fields::{self, Field},
    error::Result,
};

/// The most hours of a week and closed days that a queue may have.
const MAX_OPEN: usize = 100;
const MAX_CLOSED: usize = 400;
/// The longest answer, in characters.
const MAX_ANSWER: usize = 1_000;

const ZONE: Field = &["input", "hours", "timeZone"];
const OPEN: Field = &["input", "hours", "open"];
const CLOSED: Field = &["input", "hours", "closedOn"];
const ANSWER: Field = &["input", "hours", "answer"];

/// When a queue is served, and what a customer is told who writes at other times. What is written then waits all the same.
#[derive(Clone, Debug, InputObject)]
pub struct QueueHoursInput {
    /// The time zone by its IANA name, such as `Europe/Berlin`. All times are of it, also when its clocks change.
    pub time_zone: String,
    /// The hours of each week, at most 100; none: it is never served.
    pub open: Vec<OpenHoursInput>,
    /// Days on which it is not served, such as `2026-12-25`, at most 400.
    #[graphql(default)]
    pub closed_on: Vec<String>,
    /// What a customer is told who writes at other times, at most 1,000 characters; a sentence of Rapport's where left out.
    pub answer: Option<String>,
}

/// Hours of a day of the week.
#[derive(Clone, Debug, InputObject)]
pub struct OpenHoursInput {
    /// The day.
    pub weekday: Weekday,
    /// From when, such as `09:00`.
    pub from: String,
    /// Up to when, such as `17:30`; at most `24:00`, and later than `from`.
    pub to: String,
}

/// Hours as they may be.
pub fn check(given: &QueueHoursInput) -> Result<BusinessHours> {
    let time_zone = given.time_zone.trim();
    if time_zone.parse::<Tz>().is_err() {
        return Err(invalid(ZONE, "A time zone has an IANA name, such as Europe/Berlin."));
    }
    if given.open.len() > MAX_OPEN {
        return Err(invalid(OPEN, format!("At most {MAX_OPEN}.")));
    }
    let mut open = Vec::new();
    for hours in &given.open {
        let (from, to) = (hours::minutes(&hours.from), hours::minutes(&hours.to));
        let (Some(from), Some(to)) = (from, to) else {
            return Err(invalid(OPEN, "A time looks like 09:30, and is 24:00 at most."));
        };
        if from >= to {
            return Err(invalid(
                OPEN,
                "Hours end after they have begun; what goes on after midnight is of the next day.",
            ));
        }
        open.push(OpenHours { weekday: hours.weekday.number(), from, to });
    }
    if given.closed_on.len() > MAX_CLOSED {
        return Err(invalid(CLOSED, format!("At most {MAX_CLOSED}.")));
    }
    let mut closed_on = BTreeSet::new();
    for day in &given.closed_on {
        let read = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok().map(|date| date.format("%Y-%m-%d").to_string());
        match read {
            Some(same) if same == *day => closed_on.insert(same),
            _ => return Err(invalid(CLOSED, "A day looks like 2026-12-25.")),
        };
    }
    let answer = match &given.answer {
        Some(answer) => fields::lines(answer, ANSWER, MAX_ANSWER)?,
        None => None,
    };
    Ok(BusinessHours { time_zone: time_zone.to_owned(), open, closed_on: closed_on.into_iter().collect(), answer })
}

#[cfg(test)]
mod tests {
    use super::{OpenHoursInput, QueueHoursInput, Weekday, check};
    use crate::error::Error;

    fn hours(zone: &str, from: &str, to: &str, day: &str) -> Result<usize, &'static str> {
        let given = QueueHoursInput {
            time_zone: zone.to_owned(),
            open: vec![OpenHoursInput { weekday: Weekday::Friday, from: from.to_owned(), to: to.to_owned() }],
            closed_on: vec![day.to_owned(), day.to_owned()],
            answer: None,
        };
        match check(&given) {
            Ok(hours) => Ok(hours.closed_on.len()),
            Err(Error::Refused(refusal)) => Err(refusal.field[2]),
            Err(_) => Err("fault"),
        }
    }

    #[test]
    fn hours_are_of_a_zone_that_there_is_and_end_after_they_begin() {
        assert_eq!(hours("Europe/Berlin", "09:00", "24:00", "2026-12-25"), Ok(1));
        assert_eq!(hours("Mars/Olympus", "09:00", "17:00", "2026-12-25"), Err("timeZone"));
        assert_eq!(hours("Asia/Seoul", "17:00", "09:00", "2026-12-25"), Err("open"));
        assert_eq!(hours("Asia/Seoul", "09:00", "09:00", "2026-12-25"), Err("open"));
        assert_eq!(hours("Asia/Seoul", "9", "17:00", "2026-12-25"), Err("open"));
        assert_eq!(hours("Asia/Seoul", "09:00", "17:00", "2026-02-30"), Err("closedOn"));
        assert_eq!(hours("Asia/Seoul", "09:00", "17:00", "2026-1-1"), Err("closedOn"));
    }
}
