//! Pages of conversations.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use entity::id::CustomerId;

use super::{
    loader::{ConversationCountOf, ConversationsOf},
    types::Conversation,
};
use crate::{
    auth::request_context::ContextExt as _,
    conversations::{
        conversation_rows::{ConversationSide, VisibleConversation},
        listing::Conversations,
    },
    error::Result,
    events::cursor::Cursor,
    pagination::{Page, PageArguments, PageBound, PageInfo, PageSlice},
};

/// The list of which a page is a part.
enum ConversationList {
    /// A list with a filter.
    Filtered(Box<Conversations>),
    /// The conversations of a customer.
    Customer(CustomerId),
}

/// A page of conversations, the one with the newest item first.
pub struct ConversationConnection {
    list: ConversationList,
    slice: PageSlice<VisibleConversation>,
    side: ConversationSide,
    stream_cursor: Cursor,
}

impl ConversationConnection {
    /// Reads a page of a list.
    pub async fn read(ctx: &Context<'_>, all: Conversations, arguments: PageArguments) -> Result<Self> {
        let page = Page::new(arguments, &all.fingerprint())?;
        let stream_cursor = ctx.stream_cursor()?;
        let slice = all.page(ctx.app()?.db.read(), &page).await?;
        let side = ConversationSide::of(&all.caller);
        Ok(Self { list: ConversationList::Filtered(Box::new(all)), slice, side, stream_cursor })
    }

    /// Reads a page of a customer's conversations, in one batch with the pages of other customers.
    pub async fn of_customer(ctx: &Context<'_>, customer: CustomerId, arguments: PageArguments) -> Result<Self> {
        let page = Page::new(arguments, &format!("conversations of {customer}"))?;
        let (stream_cursor, empty) = (ctx.stream_cursor()?, page.clone());
        let slice = ctx.load(ConversationsOf { customer, page }).await?;
        let slice = slice.unwrap_or_else(|| empty.slice(Vec::new()));
        let side = ConversationSide::of(ctx.caller()?);
        Ok(Self { list: ConversationList::Customer(customer), slice, side, stream_cursor })
    }

    fn node(&self, seen: &VisibleConversation) -> Conversation {
        Conversation { seen: Arc::new(seen.clone()), side: self.side }
    }
}

fn place(seen: &VisibleConversation) -> PageBound {
    PageBound::Since(seen.row.last_item_at, seen.row.id.0)
}

/// A page of conversations, the one with the newest item first.
#[Object]
impl ConversationConnection {
    /// The conversations with their cursors.
    async fn edges(&self) -> Vec<ConversationEdge> {
        let edge = |seen: &VisibleConversation| ConversationEdge {
            cursor: self.slice.cursor(&place(seen)),
            node: self.node(seen),
        };
        self.slice.items.iter().map(edge).collect()
    }

    /// The conversations without their cursors.
    async fn nodes(&self) -> Vec<Conversation> {
        self.slice.items.iter().map(|seen| self.node(seen)).collect()
    }

    /// The number of all conversations in the list. They are counted when the field is selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        match &self.list {
            ConversationList::Filtered(list) => Ok(list.count(ctx.app()?.db.read()).await?),
            ConversationList::Customer(customer) => {
                Ok(ctx.load(ConversationCountOf(*customer)).await?.unwrap_or_default())
            }
        }
    }

    /// The position of the subscription `inbox` before this page was read. A subscription with it as `after` misses no
    /// change.
    async fn stream_cursor(&self) -> &Cursor {
        &self.stream_cursor
    }

    /// The position of the page in the list. The list moves: a conversation with a new item goes to the front.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(place)
    }
}

/// A conversation in a page.
#[derive(SimpleObject)]
pub struct ConversationEdge {
    /// The conversation's position in the list.
    pub cursor: String,
    /// The conversation at this position.
    pub node: Conversation,
}
