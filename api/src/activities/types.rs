//! Activities as the API shows them.

use async_graphql::{Context, Enum, ID, Object, SimpleObject, Union};
use chrono::{DateTime, Utc};
use entity::{
    activity::{self, ActivityKind},
    event::EventKind,
    id::ActivityId,
};
use sea_orm::EntityTrait as _;

use super::{
    feed::{Activities, Whose},
    live,
};
use crate::{
    auth::context::ContextExt,
    error::{Error, Result},
    events::{cursor::Cursor, log::Entry},
    page::{ByAge, Page, PageArguments, PageInfo, Slice},
    users::types::User,
    weight::LongText,
};

/// Who may see a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum StatusAudience {
    /// Those who are connected with the author or follow them.
    Everyone,
    /// The author's connections.
    Connections,
}

/// Something a person did that those related to them may see.
#[derive(Clone)]
pub struct Activity(pub activity::Model);

/// Something a person did that those related to them may see.
#[Object]
impl Activity {
    /// The activity's id, `activity_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// What was done.
    async fn kind(&self) -> ActivityKind {
        self.0.kind
    }

    /// Who did it.
    async fn actor(&self, ctx: &Context<'_>) -> Result<User> {
        User::referred(ctx, self.0.actor_id).await
    }

    /// The other person, of CONNECTED; null also when that person can no longer be seen.
    async fn subject(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        User::find(ctx, self.0.subject_id?).await.transpose()
    }

    /// The text of a status, at most 1,000 characters.
    async fn text(&self) -> Option<LongText<&str>> {
        self.0.text.as_deref().map(LongText)
    }

    /// Who may see it.
    async fn audience(&self) -> StatusAudience {
        if self.0.connections_only { StatusAudience::Connections } else { StatusAudience::Everyone }
    }

    /// When it was done.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

impl Activity {
    /// The activity with an id, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: ActivityId) -> Result<Option<Self>> {
        let (app, Ok(viewer)) = (ctx.app()?, ctx.viewer()) else { return Ok(None) };
        let Some(row) = activity::Entity::find_by_id(id).one(app.db.read()).await? else { return Ok(None) };
        let seen = live::audience(app.db.read(), &row, Some(viewer.user), app.clock.now()).await?;
        Ok(seen.contains(&viewer.user).then_some(Self(row)))
    }
}

/// A page of activities, newest first.
pub struct ActivityConnection {
    slice: Slice<activity::Model>,
    stream_cursor: Cursor,
}

impl ActivityConnection {
    /// Reads a page.
    pub async fn read(ctx: &Context<'_>, whose: Whose, arguments: PageArguments) -> Result<Self> {
        let (app, viewer) = (ctx.app()?, ctx.viewer()?);
        let activities = Activities { viewer: viewer.user, whose, now: app.clock.now() };
        let page = Page::<ByAge>::new(arguments, &activities.fingerprint())?;
        // Before the page, so that nothing falls between the two.
        let wanted = ctx.look_ahead().field("streamCursor").exists();
        let at = if wanted { crate::events::sequencer::extent(app.db.read()).await?.last } else { 0 };
        let stream_cursor = Cursor::global(viewer.user, at);
        Ok(Self { slice: activities.page(app.db.read(), &page).await?, stream_cursor })
    }

    fn edge(&self, row: &activity::Model) -> ActivityEdge {
        ActivityEdge { cursor: self.slice.cursor(&ByAge(row.id.0)), node: Activity(row.clone()) }
    }
}

/// A page of activities, newest first.
#[Object]
impl ActivityConnection {
    /// The activities with their cursors.
    async fn edges(&self) -> Vec<ActivityEdge> {
        self.slice.items.iter().map(|row| self.edge(row)).collect()
    }

    /// The activities.
    async fn nodes(&self) -> Vec<Activity> {
        self.slice.items.iter().cloned().map(Activity).collect()
    }

    /// Where this page lies in the list.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(|row| ByAge(row.id.0))
    }

    /// Where the subscription `activityFeed` stood before this page was read: subscribe with it as `after` and nothing is
    /// missed. What the page shows already may come once more.
    async fn stream_cursor(&self) -> &Cursor {
        &self.stream_cursor
    }
}

/// An activity in a page.
#[derive(SimpleObject)]
pub struct ActivityEdge {
    /// The place in the list.
    pub cursor: String,
    /// The activity.
    pub node: Activity,
}

/// Somebody of the viewer's feed did something.
#[derive(SimpleObject)]
pub struct ActivityPosted {
    /// The event's id, `event_…`; the same however the event is read.
    pub id: ID,
    /// Resume after this event with it.
    pub cursor: Cursor,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// The activity.
    pub activity: Activity,
}

/// Somebody took a status back.
#[derive(SimpleObject)]
pub struct ActivityRemoved {
    /// The event's id, `event_…`; the same however the event is read.
    pub id: ID,
    /// Resume after this event with it.
    pub cursor: Cursor,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// The id of what is no longer there.
    pub activity_id: ID,
}

/// An entry of the log about activities.
#[derive(Union)]
pub enum ActivityEvent {
    ActivityPosted(ActivityPosted),
    ActivityRemoved(ActivityRemoved),
}

impl ActivityEvent {
    /// Reads an entry of the log; `cursor` is the position as the reader counts.
    pub fn read(entry: &Entry, cursor: Cursor) -> Result<Self> {
        let row = live::read(entry)?;
        let (id, occurred_at) = (ID::from(entry.id), entry.occurred_at);
        match entry.kind {
            EventKind::ActivityPosted => {
                Ok(Self::ActivityPosted(ActivityPosted { id, cursor, occurred_at, activity: Activity(row) }))
            }
            EventKind::ActivityRemoved => {
                Ok(Self::ActivityRemoved(ActivityRemoved { id, cursor, occurred_at, activity_id: row.id.into() }))
            }
            _ => Err(Error::internal(anyhow::anyhow!("an event of another stream"))),
        }
    }
}
