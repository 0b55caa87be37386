//! Senders: the part of a feature that sends its deliveries. The engine decides what follows from each verdict.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::delivery::{self, DeliveryKind, RetryClass};
use futures_util::future::BoxFuture;

use super::delivery_rows::Settlement;
use crate::{
    app::{App, Tx},
    error::Result,
};

/// The result of one attempt to send a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver accepted the delivery, and may have given it an id.
    Accepted(Option<String>),
    /// The delivery is no longer needed, and nothing was sent.
    Unneeded,
    /// The receiver certainly did not accept it now, for a reason, but may accept it later. A receiver can name the
    /// time to wait.
    Later {
        /// The reason, for administrators.
        error: String,
        /// The shortest time until the next attempt.
        after: Option<Duration>,
    },
    /// The receiver refused it for good, for a reason.
    Refused(String),
    /// The receiver may or may not have got it, for a reason: no answer came.
    Unclear(String),
}

/// The pauses between the attempts of a kind.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// The pause after the first attempt. It doubles after each further attempt.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// The maximum number of attempts.
    pub attempts: i32,
}

/// Sends the deliveries of one kind.
pub trait Sender: Send + Sync {
    /// The kind of the deliveries that this sender sends.
    fn kind(&self) -> DeliveryKind;

    /// The pauses between the attempts.
    fn policy(&self) -> RetryPolicy;

    /// Sends a delivery. The call is cut off after [`super::engine::SEND_WITHIN`]. A fault counts as
    /// [`Verdict::Unclear`].
    fn send<'a>(&'a self, app: &'a App, delivery: &'a delivery::Model) -> BoxFuture<'a, Result<Verdict>>;

    /// Writes what follows from a settlement, in the transaction that records it. By default nothing follows.
    fn settled<'a>(
        &'a self,
        tx: &'a Tx<'_>,
        delivery: &'a delivery::Model,
        settlement: &'a Settlement,
    ) -> BoxFuture<'a, Result<()>> {
        let _ = (tx, delivery, settlement);
        Box::pin(async { Ok(()) })
    }
}

impl RetryPolicy {
    /// Decides what becomes of a delivery after an attempt. `delivery.attempts` counts that attempt.
    #[must_use]
    pub fn settlement(&self, delivery: &delivery::Model, verdict: Verdict, now: DateTime<Utc>) -> Settlement {
        let (error, after) = match verdict {
            Verdict::Accepted(id) => return Settlement::Sent(id),
            Verdict::Unneeded => return Settlement::Canceled,
            Verdict::Refused(error) => return Settlement::Failed(error),
            Verdict::Unclear(error) if delivery.retry == RetryClass::Never => return Settlement::Unknown(error),
            Verdict::Unclear(error) => (error, None),
            Verdict::Later { error, after } => (error, after),
        };
        let pause = self.pause(delivery).max(after.unwrap_or_default());
        let next = now + chrono::Duration::from_std(pause).unwrap_or(chrono::Duration::days(1));
        if delivery.attempts >= self.attempts || delivery.expires_at.is_some_and(|end| next > end) {
            return Settlement::Failed(error);
        }
        Settlement::Again(next, error)
    }

    /// Returns the pause after an attempt. It lies between three quarters of the nominal pause and the whole, and
    /// differs from delivery to delivery, so that deliveries that failed together are not repeated together.
    fn pause(&self, delivery: &delivery::Model) -> Duration {
        let doublings = u32::try_from(delivery.attempts - 1).unwrap_or_default().min(16);
        let nominal = self.first.saturating_mul(1 << doublings).min(self.longest);
        let chance = delivery.id.0.as_bytes()[15].wrapping_add(delivery.attempts.to_le_bytes()[0].wrapping_mul(97));
        nominal.mul_f64(0.75 + f64::from(chance) / 1_024.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{DateTime, Utc};
    use entity::{
        delivery::{self, DeliveryKind, DeliveryStatus, RetryClass},
        id::DeliveryId,
    };

    use super::{RetryPolicy, Settlement, Verdict};

    const POLICY: RetryPolicy =
        RetryPolicy { first: Duration::from_secs(10), longest: Duration::from_secs(60), attempts: 8 };

    fn delivery(retry: RetryClass, attempts: i32) -> delivery::Model {
        delivery::Model {
            id: DeliveryId(uuid::Uuid::from_u128(7)),
            kind: DeliveryKind::AccountEmail,
            lane: "lane".to_owned(),
            retry,
            status: DeliveryStatus::Sending,
            ready: true,
            payload: String::new(),
            user_id: None,
            attempts,
            created_at: DateTime::<Utc>::UNIX_EPOCH,
            due_at: DateTime::<Utc>::UNIX_EPOCH,
            expires_at: None,
            claimed_until: None,
            settled_at: None,
            provider_id: None,
            error: None,
        }
    }

    fn pause(attempts: i32, after: Option<Duration>) -> Option<chrono::Duration> {
        let later = Verdict::Later { error: "busy".to_owned(), after };
        match POLICY.settlement(&delivery(RetryClass::Safe, attempts), later, DateTime::UNIX_EPOCH) {
            Settlement::Again(time, _) => Some(time - DateTime::<Utc>::UNIX_EPOCH),
            _ => None,
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_the_attempts_end() {
        for (attempts, nominal) in [(1, 10), (2, 20), (3, 40), (4, 60), (7, 60)] {
            let pause = pause(attempts, None).expect("another attempt").num_milliseconds();
            assert!((nominal * 750..=nominal * 1_000).contains(&pause), "{pause} after {attempts}");
        }
        assert_eq!(pause(8, None), None);
    }

    #[test]
    fn the_receiver_can_ask_for_a_longer_pause() {
        assert_eq!(pause(1, Some(Duration::from_secs(300))), Some(chrono::Duration::seconds(300)));
    }

    #[test]
    fn only_an_unclear_attempt_of_a_delivery_that_must_not_be_repeated_becomes_unknown() {
        let settled = |retry, verdict| POLICY.settlement(&delivery(retry, 1), verdict, DateTime::UNIX_EPOCH);
        let unclear = || Verdict::Unclear("no answer".to_owned());
        assert_eq!(settled(RetryClass::Never, unclear()), Settlement::Unknown("no answer".to_owned()));
        for retry in [RetryClass::Safe, RetryClass::Keyed] {
            assert!(matches!(settled(retry, unclear()), Settlement::Again(..)));
        }
        let later = Verdict::Later { error: String::new(), after: None };
        assert!(matches!(settled(RetryClass::Never, later), Settlement::Again(..)));
    }

    #[test]
    fn a_delivery_fails_when_its_next_attempt_would_come_after_its_expiry() {
        let mut row = delivery(RetryClass::Safe, 1);
        row.expires_at = Some(DateTime::UNIX_EPOCH + chrono::Duration::seconds(5));
        let later = Verdict::Later { error: "busy".to_owned(), after: None };
        assert_eq!(POLICY.settlement(&row, later, DateTime::UNIX_EPOCH), Settlement::Failed("busy".to_owned()));
    }
}
