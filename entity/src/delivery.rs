//! A delivery: something that leaves Rapport, such as an e-mail. It is written in the transaction of its cause. A
//! worker claims it, sends it and records the outcome.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};

use crate::id::{DeliveryId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DeliveryId,
    pub kind: DeliveryKind,
    /// Deliveries of one lane are sent one at a time, in the order of their ids.
    pub lane: String,
    pub retry: RetryClass,
    pub status: DeliveryStatus,
    /// True when no earlier delivery of the lane is unsettled. Only such a delivery can be claimed.
    pub ready: bool,
    /// The content, as JSON of the kind's own payload type.
    pub payload: String,
    /// The user whose data the delivery contains. It is deleted with the user.
    pub user_id: Option<UserId>,
    /// The number of attempts that have begun. It also tells the attempts apart.
    pub attempts: i32,
    pub created_at: DateTimeUtc,
    /// The delivery is not attempted before this time.
    pub due_at: DateTimeUtc,
    /// The delivery fails instead of being attempted again after this time.
    pub expires_at: Option<DateTimeUtc>,
    /// A worker has claimed the delivery until this time.
    pub claimed_until: Option<DateTimeUtc>,
    /// The time of the final outcome.
    pub settled_at: Option<DateTimeUtc>,
    /// The id that the receiver gave to the delivery.
    pub provider_id: Option<String>,
    /// The reason of the last failure.
    pub error: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The kind of a delivery.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum DeliveryKind {
    /// An e-mail to the owner of an account: for a new password or the confirmation of an address.
    #[sea_orm(num_value = 1)]
    AccountEmail = 1,
    /// An e-mail about notifications.
    #[sea_orm(num_value = 2)]
    NotificationEmail = 2,
}

/// The effect of sending a delivery twice. It decides what happens when the outcome of an attempt is unknown.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum RetryClass {
    /// A repetition does no harm.
    #[sea_orm(num_value = 1)]
    Safe = 1,
    /// The receiver recognizes a repetition by the delivery's id.
    #[sea_orm(num_value = 2)]
    Keyed = 2,
    /// A repetition would do harm. The delivery is never sent again without a command.
    #[sea_orm(num_value = 3)]
    Never = 3,
}

/// The state of a delivery.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum DeliveryStatus {
    /// The delivery waits for its next attempt.
    #[sea_orm(num_value = 1)]
    Queued = 1,
    /// A worker sends the delivery.
    #[sea_orm(num_value = 2)]
    Sending = 2,
    /// The receiver accepted the delivery.
    #[sea_orm(num_value = 3)]
    Sent = 3,
    /// The receiver may or may not have got the delivery. It is not sent again without a command.
    #[sea_orm(num_value = 4)]
    Unknown = 4,
    /// The receiver refused the delivery, or all attempts failed.
    #[sea_orm(num_value = 5)]
    Failed = 5,
    /// The delivery became unnecessary before it was sent.
    #[sea_orm(num_value = 6)]
    Canceled = 6,
}

// Comparisons of the column `status` in SQL. They are literals, because a partial index serves a query only when the
// query repeats the condition of the index.

/// The comparison that holds for deliveries that wait for an attempt.
pub const QUEUED: &str = "= 1";
/// The comparison that holds for deliveries that a worker sends.
pub const SENDING: &str = "= 2";
/// The comparison that holds for deliveries without a final outcome.
pub const UNSETTLED: &str = "< 3";
/// The comparison that holds for deliveries that need the attention of an administrator.
pub const DEAD: &str = "IN (4, 5)";
/// The comparison that holds for settled deliveries that nobody needs to see.
pub const DONE: &str = "IN (3, 6)";

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::DeliveryStatus::{Canceled, Failed, Queued, Sending, Sent, Unknown};
    use super::{DEAD, DONE, DeliveryStatus, QUEUED, SENDING, UNSETTLED};
    use crate::sql_comparison::satisfied;

    #[test]
    fn each_comparison_holds_for_the_states_of_its_name() {
        let states: [(&str, &[DeliveryStatus]); 5] = [
            (QUEUED, &[Queued]),
            (SENDING, &[Sending]),
            (UNSETTLED, &[Queued, Sending]),
            (DEAD, &[Unknown, Failed]),
            (DONE, &[Sent, Canceled]),
        ];
        for (comparison, expected) in states {
            let found: Vec<_> = DeliveryStatus::iter().filter(|status| satisfied(comparison, *status as i64)).collect();
            assert_eq!(found, expected, "status {comparison}");
        }
    }
}
