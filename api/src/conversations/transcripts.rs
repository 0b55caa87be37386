//! A conversation as plain text: who, when and what, as the side that reads it may see. Notes and what only agents are told
//! stand in none that a customer gets.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{
    conversation, customer,
    id::ParticipantId,
    participant::{self, ParticipantRole},
    thread_item::{self, ItemKind, ItemVisibility},
    user,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::{participants, threads::Side};
use crate::{database::sql::Sql, error::Result};

/// Entries that are read together.
const TOGETHER: i64 = 500;
/// The most entries of one transcript: the newest.
pub const MOST: i64 = 5_000;

/// Writes a conversation as a side sees it, a paragraph for each entry:
///
/// ```text
/// [2026-11-22 09:30:00 UTC] Jane Doe: Hello
/// [2026-11-22 09:30:05 UTC] * Ann Archer has joined.
/// ```
pub async fn write(db: &impl ConnectionTrait, conversation: &conversation::Model, side: Side) -> Result<String> {
    let names = names(db, conversation, side).await?;
    let (number, last) = match side {
        Side::Staff => ("sequence", conversation.last_sequence),
        Side::Customer => ("customer_sequence", conversation.last_customer_sequence),
    };
    let mut text = String::new();
    let mut after = (last - MOST).max(0);
    if after > 0 {
        text.push_str(&format!("({after} earlier entries are left out.)\n"));
    }
    while after < last {
        let upto = last.min(after + TOGETHER);
        for row in part(db, conversation, number, after, upto).await? {
            entry(&mut text, &row, &names);
        }
        after = upto;
    }
    Ok(text)
}

/// The entries after one number up to another.
async fn part(
    db: &impl ConnectionTrait,
    conversation: &conversation::Model,
    number: &str,
    after: i64,
    upto: i64,
) -> Result<Vec<thread_item::Model>> {
    let mut sql = Sql::new("SELECT * FROM thread_item WHERE conversation_id = ");
    sql.bind(conversation.id);
    sql.push(&format!(" AND {number} > "));
    sql.bind(after);
    sql.push(&format!(" AND {number} <= "));
    sql.bind(upto);
    sql.push(&format!(" ORDER BY {number}"));
    Ok(sql.models::<thread_item::Entity>(db).await?)
}

fn entry(text: &mut String, row: &thread_item::Model, names: &HashMap<ParticipantId, String>) {
    let author = row.author_id.and_then(|author| names.get(&author)).map_or("Somebody", String::as_str);
    let said = match (row.kind, row.deleted_at) {
        (ItemKind::Message, Some(_)) => format!("{author}: (removed)"),
        (ItemKind::Message, None) if row.edited_at.is_some() => format!("{author}: {} (edited)", row.body),
        (ItemKind::Message, None) => format!("{author}: {}", row.body),
        (ItemKind::Note, Some(_)) => format!("{author} noted: (removed)"),
        (ItemKind::Note, None) => format!("{author} noted: {}", row.body),
        (ItemKind::Announcement, _) => format!("* {}", row.body),
    };
    text.push_str(&format!("[{}] ", time(row.created_at)));
    // Further lines stand apart from the next entry's first.
    text.push_str(&said.lines().collect::<Vec<_>>().join("\n    "));
    text.push('\n');
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// What those who take part or have taken part are called, as a side may know.
async fn names(
    db: &impl ConnectionTrait,
    conversation: &conversation::Model,
    side: Side,
) -> Result<HashMap<ParticipantId, String>> {
    let all = participants::all(db, conversation.id).await?;
    let users: Vec<_> = all.iter().filter_map(|row| row.user_id).collect();
    let users = user::Entity::find().filter(user::Column::Id.is_in(users)).all(db).await?;
    let customers: Vec<_> = all.iter().filter_map(|row| row.customer_id).collect();
    let customers = customer::Entity::find().filter(customer::Column::Id.is_in(customers)).all(db).await?;
    let name = |row: &participant::Model| {
        let user = users.iter().find(|user| Some(user.id) == row.user_id).map(|user| &user.display_name);
        let customer =
            customers.iter().find(|customer| Some(customer.id) == row.customer_id).map(|row| &row.display_name);
        user.or(customer).map_or_else(|| "Somebody".to_owned(), |name| one_line(name))
    };
    Ok(all
        .iter()
        .map(|row| match side {
            Side::Customer if is_hidden(conversation, row) => (row.id, "Agent".to_owned()),
            _ => (row.id, name(row)),
        })
        .collect())
}

/// Whether the customer is not told that somebody takes part.
fn is_hidden(conversation: &conversation::Model, row: &participant::Model) -> bool {
    row.role != ParticipantRole::Customer && participants::shown(conversation, row) == ItemVisibility::Agent
}

fn one_line(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}
