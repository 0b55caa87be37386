//! GraphQL types of the numbers of things that wait for the viewer.

use async_graphql::SimpleObject;
use entity::contact::List;

use crate::{
    agents::assignments,
    app::App,
    auth::viewer::{Scope, Viewer},
    contacts::lists,
    conversations::unread::{self as unread_messages, UnreadTotals},
    error::Result,
    events::cursor::Cursor,
    instant::Instant,
    notifications::unread::{self, UnreadNotifications},
};

/// The numbers of things that wait for the viewer. A connection request that waits has a notification too, so the two
/// numbers must not be added: `badge` counts it once. The subscription `inbox` delivers every change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SimpleObject)]
pub struct UnreadCounts {
    /// The number to show on a bell: the waiting connection requests and the unread notifications about other things.
    pub badge: i64,
    /// The number of unread notifications. Those about waiting connection requests are among them.
    pub notifications: i64,
    /// The number of connection requests that wait for the viewer's answer. Needs the scope CONTACTS_READ and is 0
    /// without it.
    pub requests: i64,
    /// The number of conversations in which the viewer takes part and has unread messages. Needs the scope
    /// CONVERSATIONS_READ and is 0 without it.
    pub conversations: i64,
    /// The number of unread messages in those conversations. Needs the scope CONVERSATIONS_READ and is 0 without it.
    pub messages: i64,
    /// The number of wrap-ups that the viewer has to submit. Needs the scope AGENTS_READ and is 0 without it.
    pub wrap_ups: i64,
}

impl UnreadCounts {
    /// Counts the things that wait for a user.
    pub async fn read(app: &App, viewer: &Viewer) -> Result<Self> {
        let (db, user, scopes) = (app.db.read(), viewer.user, viewer.scopes);
        let requests = if scopes.has(Scope::ContactsRead) {
            let sizes = lists::sizes(db, &[user], app.clock.now()).await?;
            Some(sizes.get(&(user, List::IncomingRequests)).copied().unwrap_or_default())
        } else {
            None
        };
        let UnreadNotifications { total, about_requests } = unread::count(db, user).await?;
        let badge = requests.map_or(total, |requests| total - about_requests + requests);
        let UnreadTotals { conversations, messages } = if scopes.has(Scope::ConversationsRead) {
            unread_messages::totals(db, user).await?
        } else {
            UnreadTotals::default()
        };
        let wrap_ups = if scopes.has(Scope::AgentsRead) { assignments::count_wrap_ups(db, user).await? } else { 0 };
        let requests = requests.unwrap_or_default();
        Ok(Self { badge, notifications: total, requests, conversations, messages, wrap_ups })
    }
}

/// The numbers of things that wait for the viewer changed. The event is not part of the log: it has no number, and
/// several changes may come as one.
#[derive(SimpleObject)]
pub struct UnreadChanged {
    /// The cursor to resume after this event.
    pub cursor: Cursor,
    /// The time at which the numbers were counted.
    pub occurred_at: Instant,
    /// The numbers now.
    pub unread: UnreadCounts,
}
