//! Fills a database with conversations for measurements: agents at full capacity, and the requested number of messages,
//! most of them in closed conversations. The rows equal those that the server would have written. They are inserted in
//! large statements, and their events pass through the log as usual.

mod final_state;
mod customers;
mod notes;
mod rows;
mod generated_conversation;
mod texts;

use api::{
    agents::agent_state::{self, RequestedState},
    app::{App, Tx},
    contact_center::admin_change::AdminActor,
    entry_points::{entry_point_admin, entry_point_changes::CreateEntryPointInput},
    error::{Error, Result},
    queues::queue_admin::{self, CreateQueueInput},
    users::profiles::{self, NewPerson},
};
use chrono::{DateTime, Duration, Utc};
use entity::{
    agent::AgentState,
    channel::Channel,
    conversation,
    id::{AgentId, EntryPointId, QueueId, UserId},
    queue,
    user::Role,
};
use sea_orm::{EntityTrait as _, PaginatorTrait as _, sea_query::Expr};
use sqlx::Connection as _;

use self::{final_state::FinalState, generated_conversation::GeneratedConversation, rows::Rows};
use super::fill;

/// The number of agents. Each is at full capacity with conversations, a wrap-up and an offer.
pub const AGENTS: usize = 10;
const AGENT_WORKLOAD: [FinalState; 5] = [
    FinalState::Connected,
    FinalState::Connected,
    FinalState::Connected,
    FinalState::WrapUpPending,
    FinalState::Offered,
];
const QUEUES: usize = 4;
/// The number of entries in a conversation.
const ENTRIES: u64 = 100;
/// The number of simultaneous conversations, whose entries alternate in the log.
const SIMULTANEOUS: usize = 50;
/// The number of days over which the conversations are spread.
const DAYS: i64 = 10;

/// The agents, and the entry points with their queues.
pub struct ContactCenter {
    pub agents: Vec<(UserId, String)>,
    pub entry_points: Vec<(EntryPointId, QueueId)>,
}

/// Fills a database without conversations with this number of messages.
pub async fn fill(database: &str, messages: u64) -> anyhow::Result<()> {
    let app = Box::pin(fill::open(database)).await?;
    anyhow::ensure!(
        conversation::Entity::find().count(app.db.read()).await? == 0,
        "there are conversations already: begin with an empty database"
    );
    let center = create_contact_center(&app).await.map_err(|error| plain(&error))?;
    let current = AGENTS * AGENT_WORKLOAD.len();
    let closed = usize::try_from(messages / ENTRIES)?.saturating_sub(current);
    let (began, now) = (app.clock.now() - Duration::days(DAYS), app.clock.now());
    let groups = closed.div_ceil(SIMULTANEOUS);
    for group in 0..groups {
        let at = began + (now - began - Duration::hours(1)) / i32::try_from(groups)? * i32::try_from(group)?;
        let first = group * SIMULTANEOUS;
        let count = SIMULTANEOUS.min(closed - first);
        write_conversations(
            &app,
            &center,
            (first..first + count).map(|number| GeneratedConversation::of(number, at, FinalState::Closed)).collect(),
        )
        .await?;
    }
    let began = now - Duration::hours(1);
    let unclosed =
        (0..current).map(|number| GeneratedConversation::of(closed + number, began, AGENT_WORKLOAD[number / AGENTS]));
    write_conversations(&app, &center, unclosed.collect()).await?;
    api::events::sequencer::drain(&app.db).await?;
    optimize(&app, database).await?;
    println!("{} conversations", closed + current);
    Ok(())
}

/// Writes simultaneous conversations in one transaction.
async fn write_conversations(
    app: &App,
    center: &ContactCenter,
    conversations: Vec<GeneratedConversation>,
) -> anyhow::Result<()> {
    let conversations = &conversations;
    let done = app.transaction(|tx| {
        Box::pin(async move {
            let mut rows = Rows::default();
            for conversation in conversations {
                conversation.begin(tx, center, &mut rows)?;
            }
            for step in 0..ENTRIES {
                for conversation in conversations {
                    conversation.entry(tx, center, &mut rows, step)?;
                }
            }
            for conversation in conversations {
                conversation.end(tx, center, &mut rows)?;
            }
            rows.write(tx).await
        })
    });
    done.await.map_err(|error| plain(&error))
}

/// Creates agents, queues and entry points. The agents are available and at full capacity.
async fn create_contact_center(app: &App) -> Result<ContactCenter> {
    let agents = app.transaction(|tx| Box::pin(create_agents(tx))).await?;
    let agent_ids: Vec<_> = agents.iter().map(|(id, _)| AgentId(id.0).into()).collect();
    let mut entry_points = Vec::new();
    for number in 0..QUEUES {
        let name = format!("Web chat {number}");
        let new = CreateQueueInput { agent_ids: agent_ids.clone(), ..CreateQueueInput::new(&name, Channel::Webchat) };
        let queue = queue_admin::create(app, AdminActor::System, &new).await?.row.id;
        let (name, address) = (format!("{name} of the site"), format!("site-{number}"));
        let new = CreateEntryPointInput::new(&name, Channel::Webchat, &address, queue);
        entry_points.push((entry_point_admin::create(app, AdminActor::System, &new).await?.row.id, queue));
    }
    let (ids, entry_points) = (&agents.iter().map(|(id, _)| *id).collect::<Vec<_>>(), entry_points);
    app.transaction(|tx| Box::pin(make_available(tx, ids))).await?;
    Ok(ContactCenter { agents, entry_points })
}

async fn create_agents(tx: &Tx<'_>) -> Result<Vec<(UserId, String)>> {
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        let person = NewPerson {
            handle: handle(number),
            display_name: format!("Agent {number}"),
            given_name: None,
            family_name: None,
            role: Role::Agent,
        };
        let person = profiles::create(tx, person).await?;
        agents.push((person.id, person.display_name));
    }
    Ok(agents)
}

/// Makes the agents available, each at the limit. Offers last for the whole measurement, which is longer than an
/// administrator can set.
async fn make_available(tx: &Tx<'_>, agents: &[UserId]) -> Result<()> {
    let lasting = queue::Entity::update_many().col_expr(queue::Column::OfferSeconds, Expr::value(7 * 86_400));
    lasting.exec(tx.db()).await?;
    for id in agents {
        let mut agent = agent_state::lock_existing(tx, *id).await?;
        let all = i16::try_from(AGENT_WORKLOAD.len()).unwrap_or(i16::MAX);
        (agent.chat_limit, agent.chat_used) = (all, all);
        let available = RequestedState { state: AgentState::Available, reason: None, channels: None };
        agent_state::set(tx, &mut agent, &available).await?;
    }
    Ok(())
}

/// Returns the handle of an agent.
pub fn handle(number: usize) -> String {
    format!("agent{number}")
}

/// Brings the database into the state of long use, with statistics and no pending vacuum.
async fn optimize(app: &App, database: &str) -> anyhow::Result<()> {
    app.db.analyze().await?;
    if app.db.is_postgres() {
        let mut connection = sqlx::PgConnection::connect(database).await?;
        for statement in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
            sqlx::query(statement).execute(&mut connection).await?;
        }
        connection.close().await?;
    }
    Ok(())
}

fn plain(error: &Error) -> anyhow::Error {
    anyhow::anyhow!("{error:?}")
}

/// Returns the time this number of seconds later.
fn later(at: DateTime<Utc>, seconds: u64) -> DateTime<Utc> {
    at + Duration::seconds(i64::try_from(seconds).unwrap_or_default())
}
