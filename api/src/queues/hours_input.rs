//! Validation of the opening hours of queues.

use std::collections::BTreeSet;

use async_graphql::InputObject;
use chrono::NaiveDate;
use chrono_tz::Tz;
use entity::queue::{BusinessHours, OpenHours};

use super::opening_hours::{self, Weekday};
use crate::{
    contact_center::name_validation::invalid,
    contacts::detail_validation::{self, FieldPath},
    error::Result,
};

/// Maximum number of weekly opening periods of a queue.
const MAX_OPEN: usize = 100;
/// Maximum number of closed days of a queue.
const MAX_CLOSED: usize = 400;
/// Maximum length of the closed message, in characters.
const MAX_ANSWER: usize = 1_000;

const ZONE: FieldPath = &["input", "hours", "timeZone"];
const OPEN: FieldPath = &["input", "hours", "weeklyHours"];
const CLOSED: FieldPath = &["input", "hours", "closedOn"];
const ANSWER: FieldPath = &["input", "hours", "closedMessage"];

/// The opening hours of a queue, and the message to customers at other times. Tasks also wait outside of the hours.
#[derive(Clone, Debug, InputObject)]
pub struct QueueHoursInput {
    /// The IANA name of the time zone, such as `Europe/Berlin`. All times are in this zone, including its clock
    /// changes.
    pub time_zone: String,
    /// The opening hours of each week, at most 100. With an empty list the queue is never open.
    pub weekly_hours: Vec<OpenHoursInput>,
    /// The days on which the queue is closed, such as `2026-12-25`, at most 400.
    #[graphql(default)]
    pub closed_on: Vec<String>,
    /// The message to customers who write at other times, at most 1,000 characters. The default is a message of
    /// Rapport in the reader's language.
    pub closed_message: Option<String>,
}

/// A period of opening hours on one day of the week.
#[derive(Clone, Debug, InputObject)]
pub struct OpenHoursInput {
    /// The day of the week.
    pub weekday: Weekday,
    /// The opening time, such as `09:00`.
    pub from: String,
    /// The closing time, such as `17:30`. At most `24:00`, and later than `from`.
    pub to: String,
}

/// Checks opening hours and returns their stored form. Refuses with `INVALID`.
pub fn check_hours(given: &QueueHoursInput) -> Result<BusinessHours> {
    let time_zone = given.time_zone.trim();
    if time_zone.parse::<Tz>().is_err() {
        return Err(invalid(ZONE, "A time zone needs an IANA name, such as Europe/Berlin."));
    }
    if given.weekly_hours.len() > MAX_OPEN {
        return Err(invalid(OPEN, format!("Give at most {MAX_OPEN} weekly hours.")));
    }
    let mut open = Vec::new();
    for (index, hours) in given.weekly_hours.iter().enumerate() {
        let refused = |why| Err(invalid(OPEN, why).in_item(OPEN, index));
        let (from, to) = (opening_hours::minutes(&hours.from), opening_hours::minutes(&hours.to));
        let (Some(from), Some(to)) = (from, to) else {
            return refused("A time looks like 09:30 and is at most 24:00.");
        };
        if from >= to {
            return refused("Hours must end after they begin. Enter hours after midnight as hours of the next day.");
        }
        open.push(OpenHours { weekday: hours.weekday.number(), from, to });
    }
    if given.closed_on.len() > MAX_CLOSED {
        return Err(invalid(CLOSED, format!("Give at most {MAX_CLOSED} closed days.")));
    }
    let mut closed_on = BTreeSet::new();
    for (index, day) in given.closed_on.iter().enumerate() {
        let read = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok().map(|date| date.format("%Y-%m-%d").to_string());
        match read {
            Some(same) if same == *day => closed_on.insert(same),
            _ => return Err(invalid(CLOSED, "A day looks like 2026-12-25.").in_item(CLOSED, index)),
        };
    }
    let answer = match &given.closed_message {
        Some(answer) => detail_validation::lines(answer, ANSWER, MAX_ANSWER)?,
        None => None,
    };
    Ok(BusinessHours { time_zone: time_zone.to_owned(), open, closed_on: closed_on.into_iter().collect(), answer })
}

#[cfg(test)]
mod tests {
    use super::{OpenHoursInput, QueueHoursInput, check_hours};
    use crate::error::Error;
    use crate::queues::opening_hours::Weekday;

    fn hours(zone: &str, from: &str, to: &str, day: &str) -> Result<usize, String> {
        let given = QueueHoursInput {
            time_zone: zone.to_owned(),
            weekly_hours: vec![OpenHoursInput { weekday: Weekday::Fri, from: from.to_owned(), to: to.to_owned() }],
            closed_on: vec![day.to_owned(), day.to_owned()],
            closed_message: None,
        };
        match check_hours(&given) {
            Ok(hours) => Ok(hours.closed_on.len()),
            Err(Error::Refused(refusal)) => Err(refusal.field[2].clone().into_owned()),
            Err(_) => Err("fault".to_owned()),
        }
    }

    #[test]
    fn hours_are_of_a_zone_that_there_is_and_end_after_they_begin() {
        assert_eq!(hours("Europe/Berlin", "09:00", "24:00", "2026-12-25"), Ok(1));
        assert_eq!(hours("Mars/Olympus", "09:00", "17:00", "2026-12-25"), Err("timeZone".to_owned()));
        assert_eq!(hours("Asia/Seoul", "17:00", "09:00", "2026-12-25"), Err("weeklyHours".to_owned()));
        assert_eq!(hours("Asia/Seoul", "09:00", "09:00", "2026-12-25"), Err("weeklyHours".to_owned()));
        assert_eq!(hours("Asia/Seoul", "9", "17:00", "2026-12-25"), Err("weeklyHours".to_owned()));
        assert_eq!(hours("Asia/Seoul", "09:00", "17:00", "2026-02-30"), Err("closedOn".to_owned()));
        assert_eq!(hours("Asia/Seoul", "09:00", "17:00", "2026-1-1"), Err("closedOn".to_owned()));
    }
}
