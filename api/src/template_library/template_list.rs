//! Lists of templates in use, in the order of their names.

use entity::{
    channel::Channel,
    template::{self, TemplateStage},
};
use sea_orm::{ConnectionTrait, DbErr};

use crate::{
    contacts::search::Search,
    database::sql::{Sql, columns},
    pagination::{Page, PageBound, PageSlice},
};

/// A list of templates.
#[derive(Clone, Debug)]
pub struct TemplateList {
    /// The words to find in the name, the shortcut, the category and the text. None: all templates.
    pub search: Option<Search>,
    /// The channel on which they can be used. None: any.
    pub channel: Option<Channel>,
    /// The part of a conversation in which they are used. None: any.
    pub stage: Option<TemplateStage>,
    /// The category. None: any.
    pub category: Option<String>,
}

impl TemplateList {
    /// Returns a text that identifies the list, for cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let search = self.search.as_ref().map(Search::fingerprint);
        format!("templates {search:?} {:?} {:?} {:?}", self.channel, self.stage, self.category)
    }

    /// Reads a page of the list.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<PageBound>,
    ) -> Result<PageSlice<template::Model>, DbErr> {
        let mut sql = Sql::new(&format!("SELECT {}", columns::<template::Entity>("t")));
        self.write(&mut sql);
        page.write(&mut sql, &["t.name_key", "t.id"], false);
        Ok(page.slice(sql.models::<template::Entity>(db).await?))
    }

    /// Counts the templates of the list.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let mut sql = Sql::new("SELECT count(*) AS count");
        self.write(&mut sql);
        sql.one(db).await?.map_or(Ok(0), |row| row.try_get("", "count"))
    }

    /// Returns the position of a template in the list.
    #[must_use]
    pub fn position(row: &template::Model) -> PageBound {
        PageBound::Name(row.name_key.clone(), row.id.0)
    }

    fn write(&self, sql: &mut Sql) {
        sql.push(" FROM template t WHERE t.archived_at IS NULL");
        if let Some(search) = &self.search {
            sql.push(" AND ");
            search.write_words(sql, "t.find_text");
        }
        if let Some(channel) = self.channel {
            // The stored list has the names of the channels in quotes.
            let name = serde_json::to_string(&channel).unwrap_or_default();
            sql.push(" AND (CAST(t.channels AS text) = '[]' OR CAST(t.channels AS text) LIKE ");
            sql.bind(format!("%{name}%"));
            sql.push(")");
        }
        if let Some(stage) = self.stage {
            sql.push(" AND t.stage = ");
            sql.bind(stage);
        }
        if let Some(category) = &self.category {
            sql.push(" AND t.category = ");
            sql.bind(category.as_str());
        }
    }
}
