//! The agents of a database that was filled with conversations, and their current conversations.

use std::path::Path;

use anyhow::Context as _;
use entity::id::{AgentId, ConversationId};
use serde_json::Value;

use super::{
    client::{self, Connection},
    conversations, operations,
};

/// An agent with a token and the connected conversations.
pub struct AgentDesktop {
    pub token: String,
    pub agent: AgentId,
    pub conversations: Vec<ConversationId>,
}

/// Finds the agents through the server. Returns an empty list if the database has none.
pub async fn find(binary: &Path, database: &str, address: &str) -> anyhow::Result<Vec<AgentDesktop>> {
    let mut connection = Connection::open(address).await?;
    let mut desktops = Vec::new();
    for number in 0..conversations::AGENTS {
        let Ok(token) = operations::token(binary, database, &conversations::handle(number)) else { break };
        let query = "{ viewer { agentDesktop { agent { id } tasks { status conversation { id } } } } }";
        let answer: Value = serde_json::from_slice(connection.exchange(&client::post(&token, query)).await?)?;
        let desktop = &answer["data"]["viewer"]["agentDesktop"];
        let agent = desktop["agent"]["id"].as_str().and_then(AgentId::parse).context("an agent without a desktop")?;
        let tasks = desktop["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let conversations = tasks.iter().filter(|task| task["status"] == "CONNECTED");
        let conversations =
            conversations.filter_map(|task| ConversationId::parse(task["conversation"]["id"].as_str()?)).collect();
        desktops.push(AgentDesktop { token, agent, conversations });
    }
    Ok(desktops)
}
