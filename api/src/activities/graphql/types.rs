//! Schema types of activities. An activity is shown only to people who may see it.

use async_graphql::{Context, Enum, ID, Object, SimpleObject, Union};
use entity::{
    activity::{self, ActivityKind},
    event::EventKind,
    id::ActivityId,
};
use sea_orm::EntityTrait as _;

use crate::activities::{
    feed::{Activities, FeedAuthors},
    live,
};
use crate::{
    auth::request_context::ContextExt,
    error::Result,
    events::graphql::types::UnknownEvent,
    events::{cursor::Cursor, log::LoggedEvent},
    instant::Instant,
    memory_budget::LongText,
    pagination::{ByAge, Page, PageArguments, PageInfo, PageSlice},
    users::graphql::types::User,
};

/// The people who may see an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ActivityAudience {
    /// People who are connected with the author or follow the author.
    Everyone,
    /// The author's connections.
    Connections,
}

/// An act of a person that related people may see.
#[derive(Clone)]
pub struct Activity(pub activity::Model);

/// An act of a person that related people may see.
#[Object]
impl Activity {
    /// The activity's id, `activity_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The kind of act.
    async fn kind(&self) -> ActivityKind {
        self.0.kind
    }

    /// The person who acted.
    async fn actor(&self, ctx: &Context<'_>) -> Result<User> {
        User::referred(ctx, self.0.actor_id).await
    }

    /// The other person of a CONNECTED activity. Null for other kinds, and when the viewer can no longer see that
    /// person.
    async fn subject(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        User::find(ctx, self.0.subject_id?).await.transpose()
    }

    /// The text of a status or of a recorded act, at most 1,000 characters. Null for other kinds.
    async fn text(&self) -> Option<LongText<&str>> {
        self.0.text.as_deref().map(LongText)
    }

    /// The name of the application that recorded the act, as the application gave it. Null for other kinds.
    async fn application(&self) -> Option<&str> {
        self.0.application.as_deref()
    }

    /// The address of a page that shows a recorded act, `https` or `http`. Null for other kinds.
    async fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }

    /// The people who may see the activity.
    async fn audience(&self) -> ActivityAudience {
        if self.0.connections_only { ActivityAudience::Connections } else { ActivityAudience::Everyone }
    }

    /// The time of the act.
    async fn created_at(&self) -> Instant {
        Instant(self.0.created_at)
    }
}

impl Activity {
    /// Returns the activity with an id, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: ActivityId) -> Result<Option<Self>> {
        let (app, Ok(viewer)) = (ctx.app()?, ctx.viewer()) else { return Ok(None) };
        let Some(row) = activity::Entity::find_by_id(id).one(app.db.read()).await? else { return Ok(None) };
        let seen = live::audience(app.db.read(), &row, Some(viewer.user), app.clock.now()).await?;
        Ok(seen.contains(&viewer.user).then_some(Self(row)))
    }
}

/// A page of activities, newest first.
pub struct ActivityConnection {
    activities: Activities,
    slice: PageSlice<activity::Model>,
    stream_cursor: Cursor,
}

impl ActivityConnection {
    /// Reads a page, and the cursor of the subscription if it is selected.
    pub async fn read(ctx: &Context<'_>, authors: FeedAuthors, arguments: PageArguments) -> Result<Self> {
        let (app, viewer) = (ctx.app()?, ctx.viewer()?);
        let activities = Activities { viewer: viewer.user, authors, now: app.clock.now() };
        let page = Page::<ByAge>::new(arguments, &activities.fingerprint())?;
        // The cursor is read before the page, so that no event falls between the two.
        let wanted = ctx.look_ahead().field("streamCursor").exists();
        let at = if wanted { crate::events::sequencer::bounds(app.db.read()).await?.last } else { 0 };
        let stream_cursor = Cursor::global(viewer.user.0, at);
        Ok(Self { activities, slice: activities.page(app.db.read(), &page).await?, stream_cursor })
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

    /// The activities on this page.
    async fn nodes(&self) -> Vec<Activity> {
        self.slice.items.iter().cloned().map(Activity).collect()
    }

    /// The position of this page in the list.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(|row| ByAge(row.id.0))
    }

    /// The number of all activities in the list that the viewer may see. They are counted when the field is selected,
    /// at a cost of 1,000, because each of them is checked.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        self.activities.count(ctx.app()?.db.read()).await
    }

    /// The position of the subscription `activityFeed` before this page was read. A subscription with it as `after`
    /// misses nothing. It can repeat what the page already shows.
    async fn stream_cursor(&self) -> &Cursor {
        &self.stream_cursor
    }
}

/// An activity on a page, with its cursor.
#[derive(SimpleObject)]
pub struct ActivityEdge {
    /// The activity's position in the list.
    pub cursor: String,
    /// The activity.
    pub node: Activity,
}

/// A person in the viewer's feed has a new activity.
#[derive(SimpleObject)]
pub struct ActivityPosted {
    /// The event's id, `event_…`. It is the same wherever the event is read.
    pub id: ID,
    /// The cursor to resume after this event.
    pub cursor: Cursor,
    /// The time of the event.
    pub occurred_at: Instant,
    /// The activity.
    pub activity: Activity,
}

/// A person in the viewer's feed has deleted a status or a recorded act.
#[derive(SimpleObject)]
pub struct ActivityRemoved {
    /// The event's id, `event_…`. It is the same wherever the event is read.
    pub id: ID,
    /// The cursor to resume after this event.
    pub cursor: Cursor,
    /// The time of the event.
    pub occurred_at: Instant,
    /// The id of the deleted activity.
    pub activity_id: ID,
}

/// An event about activities.
#[derive(Union)]
pub enum ActivityLogEvent {
    /// A new activity.
    ActivityPosted(ActivityPosted),
    /// A deleted activity.
    ActivityRemoved(ActivityRemoved),
    /// An event that this version of Rapport does not know.
    UnknownEvent(UnknownEvent),
}

impl ActivityLogEvent {
    /// Reads a log entry. `cursor` is its position for the reader.
    #[must_use]
    pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Self {
        let known = Self::known(entry, cursor.clone());
        known.unwrap_or_else(|| Self::UnknownEvent(UnknownEvent::read(entry, cursor)))
    }

    /// Reads a log entry of this version.
    fn known(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
        let row = live::read(entry)?;
        let (id, occurred_at) = (ID::from(entry.id), entry.occurred_at);
        Some(match entry.kind.0? {
            EventKind::ActivityPosted => Self::ActivityPosted(ActivityPosted {
                id,
                cursor,
                occurred_at: Instant(occurred_at),
                activity: Activity(row),
            }),
            EventKind::ActivityRemoved => Self::ActivityRemoved(ActivityRemoved {
                id,
                cursor,
                occurred_at: Instant(occurred_at),
                activity_id: row.id.into(),
            }),
            _ => return None,
        })
    }
}
