//! Batch loaders of personal contacts, and of the people whom they may represent.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use entity::{
    details::Visibility,
    id::PersonalContactId,
    personal_contact,
    relationship::Connection,
    user::{self, UserStatus},
};

use crate::address_book::book_entries;
use crate::{
    auth::{request_context::RequestReads, viewer::Scope},
    contacts::user_rows::{RowDetail, whole},
    database::sql::Sql,
    error::{Error, Result},
};

/// Key of an entry of the viewer's address book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContactById(pub PersonalContactId);

impl Loader<ContactById> for RequestReads {
    type Value = Arc<personal_contact::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ContactById]) -> Result<HashMap<ContactById, Self::Value>> {
        let ids: Vec<PersonalContactId> = keys.iter().map(|key| key.0).collect();
        let rows = book_entries::find(self.app.db.read(), self.viewer()?.user, &ids).await?;
        Ok(rows.into_iter().map(|row| (ContactById(row.id), Arc::new(row))).collect())
    }
}

/// Key of the person whom a personal contact may represent. The two share an e-mail address that the viewer may see on
/// the person's profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SuggestionFor(pub PersonalContactId);

impl Loader<SuggestionFor> for RequestReads {
    type Value = Arc<user::Model>;
    type Error = Error;

    async fn load(&self, keys: &[SuggestionFor]) -> Result<HashMap<SuggestionFor, Self::Value>> {
        let viewer = self.viewer()?;
        let me = viewer.user;
        let ids: Vec<PersonalContactId> = keys.iter().map(|key| key.0).collect();
        let extent = RowDetail::Whole;
        let mut sql = Sql::new(&format!(
            "SELECT {}, p.contact_id FROM personal_email p JOIN user_email e ON e.address_key = p.address_key \
             JOIN \"user\" u ON u.id = e.user_id WHERE p.contact_id IN ",
            extent.columns()
        ));
        sql.bind_list(&ids);
        sql.push(" AND p.owner_id = ");
        sql.bind(me);
        sql.push(" AND u.status = ");
        sql.bind(UserStatus::Active);
        sql.push(" AND u.id <> ");
        sql.bind(me);
        sql.push(" AND (e.visibility = ");
        sql.bind(Visibility::Everyone);
        if viewer.scopes.has(Scope::ContactsRead) {
            sql.push(" OR (e.visibility = ");
            sql.bind(Visibility::Connections);
            sql.push(" AND (");
            for (index, (mine, theirs)) in [("lo", "hi"), ("hi", "lo")].into_iter().enumerate() {
                sql.push(if index == 0 { "EXISTS " } else { " OR EXISTS " });
                sql.push(&format!("(SELECT 1 FROM relationship r WHERE r.{theirs} = u.id AND r.{mine} = "));
                sql.bind(me);
                sql.push(" AND r.connection = ");
                sql.bind(Connection::Connected);
                sql.push(")");
            }
            sql.push("))");
        }
        // If several people have an address, the person with the oldest account is suggested: the last row of a contact
        // wins.
        sql.push(") ORDER BY u.id DESC");
        let place = extent.width();
        let rows = sql
            .columns(self.app.db.read(), |row| Ok((PersonalContactId(row.get(place)?), Arc::new(whole(row)?))))
            .await?;
        Ok(rows.into_iter().map(|(contact, person)| (SuggestionFor(contact), person)).collect())
    }
}
