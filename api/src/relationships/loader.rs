//! Relationships of the viewer with many people, requests by id, and shared connections, many at once.

use std::collections::{HashMap, HashSet};

use async_graphql::dataloader::Loader;
use entity::{
    connection_request,
    contact::List,
    id::{ConnectionRequestId, UserId},
    note, relationship,
};
use sea_orm::FromQueryResult;

use super::pairs::View;
use crate::{
    auth::context::Reads,
    database::sql::Sql,
    error::{Error, Result},
};

/// What stands between the viewer and a person; strangers have no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViewOf(pub UserId);

impl Loader<ViewOf> for Reads {
    type Value = View;
    type Error = Error;

    async fn load(&self, keys: &[ViewOf]) -> Result<HashMap<ViewOf, View>> {
        let me = self.viewer()?.user;
        let others: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        let (above, below): (Vec<UserId>, Vec<UserId>) = others.into_iter().partition(|other| me < *other);
        let mut sql = Sql::default();
        for (mine, theirs, others) in [("lo", "hi", above), ("hi", "lo", below)] {
            if others.is_empty() {
                continue;
            }
            sql.push(if sql.is_empty() { "" } else { " UNION ALL " });
            sql.push(&format!("SELECT * FROM relationship WHERE {mine} = "));
            sql.bind(me);
            sql.push(&format!(" AND {theirs} IN "));
            sql.bind_list(&others);
        }
        let rows = sql.models::<relationship::Entity>(self.app.db.read()).await?;
        let found = rows.into_iter().map(|row| {
            let other = if row.lo == me { row.hi } else { row.lo };
            (ViewOf(other), View::of(&row, me))
        });
        Ok(found.collect())
    }
}

/// A request that the viewer made or got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestById(pub ConnectionRequestId);

impl Loader<RequestById> for Reads {
    type Value = connection_request::Model;
    type Error = Error;

    async fn load(&self, keys: &[RequestById]) -> Result<HashMap<RequestById, Self::Value>> {
        let me = self.viewer()?.user;
        let ids: Vec<ConnectionRequestId> = keys.iter().map(|key| key.0).collect();
        let mut sql = Sql::new("SELECT * FROM connection_request WHERE id IN ");
        sql.bind_list(&ids);
        sql.push(" AND (requester_id = ");
        sql.bind(me);
        sql.push(" OR recipient_id = ");
        sql.bind(me);
        sql.push(")");
        let rows = sql.models::<connection_request::Entity>(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (RequestById(row.id), row)).collect())
    }
}

/// What the viewer wrote about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NoteAbout(pub UserId);

impl Loader<NoteAbout> for Reads {
    type Value = String;
    type Error = Error;

    async fn load(&self, keys: &[NoteAbout]) -> Result<HashMap<NoteAbout, String>> {
        let others: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        let mut sql = Sql::new("SELECT * FROM note WHERE owner_id = ");
        sql.bind(self.viewer()?.user);
        sql.push(" AND about_id IN ");
        sql.bind_list(&others);
        let rows = sql.models::<note::Entity>(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (NoteAbout(row.about_id), row.text)).collect())
    }
}

/// Whether the viewer shares a connection with a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SharesConnection(pub UserId);

#[derive(FromQueryResult)]
struct Sharing {
    owner_id: UserId,
}

impl Loader<SharesConnection> for Reads {
    type Value = ();
    type Error = Error;

    async fn load(&self, keys: &[SharesConnection]) -> Result<HashMap<SharesConnection, ()>> {
        let me = self.viewer()?.user;
        let others: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        let mut sql = Sql::new(
            "SELECT DISTINCT b.owner_id FROM contact a JOIN contact b ON b.list = a.list AND b.name_key = a.name_key \
             AND b.user_id = a.user_id WHERE a.owner_id = ",
        );
        sql.bind(me);
        sql.push(" AND a.list = ");
        sql.bind(List::Connections);
        sql.push(" AND b.owner_id IN ");
        sql.bind_list(&others);
        let sharing: Vec<Sharing> = sql.all(self.app.db.read()).await?;
        let sharing: HashSet<UserId> = sharing.into_iter().map(|row| row.owner_id).collect();
        Ok(sharing.into_iter().map(|other| (SharesConnection(other), ())).collect())
    }
}
