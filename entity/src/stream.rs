//! The counter of a stream. Each transaction that appends an event locks it. Sequence order is therefore commit order,
//! without gaps.

use sea_orm::entity::prelude::{
    ActiveEnum as _, ActiveModelBehavior, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};

use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stream")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: StreamKind,
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: Uuid,
    pub last_sequence: i64,
    /// The sequence number up to which the stream is pruned from the log.
    pub pruned_sequence: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The kind of a stream.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum StreamKind {
    /// The connection requests of a user.
    #[sea_orm(num_value = 1)]
    Requests = 1,
    /// Revocations and restorations of rights. One stream for all, which the instances follow and no client reads.
    #[sea_orm(num_value = 2)]
    Rights = 2,
    /// The notifications of a user.
    #[sea_orm(num_value = 3)]
    Notifications = 3,
    /// The activities of a user.
    #[sea_orm(num_value = 4)]
    Activities = 4,
    /// The changes of a user's contact lists.
    #[sea_orm(num_value = 5)]
    Contacts = 5,
    /// A conversation with a customer, as the organization's side sees it.
    #[sea_orm(num_value = 6)]
    Conversation = 6,
    /// A conversation as its customer sees it.
    #[sea_orm(num_value = 7)]
    CustomerSide = 7,
    /// The offers, tasks and state of an agent.
    #[sea_orm(num_value = 8)]
    AgentDesktop = 8,
    /// The tasks that enter and leave a queue.
    #[sea_orm(num_value = 9)]
    Queue = 9,
    /// The states of all agents, in one stream.
    #[sea_orm(num_value = 10)]
    Agents = 10,
    /// A direct conversation, for its two users.
    #[sea_orm(num_value = 11)]
    DirectConversation = 11,
    /// All direct conversations of a user, in one stream.
    #[sea_orm(num_value = 12)]
    DirectInbox = 12,
    /// The details of a customer.
    #[sea_orm(num_value = 13)]
    Customer = 13,
    /// The profile of a user.
    #[sea_orm(num_value = 14)]
    Profile = 14,
}

impl StreamKind {
    /// Returns the stored number, which cursors and signals carry too.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Returns the kind with the given number. Returns `None` for a number of another version.
    #[must_use]
    pub fn of_code(code: u8) -> Option<Self> {
        Self::try_from_value(&i16::from(code)).ok()
    }
}
