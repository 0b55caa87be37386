//! The counter of a stream. Locked by the transaction that writes an event, so that sequence order is commit order and
//! has no holes.

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
    /// Everything up to here has left the log.
    pub pruned_sequence: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The kinds of stream.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum StreamKind {
    /// What is asked of a user.
    #[sea_orm(num_value = 1)]
    Requests = 1,
    /// Whose rights have ended. One for all, which the instances follow and no client reads.
    #[sea_orm(num_value = 2)]
    Rights = 2,
    /// What a user is notified of.
    #[sea_orm(num_value = 3)]
    Notifications = 3,
    /// What a user did.
    #[sea_orm(num_value = 4)]
    Activities = 4,
    /// Who comes into a user's lists and leaves them.
    #[sea_orm(num_value = 5)]
    Contacts = 5,
    /// What happens in a conversation, as those who serve the customer may see it, or the two of a direct one.
    #[sea_orm(num_value = 6)]
    Conversation = 6,
    /// What happens in a conversation, as its customer may see it.
    #[sea_orm(num_value = 7)]
    CustomerSide = 7,
    /// What concerns an agent's desk.
    #[sea_orm(num_value = 8)]
    Desk = 8,
    /// What enters a queue and what leaves it.
    #[sea_orm(num_value = 9)]
    Queue = 9,
    /// In which state agents are. One for all.
    #[sea_orm(num_value = 10)]
    Agents = 10,
}

impl StreamKind {
    /// The stored number, which cursors and hints carry too.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The kind with a number; `None` for one of another version.
    #[must_use]
    pub fn of_code(code: u8) -> Option<Self> {
        Self::try_from_value(&i16::from(code)).ok()
    }
}
