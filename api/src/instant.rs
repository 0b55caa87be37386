//! Times in the format of clients. The only format is RFC 3339, and the year in UTC has four digits.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime, Datelike as _, SecondsFormat, SubsecRound as _, TimeDelta, Timelike as _, Utc};

/// The number of decimals of a second that both databases keep.
const DIGITS: u16 = 6;

/// The reason why a text is not a valid time, as a sentence for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoInstant(pub &'static str);

/// A time in the API, in answers and in arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant(pub DateTime<Utc>);

/// Returns the seconds from `now` until a time, rounded up. 0 when the time is over.
#[must_use]
pub fn seconds_until(at: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    let millis = (at - now).num_milliseconds().max(0);
    (millis + 999) / 1_000
}

/// Parses a time in RFC 3339 format. The leap second `23:59:60` UTC becomes the second after it. Fractions beyond
/// microseconds are cut off. Refuses other formats, times that do not exist, and years outside 0000 to 9999 in UTC.
pub fn parse_instant(text: &str) -> Result<DateTime<Utc>, NoInstant> {
    if !has_form(text.as_bytes()) {
        return Err(NoInstant("Give the time in RFC 3339 format, such as 2026-12-31T09:30:00Z."));
    }
    let read = DateTime::parse_from_rfc3339(text).map_err(|_| NoInstant("This time does not exist."))?;
    let at = after_leap_second(read.to_utc()).ok_or(NoInstant("This time does not exist."))?;
    if has_four_digits(&at) {
        Ok(at.trunc_subsecs(DIGITS))
    } else {
        Err(NoInstant("The year must have four digits in UTC."))
    }
}

/// Returns true when the year is written with four digits.
#[must_use]
pub fn has_four_digits(at: &DateTime<Utc>) -> bool {
    (0..=9999).contains(&at.year())
}

/// Turns the leap second of chrono, a second that has not ended, into the next second. A leap second is valid only at
/// the end of a day.
fn after_leap_second(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let Some(fraction) = at.nanosecond().checked_sub(1_000_000_000) else { return Some(at) };
    let ends_a_day = (at.hour(), at.minute(), at.second()) == (23, 59, 59);
    at.with_nanosecond(fraction).filter(|_| ends_a_day)?.checked_add_signed(TimeDelta::seconds(1))
}

/// Checks the format `YYYY-MM-DDThh:mm:ss`, an optional fraction and an offset. chrono alone accepts more than RFC
/// 3339 allows.
fn has_form(text: &[u8]) -> bool {
    let like = |text: &[u8], form: &[u8]| {
        text.len() == form.len()
            && text.iter().zip(form).all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                wanted => byte.eq_ignore_ascii_case(wanted),
            })
    };
    let Some((time, rest)) = text.split_at_checked(b"0000-00-00T00:00:00".len()) else { return false };
    let zone = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
    };
    like(time, b"0000-00-00T00:00:00") && (like(zone, b"Z") || like(zone, b"+00:00") || like(zone, b"-00:00"))
}

/// A date and time in UTC, in RFC 3339 format. Answers always have milliseconds and the offset Z, for example
/// `2026-11-28T18:19:52.135Z`. Arguments may have any offset, and up to six decimals count.
#[Scalar(name = "DateTime", specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
impl ScalarType for Instant {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => match parse_instant(&text) {
                Ok(at) => Ok(Self(at)),
                Err(NoInstant(why)) => Err(InputValueError::custom(why).with_extension("code", "BAD_USER_INPUT")),
            },
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at)
    }
}

#[cfg(test)]
mod tests {
    use super::parse_instant;

    #[test]
    fn an_instant_is_what_rfc_3339_says() {
        for (text, same) in [
            ("2026-12-31T09:30:00Z", "2026-12-31T09:30:00Z"),
            ("2026-12-31t09:30:00.5z", "2026-12-31T09:30:00.500Z"),
            ("2026-12-31T23:30:00-01:30", "2027-01-01T01:00:00Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
            ("2016-12-31T15:59:60.25-08:00", "2017-01-01T00:00:00.250Z"),
            ("2026-01-01T00:00:00.1234567899999Z", "2026-01-01T00:00:00.123456Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59-00:00", "9999-12-31T23:59:59Z"),
        ] {
            let read = parse_instant(text).map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
            assert_eq!(read.as_deref(), Ok(same), "{text}");
        }
        for text in [
            "",
            "2026-12-31",
            "2026-12-31 09:30:00Z",
            "2026-12-31T09:30Z",
            "2026-12-31T09:30:00",
            "2026-12-31T09:30:00+0100",
            "2026-12-31T09:30:00.Z",
            "2026-12-31T24:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-12-31T12:00:60Z",
            "2026-12-31T23:59:61Z",
            "+012030-01-01T00:00:00Z",
            "12030-01-01T00:00:00Z",
            "-4800-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "9999-12-31T23:59:60Z",
            "0000-01-01T00:00:00+01:00",
            "2026-12-31T09:30:00\u{2212}01:00",
            " 2026-12-31T09:30:00Z",
            "２０２６-12-31T09:30:00Z",
        ] {
            assert!(parse_instant(text).is_err(), "{text}");
        }
    }
}
