//! The availability that agents and supervisors set. An agent who becomes unavailable gives up the pending offers at
//! once, so that no customer waits for an answer that will not come.

use std::collections::BTreeSet;

use entity::{
    agent::{self, AgentState},
    channel::Channel,
    conversation,
    id::{AgentId, ConversationId, OfferId, UserId},
    offer::{self, OfferStatus},
};

use super::{offer_outcomes, offers, task_rows};
use crate::{
    agents::agent_state::{self, RequestedState},
    app::{App, Locked, Tx},
    auth::viewer::{Caller, Viewer},
    conversations::conversation_rows,
    error::{Error, Result},
};

/// Sets the viewer's own state. Returns false if the state was so. Creates the agent row if there is none. Withdraws
/// the pending offers that the agent no longer takes. Locks the conversations of these offers and the agent. Refuses
/// with `NOT_ALLOWED` when the viewer is not an agent, and as [`agent_state::set`] does.
pub async fn set_own(app: &App, by: &Viewer, choice: &RequestedState) -> Result<(agent::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let person = agent_state::lock_person(tx, by).await?;
            let withdrawn = withdraw_offers(tx, by.user, choice).await?;
            let mut agent = agent_state::create_agent(tx, &person).await?;
            set_locked(tx, &mut agent, choice, &withdrawn).await.map(|changed| (agent.into_row(), changed))
        })
    })
    .await
}

/// Sets the state of another agent for a supervisor or a program with an organization key. Returns false if the state
/// was so. Withdraws offers and locks as [`set_own`] does. Refuses with `NOT_ALLOWED` when the caller is a user and not
/// a supervisor, with `NOT_FOUND`, and as [`agent_state::set`] does.
pub async fn set_for(app: &App, by: &Caller, agent: &str, choice: &RequestedState) -> Result<(agent::Model, bool)> {
    const FIELD: &[&str] = &["input", "agentId"];
    app.transaction(|tx| {
        Box::pin(async move {
            if !matches!(by, Caller::Service(_)) {
                agent_state::require_supervisor(tx, by).await?;
            }
            let id = AgentId::parse(agent).ok_or_else(|| Error::not_found(FIELD))?;
            let withdrawn = withdraw_offers(tx, UserId(id.0), choice).await?;
            let mut agent = agent_state::lock(tx, UserId(id.0)).await?.ok_or_else(|| Error::not_found(FIELD))?;
            set_locked(tx, &mut agent, choice, &withdrawn).await.map(|changed| (agent.into_row(), changed))
        })
    })
    .await
}

/// Sets the state of an agent whose offers were withdrawn. The transaction begins again if the router has made another
/// offer meanwhile.
async fn set_locked(
    tx: &Tx<'_>,
    agent: &mut Locked<agent::Model>,
    choice: &RequestedState,
    withdrawn: &BTreeSet<OfferId>,
) -> Result<bool> {
    if takes_fewer(choice) {
        let pending = offers::pending_for_agent(tx.db(), agent.user_id).await?;
        let mut left = Vec::new();
        for offer in pending.into_iter().filter(|offer| !withdrawn.contains(&offer.id)) {
            left.extend(of_choice(tx, choice, offer).await?);
        }
        if !left.is_empty() {
            return Err(Error::Again);
        }
    }
    let changed = agent_state::set(tx, agent, choice).await?;
    Ok(changed || !withdrawn.is_empty())
}

/// Withdraws the pending offers that an agent no longer takes after a choice. Locks their conversations in the order of
/// the ids, before the agent. Returns the withdrawn offers. Emits `OfferEnded` and `AgentChanged`, and the events of
/// the tasks.
async fn withdraw_offers(tx: &Tx<'_>, agent: UserId, choice: &RequestedState) -> Result<BTreeSet<OfferId>> {
    let mut withdrawn = BTreeSet::new();
    if !takes_fewer(choice) {
        return Ok(withdrawn);
    }
    let mut named: Vec<(ConversationId, OfferId)> = Vec::new();
    for offer in offers::pending_for_agent(tx.db(), agent).await? {
        named.extend(of_choice(tx, choice, offer).await?);
    }
    named.sort_unstable();
    let mut held: Vec<(Locked<conversation::Model>, OfferId)> = Vec::new();
    for (conversation, offer) in named {
        held.push((conversation_rows::lock(tx, conversation).await?, offer));
    }
    for (mut conversation, offer) in held {
        if offer_outcomes::withdraw(tx, &mut conversation, offer).await? {
            withdrawn.insert(offer);
        }
    }
    Ok(withdrawn)
}

/// Returns the conversation of a pending offer and the offer, if the agent no longer takes it after a choice.
async fn of_choice(
    tx: &Tx<'_>,
    choice: &RequestedState,
    offer: offer::Model,
) -> Result<Option<(ConversationId, OfferId)>> {
    debug_assert_eq!(offer.status, OfferStatus::Pending);
    let task = task_rows::require(tx.db(), offer.task_id).await?;
    Ok(gives_up(choice, task.channel).then_some((task.conversation_id, offer.id)))
}

/// Returns true if the chosen state ends the agent's offers on at least one channel.
fn takes_fewer(choice: &RequestedState) -> bool {
    match choice.state {
        AgentState::Idle | AgentState::Offline => true,
        AgentState::Available | AgentState::Rona => false,
    }
}

/// Returns true if the chosen state ends the agent's offers on a channel.
fn gives_up(choice: &RequestedState, channel: Channel) -> bool {
    takes_fewer(choice) && choice.channels.as_ref().is_none_or(|few| few.contains(&channel))
}
