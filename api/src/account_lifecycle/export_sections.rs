//! The files of an archive. Each is a list that is read in pages with the finders of the API, so that both show the
//! same.

use entity::{
    activity,
    api_key::{self, ApiKeyKind},
    connection_request,
    id::UserId,
    personal_contact, session, user, user_detail,
};
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait as _, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    export_conversations,
    export_page::{SectionPage, TOGETHER, enum_label, names},
    export_relationships,
};
use crate::{
    activities::feed::{Activities, FeedAuthors, FeedScope},
    app::App,
    error::Result,
    notifications::{notification_rows::NotificationList, preferences},
    pagination::{ByAge, MAX_PAGE, Page, PageArguments, PageSlice},
    relationships::requests::{self, ConnectionRequestDirection, RequestList},
    users::avatars,
};

/// One file of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportSection {
    /// The profile, the contact details and the preferences.
    Profile,
    /// The related people with the user's notes and mutes.
    Relationships,
    /// The received and sent connection requests.
    Requests,
    /// The user's activities.
    Activities,
    /// The user's notifications.
    Notifications,
    /// The messages of the user's direct conversations.
    Messages,
    /// The user's address book.
    PersonalContacts,
    /// The user's sign-ins.
    Sessions,
    /// The user's personal API keys, without secrets.
    Keys,
}

/// All files, in the order of the archive.
pub const EXPORT_SECTIONS: [ExportSection; 9] = [
    ExportSection::Profile,
    ExportSection::Relationships,
    ExportSection::Requests,
    ExportSection::Activities,
    ExportSection::Notifications,
    ExportSection::Messages,
    ExportSection::PersonalContacts,
    ExportSection::Sessions,
    ExportSection::Keys,
];

impl ExportSection {
    /// Returns the name of the file.
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

    /// Reads a page of the user's data.
    pub async fn read(self, app: &App, person: &user::Model, after: Option<String>) -> Result<SectionPage> {
        let me = person.id;
        match self {
            Self::Profile => profile(app, person).await,
            Self::Relationships => relationships(app, me, after).await,
            Self::Requests => connection_requests(app, me, after).await,
            Self::Activities => activities(app, me, after).await,
            Self::Notifications => notifications(app, me, after).await,
            Self::Messages => export_conversations::messages(app, me, after).await,
            Self::PersonalContacts => personal_contacts(app, me, after).await,
            Self::Sessions => sessions(app, me, after).await,
            Self::Keys => keys(app, me, after).await,
        }
    }
}

/// The place of a page in a list of the API.
fn page(after: Option<String>, list: &str) -> Result<Page<ByAge>> {
    Page::new(PageArguments { first: Some(MAX_PAGE), after, ..PageArguments::default() }, list)
}

fn next<T>(slice: &PageSlice<T>, id: impl Fn(&T) -> Uuid) -> Option<String> {
    slice.items.last().filter(|_| slice.has_next).map(|row| slice.cursor(&ByAge(id(row))))
}

/// Returns the id after which a list ordered by id continues.
fn after_id(after: Option<String>) -> Uuid {
    after.and_then(|text| text.parse().ok()).unwrap_or(Uuid::nil())
}

fn more<T>(rows: &[T], id: impl Fn(&T) -> Uuid) -> Option<String> {
    rows.last().filter(|_| rows.len() as u64 == TOGETHER).map(|row| id(row).to_string())
}

async fn profile(app: &App, person: &user::Model) -> Result<SectionPage> {
    let details = user_detail::Entity::find_by_id(person.id).one(app.db.read()).await?.map(|row| row.details);
    let wishes = preferences::all(app.db.read(), person.id).await?;
    let wishes: Vec<Value> = wishes
        .into_iter()
        .map(|wish| json!({ "kind": enum_label(wish.kind), "inApp": wish.in_app, "email": enum_label(wish.email) }))
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
        "organization": person.organization,
        "avatarUrl": person.avatar_url.as_deref().map(|stored| avatars::address(stored, i32::MAX)),
        "locale": person.locale,
        "timeZone": person.time_zone,
        "role": enum_label(person.role),
        "whoMayRequestConnection": enum_label(person.who_may_request_connection),
        "whoMayFollow": enum_label(person.who_may_follow),
        "details": details,
        "notificationPreferences": wishes,
        "createdAt": person.created_at,
    });
    Ok((vec![profile], None))
}

async fn relationships(app: &App, me: UserId, after: Option<String>) -> Result<SectionPage> {
    let ids = export_relationships::ids(app, me, UserId(after_id(after)), TOGETHER).await?;
    Ok((export_relationships::describe(app, me, &ids).await?, more(&ids, |id| id.0)))
}

/// Reads received requests first and sent ones afterwards. A prefix of the cursor marks the sent ones.
async fn connection_requests(app: &App, me: UserId, after: Option<String>) -> Result<SectionPage> {
    const OUTGOING: &str = "outgoing ";
    let outgoing = after.as_ref().is_some_and(|after| after.starts_with(OUTGOING));
    let (direction, after) = match outgoing {
        false => (ConnectionRequestDirection::Incoming, after),
        true => (
            ConnectionRequestDirection::Outgoing,
            after.and_then(|after| after.strip_prefix(OUTGOING).map(str::to_owned)),
        ),
    };
    let now = app.clock.now();
    let all = RequestList { user: me, direction, status: None, now };
    let page = page(after.filter(|after| !after.is_empty()), &all.fingerprint())?;
    let slice = all.page(app.db.read(), &page).await?;
    let other = |row: &connection_request::Model| if outgoing { row.recipient_id } else { row.requester_id };
    let names = names(app, slice.items.iter().map(other)).await?;
    let items = slice.items.iter().map(|row| {
        json!({
            "direction": enum_label(direction),
            "person": names.get(&other(row)),
            "message": row.message,
            "status": enum_label(requests::status_for(row, me, now)),
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

async fn activities(app: &App, me: UserId, after: Option<String>) -> Result<SectionPage> {
    let all = Activities { viewer: me, authors: FeedAuthors::Feed(FeedScope::Me), now: app.clock.now() };
    let slice = all.page(app.db.read(), &page(after, &all.fingerprint())?).await?;
    let other = |row: &activity::Model| if row.actor_id == me { row.subject_id } else { Some(row.actor_id) };
    let names = names(app, slice.items.iter().filter_map(other)).await?;
    let items = slice.items.iter().map(|row| {
        json!({
            "kind": enum_label(row.kind),
            "person": other(row).and_then(|other| names.get(&other)),
            "text": row.text,
            "application": row.application,
            "url": row.url,
            "audience": if row.connections_only { "CONNECTIONS" } else { "EVERYONE" },
            "createdAt": row.created_at,
        })
    });
    Ok((items.collect(), next(&slice, |row| row.id.0)))
}

async fn notifications(app: &App, me: UserId, after: Option<String>) -> Result<SectionPage> {
    let all = NotificationList { user: me, read: None, kind: None, oldest_first: false };
    let slice = all.page(app.db.read(), &page(after, &all.fingerprint())?).await?;
    let names = names(app, slice.items.iter().filter_map(|row| row.actor_id)).await?;
    let items = slice.items.iter().map(|row| {
        json!({
            "kind": enum_label(row.kind),
            "person": row.actor_id.and_then(|actor| names.get(&actor)),
            "text": row.text,
            "createdAt": row.created_at,
            "readAt": row.read_at,
        })
    });
    Ok((items.collect(), next(&slice, |row| row.id.0)))
}

async fn personal_contacts(app: &App, me: UserId, after: Option<String>) -> Result<SectionPage> {
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
            "organization": row.organization,
            "note": row.note,
            "details": row.details,
            "createdAt": row.created_at,
            "updatedAt": row.updated_at,
        })
    });
    Ok((items.collect(), next))
}

async fn sessions(app: &App, me: UserId, after: Option<String>) -> Result<SectionPage> {
    let rows = session::Entity::find()
        .filter(session::Column::UserId.eq(me))
        // A session that ended when it began only remembers an origin. It was no sign-in.
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

async fn keys(app: &App, me: UserId, after: Option<String>) -> Result<SectionPage> {
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
