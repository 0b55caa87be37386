//! Writes a graph to the database: first people, then pairs with their list entries, thousands per transaction. Only
//! the import that inserts the row of a pair writes its list entries. Lists and pairs therefore agree after any number
//! of runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::bail;
use chrono::{DateTime, Utc};
use entity::{
    contact::{self, List},
    id::{ConnectionRequestId, UserId},
    relationship::{self, Connection, Mutes},
    user, user_bigram, user_search,
};
use indicatif::{ProgressBar, ProgressStyle};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

use super::{fake_names, graph};
use crate::{
    activities::publish,
    app::{App, Tx},
    error::{Error, Result},
    text,
    users::{index, profiles},
};

/// Maximum number of values in a statement. SQLite accepts 32,766 values and PostgreSQL 65,535.
const VALUES: usize = 30_000;
/// The number of people and of pairs in a transaction. The lists of a graph are spread over the whole index. A large
/// transaction writes each page of the index once for all of its entries.
const PEOPLE_TOGETHER: usize = 10_000;
const PAIRS_TOGETHER: usize = 25_000;

/// The number of rows that an import added.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportedGraph {
    /// The new people.
    pub people: usize,
    /// The new pairs.
    pub pairs: usize,
}

/// The meaning of an edge in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedKind {
    /// The two people are connected.
    Connections,
    /// The first person follows the second.
    Follows,
}

impl SeedKind {
    /// Returns the prefix of the handles of the people in the file.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Connections => "c",
            Self::Follows => "f",
        }
    }
}

/// Imports the people and pairs of a file. Fails when another account has the handle of one of its people.
pub async fn file(app: &App, kind: SeedKind, path: &Path) -> anyhow::Result<ImportedGraph> {
    let edges = graph::read(path)?;
    let mut people = BTreeMap::new();
    for number in edges.iter().flat_map(|(a, b)| [*a, *b]) {
        people.entry(number).or_insert_with(|| make(app, kind, number));
    }
    let shown = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bar = progress(people.len(), &format!("{shown}: people"));
    let rows: Vec<&user::Model> = people.values().collect();
    let mut imported = ImportedGraph::default();
    for together in rows.chunks(PEOPLE_TOGETHER) {
        imported.people += insert_people(app, together).await.map_err(plain)?;
        bar.inc(together.len() as u64);
    }
    bar.finish();
    check_handles(app, &rows).await?;

    let people: BTreeMap<u32, UserId> = people.into_iter().map(|(number, row)| (number, row.id)).collect();
    let pairs = pairs(kind, &edges, &people, app.clock.now());
    let bar = progress(pairs.len(), &format!("{shown}: pairs"));
    for together in pairs.chunks(PAIRS_TOGETHER) {
        imported.pairs += insert_pairs(app, together).await.map_err(plain)?;
        bar.inc(together.len() as u64);
    }
    bar.finish();
    app.db.analyze().await?;
    Ok(imported)
}

fn progress(length: usize, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:32} {bar:40} {pos}/{len} {elapsed} (left {eta})");
    let bar = ProgressBar::new(length as u64).with_message(what.to_owned());
    style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
}

/// Creates the person for a number, always with the same id, handle and name.
fn make(app: &App, kind: SeedKind, number: u32) -> user::Model {
    let name = fake_names::of(number);
    let now = app.clock.now();
    // The ids start at a fixed day and are a millisecond apart, so that they rise with the numbers.
    let millis = 1_767_225_600_000_u64 + u64::from(number);
    let chance = fake_names::scatter(u64::from(number) << 1 | u64::from(kind == SeedKind::Follows));
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &chance_bytes(chance)).into_uuid();
    let blank = profiles::blank(UserId(id), format!("{}{number}", kind.prefix()), name.display(), now);
    let (given_name, family_name) = (Some(name.given.to_owned()), Some(name.family.to_owned()));
    let mut row = user::Model { given_name, family_name, ..blank };
    row.name_key = index::name_key(&row);
    row
}

fn chance_bytes(chance: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&chance.to_be_bytes());
    bytes
}

async fn insert_people(app: &App, people: &[&user::Model]) -> Result<usize> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut inserted = BTreeSet::<UserId>::new();
            for together in people.chunks(VALUES / 20) {
                let rows = together.iter().map(|person| (*person).clone().into_active_model());
                let made =
                    user::Entity::insert_many(rows).on_conflict_do_nothing().exec_with_returning_keys(tx.db()).await?;
                inserted.extend(keys(made));
            }
            let new: Vec<&&user::Model> = people.iter().filter(|person| inserted.contains(&person.id)).collect();
            let texts: Vec<(UserId, &[u8], String)> =
                new.iter().map(|person| (person.id, person.name_key.as_slice(), index::search_text(person))).collect();
            let mut grams = Vec::new();
            for (id, name_key, text) in &texts {
                grams.extend(text::grams(text).into_iter().map(|gram| user_bigram::ActiveModel {
                    gram: Set(gram),
                    name_key: Set(name_key.to_vec()),
                    user_id: Set(*id),
                }));
            }
            let searches = texts.into_iter().map(|(id, _, text)| user_search::ActiveModel {
                user_id: Set(id),
                text: Set(text),
                connections_text: Set(String::new()),
            });
            insert(tx, searches.collect::<Vec<_>>(), 3).await?;
            insert(tx, grams, 3).await?;
            let ids: Vec<UserId> = new.iter().map(|person| person.id).collect();
            for together in ids.chunks(VALUES / 4) {
                publish::begin(tx, together).await?;
            }
            profiles::count_in(tx.db(), i64::try_from(new.len()).unwrap_or(i64::MAX)).await?;
            Ok(new.len())
        })
    })
    .await
}

/// Fails when another account has the handle of an imported person, because the graph would lack that person.
async fn check_handles(app: &App, people: &[&user::Model]) -> anyhow::Result<()> {
    for together in people.chunks(1_000) {
        let mut sql = crate::database::sql::Sql::new("SELECT id FROM \"user\" WHERE id IN ");
        sql.bind_list(&together.iter().map(|person| person.id).collect::<Vec<_>>());
        let there: Vec<Id> = sql.all(app.db.read()).await?;
        if let Some(missing) = together.iter().find(|person| !there.iter().any(|row| row.id == person.id)) {
            bail!("the handle {} belongs to an account that was not imported", missing.handle);
        }
    }
    Ok(())
}

#[derive(sea_orm::FromQueryResult)]
struct Id {
    id: UserId,
}

/// Returns the rows of the pairs in order, one for each two people.
fn pairs(
    kind: SeedKind,
    edges: &[(u32, u32)],
    people: &BTreeMap<u32, UserId>,
    now: DateTime<Utc>,
) -> Vec<relationship::Model> {
    let mut pairs = BTreeMap::<(UserId, UserId), relationship::Model>::new();
    for (a, b) in edges {
        let (Some(a), Some(b)) = (people.get(a), people.get(b)) else { continue };
        let (lo, hi) = (*a.min(b), *a.max(b));
        let row = pairs.entry((lo, hi)).or_insert(relationship::Model {
            lo,
            hi,
            connection: Connection::None,
            request_id: None::<ConnectionRequestId>,
            lo_follows: false,
            hi_follows: false,
            lo_blocks: false,
            hi_blocks: false,
            lo_hidden_request_id: None,
            hi_hidden_request_id: None,
            lo_cooldown_until: None,
            hi_cooldown_until: None,
            lo_mutes: Mutes::Nothing,
            hi_mutes: Mutes::Nothing,
            lo_mutes_until: None,
            hi_mutes_until: None,
            updated_at: now,
        });
        match kind {
            SeedKind::Connections => row.connection = Connection::Connected,
            SeedKind::Follows if *a == lo => row.lo_follows = true,
            SeedKind::Follows => row.hi_follows = true,
        }
    }
    pairs.into_values().collect()
}

async fn insert_pairs(app: &App, pairs: &[relationship::Model]) -> Result<usize> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut inserted = BTreeSet::<(UserId, UserId)>::new();
            for together in pairs.chunks(VALUES / 17) {
                let rows = together.iter().map(|pair| pair.clone().into_active_model());
                let made = relationship::Entity::insert_many(rows)
                    .on_conflict_do_nothing()
                    .exec_with_returning_keys(tx.db())
                    .await?;
                inserted.extend(keys(made));
            }
            let new = pairs.iter().filter(|pair| inserted.contains(&(pair.lo, pair.hi)));
            let names = names(tx, new.clone().flat_map(|pair| [pair.lo, pair.hi]).collect()).await?;
            let mut entries = Vec::new();
            for pair in new {
                let mut put = |owner: UserId, list, user: UserId| {
                    entries.push(contact::ActiveModel {
                        owner_id: Set(owner),
                        list: Set(list),
                        name_key: Set(names.get(&user).cloned().unwrap_or_default()),
                        user_id: Set(user),
                        until: Set(None),
                        since: Set(pair.updated_at),
                    });
                };
                if pair.connection == Connection::Connected {
                    put(pair.lo, List::Connections, pair.hi);
                    put(pair.hi, List::Connections, pair.lo);
                }
                for (follows, who, whom) in [(pair.lo_follows, pair.lo, pair.hi), (pair.hi_follows, pair.hi, pair.lo)] {
                    if follows {
                        put(who, List::Following, whom);
                        put(whom, List::Followers, who);
                    }
                }
            }
            // The order of the index, so that neighboring entries are written together.
            entries.sort_by(|a, b| (a.owner_id.as_ref(), a.list.as_ref()).cmp(&(b.owner_id.as_ref(), b.list.as_ref())));
            insert(tx, entries, 6).await?;
            Ok(inserted.len())
        })
    })
    .await
}

/// Returns the name keys of people. Locks their rows, so that no name changes before the lists are written.
async fn names(tx: &Tx<'_>, people: BTreeSet<UserId>) -> Result<BTreeMap<UserId, Vec<u8>>> {
    let people: Vec<UserId> = people.into_iter().collect();
    let mut names = BTreeMap::new();
    for together in people.chunks(1_000) {
        let some = user::Entity::find()
            .select_only()
            .columns([user::Column::Id, user::Column::NameKey])
            .filter(user::Column::Id.is_in(together.iter().copied()))
            .order_by_asc(user::Column::Id);
        names.extend(tx.share_columns::<_, (UserId, Vec<u8>)>(some).await?);
    }
    Ok(names)
}

/// Inserts rows with this number of columns in as few statements as possible.
async fn insert<A>(tx: &Tx<'_>, rows: Vec<A>, columns: usize) -> Result<()>
where
    A: sea_orm::ActiveModelTrait + Clone,
{
    for together in rows.chunks(VALUES / columns) {
        A::Entity::insert_many(together.to_vec()).exec_without_returning(tx.db()).await?;
    }
    Ok(())
}

/// Returns the keys of the rows that were inserted.
fn keys<T>(result: sea_orm::TryInsertResult<Vec<T>>) -> Vec<T> {
    match result {
        sea_orm::TryInsertResult::Inserted(keys) => keys,
        sea_orm::TryInsertResult::Empty | sea_orm::TryInsertResult::Conflicted => Vec::new(),
    }
}

/// Returns the cause of a failed import. An operator may see more of it than a client.
fn plain(error: Error) -> anyhow::Error {
    match error {
        Error::Internal(cause) | Error::Unavailable(cause) => anyhow::anyhow!("{cause:#}"),
        Error::Refused(refusal) => anyhow::anyhow!("{}", refusal.message),
        other => anyhow::anyhow!("{}", other.code()),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    #[test]
    fn made_ids_are_version_seven() {
        let id = uuid::Builder::from_unix_timestamp_millis(1, &super::chance_bytes(7)).into_uuid();
        assert_eq!(id.get_version_num(), 7);
        assert_ne!(id, Uuid::nil());
    }
}
