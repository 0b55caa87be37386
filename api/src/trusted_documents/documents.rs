//! The registered documents: added and removed by administrators, found by everybody who names one.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use entity::{id::TrustedDocumentId, trusted_document};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _, PaginatorTrait as _,
    QueryFilter as _,
};
use serde_json::json;

use super::document_id;
use crate::{
    app::App,
    contact_center::admin_change::{self, AdminActor},
    database::sql::Sql,
    error::{Error, Result, UserErrorCode},
    pagination::{ByAge, Page, PageSlice},
};

/// The most documents that one call adds, and the most that there can be.
const MOST_AT_ONCE: usize = 100;
const MOST: u64 = 10_000;

/// Returns the reason why the server could not run a document. None if it could.
pub type DocumentCheck = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Registers documents. Returns them in the order of `texts`, and true if one is new. Locks the configuration. Refuses
/// with `REQUIRED`, `INVALID` or `LIMIT_REACHED`.
pub async fn add(
    app: &App,
    by: AdminActor<'_>,
    texts: &[String],
    check: &DocumentCheck,
) -> Result<(Vec<trusted_document::Model>, bool)> {
    check_texts(texts, check)?;
    app.transaction(|tx| {
        Box::pin(async move {
            let _config = admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let digests: Vec<String> = texts.iter().map(|text| document_id::digest(text)).collect();
            let known = trusted_document::Entity::find()
                .filter(trusted_document::Column::Digest.is_in(digests.iter().map(String::as_str)))
                .all(tx.db())
                .await?;
            let mut rows: HashMap<String, _> = known.into_iter().map(|row| (row.digest.clone(), row)).collect();
            let mut added = Vec::new();
            for (digest, text) in digests.iter().zip(texts) {
                if rows.contains_key(digest) {
                    continue;
                }
                let row = trusted_document::Model {
                    id: TrustedDocumentId(tx.clock().uuid()),
                    digest: digest.clone(),
                    body: text.clone(),
                    created_at: tx.clock().now(),
                };
                added.push(row.clone().into_active_model());
                rows.insert(digest.clone(), row);
                let id = document_id::of(digest);
                admin_change::record_created(tx, &by, "addTrustedDocuments", &id, json!({})).await?;
            }
            let changed = !added.is_empty();
            if changed {
                check_count(count(tx.db()).await? + added.len() as u64)?;
                trusted_document::Entity::insert_many(added).exec_without_returning(tx.db()).await?;
            }
            Ok((digests.iter().filter_map(|digest| rows.get(digest).cloned()).collect(), changed))
        })
    })
    .await
}

fn check_count(documents: u64) -> Result<()> {
    if documents > MOST {
        let why = format!("There can be {MOST} documents. Remove some that no client uses any more.");
        return Err(Error::refused(UserErrorCode::LimitReached, &["input", "documents"], why).with_limit(MOST));
    }
    Ok(())
}

fn check_texts(texts: &[String], check: &DocumentCheck) -> Result<()> {
    const FIELD: &[&str] = &["input", "documents"];
    if texts.is_empty() {
        return Err(Error::refused(UserErrorCode::Required, FIELD, "At least one document is needed."));
    }
    if texts.len() > MOST_AT_ONCE {
        let why = format!("One call adds at most {MOST_AT_ONCE} documents.");
        return Err(Error::refused(UserErrorCode::OutOfRange, FIELD, why).with_excess(MOST_AT_ONCE, texts.len()));
    }
    for (index, text) in texts.iter().enumerate() {
        if let Some(why) = check(text) {
            return Err(Error::refused(UserErrorCode::Invalid, FIELD, why).in_item(FIELD, index));
        }
    }
    Ok(())
}

/// Removes a document. Returns its digest, and false if there is none. Locks the configuration. Refuses with
/// `INVALID`.
pub async fn remove(app: &App, by: AdminActor<'_>, id: &str) -> Result<(String, bool)> {
    let no_id =
        || Error::refused(UserErrorCode::Invalid, &["input", "documentId"], "This is not the id of a document.");
    let digest = document_id::parse(id).ok_or_else(no_id)?;
    app.transaction(|tx| {
        Box::pin(async move {
            let _config = admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let removed = trusted_document::Entity::delete_many()
                .filter(trusted_document::Column::Digest.eq(digest))
                .exec(tx.db())
                .await?;
            if removed.rows_affected == 0 {
                return Ok((digest.to_owned(), false));
            }
            let id = document_id::of(digest);
            admin_change::record_created(tx, &by, "removeTrustedDocument", &id, json!({})).await?;
            Ok((digest.to_owned(), true))
        })
    })
    .await
}

/// Returns the text of the document with a digest.
pub async fn find_text(db: &impl ConnectionTrait, digest: &str) -> Result<Option<String>, DbErr> {
    let found = trusted_document::Entity::find().filter(trusted_document::Column::Digest.eq(digest));
    Ok(found.one(db).await?.map(|row| row.body))
}

/// Returns a page of the documents, newest first.
pub async fn page(db: &impl ConnectionTrait, page: &Page<ByAge>) -> Result<PageSlice<trusted_document::Model>, DbErr> {
    let mut sql = Sql::select::<trusted_document::Entity>("d", "WHERE 1 = 1");
    page.write(&mut sql, &["d.id"], true);
    Ok(page.slice(sql.models::<trusted_document::Entity>(db).await?))
}

/// Returns the number of documents.
pub async fn count(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    trusted_document::Entity::find().count(db).await
}
