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

/// Entries that are read together: at first, while texts may be long, and at most.
const FEW: i64 = 50;
const TOGETHER: i64 = 500;
/// The most entries of one transcript that is shown in an answer: the newest.
pub const MOST: i64 = 5_000;
/// The longest transcript that is shown in an answer, in bytes.
pub const LONGEST: usize = 256 << 10;
/// A part of a transcript that is sent ends with the entry that makes it as long as this, in bytes.
const PART: usize = 256 << 10;

/// Writes the newest entries of a conversation as a side sees it, a paragraph for each entry:
///
/// ```text
/// [2026-11-22 09:30:00 UTC] Jane Doe: Hello
/// [2026-11-22 09:30:05 UTC] * Ann Archer has joined.
/// ```
pub async fn write(db: &impl ConnectionTrait, conversation: &conversation::Model, side: Side) -> Result<String> {
    let names = names(db, conversation, side).await?;
    let (number, last) = numbers(conversation, side);
    let oldest = (last - MOST).max(0);
    let (mut entries, mut bytes, mut left_out, mut together) = (Vec::new(), 0, last, FEW);
    'reading: while left_out > oldest {
        let after = (left_out - together).max(oldest);
        for row in part(db, conversation, number, after, left_out).await?.iter().rev() {
            let text = entry(row, &names);
            bytes += text.len();
            if bytes > LONGEST {
                break 'reading;
            }
            entries.push(text);
            left_out -= 1;
        }
        together = (together * 2).min(TOGETHER);
    }
    if left_out > 0 {
        entries.push(format!("({left_out} earlier entries are left out.)\n"));
    }
    entries.reverse();
    Ok(entries.concat())
}

/// A transcript that is sent part by part, from the first entry to the last that there is at each time.
pub struct Sending {
    names: HashMap<ParticipantId, String>,
    after: i64,
}

impl Sending {
    /// Begins with the first entry of a conversation.
    pub async fn start(db: &impl ConnectionTrait, conversation: &conversation::Model, side: Side) -> Result<Self> {
        Ok(Self { names: names(db, conversation, side).await?, after: 0 })
    }

    /// The next part; nothing at the end.
    pub async fn next(
        &mut self,
        db: &impl ConnectionTrait,
        conversation: &conversation::Model,
        side: Side,
    ) -> Result<Option<String>> {
        let (number, last) = numbers(conversation, side);
        let mut text = String::new();
        while self.after < last && text.len() < PART {
            let upto = (self.after + FEW).min(last);
            for row in part(db, conversation, number, self.after, upto).await? {
                if row.author_id.is_some_and(|author| !self.names.contains_key(&author)) {
                    // Somebody came after the transcript began.
                    self.names = names(db, conversation, side).await?;
                }
                text.push_str(&entry(&row, &self.names));
            }
            self.after = upto;
        }
        Ok((!text.is_empty()).then_some(text))
    }
}

/// The column in which a side counts the entries, and the number of the last.
fn numbers(conversation: &conversation::Model, side: Side) -> (&'static str, i64) {
    match side {
        Side::Staff => ("sequence", conversation.last_sequence),
        Side::Customer => ("customer_sequence", conversation.last_customer_sequence),
    }
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

fn entry(row: &thread_item::Model, names: &HashMap<ParticipantId, String>) -> String {
    let author = row.author_id.and_then(|author| names.get(&author)).map_or("Somebody", String::as_str);
    let said = match (row.kind, row.deleted_at) {
        (ItemKind::Message, Some(_)) => format!("{author}: (removed)"),
        (ItemKind::Message, None) if row.edited_at.is_some() => format!("{author}: {} (edited)", row.body),
        (ItemKind::Message, None) => format!("{author}: {}", row.body),
        (ItemKind::Note, Some(_)) => format!("{author} noted: (removed)"),
        (ItemKind::Note, None) => format!("{author} noted: {}", row.body),
        (ItemKind::Announcement, _) => format!("* {}", row.body),
    };
    // Further lines stand apart from the next entry's first.
    format!("[{}] {}\n", time(row.created_at), said.lines().collect::<Vec<_>>().join("\n    "))
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
