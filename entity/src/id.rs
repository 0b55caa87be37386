//! The id types, one for each kind of object. The database stores a UUIDv7, the API shows a TypeID such as `user_01h…`.
//! An id of one kind never parses as another.

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
            /// The prefix of the API form, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Parses the API form. Returns `None` for text that is not an id of this kind.
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
    /// The id of a person with an account.
    UserId,
    "user"
);
id!(
    /// The id of a connection request.
    ConnectionRequestId,
    "request"
);
id!(
    /// The id of an event in the log.
    EventId,
    "event"
);
id!(
    /// The id of a prepared text.
    TemplateId,
    "template"
);
id!(
    /// The id of a file that is sent with a message.
    AttachmentId,
    "file"
);
id!(
    /// The id of a lasting sign-in on one device.
    SessionId,
    "session"
);
id!(
    /// The id of an API key.
    ApiKeyId,
    "key"
);

id!(
    /// The id of a registered document.
    TrustedDocumentId,
    "document"
);
id!(
    /// The id of an activity.
    ActivityId,
    "activity"
);
id!(
    /// The id of a notification to one user.
    NotificationId,
    "notification"
);
id!(
    /// The id of an entry in a user's address book.
    PersonalContactId,
    "contact"
);
id!(
    /// The id of an audited action.
    AuditEntryId,
    "audit"
);

id!(
    /// The id of a person outside the organization who writes to it.
    CustomerId,
    "customer"
);
id!(
    /// The id of a user in the role of an agent. It has the same UUID as the user's id.
    AgentId,
    "agent"
);
id!(
    /// The id of a queue in which tasks wait.
    QueueId,
    "queue"
);
id!(
    /// The id of an organization's address on a channel.
    EntryPointId,
    "entry"
);
id!(
    /// The id of a skill that agents can have.
    SkillId,
    "skill"
);
id!(
    /// The id of a named set of capacities.
    MultimediaProfileId,
    "profile"
);
id!(
    /// The id of a reason for which an agent is idle.
    IdleReasonId,
    "idle"
);
id!(
    /// The id of a reason that agents give in a wrap-up.
    WrapUpReasonId,
    "reason"
);
id!(
    /// The id of a durable conversation.
    ConversationId,
    "conv"
);
id!(
    /// The id of a user or customer in a conversation.
    ParticipantId,
    "participant"
);
id!(
    /// The id of an entry in a conversation.
    ThreadItemId,
    "msg"
);
id!(
    /// The id of the work that a conversation causes.
    TaskId,
    "task"
);
id!(
    /// The id of an agent's assignment to a task.
    AssignmentId,
    "assignment"
);
id!(
    /// The id of an offer of a task to one agent.
    OfferId,
    "offer"
);
id!(
    /// The id of a stored decision of the router.
    RoutingDecisionId,
    "decision"
);
id!(
    /// The id of a visitor's credential.
    VisitorTokenId,
    "visit"
);
id!(
    /// The id of an agent as the customer of one conversation sees them. It has the same UUID as the participant's id.
    RepresentativeId,
    "rep"
);
id!(
    /// The id of an organization key as an actor. It has the same UUID as the key's id.
    ServiceAccountId,
    "service"
);
id!(
    /// The id of an entry point as its web site's visitors see it. It has the same UUID as the entry point's id.
    WebChatId,
    "webchat"
);
id!(
    /// The id of a delivery.
    DeliveryId,
    "delivery"
);

/// Splits a TypeID into its prefix and its UUID. Returns `None` for any other text.
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
