//! Conversations, items, participants, receipts and customers, many at once.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use entity::{
    customer, customer_identity,
    id::{ConversationId, CustomerId, ParticipantId, ThreadItemId},
    participant, rendering, thread_item,
};

use super::{
    customers,
    items::{self, PageOf},
    participants::{self, Who},
    receipts::{self, Told},
    threads::{self, Seen},
};
use crate::{
    auth::context::Reads,
    database::sql::Sql,
    error::{Error, Result},
    page::Slice,
};

/// A conversation that the caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConversationById(pub ConversationId);

impl Loader<ConversationById> for Reads {
    type Value = Arc<Seen>;
    type Error = Error;

    async fn load(&self, keys: &[ConversationById]) -> Result<HashMap<ConversationById, Self::Value>> {
        let ids: Vec<ConversationId> = keys.iter().map(|key| key.0).collect();
        let found = threads::see(self.app.db.read(), self.asker()?, &ids).await?;
        Ok(found.into_iter().map(|seen| (ConversationById(seen.row.id), Arc::new(seen))).collect())
    }
}

/// An item that the caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ItemById(pub ThreadItemId);

impl Loader<ItemById> for Reads {
    type Value = Arc<thread_item::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ItemById]) -> Result<HashMap<ItemById, Self::Value>> {
        let ids: Vec<ThreadItemId> = keys.iter().map(|key| key.0).collect();
        let found = items::find(self.app.db.read(), self.asker()?, &ids).await?;
        Ok(found.into_iter().map(|row| (ItemById(row.id), Arc::new(row))).collect())
    }
}

/// The HTML that is kept of a message that the caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RenderingOf(pub ThreadItemId);

impl Loader<RenderingOf> for Reads {
    type Value = rendering::Model;
    type Error = Error;

    async fn load(&self, keys: &[RenderingOf]) -> Result<HashMap<RenderingOf, Self::Value>> {
        let ids: Vec<ThreadItemId> = keys.iter().map(|key| key.0).collect();
        let mut sql = Sql::new("SELECT * FROM rendering WHERE item_id IN ");
        sql.bind_list(&ids);
        let found = sql.models::<rendering::Entity>(self.app.db.read()).await?;
        Ok(found.into_iter().map(|row| (RenderingOf(row.item_id), row)).collect())
    }
}

/// Pages of items in one statement: as many as a page has rows.
const PAGES_TOGETHER: usize = 100;

impl Loader<PageOf> for Reads {
    type Value = Slice<Arc<thread_item::Model>>;
    type Error = Error;

    async fn load(&self, keys: &[PageOf]) -> Result<HashMap<PageOf, Self::Value>> {
        let mut found = HashMap::new();
        for together in keys.chunks(PAGES_TOGETHER) {
            let read = items::pages(self.app.db.read(), together).await?;
            found.extend(together.iter().cloned().zip(read));
        }
        Ok(found)
    }
}

/// A participant to whom something refers that the caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReferredParticipant(pub ParticipantId);

impl Loader<ReferredParticipant> for Reads {
    type Value = participant::Model;
    type Error = Error;

    async fn load(&self, keys: &[ReferredParticipant]) -> Result<HashMap<ReferredParticipant, Self::Value>> {
        let ids: Vec<ParticipantId> = keys.iter().map(|key| key.0).collect();
        let found = participants::by_ids(self.app.db.read(), &ids).await?;
        Ok(found.into_iter().map(|row| (ReferredParticipant(row.id), row)).collect())
    }
}

/// Everybody in a conversation that the caller sees, whoever may know of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParticipantsOf(pub ConversationId);

impl Loader<ParticipantsOf> for Reads {
    type Value = Vec<participant::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ParticipantsOf]) -> Result<HashMap<ParticipantsOf, Self::Value>> {
        let ids: Vec<ConversationId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<_, Vec<_>> = keys.iter().map(|key| (*key, Vec::new())).collect();
        for row in participants::of_several(self.app.db.read(), &ids).await? {
            found.entry(ParticipantsOf(row.conversation_id)).or_default().push(row);
        }
        Ok(found)
    }
}

/// How many messages of a conversation the caller has not read; none for who takes no part in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnreadIn(pub ConversationId);

impl Loader<UnreadIn> for Reads {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[UnreadIn]) -> Result<HashMap<UnreadIn, i64>> {
        let Some(who) = Who::of(self.asker()?) else { return Ok(HashMap::new()) };
        let ids: Vec<ConversationId> = keys.iter().map(|key| key.0).collect();
        let counts = receipts::unread(self.app.db.read(), who, &ids).await?;
        Ok(counts.into_iter().map(|(id, count)| (UnreadIn(id), count)).collect())
    }
}

/// The receipts of a message that the caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReceiptsOf(pub ThreadItemId);

impl Loader<ReceiptsOf> for Reads {
    type Value = Vec<Told>;
    type Error = Error;

    async fn load(&self, keys: &[ReceiptsOf]) -> Result<HashMap<ReceiptsOf, Self::Value>> {
        let ids: Vec<ThreadItemId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<ReceiptsOf, Vec<Told>> = HashMap::new();
        for told in receipts::of(self.app.db.read(), self.asker()?, &ids).await? {
            found.entry(ReceiptsOf(told.item_id)).or_default().push(told);
        }
        Ok(found)
    }
}

/// A number of a whole conversation, as its customer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CustomerNumber(pub ConversationId, pub i64);

impl Loader<CustomerNumber> for Reads {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[CustomerNumber]) -> Result<HashMap<CustomerNumber, i64>> {
        let mut found = HashMap::new();
        for together in keys.chunks(PAGES_TOGETHER) {
            let asked: Vec<_> = together.iter().map(|key| (key.0, key.1)).collect();
            let numbers = receipts::customer_numbers(self.app.db.read(), &asked).await?;
            found.extend(numbers.into_iter().map(|((id, at), number)| (CustomerNumber(id, at), number)));
        }
        Ok(found)
    }
}

/// A customer to whom something refers that the caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReferredCustomer(pub CustomerId);

impl Loader<ReferredCustomer> for Reads {
    type Value = Arc<customer::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ReferredCustomer]) -> Result<HashMap<ReferredCustomer, Self::Value>> {
        let ids: Vec<CustomerId> = keys.iter().map(|key| key.0).collect();
        let found = customers::by_ids(self.app.db.read(), &ids).await?;
        Ok(found.into_iter().map(|row| (ReferredCustomer(row.id), Arc::new(row))).collect())
    }
}

/// A customer with whom there is a conversation that the caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CustomerById(pub CustomerId);

impl Loader<CustomerById> for Reads {
    type Value = Arc<customer::Model>;
    type Error = Error;

    async fn load(&self, keys: &[CustomerById]) -> Result<HashMap<CustomerById, Self::Value>> {
        let ids: Vec<CustomerId> = keys.iter().map(|key| key.0).collect();
        let found = customers::find(self.app.db.read(), self.asker()?, &ids).await?;
        Ok(found.into_iter().map(|row| (CustomerById(row.id), Arc::new(row))).collect())
    }
}

/// What a customer is reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdentitiesOf(pub CustomerId);

impl Loader<IdentitiesOf> for Reads {
    type Value = Vec<customer_identity::Model>;
    type Error = Error;

    async fn load(&self, keys: &[IdentitiesOf]) -> Result<HashMap<IdentitiesOf, Self::Value>> {
        let ids: Vec<CustomerId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for row in customers::identities(self.app.db.read(), &ids).await? {
            found.entry(IdentitiesOf(row.customer_id)).or_default().push(row);
        }
        Ok(found)
    }
}
