//! GraphQL types of announcements: facts as a side may know them, and their sentence in the reader's language.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Union};
use entity::thread_item::{self, AnnouncementKind};
use futures_util::try_join;

use super::{loader::AnnouncementName, participant_types::actor_of};
use crate::{
    agents::graphql::types::Agent,
    auth::{request_context::ContextExt as _, viewer::Caller},
    conversations::{
        announcement_names::{self, AnnouncementReference, AnnouncementReferences},
        announcement_text::{self, AnnouncementNames},
        conversation_rows::ConversationSide,
        thread_items::number,
    },
    error::{Error, Result},
    instant::Instant,
    memory_budget::LongText,
    queues::graphql::types::Queue,
    text::locale::Locale,
    users::graphql::{interfaces::Actor, loader::ReferredPerson, types::User},
};

/// A line that the system added to a conversation, for example that an agent joined or left. Only its audience sees
/// it.
#[derive(Clone)]
pub struct Announcement {
    /// The item's row.
    pub row: Arc<thread_item::Model>,
    /// The side that reads the announcement.
    pub side: ConversationSide,
}

/// A line that the system added to a conversation, for example that an agent joined or left. Only its audience sees
/// it.
#[Object]
impl Announcement {
    /// The announcement's id, `msg_…`.
    pub async fn id(&self) -> ID {
        self.row.id.into()
    }

    /// The announcement's number in the conversation as the viewer counts: 1, 2, 3, … without gaps.
    pub async fn sequence(&self) -> i64 {
        number(&self.row, self.side).unwrap_or_default()
    }

    /// The time at which it was added. `sequence` gives the order.
    pub async fn created_at(&self) -> Instant {
        Instant(self.row.created_at)
    }

    /// The fact that the announcement states.
    async fn kind(&self) -> Result<AnnouncementKind> {
        let kind = self.row.announcement.map(|kind| announcement_names::kind_for(kind, self.side));
        kind.ok_or_else(|| Error::internal(anyhow::anyhow!("an announcement has no kind")))
    }

    /// The person who acted. Null if the system acted. Customers see agents as Representative, and see nobody who
    /// acted on somebody else.
    async fn actor(&self, ctx: &Context<'_>) -> Option<Result<Actor>> {
        self.person(ctx, self.references().actor?).await.transpose()
    }

    /// The person whom the announcement is about: who joined or left, who was asked to join, or whose task was
    /// transferred. Null if it is about none. Customers see agents as Representative.
    async fn subject(&self, ctx: &Context<'_>) -> Option<Result<Actor>> {
        self.person(ctx, self.references().subject?).await.transpose()
    }

    /// The agent or queue to whom the conversation or an invitation goes. Null for other announcements, for customers,
    /// and for viewers who may not see agents.
    async fn target(&self, ctx: &Context<'_>) -> Option<Result<Target>> {
        match self.references().target? {
            AnnouncementReference::Queue(id) => Some(Queue::find(ctx, id).await.transpose()?.map(Target::Queue)),
            AnnouncementReference::User(id) => Some(Agent::find(ctx, id).await.transpose()?.map(Target::Agent)),
            AnnouncementReference::Participant(_) => None,
        }
    }

    /// The end of the announced state. For OUT_OF_HOURS the time at which the queue opens next. Null if there is none.
    async fn until(&self) -> Option<Instant> {
        self.row.announcement_data.as_ref()?.until.map(Instant)
    }

    /// The announcement as a sentence, with the present names. Texts that people wrote, such as closed messages and
    /// the answers to a form, keep their language.
    async fn text(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The language as a BCP 47 tag: `en`, `de`, `ko` or `ja`, with or without a region. Other languages \
                    give English. Default: the language of the viewer's profile, else English."
        )]
        locale: Option<String>,
    ) -> Result<LongText<String>> {
        let AnnouncementReferences { actor, subject, target } = self.references();
        let (actor, subject, target, locale) =
            try_join!(name(ctx, actor), name(ctx, subject), name(ctx, target), reader_locale(ctx, locale.as_deref()))?;
        let names = AnnouncementNames { actor, subject, target };
        Ok(LongText(announcement_text::render(&self.row, &names, self.side, locale)))
    }
}

impl Announcement {
    fn references(&self) -> AnnouncementReferences {
        AnnouncementReferences::of(&self.row, self.side)
    }

    async fn person(&self, ctx: &Context<'_>, reference: AnnouncementReference) -> Result<Option<Actor>> {
        Ok(match reference {
            AnnouncementReference::Participant(id) => Some(actor_of(ctx, id, self.side).await?),
            AnnouncementReference::User(id) => Some(Actor::User(User::referred(ctx, id).await?)),
            AnnouncementReference::Queue(_) => None,
        })
    }
}

async fn name(ctx: &Context<'_>, reference: Option<AnnouncementReference>) -> Result<Option<String>> {
    match reference {
        Some(reference) => ctx.load(AnnouncementName(reference)).await,
        None => Ok(None),
    }
}

/// Returns the language for the viewer: that of a given tag, else that of the viewer's profile, else English.
pub async fn reader_locale(ctx: &Context<'_>, tag: Option<&str>) -> Result<Locale> {
    if tag.is_some() {
        return Ok(Locale::of(tag));
    }
    match ctx.caller()? {
        Caller::Person(viewer) => {
            let person = ctx.load(ReferredPerson(viewer.user)).await?;
            Ok(Locale::of(person.and_then(|person| person.locale.clone()).as_deref()))
        }
        Caller::Service(_) | Caller::Visitor(_) => Ok(Locale::default()),
    }
}

/// The agent or queue to whom something goes.
#[derive(Union)]
pub enum Target {
    /// One agent.
    Agent(Agent),
    /// The agents of a queue.
    Queue(Queue),
}
