//! Pages of lists, as Relay connections. A cursor is the sort key of a row, bound to its list, filter and order. A
//! page reads one range of an index, however far back it lies.

use async_graphql::{SimpleObject, TypeDirective};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use sea_orm::{DbErr, FromQueryResult, QueryResult};
use uuid::Uuid;

use crate::{
    database::sql::Sql,
    error::{Error, Result},
};

/// The largest number of rows on a page.
pub const MAX_PAGE: i32 = 100;
/// The number of rows on a page when the client gives none.
pub const DEFAULT_PAGE: i32 = 20;

/// The four arguments of every list.
#[derive(Clone, Debug, Default)]
pub struct PageArguments {
    /// The number of rows from the start of the range.
    pub first: Option<i32>,
    /// The cursor before the first row of the range.
    pub after: Option<String>,
    /// The number of rows from the end of the range.
    pub last: Option<i32>,
    /// The cursor behind the last row of the range.
    pub before: Option<String>,
}

/// The number of items that the cost of an operation assumes for a list without pages. Selections below the field count
/// this often. Lists with pages count by `first` or `last`.
#[TypeDirective(location = "FieldDefinition", name = "listSize")]
pub fn list_size(assumed_size: i32) {}

/// The position of a row in a list: the values that its rows are ordered by.
pub trait Key: Sized {
    /// Returns the bytes of the key for a cursor.
    fn write(&self) -> Vec<u8>;
    /// Parses the bytes that [`Self::write`] made. Returns none for any other bytes.
    fn read(bytes: &[u8]) -> Option<Self>;
    /// Binds the parts of the key in the order of the columns.
    fn bind(&self, sql: &mut Sql);
}

/// The position in a list of people, in one of its orders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PageBound {
    /// The name key and the id, in a list ordered by name.
    Name(Vec<u8>, Uuid),
    /// The time and the id, in a list ordered by time.
    Since(DateTime<Utc>, Uuid),
    /// An id that rises with time and the id, in a list with the newest first.
    Newest(Uuid, Uuid),
}

impl Key for PageBound {
    fn write(&self) -> Vec<u8> {
        match self {
            Self::Name(name, id) => [&[1], id.as_bytes().as_slice(), name].concat(),
            Self::Since(time, id) => [&[2], id.as_bytes().as_slice(), &time.timestamp_micros().to_be_bytes()].concat(),
            Self::Newest(newest, id) => [&[3], id.as_bytes().as_slice(), newest.as_bytes()].concat(),
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (tag, bytes) = bytes.split_first()?;
        let (id, place) = bytes.split_at_checked(16)?;
        let id = Uuid::from_slice(id).ok()?;
        match tag {
            1 => Some(Self::Name(place.to_vec(), id)),
            2 => {
                let micros = i64::from_be_bytes(place.try_into().ok()?);
                Some(Self::Since(DateTime::from_timestamp_micros(micros)?, id))
            }
            3 => Some(Self::Newest(Uuid::from_slice(place).ok()?, id)),
            _ => None,
        }
    }

    fn bind(&self, sql: &mut Sql) {
        let id = match self {
            Self::Name(name, id) => {
                sql.bind(name.clone());
                id
            }
            Self::Since(time, id) => {
                sql.bind(*time);
                id
            }
            Self::Newest(newest, id) => {
                sql.bind(*newest);
                id
            }
        };
        sql.push(", ");
        sql.bind(*id);
    }
}

/// The position in a list ordered by creation, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByAge(pub Uuid);

impl Key for ByAge {
    fn write(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self(Uuid::from_slice(bytes).ok()?))
    }

    fn bind(&self, sql: &mut Sql) {
        sql.bind(self.0);
    }
}

/// The position in a numbered list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByNumber(pub i64);

impl Key for ByNumber {
    fn write(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self(i64::from_be_bytes(bytes.try_into().ok()?)))
    }

    fn bind(&self, sql: &mut Sql) {
        sql.bind(self.0);
    }
}

/// A requested page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page<K> {
    limit: usize,
    backwards: bool,
    after: Option<K>,
    before: Option<K>,
    binding: u64,
}

/// The position of a page in its list.
#[derive(Clone, Debug, SimpleObject)]
pub struct PageInfo {
    /// True when more rows follow this page. When paging backwards, true when `before` was given.
    pub has_next_page: bool,
    /// True when rows precede this page. When paging forwards, true when `after` was given.
    pub has_previous_page: bool,
    /// The cursor of the first edge. Null when the page is empty.
    pub start_cursor: Option<String>,
    /// The cursor of the last edge. Null when the page is empty.
    pub end_cursor: Option<String>,
}

/// The rows of a page.
#[derive(Clone, Debug)]
pub struct PageSlice<T> {
    /// The rows in the order of the list.
    pub items: Vec<T>,
    /// True when more rows follow, as [`PageInfo::has_next_page`].
    pub has_next: bool,
    /// True when rows precede, as [`PageInfo::has_previous_page`].
    pub has_previous: bool,
    binding: u64,
}

impl<K: Key> Page<K> {
    /// Checks the arguments of a page. `list` names list, filter and order. Refuses a cursor of another list with
    /// `BAD_USER_INPUT`.
    pub fn new(arguments: PageArguments, list: &str) -> Result<Self> {
        let PageArguments { first, after, last, before } = arguments;
        let binding = fingerprint(BASIS, list.as_bytes());
        let (size, field, backwards) = match (first, last) {
            (Some(_), Some(_)) => return Err(Error::invalid("last", "Give either first or last, not both.")),
            (None, Some(last)) => (last, "last", true),
            (first, None) => (first.unwrap_or(DEFAULT_PAGE), "first", false),
        };
        let limit = usize::try_from(size).ok().filter(|_| size <= MAX_PAGE);
        let Some(limit) = limit else {
            return Err(Error::invalid(field, format!("{field} must be from 0 to {MAX_PAGE}.")));
        };
        let open = |cursor: Option<String>, field| match cursor {
            None => Ok(None),
            Some(text) => decode(&text, binding)
                .map(Some)
                .ok_or_else(|| Error::invalid(field, "This cursor does not belong to this list, filter and order.")),
        };
        Ok(Self { limit, backwards, after: open(after, "after")?, before: open(before, "before")?, binding })
    }

    /// Adds the range, the order and the limit to a statement that ends in an open `WHERE`. `columns` are the columns
    /// of the key. `descending` is the direction of the list itself.
    pub fn write(&self, sql: &mut Sql, columns: &[&str], descending: bool) {
        self.write_range(sql, columns, descending);
        let direction = if descending == self.backwards { "ASC" } else { "DESC" };
        let order: Vec<String> = columns.iter().map(|column| format!("{column} {direction}")).collect();
        sql.push(&format!(" ORDER BY {} LIMIT ", order.join(", ")));
        sql.bind(self.row_limit());
    }

    /// Adds the range without order and limit.
    pub fn write_range(&self, sql: &mut Sql, columns: &[&str], descending: bool) {
        let row = columns.join(", ");
        let bounds =
            [(&self.after, if descending { "<" } else { ">" }), (&self.before, if descending { ">" } else { "<" })];
        for (key, operator) in bounds {
            if let Some(key) = key {
                sql.push(&format!(" AND ({row}) {operator} ("));
                key.bind(sql);
                sql.push(")");
            }
        }
    }

    /// Returns the number of rows to read: one more than the page shows, to find out whether more follow.
    #[must_use]
    pub fn row_limit(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX - 1) + 1
    }

    /// Returns true when no cursor bounds the page.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.after.is_none() && self.before.is_none()
    }

    /// Returns true when the rows of the statement come in the reverse of the list's order.
    #[must_use]
    pub fn is_backwards(&self) -> bool {
        self.backwards
    }

    /// Cuts the rows of a statement that [`Self::write`] made to the page.
    #[must_use]
    pub fn slice<T>(&self, mut rows: Vec<T>) -> PageSlice<T> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        if self.backwards {
            rows.reverse();
        }
        let (has_next, has_previous) =
            if self.backwards { (self.before.is_some(), more) } else { (more, self.after.is_some()) };
        PageSlice { items: rows, has_next, has_previous, binding: self.binding }
    }
}

/// A row of one of several pages that one statement reads, with the number of its page from 0.
pub struct PagedRow<T> {
    /// The number of the page.
    pub part: i64,
    /// The row.
    pub row: T,
}

impl<T: FromQueryResult> FromQueryResult for PagedRow<T> {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Self { part: row.try_get(prefix, "part")?, row: T::from_query_result(row, prefix)? })
    }
}

/// Cuts the rows of several pages to their pages, in the order of `pages`. The rows may come in any order, and `key`
/// returns a row's position in its list.
pub fn slices<'a, T, K: Key + 'a, O: Ord>(
    pages: impl Iterator<Item = &'a Page<K>>,
    rows: Vec<PagedRow<T>>,
    descending: bool,
    key: impl Fn(&T) -> O,
) -> Vec<PageSlice<T>> {
    let mut parts: Vec<(&Page<K>, Vec<T>)> = pages.map(|page| (page, Vec::new())).collect();
    for PagedRow { part, row } in rows {
        if let Some((_, rows)) = usize::try_from(part).ok().and_then(|part| parts.get_mut(part)) {
            rows.push(row);
        }
    }
    let read = |(page, mut rows): (&Page<K>, Vec<T>)| {
        rows.sort_by_key(&key);
        if page.backwards != descending {
            rows.reverse();
        }
        page.slice(rows)
    };
    parts.into_iter().map(read).collect()
}

impl<T> PageSlice<T> {
    /// Returns the cursor of a row of this page.
    pub fn cursor(&self, key: &impl Key) -> String {
        encode(self.binding, key)
    }

    /// Returns the position of the page in its list. `key` returns a row's position.
    pub fn info<K: Key>(&self, key: impl Fn(&T) -> K) -> PageInfo {
        PageInfo {
            has_next_page: self.has_next,
            has_previous_page: self.has_previous,
            start_cursor: self.items.first().map(|row| self.cursor(&key(row))),
            end_cursor: self.items.last().map(|row| self.cursor(&key(row))),
        }
    }
}

fn encode(binding: u64, key: &impl Key) -> String {
    let key = key.write();
    URL_SAFE_NO_PAD.encode([fingerprint(binding, &key).to_be_bytes().as_slice(), &key].concat())
}

fn decode<K: Key>(text: &str, binding: u64) -> Option<K> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() <= 2_048)?;
    let (bound, key) = bytes.split_at_checked(8)?;
    if bound != fingerprint(binding, key).to_be_bytes() {
        return None;
    }
    K::read(key)
}

/// The start value of the FNV-1a hash.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// Continues an FNV-1a hash, which is equal on every instance and in every version. It guards against mix-ups and
/// damage, not against forgery. A forged cursor can only name another position of the same list.
fn fingerprint(from: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(from, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Key as _, Page, PageArguments, PageBound, PageSlice};

    fn page(arguments: PageArguments) -> Option<Page<PageBound>> {
        Page::new(arguments, "people").ok()
    }

    #[test]
    fn sizes_outside_zero_to_a_hundred_are_refused() {
        for size in [-1, 101, i32::MAX, i32::MIN] {
            assert!(page(PageArguments { first: Some(size), ..Default::default() }).is_none(), "{size}");
            assert!(page(PageArguments { last: Some(size), ..Default::default() }).is_none(), "{size}");
        }
        assert!(page(PageArguments { first: Some(1), last: Some(1), ..Default::default() }).is_none());
        assert!(page(PageArguments { first: Some(100), ..Default::default() }).is_some());
        let none = page(PageArguments { first: Some(0), ..Default::default() }).map(|page| page.slice(vec![()]));
        assert!(none.is_some_and(|none| none.items.is_empty() && none.has_next));
    }

    #[test]
    fn a_cursor_opens_only_its_own_list() {
        let key = PageBound::Name(b"roe".to_vec(), Uuid::from_u128(7));
        let slice: PageSlice<()> = page(PageArguments::default()).map(|page| page.slice(vec![])).expect("a page");
        let cursor = slice.cursor(&key);
        let with = |text: &str| PageArguments { after: Some(text.to_owned()), ..Default::default() };
        assert_eq!(page(with(&cursor)).and_then(|page| page.after), Some(key));
        assert!(Page::<PageBound>::new(with(&cursor), "others").is_err());
        for bad in ["", "x", "☃", &cursor[..cursor.len() / 2], &cursor[1..]] {
            assert!(page(with(bad)).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let (time, id) = (chrono::DateTime::from_timestamp_micros(7).expect("a time"), Uuid::from_u128(9));
        for place in [PageBound::Name(b"".to_vec(), id), PageBound::Since(time, id), PageBound::Newest(Uuid::max(), id)]
        {
            assert_eq!(PageBound::read(&place.write()), Some(place));
        }
        for bad in [&[][..], &[1], &[2; 20], &[3; 20], &[9; 33]] {
            assert_eq!(PageBound::read(bad), None);
        }
    }
}
