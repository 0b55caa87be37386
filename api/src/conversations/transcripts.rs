//! Transcripts: a conversation as plain text, with the time, author and text of each item. A transcript contains only
//! what its side may see. A customer's transcript has no notes and no announcements for agents.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{
    attachment, conversation, customer,
    id::{ParticipantId, ThreadItemId},
    participant::{self, ParticipantRole},
    thread_item::{self, ItemKind, ItemVisibility},
    user,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::{announcement_text, conversation_rows::ConversationSide, participants};
use crate::{attachments::attachment_rows, auth::api_keys, database::sql::Sql, error::Result, text::locale::Locale};

/// Number of items that a statement reads at first. It is small because texts may be long.
const FEW: i64 = 50;
/// Maximum number of items that a statement reads.
const TOGETHER: i64 = 500;
/// Maximum number of items in a transcript that is part of an answer. The newest items are kept.
pub const MAX_ENTRIES: i64 = 5_000;
/// Maximum length of a transcript that is part of an answer, in bytes.
pub const MAX_BYTES: usize = 256 << 10;
/// Minimum length of a part of a streamed transcript, in bytes. Only the last part may be shorter.
const PART: usize = 256 << 10;

/// Writes the newest items of a conversation as a side sees them, with announcements in a language. Each item is a
/// paragraph:
///
/// ```text
/// [2026-11-22 09:30:00 UTC] Jane Doe: Hello
/// [2026-11-22 09:30:05 UTC] * Ann Archer has joined.
/// ```
pub async fn write(
    db: &impl ConnectionTrait,
    conversation: &conversation::Model,
    side: ConversationSide,
    locale: Locale,
) -> Result<String> {
    let names = names(db, conversation, side).await?;
    let files = attachment_rows::any_sent(db, conversation.id).await?;
    let (number, last) = numbers(conversation, side);
    let oldest = (last - MAX_ENTRIES).max(0);
    let (mut entries, mut bytes, mut left_out, mut together) = (Vec::new(), 0, last, FEW);
    'reading: while left_out > oldest {
        let after = (left_out - together).max(oldest);
        let rows = part(db, conversation, number, after, left_out).await?;
        let told = Told::read(db, &rows, side, locale, files).await?;
        for row in rows.iter().rev() {
            let text = entry(row, &names, &told);
            bytes += text.len();
            if bytes > MAX_BYTES {
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

/// A transcript that is sent in parts, from the first item to the item that is the last one at each time.
pub struct TranscriptStream {
    names: HashMap<ParticipantId, String>,
    locale: Locale,
    after: i64,
}

impl TranscriptStream {
    /// Starts with the first item of a conversation. Announcements are written in a language.
    pub async fn start(
        db: &impl ConnectionTrait,
        conversation: &conversation::Model,
        side: ConversationSide,
        locale: Locale,
    ) -> Result<Self> {
        Ok(Self { names: names(db, conversation, side).await?, locale, after: 0 })
    }

    /// Returns the next part, or `None` at the end.
    pub async fn next(
        &mut self,
        db: &impl ConnectionTrait,
        conversation: &conversation::Model,
        side: ConversationSide,
    ) -> Result<Option<String>> {
        let (number, last) = numbers(conversation, side);
        let mut text = String::new();
        while self.after < last && text.len() < PART {
            let upto = (self.after + FEW).min(last);
            let rows = part(db, conversation, number, self.after, upto).await?;
            let told = Told::read(db, &rows, side, self.locale, true).await?;
            for row in &rows {
                if row.author_id.is_some_and(|author| !self.names.contains_key(&author)) {
                    // A participant joined after the transcript began.
                    self.names = names(db, conversation, side).await?;
                }
                text.push_str(&entry(row, &self.names, &told));
            }
            self.after = upto;
        }
        Ok((!text.is_empty()).then_some(text))
    }
}

/// Returns the column that numbers the items of a side, and the number of the last item.
fn numbers(conversation: &conversation::Model, side: ConversationSide) -> (&'static str, i64) {
    match side {
        ConversationSide::Staff => ("sequence", conversation.last_sequence),
        ConversationSide::Customer => ("customer_sequence", conversation.last_customer_sequence),
    }
}

/// Reads the items with numbers above `after`, up to `upto`.
async fn part(
    db: &impl ConnectionTrait,
    conversation: &conversation::Model,
    number: &str,
    after: i64,
    upto: i64,
) -> Result<Vec<thread_item::Model>> {
    let mut sql = Sql::select::<thread_item::Entity>("t", "WHERE conversation_id = ");
    sql.bind(conversation.id);
    sql.push(&format!(" AND {number} > "));
    sql.bind(after);
    sql.push(&format!(" AND {number} <= "));
    sql.bind(upto);
    sql.push(&format!(" ORDER BY {number}"));
    Ok(sql.models::<thread_item::Entity>(db).await?)
}

/// The parts of a transcript that are not in the rows of its items: texts of announcements, and files.
struct Told {
    announced: HashMap<ThreadItemId, String>,
    files: HashMap<ThreadItemId, Vec<attachment::Model>>,
}

impl Told {
    async fn read(
        db: &impl ConnectionTrait,
        rows: &[thread_item::Model],
        side: ConversationSide,
        locale: Locale,
        with_files: bool,
    ) -> Result<Self> {
        let messages = rows.iter().filter(|row| with_files && row.kind == ItemKind::Message);
        let messages: Vec<_> = messages.map(|row| row.id).collect();
        Ok(Self {
            announced: announcement_text::texts(db, rows, side, locale).await?,
            files: attachment_rows::of_items(db, &messages).await?,
        })
    }

    /// Returns the text of a message with the names of its files, each on a line of its own.
    fn text(&self, row: &thread_item::Model) -> String {
        let files = self.files.get(&row.id).into_iter().flatten();
        let files = files.map(|file| format!("(file {}, {} bytes)", file.name, file.byte_size));
        let text = (!row.body.is_empty()).then(|| row.body.clone());
        text.into_iter().chain(files).collect::<Vec<_>>().join("\n")
    }
}

fn entry(row: &thread_item::Model, names: &HashMap<ParticipantId, String>, told: &Told) -> String {
    let author = row.author_id.and_then(|author| names.get(&author)).map_or("Somebody", String::as_str);
    let said = match (row.kind, row.deleted_at) {
        (ItemKind::Message, Some(_)) => format!("{author}: (removed)"),
        (ItemKind::Message, None) if row.edited_at.is_some() => format!("{author}: {} (edited)", told.text(row)),
        (ItemKind::Message, None) => format!("{author}: {}", told.text(row)),
        (ItemKind::Note, Some(_)) => format!("{author} noted: (removed)"),
        (ItemKind::Note, None) => format!("{author} noted: {}", row.body),
        (ItemKind::Announcement, _) => format!("* {}", told.announced.get(&row.id).map_or("", String::as_str)),
    };
    // Indented lines cannot pass for the first line of the next item.
    format!("[{}] {}\n", time(row.created_at), said.lines().collect::<Vec<_>>().join("\n    "))
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Returns the names of all current and earlier participants, as a side may see them.
async fn names(
    db: &impl ConnectionTrait,
    conversation: &conversation::Model,
    side: ConversationSide,
) -> Result<HashMap<ParticipantId, String>> {
    let all = participants::all(db, conversation.id).await?;
    let users: Vec<_> = all.iter().filter_map(|row| row.user_id).collect();
    let users = user::Entity::find().filter(user::Column::Id.is_in(users)).all(db).await?;
    let customers: Vec<_> = all.iter().filter_map(|row| row.customer_id).collect();
    let customers = customer::Entity::find().filter(customer::Column::Id.is_in(customers)).all(db).await?;
    let keys: Vec<_> = all.iter().filter_map(|row| row.key_id).collect();
    let keys = api_keys::names(db, &keys).await?;
    let name = |row: &participant::Model| {
        let user = users.iter().find(|user| Some(user.id) == row.user_id).map(|user| &user.display_name);
        let customer =
            customers.iter().find(|customer| Some(customer.id) == row.customer_id).map(|row| &row.display_name);
        let key = row.key_id.and_then(|key| keys.get(&key));
        user.or(customer).or(key).map_or_else(|| "Somebody".to_owned(), |name| one_line(name))
    };
    Ok(all
        .iter()
        .map(|row| match side {
            ConversationSide::Customer if is_hidden(conversation, row) => (row.id, "Agent".to_owned()),
            _ => (row.id, name(row)),
        })
        .collect())
}

/// Returns true if the participant is hidden from the customer.
fn is_hidden(conversation: &conversation::Model, row: &participant::Model) -> bool {
    row.role != ParticipantRole::Customer && participants::visibility(conversation, row) == ItemVisibility::Agent
}

fn one_line(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}
