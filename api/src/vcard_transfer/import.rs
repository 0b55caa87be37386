//! Imports cards into the caller's address book. Each card creates a contact, changes the contact it came from, finds
//! it unchanged, or is refused with a reason. Importing a file a second time changes nothing.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_graphql::Enum;
use encoding_rs::Encoding;
use entity::{
    id::{PersonalContactId, UserId},
    personal_contact, personal_email, user,
};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::validate::{self, ParsedCard};
use crate::{
    address_book::book_entries::{self, MAX_CONTACTS},
    app::{App, Locked, Tx},
    auth::viewer::Viewer,
    contacts::{detail_validation::FieldPath, details},
    database::sql::Sql,
    error::{Error, Result, UserErrorCode},
    outcome::Outcome,
    rate_limit::{LimitSubject, RateLimited},
    users::people,
};

/// Maximum number of cards in one import.
pub const MAX_CARDS: usize = 5_000;
/// The number of cards that are written in one transaction. Other calls can write to the same address book in between.
const TOGETHER: usize = 200;
/// The cost of an imported card, about as much as a mutation with its answer.
const COST_OF_CARD: u64 = 10;

const FILE: FieldPath = &["input", "vCard"];

/// The effect of an imported card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum VCardImportOutcome {
    /// The card created a contact.
    Created,
    /// The card changed the contact that came from it.
    Updated,
    /// The contact that came from this card already matches it.
    Unchanged,
    /// Another contact has one of its e-mail addresses, or an earlier card of the file has its UID. Nothing was
    /// written.
    Duplicate,
    /// The card cannot become a contact. `message` has the reason.
    Refused,
}

/// The result of one card.
#[derive(Clone, Debug)]
pub struct ImportedCard {
    /// The effect of the card.
    pub outcome: VCardImportOutcome,
    /// The contact of the card, or the contact that conflicts with it.
    pub contact: Option<Arc<personal_contact::Model>>,
    /// The reason for a refusal, or the parts of the card that were not kept.
    pub message: Option<String>,
}

impl ImportedCard {
    fn refused(why: impl Into<String>) -> Self {
        Self { outcome: VCardImportOutcome::Refused, contact: None, message: Some(why.into()) }
    }

    fn duplicate(contact: Arc<personal_contact::Model>, why: &str) -> Self {
        Self { outcome: VCardImportOutcome::Duplicate, contact: Some(contact), message: Some(why.to_owned()) }
    }

    fn kept(outcome: VCardImportOutcome, contact: Arc<personal_contact::Model>, entry: &ParsedCard) -> Self {
        Self { outcome, contact: Some(contact), message: entry.loss.clone() }
    }
}

/// Returns the outcome of a file: `Applied` if a card created or changed a contact, and `Refused` if all were refused.
#[must_use]
pub fn outcome_of(cards: &[ImportedCard]) -> Outcome {
    Outcome::of_all(cards.iter().map(|card| match card.outcome {
        VCardImportOutcome::Created | VCardImportOutcome::Updated => Outcome::Applied,
        VCardImportOutcome::Unchanged | VCardImportOutcome::Duplicate => Outcome::NoChange,
        VCardImportOutcome::Refused => Outcome::Refused,
    }))
}

/// A card of the file. The flag is true if an earlier card has the same UID.
type NumberedCard = (bool, std::result::Result<ParsedCard, String>);

/// Imports the cards of a file into the caller's address book and returns their results in the order of the file.
/// `charset` is the character set that was declared for the file. Locks the caller's row for each batch of cards. Takes
/// the cost of the cards from the caller's rate limit. Refuses with `INVALID` when the file has more than [`MAX_CARDS`]
/// cards.
pub async fn import(
    app: &App,
    by: &Viewer,
    file: Vec<u8>,
    charset: Option<&'static Encoding>,
) -> Result<Vec<ImportedCard>> {
    // Parsing eight megabytes of cards would block this thread for too long.
    let read = tokio::task::spawn_blocking(move || validate::read(&file, charset, MAX_CARDS))
        .await
        .map_err(Error::internal)?;
    if read.len() > MAX_CARDS {
        let why = format!("A file holds at most {MAX_CARDS} cards.");
        return Err(Error::refused(UserErrorCode::Invalid, FILE, why));
    }
    let cost = COST_OF_CARD * read.len() as u64;
    let paid = app.rate_limits.spend(LimitSubject::Caller(by.user.0), cost);
    paid.map_err(|RateLimited(retry_after)| Error::RateLimited { retry_after })?;
    let mut known = HashSet::new();
    let cards: Vec<NumberedCard> = read
        .into_iter()
        .map(|card| {
            let again = card.as_ref().is_ok_and(|entry| !known.insert(entry.uid.clone()));
            (again, card)
        })
        .collect();
    let mut outcomes = Vec::with_capacity(cards.len());
    for together in cards.chunks(TOGETHER) {
        outcomes.extend(app.transaction(|tx| Box::pin(import_batch(tx, by, together))).await?);
    }
    Ok(outcomes)
}

/// The contacts of an address book that a batch of cards can affect.
struct ExistingContacts {
    room: i64,
    by_uid: HashMap<String, PersonalContactId>,
    by_email: HashMap<String, PersonalContactId>,
    contacts: HashMap<PersonalContactId, Arc<personal_contact::Model>>,
    new: Vec<PersonalContactId>,
}

async fn import_batch(tx: &Tx<'_>, by: &Viewer, cards: &[NumberedCard]) -> Result<Vec<ImportedCard>> {
    let owner = &people::lock_self(tx, by).await?;
    let entries: Vec<&ParsedCard> = cards.iter().filter_map(|(_, card)| card.as_ref().ok()).collect();
    let mut shelf = ExistingContacts::read(tx.db(), by.user, &entries).await?;
    let mut outcomes = Vec::with_capacity(cards.len());
    for (again, card) in cards {
        outcomes.push(match card {
            Ok(entry) => shelf.take(tx, owner, entry, *again).await?,
            Err(why) => ImportedCard::refused(why),
        });
    }
    let new: Vec<personal_contact::Model> =
        shelf.new.iter().filter_map(|id| shelf.contacts.get(id)).map(|row| (**row).clone()).collect();
    if !new.is_empty() {
        book_entries::insert(tx, owner, &new).await?;
    }
    Ok(outcomes)
}

/// Returns the id of one of our own contacts if the `UID` was made from one.
fn own_id(uid: &str) -> Option<PersonalContactId> {
    Uuid::parse_str(uid.strip_prefix("urn:uuid:")?).ok().map(PersonalContactId)
}

impl ExistingContacts {
    /// Reads the contacts that came from the cards and the contacts that have their e-mail addresses.
    async fn read(db: &impl ConnectionTrait, owner: UserId, entries: &[&ParsedCard]) -> Result<Self> {
        let uids: Vec<String> = entries.iter().map(|entry| entry.uid.clone()).collect();
        let keys: Vec<String> = entries.iter().flat_map(|entry| keys(entry)).collect();
        let mut sql = Sql::select::<personal_contact::Entity>("p", "WHERE owner_id = ");
        sql.bind(owner);
        sql.push(" AND card_uid IN ");
        sql.bind_list(&uids);
        let mut rows = sql.models::<personal_contact::Entity>(db).await?;
        let mut sql = Sql::select::<personal_email::Entity>("p", "WHERE owner_id = ");
        sql.bind(owner);
        sql.push(" AND address_key IN ");
        sql.bind_list(&keys);
        let emails = sql.models::<personal_email::Entity>(db).await?;
        let ids = uids.iter().filter_map(|uid| own_id(uid)).chain(emails.iter().map(|email| email.contact_id));
        let ids: Vec<PersonalContactId> = ids.collect();
        rows.extend(book_entries::find(db, owner, &ids).await?);
        let contacts: HashMap<_, _> = rows.into_iter().map(|row| (row.id, Arc::new(row))).collect();
        let named = contacts.values().filter_map(|row| Some((row.card_uid.clone()?, row.id)));
        let by_uid = named.collect();
        let by_email = emails.into_iter().map(|email| (email.address_key, email.contact_id)).collect();
        Ok(Self {
            room: MAX_CONTACTS - book_entries::size(db, owner).await?,
            by_uid,
            by_email,
            contacts,
            new: Vec::new(),
        })
    }

    /// Returns the contact that came from a card with this UID, or the contact that was exported with it.
    fn of(&self, uid: &str) -> Option<&Arc<personal_contact::Model>> {
        let id = self.by_uid.get(uid).copied().or_else(|| own_id(uid))?;
        self.contacts.get(&id)
    }

    async fn take(
        &mut self,
        tx: &Tx<'_>,
        owner: &Locked<user::Model>,
        entry: &ParsedCard,
        again: bool,
    ) -> Result<ImportedCard> {
        let before = self.of(&entry.uid).cloned();
        if let Some(before) = &before {
            let mut row = (**before).clone();
            entry.write(&mut row);
            // A digest identifies the content of the card, so the card is unchanged even if the contact was edited
            // since.
            if row == **before || !entry.names_itself() {
                return Ok(ImportedCard::kept(VCardImportOutcome::Unchanged, Arc::clone(before), entry));
            }
            if again {
                let why = "A card before it in the file has the same UID.";
                return Ok(ImportedCard::duplicate(Arc::clone(before), why));
            }
        }
        let taken = keys(entry).into_iter().filter_map(|key| self.by_email.get(&key)).copied();
        let other = taken.into_iter().find(|id| before.as_ref().is_none_or(|before| before.id != *id));
        if let Some(other) = other.and_then(|other| self.contacts.get(&other)) {
            return Ok(ImportedCard::duplicate(
                Arc::clone(other),
                "This contact has one of its e-mail addresses already.",
            ));
        }
        let (mut row, outcome) = match &before {
            Some(before) => ((**before).clone(), VCardImportOutcome::Updated),
            None if self.room <= 0 => {
                return Ok(ImportedCard::refused(format!("An address book holds at most {MAX_CONTACTS} contacts.")));
            }
            None => (book_entries::blank(tx, owner.id), VCardImportOutcome::Created),
        };
        entry.write(&mut row);
        row.updated_at = tx.clock().now();
        if outcome == VCardImportOutcome::Created {
            row.card_uid = Some(entry.uid.clone());
            self.by_uid.insert(entry.uid.clone(), row.id);
            self.new.push(row.id);
            self.room -= 1;
        } else {
            book_entries::update(tx, owner, &row).await?;
        }
        self.by_email.retain(|_, contact| *contact != row.id);
        self.by_email.extend(keys(entry).into_iter().map(|key| (key, row.id)));
        let row = Arc::new(row);
        self.contacts.insert(row.id, Arc::clone(&row));
        Ok(ImportedCard::kept(outcome, row, entry))
    }
}

/// Returns the e-mail addresses of a card in their form for comparison.
fn keys(entry: &ParsedCard) -> Vec<String> {
    entry.details.emails.iter().map(|email| details::key(&email.address)).collect()
}
