//! Ids. Each kind is its own type: a UUIDv7 in the database, a prefixed TypeID (`user_01h…`) in the API. An id of one
//! kind never reads as another.

use sea_orm::DeriveValueType;
use serde::{Deserialize, Serialize};
use type_safe_id::{DynamicType, TypeSafeId};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType, Serialize, Deserialize)]
        pub struct $name(pub Uuid);

        impl $name {
            /// What the API writes before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Reads the API's form; `None` for anything that is not an id of this kind.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match parse(text)? {
                    (prefix, uuid) if prefix == Self::PREFIX => Some(Self(uuid)),
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write_type_id(f, Self::PREFIX, self.0)
            }
        }

        impl sea_orm::TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, sea_orm::DbErr> {
                Err(sea_orm::DbErr::ConvertFromU64(stringify!($name)))
            }
        }
    };
}

id!(
    /// A person with an account.
    UserId,
    "user"
);
id!(
    /// One user's ask to connect.
    ConnectionRequestId,
    "request"
);
id!(
    /// One entry of the log.
    EventId,
    "event"
);
id!(
    /// One sign-in that lasts.
    SessionId,
    "session"
);
id!(
    /// A partner's key.
    ApiKeyId,
    "key"
);

id!(
    /// Something a person did.
    ActivityId,
    "activity"
);
id!(
    /// Tells a user that something happened.
    NotificationId,
    "notification"
);
id!(
    /// An entry of a user's address book.
    PersonalContactId,
    "contact"
);
id!(
    /// What an administrator did.
    AuditEntryId,
    "audit"
);

id!(
    /// A person outside who writes in.
    CustomerId,
    "customer"
);
id!(
    /// A person as one who answers customers: the same number as their account's.
    AgentId,
    "agent"
);
id!(
    /// Where tasks wait.
    QueueId,
    "queue"
);
id!(
    /// An address of the organisation on a channel.
    EntryPointId,
    "entry"
);
id!(
    /// Something that agents are good at.
    SkillId,
    "skill"
);
id!(
    /// How much an agent does at once.
    MultimediaProfileId,
    "profile"
);
id!(
    /// Why an agent is idle.
    IdleReasonId,
    "idle"
);
id!(
    /// What a conversation came to.
    WrapUpReasonId,
    "reason"
);
id!(
    /// A durable thread.
    ConversationId,
    "conv"
);
id!(
    /// Somebody in a conversation.
    ParticipantId,
    "participant"
);
id!(
    /// An entry of a conversation.
    ThreadItemId,
    "msg"
);
id!(
    /// One routed piece of work.
    TaskId,
    "task"
);
id!(
    /// An agent's hold on a task.
    AssignmentId,
    "assignment"
);
id!(
    /// A task held out to an agent.
    OfferId,
    "offer"
);
id!(
    /// Why a task was offered.
    RoutingDecisionId,
    "decision"
);
id!(
    /// What a visitor is known by.
    VisitorTokenId,
    "visit"
);

/// Splits a TypeID into prefix and UUID; `None` when it is not one.
#[must_use]
pub fn parse(text: &str) -> Option<(String, Uuid)> {
    let id: TypeSafeId<DynamicType> = text.parse().ok()?;
    Some((id.type_prefix().to_owned(), id.uuid()))
}

fn write_type_id(f: &mut std::fmt::Formatter<'_>, prefix: &str, uuid: Uuid) -> std::fmt::Result {
    let prefix = DynamicType::new(prefix).map_err(|_| std::fmt::Error)?;
    write!(f, "{}", TypeSafeId::from_type_and_uuid(prefix, uuid))
}

#[cfg(test)]
mod tests {
    use super::{ConnectionRequestId, UserId, Uuid};

    #[test]
    fn an_id_survives_the_round_trip_and_is_of_one_kind_only() {
        let id = UserId(Uuid::from_u128(0x0190_9e1e_1111_7abc_8000_0000_0000_0001));
        let text = id.to_string();
        assert!(text.starts_with("user_"));
        assert_eq!(UserId::parse(&text), Some(id));
        assert_eq!(ConnectionRequestId::parse(&text), None);
        for bad in ["", "user", "user_", "user_!", "user_8zzzzzzzzzzzzzzzzzzzzzzzzz", "\u{0}"] {
            assert_eq!(UserId::parse(bad), None, "{bad:?}");
        }
    }
}
