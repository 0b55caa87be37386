//! Batch loaders: the viewer's relationships and notes about many people, connection requests by id, and shared
//! connections.

use std::collections::{HashMap, HashSet};

use async_graphql::dataloader::Loader;
use entity::{
    connection_request,
    contact::List,
    id::{ConnectionRequestId, UserId},
    note, relationship,
};
use sea_orm::FromQueryResult;

use crate::relationships::pair::OrientedRelationship;
use crate::{
    auth::request_context::RequestReads,
    database::sql::{Sql, columns},
    error::{Error, Result},
};

/// Key of the viewer's relationship with a person. Strangers have no row and so no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ViewOf(pub UserId);

impl Loader<ViewOf> for RequestReads {
    type Value = OrientedRelationship;
    type Error = Error;

    async fn load(&self, keys: &[ViewOf]) -> Result<HashMap<ViewOf, OrientedRelationship>> {
        let me = self.viewer()?.user;
        let others: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        let (above, below): (Vec<UserId>, Vec<UserId>) = others.into_iter().partition(|other| me < *other);
        let mut sql = Sql::default();
        for (mine, theirs, others) in [("lo", "hi", above), ("hi", "lo", below)] {
            if others.is_empty() {
                continue;
            }
            sql.push(if sql.is_empty() { "" } else { " UNION ALL " });
            sql.push(&format!("SELECT {} FROM relationship r WHERE {mine} = ", columns::<relationship::Entity>("r")));
            sql.bind(me);
            sql.push(&format!(" AND {theirs} IN "));
            sql.bind_list(&others);
        }
        let rows = sql.models::<relationship::Entity>(self.app.db.read()).await?;
        let found = rows.into_iter().map(|row| {
            let other = if row.lo == me { row.hi } else { row.lo };
            (ViewOf(other), OrientedRelationship::of(&row, me))
        });
        Ok(found.collect())
    }
}

/// Key of a connection request that the viewer sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestById(pub ConnectionRequestId);

impl Loader<RequestById> for RequestReads {
    type Value = connection_request::Model;
    type Error = Error;

    async fn load(&self, keys: &[RequestById]) -> Result<HashMap<RequestById, Self::Value>> {
        let me = self.viewer()?.user;
        let ids: Vec<ConnectionRequestId> = keys.iter().map(|key| key.0).collect();
        let mut sql = Sql::select::<connection_request::Entity>("c", "WHERE id IN ");
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

/// Key of the viewer's note about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NoteAbout(pub UserId);

impl Loader<NoteAbout> for RequestReads {
    type Value = String;
    type Error = Error;

    async fn load(&self, keys: &[NoteAbout]) -> Result<HashMap<NoteAbout, String>> {
        let others: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        let mut sql = Sql::select::<note::Entity>("n", "WHERE owner_id = ");
        sql.bind(self.viewer()?.user);
        sql.push(" AND about_id IN ");
        sql.bind_list(&others);
        let rows = sql.models::<note::Entity>(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (NoteAbout(row.about_id), row.text)).collect())
    }
}

/// Key of a check for shared connections. The value is present when the viewer and the person have a connection in
/// common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SharesConnection(pub UserId);

#[derive(FromQueryResult)]
struct SharedConnectionRow {
    owner_id: UserId,
}

impl Loader<SharesConnection> for RequestReads {
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
        let sharing: Vec<SharedConnectionRow> = sql.all(self.app.db.read()).await?;
        let sharing: HashSet<UserId> = sharing.into_iter().map(|row| row.owner_id).collect();
        Ok(sharing.into_iter().map(|other| (SharesConnection(other), ())).collect())
    }
}
