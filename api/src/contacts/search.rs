//! The one way to search by name. Every word must occur in the search text of what is found; [`crate::text::search_words`]
//! says what a word is.

use entity::{contact::List, id::UserId};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use crate::{
    database::sql::Sql,
    error::{Error, Result},
    plain_text, text,
};

/// The longest search, in characters, and the most words of it that count.
pub const MAX_SEARCH: usize = 100;
const MAX_WORDS: usize = 8;
/// Beyond this many people a gram is "frequent", and it does not matter how frequent.
const FREQUENT: i64 = 2_000;

/// A search, folded.
#[derive(Clone, Debug)]
pub struct Search {
    /// Each as it occurs in a search text.
    words: Vec<String>,
    /// Who searches, and so by what people are found.
    viewer: Option<UserId>,
}

#[derive(FromQueryResult)]
struct Frequency {
    gram: String,
    people: i64,
}

impl Search {
    /// Understands a search; `None` when there is nothing to search for.
    pub fn new(text: Option<&str>, viewer: Option<UserId>) -> Result<Option<Self>> {
        let Some(text) = text else { return Ok(None) };
        if text.chars().count() > MAX_SEARCH || plain_text::has_control(text) {
            return Err(Error::invalid("search", format!("search holds at most {MAX_SEARCH} printable characters.")));
        }
        let mut words = text::search_words(text);
        words.truncate(MAX_WORDS);
        Ok((!words.is_empty()).then_some(Self { words, viewer }))
    }

    /// The words as one text, to tell one search from another.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.words.join("|")
    }

    /// Adds the condition on the person whose id stands in `column`. As a value and not as a join, so that the person's
    /// search text is looked up and never all texts are searched.
    pub fn write(&self, sql: &mut Sql, column: &str) {
        sql.push(" AND (SELECT ");
        self.write_words(sql, "seen.text");
        sql.push(" FROM (SELECT s.text");
        if let Some(viewer) = self.viewer {
            // What only connections see is searched for connections only.
            sql.push(" || CASE WHEN s.connections_text <> '' AND (s.user_id = ");
            sql.bind(viewer);
            sql.push(" OR EXISTS (SELECT 1 FROM contact k WHERE k.user_id = s.user_id AND k.list = ");
            sql.bind(List::Connections);
            sql.push(" AND k.owner_id = ");
            sql.bind(viewer);
            sql.push(")) THEN s.connections_text ELSE '' END");
        }
        sql.push(&format!(" AS text FROM user_search s WHERE s.user_id = {column}) AS seen)"));
    }

    /// Adds the condition that a text holds every word.
    pub fn write_words(&self, sql: &mut Sql, text: &str) {
        for (index, word) in self.words.iter().enumerate() {
            let literal = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            sql.push(if index == 0 { "" } else { " AND " });
            sql.push(text);
            sql.push(" LIKE ");
            sql.bind(format!("%{literal}%"));
            sql.push(" ESCAPE '\\'");
        }
    }

    /// The two neighbouring characters of the search that the fewest people have; the index is read by them.
    pub async fn rarest_gram(&self, db: &impl ConnectionTrait) -> Result<String, DbErr> {
        // Of a longer word no letter is rarer than the pair in which it stands.
        let telling = |word: &&String, gram: &String| gram.chars().nth(1).is_some() || word.chars().nth(1).is_none();
        let grams =
            self.words.iter().flat_map(|word| text::grams(word).into_iter().filter(move |gram| telling(&word, gram)));
        let grams: Vec<String> = grams.collect();
        let mut sql = Sql::default();
        for (index, gram) in grams.iter().enumerate() {
            sql.push(if index == 0 { "SELECT " } else { " UNION ALL SELECT " });
            sql.push("CAST(");
            sql.bind(gram.clone());
            sql.push(" AS text) AS gram, (SELECT count(*) FROM (SELECT 1 FROM user_gram WHERE gram = ");
            sql.bind(gram.clone());
            sql.push(" LIMIT ");
            sql.bind(FREQUENT);
            sql.push(") AS few) AS people");
        }
        let frequencies: Vec<Frequency> = sql.all(db).await?;
        let rarest = frequencies.into_iter().min_by_key(|frequency| frequency.people);
        Ok(rarest.map(|frequency| frequency.gram).unwrap_or_default())
    }
}
