//! Conversations with customers for measuring: a floor of agents with a full desk each, and as many messages as are asked for,
//! most of them in conversations that are long over. The rows are those that the server would have written; they are put in
//! many at once, and their events go through the log as always.

mod ending;
mod notes;
mod rows;
mod story;
mod texts;

use api::{
    agents::agent_state::{self, RequestedState},
    app::{App, Tx},
    contact_center::admin_change::AdminActor,
    entry_points::entry_point_admin::{self, CreateEntryPointInput},
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

use self::{ending::Ending, rows::Rows, story::Story};
use super::fill;

/// How many agents there are, each of whom has as much in hand as they may: talks, a wrap-up and an offer.
pub const AGENTS: usize = 10;
const IN_HAND: [Ending; 5] = [Ending::Talking, Ending::Talking, Ending::Talking, Ending::WrapUpOwed, Ending::Offered];
const QUEUES: usize = 4;
/// The entries of one conversation.
const ENTRIES: u64 = 100;
/// How many conversations go on at the same time: so far apart lie the entries of one.
const AT_ONCE: usize = 50;
/// Since when there have been conversations.
const DAYS: i64 = 10;

/// Who answers customers, and where these write.
pub struct Floor {
    pub agents: Vec<(UserId, String)>,
    pub doors: Vec<(EntryPointId, QueueId)>,
}

/// Fills a database that has no conversations yet with so many messages.
pub async fn fill(database: &str, messages: u64) -> anyhow::Result<()> {
    let app = Box::pin(fill::open(database)).await?;
    anyhow::ensure!(
        conversation::Entity::find().count(app.db.read()).await? == 0,
        "there are conversations already: begin with an empty database"
    );
    let floor = furnish(&app).await.map_err(|error| plain(&error))?;
    let in_hand = AGENTS * IN_HAND.len();
    let over = usize::try_from(messages / ENTRIES)?.saturating_sub(in_hand);
    let (began, now) = (app.clock.now() - Duration::days(DAYS), app.clock.now());
    let groups = over.div_ceil(AT_ONCE);
    for group in 0..groups {
        let at = began + (now - began - Duration::hours(1)) / i32::try_from(groups)? * i32::try_from(group)?;
        let first = group * AT_ONCE;
        let count = AT_ONCE.min(over - first);
        put(&app, &floor, (first..first + count).map(|number| Story::of(number, at, Ending::Over)).collect()).await?;
    }
    let began = now - Duration::hours(1);
    let desks = (0..in_hand).map(|number| Story::of(over + number, began, IN_HAND[number / AGENTS]));
    put(&app, &floor, desks.collect()).await?;
    api::events::sequencer::drain(&app.db).await?;
    tidy(&app, database).await?;
    println!("{} conversations", over + in_hand);
    Ok(())
}

/// Writes some conversations that go on at the same time.
async fn put(app: &App, floor: &Floor, stories: Vec<Story>) -> anyhow::Result<()> {
    let stories = &stories;
    let done = app.transaction(|tx| {
        Box::pin(async move {
            let mut rows = Rows::default();
            for story in stories {
                story.begin(tx, floor, &mut rows)?;
            }
            for step in 0..ENTRIES {
                for story in stories {
                    story.entry(tx, floor, &mut rows, step)?;
                }
            }
            for story in stories {
                story.end(tx, floor, &mut rows)?;
            }
            rows.write(tx).await
        })
    });
    done.await.map_err(|error| plain(&error))
}

/// Creates agents, queues and entry points. The agents are available and full.
async fn furnish(app: &App) -> Result<Floor> {
    let agents = app.transaction(|tx| Box::pin(hire(tx))).await?;
    let agent_ids: Vec<_> = agents.iter().map(|(id, _)| AgentId(id.0).into()).collect();
    let mut doors = Vec::new();
    for number in 0..QUEUES {
        let name = format!("Web chat {number}");
        let new = CreateQueueInput { agent_ids: agent_ids.clone(), ..CreateQueueInput::new(&name, Channel::Webchat) };
        let queue = queue_admin::create(app, AdminActor::System, &new).await?.row.id;
        let (name, address) = (format!("{name} of the site"), format!("site-{number}"));
        let new = CreateEntryPointInput::new(&name, Channel::Webchat, &address, queue);
        doors.push((entry_point_admin::create(app, AdminActor::System, &new).await?.row.id, queue));
    }
    let (ids, doors) = (&agents.iter().map(|(id, _)| *id).collect::<Vec<_>>(), doors);
    app.transaction(|tx| Box::pin(open(tx, ids))).await?;
    Ok(Floor { agents, doors })
}

async fn hire(tx: &Tx<'_>) -> Result<Vec<(UserId, String)>> {
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

/// Makes the agents available, each at the limit, and lets an offer last for as long as is measured, which is longer than an
/// administrator may let it.
async fn open(tx: &Tx<'_>, agents: &[UserId]) -> Result<()> {
    let lasting = queue::Entity::update_many().col_expr(queue::Column::OfferSeconds, Expr::value(7 * 86_400));
    lasting.exec(tx.db()).await?;
    for id in agents {
        let mut agent = agent_state::lock_existing(tx, *id).await?;
        let all = i16::try_from(IN_HAND.len()).unwrap_or(i16::MAX);
        (agent.chat_limit, agent.chat_used) = (all, all);
        let available = RequestedState { state: AgentState::Available, reason: None, channels: None };
        agent_state::set(tx, &mut agent, &available).await?;
    }
    Ok(())
}

/// What an agent of the floor is called by.
pub fn handle(number: usize) -> String {
    format!("agent{number}")
}

/// Leaves the database as one that has been there for long: with statistics, and with nothing for a vacuum to do.
async fn tidy(app: &App, database: &str) -> anyhow::Result<()> {
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

/// A time so many seconds later.
fn later(at: DateTime<Utc>, seconds: u64) -> DateTime<Utc> {
    at + Duration::seconds(i64::try_from(seconds).unwrap_or_default())
}
