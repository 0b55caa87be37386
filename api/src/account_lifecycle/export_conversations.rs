//! The messages and announcements of an archive, conversation by conversation. Only the user's direct conversations are
//! included.

use entity::{
    attachment, conversation,
    id::{AttachmentId, ConversationId, UserId},
    participant,
    thread_item::{self, ItemKind},
};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::export_page::{SectionPage, TOGETHER, enum_label, names};
use crate::{
    app::App,
    attachments::attachment_rows,
    conversations::{announcement_text, conversation_rows::ConversationSide, participants},
    error::Result,
    text::locale::Locale,
};

/// Reads a page of messages of one conversation. Announcements are included as data and in English. The cursor consists
/// of the conversation's id and the number of the last item that was read.
pub async fn messages(app: &App, me: UserId, after: Option<String>) -> Result<SectionPage> {
    let (at, number) = after.as_deref().and_then(place).unwrap_or((ConversationId(Uuid::nil()), i64::MAX));
    if number < i64::MAX
        && let Some(row) = of(app, me, conversation::Column::Id.eq(at)).await?
    {
        return page(app, me, &row, number).await;
    }
    // The next conversation begins with its first item.
    match of(app, me, conversation::Column::Id.gt(at)).await? {
        Some(row) => page(app, me, &row, 0).await,
        None => Ok((Vec::new(), None)),
    }
}

fn place(cursor: &str) -> Option<(ConversationId, i64)> {
    let (id, number) = cursor.split_once(' ')?;
    Some((ConversationId(id.parse().ok()?), number.parse().ok()?))
}

/// Returns the first direct conversation of the user that satisfies `which`.
async fn of(app: &App, me: UserId, which: sea_orm::sea_query::SimpleExpr) -> Result<Option<conversation::Model>> {
    let theirs = Condition::any().add(conversation::Column::Lo.eq(me)).add(conversation::Column::Hi.eq(me));
    let all = conversation::Entity::find().filter(theirs).filter(which).order_by_asc(conversation::Column::Id);
    Ok(all.one(app.db.read()).await?)
}

async fn page(app: &App, me: UserId, row: &conversation::Model, after: i64) -> Result<SectionPage> {
    let rows = thread_item::Entity::find()
        .filter(thread_item::Column::ConversationId.eq(row.id))
        .filter(thread_item::Column::Sequence.gt(after))
        .filter(thread_item::Column::Kind.is_in([ItemKind::Message, ItemKind::Announcement]))
        .order_by_asc(thread_item::Column::Sequence)
        .limit(TOGETHER)
        .all(app.db.read())
        .await?;
    let others = [row.lo, row.hi].into_iter().flatten().filter(|user| *user != me);
    let names = names(app, others).await?;
    let mine = participants::find(app.db.read(), row.id, participants::ParticipantRef::User(me)).await?;
    let mine = mine.map(|mine: participant::Model| mine.id);
    let full = rows.len() as u64 == TOGETHER;
    let last = rows.last().filter(|_| full).map_or(i64::MAX, |item| item.sequence);
    let ids: Vec<_> = rows.iter().map(|item| item.id).collect();
    let files = attachment_rows::of_items(app.db.read(), &ids).await?;
    let announced = announcement_text::texts(app.db.read(), &rows, ConversationSide::Staff, Locale::English).await?;
    let items = rows.into_iter().map(|item| {
        if let Some(kind) = item.announcement {
            return json!({
                "person": names.values().next(),
                "announcement": enum_label(kind),
                "data": item.announcement_data,
                "body": announced.get(&item.id),
                "createdAt": item.created_at,
            });
        }
        json!({
            "person": names.values().next(),
            "direction": if item.author_id == mine { "OUTBOUND" } else { "INBOUND" },
            "body": item.body,
            "format": enum_label(item.format),
            "files": files.get(&item.id).into_iter().flatten().map(described).collect::<Vec<_>>(),
            "createdAt": item.created_at,
            "editedAt": item.edited_at,
            "deletedAt": item.deleted_at,
        })
    });
    Ok((items.collect(), Some(format!("{} {last}", row.id.0))))
}

/// Describes a file, and names its place in the archive.
fn described(file: &attachment::Model) -> Value {
    json!({
        "file": archived_name(file),
        "name": file.name,
        "mediaType": file.media_type,
        "byteSize": file.byte_size,
        "sha256": hex::encode(&file.sha256),
    })
}

/// Returns the place of a file in the archive.
fn archived_name(file: &attachment::Model) -> String {
    format!("files/{}/{}", file.id, file.name)
}

/// Returns the next file of the user's direct conversations, with its place in the archive.
pub async fn next_file(
    app: &App,
    me: UserId,
    after: Option<AttachmentId>,
) -> Result<Option<(attachment::Model, String)>> {
    let theirs = Condition::any().add(conversation::Column::Lo.eq(me)).add(conversation::Column::Hi.eq(me));
    let ids = conversation::Entity::find().select_only().column(conversation::Column::Id).filter(theirs);
    let mut files = attachment::Entity::find()
        .filter(attachment::Column::ConversationId.in_subquery(ids.into_query()))
        .filter(attachment::Column::ItemId.is_not_null())
        .filter(attachment::Column::RemovedAt.is_null());
    if let Some(after) = after {
        files = files.filter(attachment::Column::Id.gt(after));
    }
    let found = files.order_by_asc(attachment::Column::Id).one(app.db.read()).await?;
    Ok(found.map(|file| {
        let name = archived_name(&file);
        (file, name)
    }))
}
