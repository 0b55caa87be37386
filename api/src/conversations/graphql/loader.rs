//! Batch loaders for conversations, thread items, participants, receipts and customers.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use entity::{
    customer, customer_identity,
    id::{ConversationId, CustomerId, ParticipantId, ThreadItemId},
    participant, thread_item,
};

use crate::conversations::{
    announcement_names::{self, AnnouncementReference},
    conversation_rows::{self, VisibleConversation},
    customer_conversations, customers,
    participants::{self, ParticipantRef},
    receipts::{self, VisibleReceipt},
    thread_items::{self, ItemPage},
    unread,
};
use crate::{
    auth::request_context::RequestReads,
    error::{Error, Result},
    pagination::{Page, PageBound, PageSlice},
};

/// Key of a conversation. Only conversations that the caller may see have a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConversationById(pub ConversationId);

impl Loader<ConversationById> for RequestReads {
    type Value = Arc<VisibleConversation>;
    type Error = Error;

    async fn load(&self, keys: &[ConversationById]) -> Result<HashMap<ConversationById, Self::Value>> {
        let ids: Vec<ConversationId> = keys.iter().map(|key| key.0).collect();
        let found = conversation_rows::find_visible(self.app.db.read(), self.required_caller()?, &ids).await?;
        Ok(found.into_iter().map(|seen| (ConversationById(seen.row.id), Arc::new(seen))).collect())
    }
}

/// Key of a thread item. Only items that the caller may see have a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ItemById(pub ThreadItemId);

impl Loader<ItemById> for RequestReads {
    type Value = Arc<thread_item::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ItemById]) -> Result<HashMap<ItemById, Self::Value>> {
        let ids: Vec<ThreadItemId> = keys.iter().map(|key| key.0).collect();
        let found = thread_items::find(self.app.db.read(), self.required_caller()?, &ids).await?;
        Ok(found.into_iter().map(|row| (ItemById(row.id), Arc::new(row))).collect())
    }
}

/// Key of the name of a person or queue in a visible announcement. The loader does not check access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AnnouncementName(pub AnnouncementReference);

impl Loader<AnnouncementName> for RequestReads {
    type Value = String;
    type Error = Error;

    async fn load(&self, keys: &[AnnouncementName]) -> Result<HashMap<AnnouncementName, String>> {
        let asked: Vec<AnnouncementReference> = keys.iter().map(|key| key.0).collect();
        let found = announcement_names::find(self.app.db.read(), &asked).await?;
        Ok(found.into_iter().map(|(reference, name)| (AnnouncementName(reference), name)).collect())
    }
}

/// Pages of items in one statement: as many as a page has rows.
const PAGES_TOGETHER: usize = 100;

impl Loader<ItemPage> for RequestReads {
    type Value = PageSlice<Arc<thread_item::Model>>;
    type Error = Error;

    async fn load(&self, keys: &[ItemPage]) -> Result<HashMap<ItemPage, Self::Value>> {
        let mut found = HashMap::new();
        for together in keys.chunks(PAGES_TOGETHER) {
            let read = thread_items::pages(self.app.db.read(), together).await?;
            found.extend(together.iter().cloned().zip(read));
        }
        Ok(found)
    }
}

/// Key of a participant to whom visible data refers. The loader does not check access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReferredParticipant(pub ParticipantId);

impl Loader<ReferredParticipant> for RequestReads {
    type Value = participant::Model;
    type Error = Error;

    async fn load(&self, keys: &[ReferredParticipant]) -> Result<HashMap<ReferredParticipant, Self::Value>> {
        let ids: Vec<ParticipantId> = keys.iter().map(|key| key.0).collect();
        let found = participants::by_ids(self.app.db.read(), &ids).await?;
        Ok(found.into_iter().map(|row| (ReferredParticipant(row.id), row)).collect())
    }
}

/// Key of all participants of a conversation. The loader does not check access and includes hidden participants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParticipantsOf(pub ConversationId);

impl Loader<ParticipantsOf> for RequestReads {
    type Value = Vec<participant::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ParticipantsOf]) -> Result<HashMap<ParticipantsOf, Self::Value>> {
        let ids: Vec<ConversationId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<_, Vec<_>> = keys.iter().map(|key| (*key, Vec::new())).collect();
        for row in participants::for_conversations(self.app.db.read(), &ids).await? {
            found.entry(ParticipantsOf(row.conversation_id)).or_default().push(row);
        }
        Ok(found)
    }
}

/// Key of the number of messages in a conversation that the caller has not read. There is no value if the number is 0
/// or the caller is not a participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnreadIn(pub ConversationId);

impl Loader<UnreadIn> for RequestReads {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[UnreadIn]) -> Result<HashMap<UnreadIn, i64>> {
        let who = ParticipantRef::of(self.required_caller()?);
        let ids: Vec<ConversationId> = keys.iter().map(|key| key.0).collect();
        let counts = unread::unread(self.app.db.read(), who, &ids).await?;
        Ok(counts.into_iter().map(|(id, count)| (UnreadIn(id), count)).collect())
    }
}

/// Key of the receipts of a message that the caller sees. Receipts that came after the caller left are not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReceiptsOf(pub ThreadItemId);

impl Loader<ReceiptsOf> for RequestReads {
    type Value = Vec<VisibleReceipt>;
    type Error = Error;

    async fn load(&self, keys: &[ReceiptsOf]) -> Result<HashMap<ReceiptsOf, Self::Value>> {
        let ids: Vec<ThreadItemId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<ReceiptsOf, Vec<VisibleReceipt>> = HashMap::new();
        for told in receipts::for_messages(self.app.db.read(), self.required_caller()?, &ids).await? {
            found.entry(ReceiptsOf(told.item_id)).or_default().push(told);
        }
        Ok(found)
    }
}

/// Key of a sequence number of the whole conversation. The value is the customer's number of the last item up to
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CustomerNumber(pub ConversationId, pub i64);

impl Loader<CustomerNumber> for RequestReads {
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

/// Key of a customer to whom visible data refers. The loader does not check access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReferredCustomer(pub CustomerId);

impl Loader<ReferredCustomer> for RequestReads {
    type Value = Arc<customer::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ReferredCustomer]) -> Result<HashMap<ReferredCustomer, Self::Value>> {
        let ids: Vec<CustomerId> = keys.iter().map(|key| key.0).collect();
        let found = customers::by_ids(self.app.db.read(), &ids).await?;
        Ok(found.into_iter().map(|row| (ReferredCustomer(row.id), Arc::new(row))).collect())
    }
}

/// Key of a customer. There is a value only if the caller may see a conversation with the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CustomerById(pub CustomerId);

impl Loader<CustomerById> for RequestReads {
    type Value = Arc<customer::Model>;
    type Error = Error;

    async fn load(&self, keys: &[CustomerById]) -> Result<HashMap<CustomerById, Self::Value>> {
        let ids: Vec<CustomerId> = keys.iter().map(|key| key.0).collect();
        let found = customers::find(self.app.db.read(), self.required_caller()?, &ids).await?;
        Ok(found.into_iter().map(|row| (CustomerById(row.id), Arc::new(row))).collect())
    }
}

/// Key of a customer's addresses on all channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdentitiesOf(pub CustomerId);

impl Loader<IdentitiesOf> for RequestReads {
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

/// Key of a page of the conversations with a customer that the caller may see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConversationsOf {
    /// The customer.
    pub customer: CustomerId,
    /// The page.
    pub page: Page<PageBound>,
}

impl Loader<ConversationsOf> for RequestReads {
    type Value = PageSlice<VisibleConversation>;
    type Error = Error;

    async fn load(&self, keys: &[ConversationsOf]) -> Result<HashMap<ConversationsOf, Self::Value>> {
        let (db, caller) = (self.app.db.read(), self.required_caller()?);
        let mut found = HashMap::new();
        for together in keys.chunks(PAGES_TOGETHER) {
            let wanted: Vec<_> = together.iter().map(|key| (key.customer, key.page.clone())).collect();
            let pages = customer_conversations::pages(db, caller, &wanted).await?;
            found.extend(together.iter().cloned().zip(pages));
        }
        Ok(found)
    }
}

/// Key of the number of conversations with a customer that the caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConversationCountOf(pub CustomerId);

impl Loader<ConversationCountOf> for RequestReads {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[ConversationCountOf]) -> Result<HashMap<ConversationCountOf, i64>> {
        let ids: Vec<CustomerId> = keys.iter().map(|key| key.0).collect();
        let counts = customer_conversations::counts(self.app.db.read(), self.required_caller()?, &ids).await?;
        Ok(counts.into_iter().map(|(customer, count)| (ConversationCountOf(customer), count)).collect())
    }
}
