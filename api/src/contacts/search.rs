//! Search by name. Every word of a search must occur in the search text of each match. [`crate::text::search_words`]
//! defines a word.

use entity::{contact::List, id::UserId};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use crate::{
    database::sql::Sql,
    error::{Error, Result},
    plain_text, text,
};

/// Maximum length of a search, in characters.
pub const MAX_SEARCH: usize = 100;
/// Maximum number of words in a search. Further words are ignored.
const MAX_WORDS: usize = 8;
/// A gram that more people have is frequent. Higher counts make no difference.
const FREQUENT: i64 = 2_000;

/// A search index of pairs of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchIndex {
    /// The index of users.
    Users,
    /// The index of customers.
    Customers,
}

impl SearchIndex {
    /// Returns the name of the table.
    #[must_use]
    pub fn table(self) -> &'static str {
        match self {
            Self::Users => "user_bigram",
            Self::Customers => "customer_bigram",
        }
    }
}

/// A search in folded form.
#[derive(Clone, Debug)]
pub struct Search {
    /// The words as they occur in a search text.
    words: Vec<String>,
    /// The person who searches. Addresses for connections match only through this person.
    viewer: Option<UserId>,
}

#[derive(FromQueryResult)]
struct Frequency {
    gram: String,
    people: i64,
}

impl Search {
    /// Parses a search. Returns `None` when it has no word to search for. Returns an error when it is too long or has
    /// control characters.
    pub fn new(text: Option<&str>, viewer: Option<UserId>) -> Result<Option<Self>> {
        let Some(text) = text else { return Ok(None) };
        if text.chars().count() > MAX_SEARCH || plain_text::has_control(text) {
            return Err(Error::invalid("search", format!("Use at most {MAX_SEARCH} printable characters.")));
        }
        let mut words = text::search_words(text);
        words.truncate(MAX_WORDS);
        Ok((!words.is_empty()).then_some(Self { words, viewer }))
    }

    /// Returns the words as one text that identifies the search, for cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.words.join("|")
    }

    /// Adds the condition on the person whose id is in `column`. It is a scalar subquery, so that the database looks up
    /// this person's text. A join could make it search all texts.
    pub fn write(&self, sql: &mut Sql, column: &str) {
        sql.push(" AND (SELECT ");
        self.write_words(sql, "seen.text");
        sql.push(" FROM (SELECT s.text");
        if let Some(viewer) = self.viewer {
            // Details for connections match only for connections of the viewer and for the viewer.
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

    /// Adds the condition that a text contains every word.
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

    /// Returns the two adjacent characters of the search that the fewest rows of an index have. The
    /// index is read by them.
    pub async fn rarest_gram(&self, db: &impl ConnectionTrait, of: SearchIndex) -> Result<String, DbErr> {
        // In a longer word, no letter is rarer than the pair that contains it.
        let telling = |word: &&String, gram: &String| gram.chars().nth(1).is_some() || word.chars().nth(1).is_none();
        let grams =
            self.words.iter().flat_map(|word| text::grams(word).into_iter().filter(move |gram| telling(&word, gram)));
        let grams: Vec<String> = grams.collect();
        let mut sql = Sql::default();
        for (index, gram) in grams.iter().enumerate() {
            sql.push(if index == 0 { "SELECT " } else { " UNION ALL SELECT " });
            sql.push("CAST(");
            sql.bind(gram.clone());
            let table = of.table();
            sql.push(&format!(" AS text) AS gram, (SELECT count(*) FROM (SELECT 1 FROM {table} WHERE gram = "));
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
