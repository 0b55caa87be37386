//! The queries `contacts`, `followers`, `following` and `mutualConnections`. Every list pages in a fixed order.

use async_graphql::{Context, ID, Object};
use entity::{contact::List, id::UserId};

use super::types::{ContactConnection, ContactList, PeoplePage, UserConnection};
use crate::contacts::list_members::{ContactOrder, ListSource};
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
    events::{
        cursor::{Cursor, contacts_of},
        log,
    },
    pagination::PageArguments,
    users::graphql::loader::PersonById,
};

/// Root queries of contact lists.
#[derive(Default)]
pub struct ContactsQuery;

#[Object]
impl ContactsQuery {
    /// Reads one of the viewer's lists. Name order is by family name, then given name, by the Unicode Collation
    /// Algorithm. It ignores case and accents. Scripts come in the order Latin, Greek, Cyrillic, …, Hangul, kana, Han.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn contacts(
        &self,
        ctx: &Context<'_>,
        #[graphql(default_with = "ContactList::All", desc = "The list to read.")] list: ContactList,
        #[graphql(default_with = "ContactOrder::Name", desc = "The order of the entries.")] order_by: ContactOrder,
        #[graphql(
            desc = "The words to find, at most 100 characters. Names, handle or visible e-mail addresses must contain \
                    every word. Case and accents make no difference. A word of one character must begin a name, except \
                    for Chinese and Korean characters. Korean names are also found by their initial consonants."
        )]
        search: Option<String>,
        #[graphql(desc = "The number of entries from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins, from the same list, search and order.")]
        after: Option<String>,
        #[graphql(desc = "The number of entries from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends, from the same list, search and order.")]
        before: Option<String>,
    ) -> Result<ContactConnection> {
        let source = list.of(ctx)?;
        let arguments = PageArguments { first, after, last, before };
        // The cursor is read before the page, so that no event falls between the two.
        let wanted = ctx.look_ahead().field("streamCursor").exists();
        let stream_cursor = match ctx.viewer() {
            Ok(viewer) => {
                let stream = contacts_of(viewer.user);
                let at = if wanted { log::bounds(ctx.app()?.db.read(), stream).await?.last } else { 0 };
                Cursor::in_stream(stream, at)
            }
            Err(_) if !wanted => Cursor(String::new()),
            Err(fault) => return Err(fault),
        };
        let page = PeoplePage::read(ctx, source, search.as_deref(), order_by, arguments).await?;
        Ok(ContactConnection { page, stream_cursor })
    }

    /// Lists the people who follow a person, in name order. Null when the viewer may see no such person.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn followers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the person whose followers are listed.")] user_id: ID,
        #[graphql(desc = "The number of entries from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of entries from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Option<Result<UserConnection>> {
        let arguments = PageArguments { first, after, last, before };
        of_person(ctx, &user_id, |person| ListSource::Of(person, List::Followers), arguments).await.transpose()
    }

    /// Lists the people whom a person follows, in name order. Null when the viewer may see no such person.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn following(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the person who follows them.")] user_id: ID,
        #[graphql(desc = "The number of entries from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of entries from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Option<Result<UserConnection>> {
        let arguments = PageArguments { first, after, last, before };
        of_person(ctx, &user_id, |person| ListSource::Of(person, List::Following), arguments).await.transpose()
    }

    /// Lists the connections that the viewer shares with a person, in name order. Null when the viewer may see no such
    /// person.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn mutual_connections(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the other person.")] user_id: ID,
        #[graphql(desc = "The number of entries from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of entries from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Option<Result<UserConnection>> {
        let me = match ctx.viewer() {
            Ok(viewer) => viewer.user,
            Err(fault) => return Some(Err(fault)),
        };
        let arguments = PageArguments { first, after, last, before };
        of_person(ctx, &user_id, |person| ListSource::Mutual(me, person), arguments).await.transpose()
    }
}

async fn of_person(
    ctx: &Context<'_>,
    user_id: &ID,
    source: impl FnOnce(UserId) -> ListSource,
    arguments: PageArguments,
) -> Result<Option<UserConnection>> {
    let Some(person) = UserId::parse(user_id) else { return Ok(None) };
    if ctx.load(PersonById(person)).await?.is_none() {
        return Ok(None);
    }
    Ok(Some(UserConnection(PeoplePage::read(ctx, source(person), None, ContactOrder::Name, arguments).await?)))
}
