//! Search words. Every word must occur in a person's folded names or handle; a word of one character must begin one.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use crate::{
    database::sql::Sql,
    error::{Error, Result},
    text,
};

/// The longest search, in characters, and the most words of it that count.
pub const MAX_SEARCH: usize = 100;
const MAX_WORDS: usize = 8;
/// Beyond this many people a gram is "frequent", and it does not matter how frequent.
const FREQUENT: i64 = 2_000;

/// A search, folded.
#[derive(Clone, Debug)]
pub struct Search {
    /// Each as it occurs in a search text; a single character with the space before it.
    words: Vec<String>,
}

#[derive(FromQueryResult)]
struct Frequency {
    gram: String,
    people: i64,
}

impl Search {
    /// Understands a search; `None` when there is nothing to search for.
    pub fn new(text: Option<&str>) -> Result<Option<Self>> {
        let Some(text) = text else { return Ok(None) };
        if text.chars().count() > MAX_SEARCH || text::has_control(text) {
            return Err(Error::invalid("search", format!("search holds at most {MAX_SEARCH} printable characters.")));
        }
        let words: Vec<String> = text::fold(text)
            .split(' ')
            .filter(|word| !word.is_empty())
            .take(MAX_WORDS)
            .map(|word| if word.chars().nth(1).is_none() { format!(" {word}") } else { word.to_owned() })
            .collect();
        Ok((!words.is_empty()).then_some(Self { words }))
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
        for (index, word) in self.words.iter().enumerate() {
            let literal = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            sql.push(if index == 0 { "s.text LIKE " } else { " AND s.text LIKE " });
            sql.bind(format!("%{literal}%"));
            sql.push(" ESCAPE '\\'");
        }
        sql.push(&format!(" FROM user_search s WHERE s.user_id = {column})"));
    }

    /// The two neighbouring characters of the search that the fewest people have; the index is read by them.
    pub async fn rarest_gram(&self, db: &impl ConnectionTrait) -> Result<String, DbErr> {
        let grams: Vec<String> = self.words.iter().flat_map(|word| text::grams(word)).collect();
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
