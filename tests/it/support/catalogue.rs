//! Documentation pages that are generated from the code: the catalogue of events and the data model.

use std::collections::{BTreeMap, BTreeSet};

use api::{
    config::{DatabaseConfig, Secret},
    database::Database,
};
use entity::{event::EventKind, stream::StreamKind};
use sea_orm::Iterable as _;
use tempfile::TempDir;

use super::{
    Expected as _,
    database::TestDatabase,
    manual::{files, read},
};

/// The maximum length of a line in a generated page.
const WIDTH: usize = 118;
/// The streams of the log that contain the events of each subscription.
const STREAMS: [(&str, &str, &[StreamKind]); 14] = [
    ("activityFeed", "of each person whom the feed shows", &[StreamKind::Activities]),
    ("agentStates", "of all agents", &[StreamKind::Agents]),
    ("contacts", "of the viewer", &[StreamKind::Contacts]),
    (
        "conversationEvents",
        "of the conversation, one for each side",
        &[StreamKind::Conversation, StreamKind::CustomerSide, StreamKind::DirectConversation],
    ),
    (
        "events",
        "together, as the topics select them",
        &[
            StreamKind::Requests,
            StreamKind::Contacts,
            StreamKind::Notifications,
            StreamKind::Activities,
            StreamKind::AgentDesktop,
            StreamKind::DirectInbox,
            StreamKind::Conversation,
            StreamKind::Queue,
            StreamKind::Agents,
            StreamKind::Customer,
            StreamKind::Profile,
        ],
    ),
    (
        "inbox",
        "together, as far as they are in the viewer's lists",
        &[
            StreamKind::DirectInbox,
            StreamKind::AgentDesktop,
            StreamKind::Conversation,
            StreamKind::Queue,
            StreamKind::Notifications,
            StreamKind::Requests,
            StreamKind::Customer,
        ],
    ),
    (
        "viewerEvents",
        "together, as far as the viewer may see them",
        &[
            StreamKind::Requests,
            StreamKind::Contacts,
            StreamKind::Notifications,
            StreamKind::Activities,
            StreamKind::AgentDesktop,
            StreamKind::DirectInbox,
            StreamKind::Conversation,
            StreamKind::Customer,
            StreamKind::Profile,
        ],
    ),
    (
        "userEvents",
        "together, of the viewer and of the user",
        &[StreamKind::Contacts, StreamKind::Requests, StreamKind::Activities, StreamKind::Profile],
    ),
    (
        "targetEvents",
        "together, of all agents and queues",
        &[StreamKind::Agents, StreamKind::AgentDesktop, StreamKind::Queue],
    ),
    (
        "supervisorDesktop",
        "together, of all agents, queues and customers",
        &[StreamKind::Agents, StreamKind::AgentDesktop, StreamKind::Queue, StreamKind::Customer],
    ),
    ("agentDesktop", "of the agent", &[StreamKind::AgentDesktop]),
    ("incomingRequests", "of the viewer", &[StreamKind::Requests]),
    ("notifications", "of the viewer", &[StreamKind::Notifications]),
    ("queueEvents", "of the queue", &[StreamKind::Queue]),
];
/// Events of the log for instances only.
const INTERNAL: [EventKind; 2] = [EventKind::RightsEnded, EventKind::RightsRestored];
/// Events of every subscription.
const FRAME: [&str; 2] = ["SubscriptionStarted", "ResyncRequired"];

/// A type or a field of the schema: its description, and the text from its name on.
#[derive(Default)]
struct Element {
    description: String,
    rest: String,
    /// The lines between its braces.
    body: Vec<String>,
}

/// Returns the elements of one level of the schema's text by name. `indent` is the indentation of the level.
fn elements(lines: &[String], indent: &str) -> BTreeMap<String, Element> {
    let mut found = BTreeMap::new();
    let mut description = Vec::new();
    let mut lines = lines.iter();
    while let Some(line) = lines.next() {
        let Some(text) = line.strip_prefix(indent).filter(|text| !text.starts_with(['\t', '}', ')'])) else { continue };
        if text == "\"\"\"" {
            let all = lines.by_ref().take_while(|line| line.trim() != "\"\"\"");
            description = all.map(|line| line.trim().to_owned()).collect();
            continue;
        }
        let text = ["type ", "union ", "interface ", "input ", "enum ", "scalar ", "directive "]
            .iter()
            .find_map(|word| text.strip_prefix(word))
            .unwrap_or(text);
        let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let end = if text.ends_with('{') { "}" } else { ")" };
        let mut element = Element { rest: text.to_owned(), ..Element::default() };
        element.description = std::mem::take(&mut description).join(" ");
        if text.ends_with(['{', '(']) {
            for inner in lines.by_ref() {
                if let Some(rest) = inner.strip_prefix(indent).filter(|rest| rest.starts_with(end)) {
                    rest.clone_into(&mut element.rest);
                    break;
                }
                element.body.push(inner.clone());
            }
        }
        found.insert(name, element);
    }
    found
}

/// Wraps a text into lines.
fn wrapped(text: &str, first: &str, next: &str) -> String {
    let mut lines = vec![first.to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expected("a line");
        let bare = line == first || line == next;
        if !bare && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{next}{word}"));
        } else {
            line.push_str(if bare { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

/// Generates the page `docs/events.md`.
pub fn events() -> String {
    let lines: Vec<String> = api::schema::sdl().lines().map(str::to_owned).collect();
    let types = elements(&lines, "");
    let mut page = String::from(
        "# Events\n\n\
         A subscription begins with `SubscriptionStarted`, delivers the events below, and ends with `ResyncRequired` when the\n\
         log does not continue from the given cursor. [Clients](clients.md#follow-without-loss) says how to follow without\n\
         loss. An event of the log has an `id`, a `cursor`, a time and, but for the feed, a `sequence`: its number in its\n\
         stream, without holes. A *hint* is no event of the log. It is not stored and has no number.\n\n\
         The query `events` reads the viewer's own events of several streams in the order in which they were committed.\n\n\
         This page is generated from the schema. Renew it with\n\
         `RAPPORT_TEST_RENEW=1 cargo test --test it documentation`.\n",
    );
    let mut seen = BTreeSet::new();
    for (name, field) in elements(&types["Subscription"].body, "\t") {
        let (_, owner, streams) = STREAMS.iter().find(|(known, ..)| *known == name).expected(&name);
        let streams: Vec<String> = streams.iter().map(|stream| format!("`{stream:?}`")).collect();
        page.push_str(&format!("\n## {name}\n\n"));
        page.push_str(&wrapped(&field.description, "", ""));
        let streams = if streams.len() > 3 { streams.join(", ") } else { streams.join(" or ") };
        page.push_str(&wrapped(&format!("Stream: {streams} {owner}."), "\n", ""));
        page.push_str("\n| event | in the log | when |\n|---|---|---|\n");
        let union = field.rest.trim_start_matches("): ").trim_end_matches('!');
        let members = types[union].rest.split_once(" = ").expected(union).1;
        for member in members.split(" | ").filter(|member| !FRAME.contains(member)) {
            let stored = types[member].body.iter().any(|line| line.starts_with("\tid: "));
            let stored = if stored { "yes" } else { "hint" };
            page.push_str(&format!("| `{member}` | {stored} | {} |\n", types[member].description));
            seen.insert(member.to_owned());
        }
    }
    for kind in EventKind::iter().filter(|kind| !INTERNAL.contains(kind)) {
        assert!(seen.contains(&format!("{kind:?}")), "no subscription delivers {kind:?}");
    }
    let internal: Vec<String> = INTERNAL.iter().map(|kind| format!("`{kind:?}`")).collect();
    page.push_str("\n## Events between instances\n\n");
    let text = format!(
        "The stream `{:?}` is one for all. It holds {}: whose sessions, accounts, keys and visits have ended or come back. \
         Every instance follows it and closes sockets and streams. No client reads it.",
        StreamKind::Rights,
        internal.join(" and ")
    );
    page + &wrapped(&text, "", "")
}

/// Returns the text of a Rust file's module comment.
fn opening(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let text = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    text.replace("[`crate::", "`").replace("`]", "`")
}

/// Returns the purpose of each table, from the comments of the entities.
fn meanings() -> BTreeMap<String, String> {
    let mut meanings = BTreeMap::new();
    for file in files("entity/src", ".rs") {
        let text = read(&file);
        if let Some((_, rest)) = text.split_once("table_name = \"") {
            let table = rest.split('"').next().unwrap_or_default();
            meanings.insert(table.to_owned(), opening(&text));
        }
    }
    meanings
}

struct Column {
    name: String,
    kind: String,
    required: bool,
    key: bool,
}

/// A table's columns and its foreign keys.
#[derive(Default)]
struct Table {
    columns: Vec<Column>,
    references: Vec<(String, String)>,
}

/// Returns the tables of a migrated SQLite file.
async fn tables() -> BTreeMap<String, Table> {
    let directory = TempDir::new().expected("a directory");
    let url = format!("sqlite://{}", directory.path().join("model.db").display());
    let statement_timeout = std::time::Duration::from_secs(60);
    let config = DatabaseConfig { url: Secret::from(url.as_str()), connections: 2, statement_timeout };
    let database = Database::open(&config, None).await.expected("a database");
    database.migrate().await.expected("migrated");
    database.close().await.expected("closed");
    let database = TestDatabase::existing(&url);
    let each = "FROM sqlite_master m, {} c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' \
                AND m.name <> 'seaql_migrations' ORDER BY m.name, ";
    let columns = format!(
        "SELECT m.name || ' ' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || c.pk {}c.cid",
        each.replace("{}", "pragma_table_info(m.name)")
    );
    let references = format!(
        "SELECT m.name || ' ' || c.\"from\" || ' ' || c.\"table\" {}c.id DESC",
        each.replace("{}", "pragma_foreign_key_list(m.name)")
    );
    let mut tables = BTreeMap::<String, Table>::new();
    for row in database.texts(&columns).await {
        let [table, name, kind, required, key] = parts(&row);
        let (required, key) = (required == "1" || key != "0", key != "0");
        tables.entry(table).or_default().columns.push(Column { name, kind, required, key });
    }
    for row in database.texts(&references).await {
        let [table, column, other] = parts(&row);
        tables.entry(table).or_default().references.push((column, other));
    }
    tables
}

fn parts<const N: usize>(row: &str) -> [String; N] {
    let parts: Vec<String> = row.split(' ').map(str::to_owned).collect();
    parts.try_into().unwrap_or_else(|_| panic!("{N} parts: {row}"))
}

/// Generates the page `docs/data-model.md`.
pub async fn data_model() -> String {
    let (mut tables, meanings) = (tables().await, meanings());
    let mut page = String::from(
        "# Data model\n\n\
         The tables as the migrations make them on SQLite; PostgreSQL has the same. Each section is a migration. A table's\n\
         meaning is the comment of its entity in `entity/src`. PK is part of the primary key, FK refers to another table,\n\
         \"null\" may be absent. Enums are stored as small numbers or as words; `entity/src` names their values.\n\n\
         This page is generated. Renew it with `RAPPORT_TEST_RENEW=1 cargo test --test it documentation`.\n",
    );
    for file in files("migration/src", ".rs").iter().filter(|file| file.starts_with("migration/src/m2")) {
        let text = read(file);
        let made = text.split("CREATE TABLE ").skip(1);
        let made = made.filter_map(|rest| rest.split([' ', '(']).next()).map(|name| name.trim_matches('"').to_owned());
        let made: Vec<(String, Table)> =
            made.filter_map(|name| tables.remove(&name).map(|table| (name, table))).collect();
        if made.is_empty() {
            continue;
        }
        let name = file.splitn(3, '_').nth(2).expected(file).trim_end_matches(".rs").replace('_', " ");
        let title = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        page.push_str(&format!("\n## {title}\n\n{}\n", wrapped(&opening(&text), "", "")));
        for (name, _) in &made {
            let meaning = meanings.get(name).map_or("No entity reads it.", String::as_str);
            page.push_str(&wrapped(&format!("`{name}`: {meaning}"), "- ", "  "));
        }
        page.push_str("\n```mermaid\nerDiagram\n");
        for (name, table) in &made {
            page.push_str(&diagram(name, table));
        }
        page.push_str("```\n");
    }
    assert!(tables.is_empty(), "no migration makes {:?}", tables.keys());
    page
}

fn diagram(name: &str, table: &Table) -> String {
    let mut text = format!("    {name} {{\n");
    for Column { name, kind, required, key } in &table.columns {
        let refers = table.references.iter().any(|(column, _)| column == name);
        let keys: Vec<&str> =
            [(*key, "PK"), (refers, "FK")].iter().filter(|(is, _)| *is).map(|(_, key)| *key).collect();
        let keys = if keys.is_empty() { String::new() } else { format!(" {}", keys.join(", ")) };
        let null = if *required { "" } else { " \"null\"" };
        text.push_str(&format!("        {} {name}{keys}{null}\n", kind.to_lowercase()));
    }
    text.push_str("    }\n");
    for (column, other) in &table.references {
        let required = table.columns.iter().any(|known| known.name == *column && known.required);
        let one = if required { "||" } else { "o|" };
        text.push_str(&format!("    {name} }}o--{one} {other} : {column}\n"));
    }
    text
}
