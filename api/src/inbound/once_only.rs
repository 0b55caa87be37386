//! The guards that store what arrives once: the ids that providers give to messages, and the keys with which visitors
//! start chats. A primary key guards each. The third guard, the client message id, belongs to the author of a message
//! (`conversations::messages::find_duplicate`).

use chrono::Duration;
use entity::{
    conversation, customer,
    id::{ConversationId, EntryPointId, ThreadItemId},
    provider_message::{self, MessageDirection},
    thread_item, web_chat_key,
};
use sea_orm::{ActiveValue::Set, EntityTrait, TryInsertResult};

use crate::{
    app::{Locked, Tx},
    auth::secret,
    conversations::thread_items,
    database::sql::Sql,
    error::{Error, Result, UserErrorCode},
};

/// Maximum length of a provider's id that is stored as it is, in bytes.
const MAX_PROVIDER_ID: usize = 500;

/// The id that a provider gave to a message, in its stored form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderMessageId(String);

impl ProviderMessageId {
    /// Returns the stored form of a provider's id. An id that is long or has control characters is stored as its
    /// digest, because no id may prevent storing its message.
    #[must_use]
    pub fn new(id: &str) -> Self {
        let plain = id.len() <= MAX_PROVIDER_ID && !id.contains(char::is_control);
        Self(if plain { id.to_owned() } else { format!("sha256:{}", secret::name(id)) })
    }
}

/// Returns the item of a provider's message at an entry point with its conversation, if it is stored.
pub async fn find_delivered(
    tx: &Tx<'_>,
    entry_point: EntryPointId,
    id: &ProviderMessageId,
) -> Result<Option<(conversation::Model, thread_item::Model)>> {
    let found = provider_message::Entity::find_by_id((entry_point, id.0.clone())).one(tx.db()).await?;
    let Some(found) = found else { return Ok(None) };
    let item = thread_items::reread(tx, found.thread_item_id).await?;
    let conversation = conversation::Entity::find_by_id(item.conversation_id).one(tx.db()).await?;
    Ok(conversation.map(|conversation| (conversation, item)))
}

/// Records the id that a provider gave to a stored message. If another transaction has recorded it meanwhile, this one
/// begins again and finds that message.
pub async fn record_provider_message(
    tx: &Tx<'_>,
    entry_point: EntryPointId,
    id: &ProviderMessageId,
    item: ThreadItemId,
    direction: MessageDirection,
) -> Result<()> {
    let row = provider_message::ActiveModel {
        entry_point_id: Set(entry_point),
        provider_id: Set(id.0.clone()),
        thread_item_id: Set(item),
        direction: Set(direction),
        created_at: Set(tx.clock().now()),
    };
    let insert = provider_message::Entity::insert(row).on_conflict_do_nothing();
    check_inserted(&insert.exec_without_returning(tx.db()).await?)
}

/// The idempotency key with which a visitor starts a chat.
#[derive(Clone, Debug)]
pub struct StartKey {
    /// The digest of the key.
    pub hash: Vec<u8>,
    /// The digest of the call's input.
    pub digest: Vec<u8>,
    /// The time after which the key is refused. `None` if something else proves who the visitor is.
    pub valid_for: Option<Duration>,
    /// The input field of the key.
    pub field: &'static [&'static str],
}

/// Returns the conversation that an earlier call with the same key started. Refuses with
/// `IDEMPOTENCY_KEY_REUSED` if the input was different, or if the key is no longer valid.
pub async fn find_started(
    tx: &Tx<'_>,
    customer: &Locked<customer::Model>,
    key: &StartKey,
) -> Result<Option<conversation::Model>> {
    let found = web_chat_key::Entity::find_by_id((customer.id, key.hash.clone())).one(tx.db()).await?;
    let Some(found) = found else { return Ok(None) };
    let reused = |why: &'static str| Err(Error::refused(UserErrorCode::IdempotencyKeyReused, key.field, why));
    if found.digest != key.digest {
        return reused("This key was used for a different call.");
    }
    if key.valid_for.is_some_and(|time| tx.clock().now() - found.created_at >= time) {
        return reused("This key has expired. Continue with the token that it returned.");
    }
    Ok(conversation::Entity::find_by_id(found.conversation_id).one(tx.db()).await?)
}

/// Saves a key with the conversation that it started.
pub async fn record_start(
    tx: &Tx<'_>,
    customer: &Locked<customer::Model>,
    conversation: ConversationId,
    key: &StartKey,
) -> Result<()> {
    let row = web_chat_key::ActiveModel {
        customer_id: Set(customer.id),
        key_hash: Set(key.hash.clone()),
        digest: Set(key.digest.clone()),
        conversation_id: Set(conversation),
        created_at: Set(tx.clock().now()),
    };
    let insert = web_chat_key::Entity::insert(row).on_conflict_do_nothing();
    check_inserted(&insert.exec_without_returning(tx.db()).await?)
}

/// Moves the keys of a customer to another. A key that both have used stays where it is, and nobody finds it.
pub async fn move_start_keys(tx: &Tx<'_>, from: &Locked<customer::Model>, to: &Locked<customer::Model>) -> Result<()> {
    let mut sql = Sql::new("UPDATE web_chat_key SET customer_id = ");
    sql.bind(to.id);
    sql.push(" WHERE customer_id = ");
    sql.bind(from.id);
    sql.push(" AND key_hash NOT IN (SELECT o.key_hash FROM web_chat_key o WHERE o.customer_id = ");
    sql.bind(to.id);
    sql.push(")");
    sql.run(tx.db()).await?;
    Ok(())
}

/// Lets the transaction begin again if another one was faster.
fn check_inserted(result: &TryInsertResult<u64>) -> Result<()> {
    match result {
        TryInsertResult::Inserted(1) => Ok(()),
        _ => Err(Error::Again),
    }
}

#[cfg(test)]
mod tests {
    use super::ProviderMessageId;

    #[test]
    fn every_id_has_a_form_that_the_databases_can_store() {
        assert_eq!(ProviderMessageId::new("wamid.1"), ProviderMessageId("wamid.1".to_owned()));
        for odd in ["a\u{0}b".to_owned(), "x".repeat(501)] {
            let ProviderMessageId(form) = ProviderMessageId::new(&odd);
            assert!(form.starts_with("sha256:") && form.len() < 60, "{form}");
            assert_ne!(ProviderMessageId::new(&format!("{odd}.")), ProviderMessageId(form));
        }
    }
}
