//! The files of an archive, each a list that is read in pages by the finders of the API, so that the two show the same.

use std::collections::HashMap;

use entity::{
    activity,
    api_key::{self, ApiKeyKind},
    connection_request,
    id::UserId,
    personal_contact, session,
    user::{self, UserStatus},
    user_detail,
};
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait as _, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{related, talks};
use crate::{
    activities::feed::{Activities, FeedScope, Whose},
    app::App,
    error::Result,
    notifications::{notices::Notices, preferences},
    page::{ByAge, MAX_PAGE, Page, PageArguments, Slice},
    relationships::requests::{self, RequestDirection, Requests},
};

/// Rows of one reading.
pub const TOGETHER: u64 = 500;

/// One file of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    Profile,
    Relationships,
    Requests,
    Activities,
    Notifications,
    Messages,
    PersonalContacts,
    Sessions,
    Keys,
}

/// All of them, in the order in which they are written.
pub const PORTIONS: [Portion; 9] = [
    Portion::Profile,
    Portion::Relationships,
    Portion::Requests,
    Portion::Activities,
    Portion::Notifications,
    Portion::Messages,
    Portion::PersonalContacts,
    Portion::Sessions,
    Portion::Keys,
];

/// A page of a portion, and where the next begins if there is one.
pub type Read = (Vec<Value>, Option<String>);

impl Portion {
    /// What the file is called.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Profile => "profile.json",
            Self::Relationships => "relationships.json",
            Self::Requests => "requests.json",
            Self::Activities => "activities.json",
            Self::Notifications => "notifications.json",
            Self::Messages => "messages.json",
            Self::PersonalContacts => "personal-contacts.json",
            Self::Sessions => "sessions.json",
            Self::Keys => "keys.json",
        }
    }

    /// Reads a page of the person's.
    pub async fn read(self, app: &App, person: &user::Model, after: Option<String>) -> Result<Read> {
        let me = person.id;
        match self {
            Self::Profile => profile(app, person).await,
            Self::Relationships => relationships(app, me, after).await,
            Self::Requests => connection_requests(app, me, after).await,
            Self::Activities => activities(app, me, after).await,
            Self::Notifications => notifications(app, me, after).await,
            Self::Messages => talks::messages(app, me, after).await,
            Self::PersonalContacts => personal_contacts(app, me, after).await,
            Self::Sessions => sessions(app, me, after).await,
            Self::Keys => keys(app, me, after).await,
        }
    }
}

/// A word of the API for a stored enum.
pub fn word<T: async_graphql::resolver_utils::EnumType>(value: T) -> &'static str {
    T::items().iter().find(|item| item.value == value).map_or("", |item| item.name)
}

/// The place of a page in a list of the API.
fn page(after: Option<String>, list: &str) -> Result<Page<ByAge>> {
    Page::new(PageArguments { first: Some(MAX_PAGE), after, ..PageArguments::default() }, list)
}

fn next<T>(slice: &Slice<T>, id: impl Fn(&T) -> Uuid) -> Option<String> {
    slice.items.last().filter(|_| slice.has_next).map(|row| slice.cursor(&ByAge(id(row))))
}

/// Where rows that are ordered by id go on.
fn after_id(after: Option<String>) -> Uuid {
    after.and_then(|text| text.parse().ok()).unwrap_or(Uuid::nil())
}

fn more<T>(rows: &[T], id: impl Fn(&T) -> Uuid) -> Option<String> {
    rows.last().filter(|_| rows.len() as u64 == TOGETHER).map(|row| id(row).to_string())
}

/// Some people by id, those who take part; as an archive names them.
pub async fn names(app: &App, ids: impl Iterator<Item = UserId>) -> Result<HashMap<UserId, Value>> {
    let people = user::Entity::find()
        .filter(user::Column::Id.is_in(ids))
        .filter(user::Column::Status.eq(UserStatus::Active))
        .all(app.db.read())
        .await?;
    let name = |row: user::Model| (row.id, json!({ "handle": row.handle, "displayName": row.display_name }));
    Ok(people.into_iter().map(name).collect())
}

async fn profile(app: &App, person: &user::Model) -> Result<Read> {
    let details = user_detail::Entity::find_by_id(person.id).one(app.db.read()).await?.map(|row| row.details);
    let wishes = preferences::all(app.db.read(), person.id).await?;
    let wishes: Vec<Value> = wishes
        .into_iter()
        .map(|wish| json!({ "kind": word(wish.kind), "inApp": wish.in_app, "email": word(wish.email) }))
        .collect();
    let profile = json!({
        "id": person.id.to_string(),
        "handle": person.handle,
        "displayName": person.display_name,
        "name": {
            "given": person.given_name, "family": person.family_name, "additional": person.additional_name,
            "prefix": person.name_prefix, "suffix": person.name_suffix,
        },
        "title": person.title,
        "organisation": person.organisation,
        "avatarUrl": person.avatar_url,
        "locale": person.locale,
        "timeZone": person.time_zone,
        "role": word(person.role),
        "whoMayRequestConnection": word(person.who_may_request_connection),
        "whoMayFollow": word(person.who_may_follow),
        "details": details,
        "notificationPreferences": wishes,
        "createdAt": person.created_at,
    });
    Ok((vec![profile], None))
}

async fn relationships(app: &App, me: UserId, after: Option<String>) -> Result<Read> {
    let ids = related::ids(app, me, UserId(after_id(after)), TOGETHER).await?;
    Ok((related::describe(app, me, &ids).await?, more(&ids, |id| id.0)))
}

/// Those to the person first, then those of the person: the cursor says of which kind it is.
async fn connection_requests(app: &App, me: UserId, after: Option<String>) -> Result<Read> {
    const OUTGOING: &str = "outgoing ";
    let outgoing = after.as_ref().is_some_and(|after| after.starts_with(OUTGOING));
    let (direction, after) = match outgoing {
        false => (RequestDirection::Incoming, after),
        true => (RequestDirection::Outgoing, after.and_then(|after| after.strip_prefix(OUTGOING).map(str::to_owned))),
    };
    let now = app.clock.now();
    let all = Requests { user: me, direction, status: None, now };
    let page = page(after.filter(|after| !after.is_empty()), &all.fingerprint())?;
    let slice = all.page(app.db.read(), &page).await?;
    let other = |row: &connection_request::Model| if outgoing { row.recipient_id } else { row.requester_id };
    let names = names(app, slice.items.iter().map(other)).await?;
    let items = slice.items.iter().map(|row| {
        json!({
            "direction": word(direction),
            "person": names.get(&other(row)),
            "message": row.message,
            "status": word(requests::status_for(row, me, now)),
            "createdAt": row.created_at,
            "decidedAt": requests::decided_for(row, me, now),
        })
    });
    let items = items.collect();
    let next = next(&slice, |row| row.id.0);
    Ok(match (outgoing, next) {
        (false, None) => (items, Some(OUTGOING.to_owned())),
        (false, next) => (items, next),
        (true, next) => (items, next.map(|next| format!("{OUTGOING}{next}"))),
    })
}

async fn activities(app: &App, me: UserId, after: Option<String>) -> Result<Read> {
    let all = Activities { viewer: me, whose: Whose::Feed(FeedScope::Me), now: app.clock.now() };
    let slice = all.page(app.db.read(), &page(after, &all.fingerprint())?).await?;
    let other = |row: &activity::Model| if row.actor_id == me { row.subject_id } else { Some(row.actor_id) };
    let names = names(app, slice.items.iter().filter_map(other)).await?;
    let items = slice.items.iter().map(|row| {
        json!({
            "kind": word(row.kind),
            "person": other(row).and_then(|other| names.get(&other)),
            "text": row.text,
            "audience": if row.connections_only { "CONNECTIONS" } else { "EVERYONE" },
            "createdAt": row.created_at,
        })
    });
    Ok((items.collect(), next(&slice, |row| row.id.0)))
}

async fn notifications(app: &App, me: UserId, after: Option<String>) -> Result<Read> {
    let all = Notices { user: me, read: None, kind: None, oldest_first: false };
    let slice = all.page(app.db.read(), &page(after, &all.fingerprint())?).await?;
    let names = names(app, slice.items.iter().filter_map(|row| row.actor_id)).await?;
    let items = slice.items.iter().map(|row| {
        json!({
            "kind": word(row.kind),
            "person": row.actor_id.and_then(|actor| names.get(&actor)),
            "text": row.text,
            "createdAt": row.created_at,
            "readAt": row.read_at,
        })
    });
    Ok((items.collect(), next(&slice, |row| row.id.0)))
}

async fn personal_contacts(app: &App, me: UserId, after: Option<String>) -> Result<Read> {
    let rows = personal_contact::Entity::find()
        .filter(personal_contact::Column::OwnerId.eq(me))
        .filter(personal_contact::Column::Id.gt(after_id(after)))
        .order_by_asc(personal_contact::Column::Id)
        .limit(TOGETHER)
        .all(app.db.read())
        .await?;
    let next = more(&rows, |row| row.id.0);
    let items = rows.into_iter().map(|row| {
        json!({
            "displayName": row.display_name,
            "name": {
                "given": row.given_name, "family": row.family_name, "additional": row.additional_name,
                "prefix": row.name_prefix, "suffix": row.name_suffix,
            },
            "title": row.title,
            "organisation": row.organisation,
            "note": row.note,
            "details": row.details,
            "createdAt": row.created_at,
            "updatedAt": row.updated_at,
        })
    });
    Ok((items.collect(), next))
}

async fn sessions(app: &App, me: UserId, after: Option<String>) -> Result<Read> {
    let rows = session::Entity::find()
        .filter(session::Column::UserId.eq(me))
        // One that ended as it began only remembers a place: nobody was signed in by it.
        .filter(Expr::col(session::Column::ExpiresAt).gt(Expr::col(session::Column::CreatedAt)))
        .filter(session::Column::Id.gt(after_id(after)))
        .order_by_asc(session::Column::Id)
        .limit(TOGETHER)
        .all(app.db.read())
        .await?;
    let next = more(&rows, |row| row.id.0);
    let items = rows.into_iter().map(|row| {
        json!({
            "createdAt": row.created_at,
            "usedAt": row.used_at,
            "expiresAt": row.expires_at,
            "endedAt": row.ended_at,
            "userAgent": row.user_agent,
        })
    });
    Ok((items.collect(), next))
}

async fn keys(app: &App, me: UserId, after: Option<String>) -> Result<Read> {
    let rows = api_key::Entity::find()
        .filter(api_key::Column::OwnerId.eq(me))
        .filter(api_key::Column::Kind.eq(ApiKeyKind::Personal))
        .filter(api_key::Column::Id.gt(after_id(after)))
        .order_by_asc(api_key::Column::Id)
        .limit(TOGETHER)
        .all(app.db.read())
        .await?;
    let next = more(&rows, |row| row.id.0);
    let items = rows.into_iter().map(|row| {
        json!({
            "name": row.name,
            "prefix": row.prefix,
            "scopes": row.scopes.split(' ').collect::<Vec<_>>(),
            "createdAt": row.created_at,
            "expiresAt": row.expires_at,
            "lastUsedAt": row.last_used_at,
            "revokedAt": row.revoked_at,
        })
    });
    Ok((items.collect(), next))
}
