//! The mutation of agent states, `setAgentState`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::{agent::AgentState, channel::Channel};

use super::types::Agent;
use crate::{
    agents::agent_state::RequestedState,
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    error::Result,
    events::graphql::effect::Effect,
    reason_codes::graphql::types::idle_reason_id,
    tasks::availability,
};

/// The new agent state and the channels it applies to.
#[derive(InputObject)]
struct SetAgentStateInput {
    /// The new state: AVAILABLE, IDLE or OFFLINE.
    state: AgentState,
    /// The idle reason, for IDLE only. The default is the default idle reason.
    idle_reason_id: Option<ID>,
    /// The channels the state applies to, for AVAILABLE and IDLE only. The default is all channels.
    channels: Option<Vec<Channel>>,
    /// The agent whose state a supervisor or an organization key sets. The default is the viewer.
    agent_id: Option<ID>,
}

/// Root mutations of agents.
#[derive(Default)]
pub struct AgentsMutation;

#[Object]
impl AgentsMutation {
    /// Sets the viewer's own agent state, or the state of another agent if the caller is a supervisor or an
    /// organization key. An AVAILABLE agent is offered tasks. An agent in the state RONA is offered tasks again only
    /// after this call. With IDLE and OFFLINE, the offers to the agent on these channels end at once: tasks of queues
    /// go to other agents, transfers and invitations count as not accepted. The same call again changes nothing.
    /// Refuses with NOT_ALLOWED when the viewer is not an agent, or not a supervisor for another agent's state. Refuses
    /// with NOT_FOUND, INVALID, INVALID_REASON, or INVALID_STATE_TRANSITION for RONA and for OFFLINE with an active
    /// task. Refuses with WRAP_UP_PENDING for OFFLINE while a wrap-up is pending.
    #[graphql(guard = "Needs(Scope::AgentsWrite)")]
    async fn set_agent_state(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new agent state.")] input: SetAgentStateInput,
    ) -> Result<SetAgentStatePayload> {
        let reason = idle_reason_id(input.idle_reason_id.as_ref())?;
        let choice = RequestedState { state: input.state, reason, channels: input.channels };
        let chosen = match &input.agent_id {
            None => availability::set_own(ctx.app()?, ctx.viewer()?, &choice).await,
            Some(agent) => availability::set_for(ctx.app()?, ctx.caller()?, agent, &choice).await,
        };
        let (row, effect) = Effect::split(chosen)?;
        Ok(SetAgentStatePayload { agent: row.map(|row| Agent(Arc::new(row))), effect })
    }
}

/// The result of `setAgentState`.
#[derive(SimpleObject)]
struct SetAgentStatePayload {
    /// The agent after the call. Null when the call was refused.
    agent: Option<Agent>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}
