//! Personal contacts by id, and the people they may be, many at once.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use entity::{
    details::Visibility,
    id::PersonalContactId,
    personal_contact,
    relationship::Connection,
    user::{self, UserStatus},
};

use super::book;
use crate::{
    auth::{context::Reads, viewer::Scope},
    contacts::people::{Extent, whole},
    database::sql::Sql,
    error::{Error, Result},
};

/// An entry of the viewer's address book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContactById(pub PersonalContactId);

impl Loader<ContactById> for Reads {
    type Value = Arc<personal_contact::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ContactById]) -> Result<HashMap<ContactById, Self::Value>> {
        let ids: Vec<PersonalContactId> = keys.iter().map(|key| key.0).collect();
        let rows = book::find(self.app.db.read(), self.viewer()?.user, &ids).await?;
        Ok(rows.into_iter().map(|row| (ContactById(row.id), Arc::new(row))).collect())
    }
}

/// The person whom a personal contact may be: one of its addresses is theirs, and the viewer may see that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SuggestionFor(pub PersonalContactId);

impl Loader<SuggestionFor> for Reads {
    type Value = Arc<user::Model>;
    type Error = Error;

    async fn load(&self, keys: &[SuggestionFor]) -> Result<HashMap<SuggestionFor, Self::Value>> {
        let viewer = self.viewer()?;
        let me = viewer.user;
        let ids: Vec<PersonalContactId> = keys.iter().map(|key| key.0).collect();
        let extent = Extent::Whole;
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
        // Whoever has had an account for longest is meant, should an address be of several people.
        sql.push(") ORDER BY u.id DESC");
        let place = extent.width();
        let rows = sql
            .places(self.app.db.read(), |row| Ok((PersonalContactId(row.get(place)?), Arc::new(whole(row)?))))
            .await?;
        Ok(rows.into_iter().map(|(contact, person)| (SuggestionFor(contact), person)).collect())
    }
}
