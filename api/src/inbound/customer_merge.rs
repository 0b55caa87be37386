//! The merge of two customers who turn out to be one person, for example when a message shows that a telephone number
//! and an id of the provider belong together. Nothing is renumbered: each conversation keeps its items and its streams.

use std::cmp::Ordering;

use entity::{
    conversation::{self, ConversationStatus},
    customer,
    id::{ConversationId, CustomerId},
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _};

use super::once_only;
use crate::{
    app::{Locked, Tx},
    auth::visitor_tokens,
    conversations::{conversation_rows, customers, participants},
    error::{Error, Result},
    tasks::closing,
};

/// Merges a customer into another. Returns true, or false if the two already were one customer.
///
/// The addresses and conversations of `merged` become those of `kept`. Where both have a conversation for the same
/// topic at one entry point, one of them stays current: the open one, or of two the one with the newer item. The other
/// loses its topic. If it was open it ends, and its task names the conversation that stays. The visitor tokens of
/// `merged` end. Its row stays and names `kept`.
///
/// Locks both customers, then their conversations, then the agents of tasks that end. Emits `ParticipantChanged` for
/// each moved conversation, and what `tasks::closing::end_merged` emits for each that ends.
pub async fn merge(tx: &Tx<'_>, kept: CustomerId, merged: CustomerId) -> Result<bool> {
    let (kept, merged) = (customers::current_id(tx, kept).await?, customers::current_id(tx, merged).await?);
    if kept == merged {
        return Ok(false);
    }
    let (kept, merged) = lock_both(tx, kept, merged).await?;
    let all = lock_conversations(tx, &kept, &merged).await?;
    let (moved, mut own): (Vec<_>, Vec<_>) = all.into_iter().partition(|row| row.customer_id == Some(merged.id));
    for mut conversation in moved {
        settle_topic(tx, &mut own, &mut conversation).await?;
        conversation.customer_id = Some(kept.id);
        conversation_rows::save(tx, &conversation).await?;
        participants::replace_customer(tx, &conversation, merged.id, kept.id).await?;
    }
    customers::move_identities(tx, &merged, &kept).await?;
    once_only::move_start_keys(tx, &merged, &kept).await?;
    // A token names its customer, and an instance may have cached it.
    visitor_tokens::revoke_for_customer(tx, &merged).await?;
    customers::mark_merged(tx, kept, merged).await?;
    Ok(true)
}

/// Locks both customers in the order of their ids.
async fn lock_both(
    tx: &Tx<'_>,
    kept: CustomerId,
    merged: CustomerId,
) -> Result<(Locked<customer::Model>, Locked<customer::Model>)> {
    let first = customers::lock(tx, Ord::min(kept, merged)).await?.ok_or(Error::Again)?;
    let second = customers::lock(tx, Ord::max(kept, merged)).await?.ok_or(Error::Again)?;
    Ok(if first.id == kept { (first, second) } else { (second, first) })
}

/// Locks all conversations of the merged customer, and those of the kept one that have a topic, in the order of their
/// ids. No conversation begins meanwhile, because both customers are locked.
async fn lock_conversations(
    tx: &Tx<'_>,
    kept: &Locked<customer::Model>,
    merged: &Locked<customer::Model>,
) -> Result<Vec<Locked<conversation::Model>>> {
    let current = conversation::Column::CustomerId.eq(kept.id).and(conversation::Column::Topic.is_not_null());
    let both = conversation::Entity::find()
        .filter(conversation::Column::CustomerId.eq(merged.id).or(current))
        .order_by_asc(conversation::Column::Id);
    Ok(tx.lock_all(both).await?)
}

/// Takes the topic from a moved conversation or from the one of the kept customer that has the same, if there is one.
async fn settle_topic(
    tx: &Tx<'_>,
    own: &mut [Locked<conversation::Model>],
    moved: &mut Locked<conversation::Model>,
) -> Result<()> {
    let same = |row: &&mut Locked<conversation::Model>| {
        row.topic.is_some() && row.topic == moved.topic && row.entry_point_id == moved.entry_point_id
    };
    match own.iter_mut().find(same) {
        Some(other) if by_currency(other, moved) == Ordering::Less => retire(tx, other, moved.id).await,
        Some(other) => retire(tx, moved, other.id).await,
        None => Ok(()),
    }
}

/// Orders two conversations. The greater one stays current.
fn by_currency(a: &conversation::Model, b: &conversation::Model) -> Ordering {
    let currency = |row: &conversation::Model| (row.status == ConversationStatus::Open, row.last_item_at, row.id);
    currency(a).cmp(&currency(b))
}

/// Takes the topic from a conversation, and ends it if it is open. Its customer continues in another one.
async fn retire(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    continued_in: ConversationId,
) -> Result<()> {
    conversation.topic = None;
    match conversation.status {
        ConversationStatus::Open => closing::end_merged(tx, conversation, continued_in).await,
        ConversationStatus::Closed => conversation_rows::save(tx, conversation).await,
    }
}
