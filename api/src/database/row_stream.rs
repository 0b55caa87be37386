//! The answer to a statement, checked to be complete. sqlx ends the rows silently when the thread of a SQLite
//! connection panics, for example without memory. Only the result at the end of a statement proves that all rows have
//! arrived, and that a COMMIT has happened.

use std::ops::ControlFlow;

use futures_util::{TryStreamExt as _, stream::BoxStream};
use sqlx::{Either, Error};

/// The answer to a statement as it arrives: rows of type `R`, and at the end a result of type `D`.
pub type RowStream<'a, D, R> = BoxStream<'a, Result<Either<D, R>, Error>>;

/// Hands each row to `take` until it breaks off. Returns the result at the end of the statement, or none after a break.
/// An end without a result is [`Error::WorkerCrashed`].
pub async fn take_rows<D: Default + Extend<D>, R>(
    mut answers: RowStream<'_, D, R>,
    mut take: impl FnMut(R) -> ControlFlow<()>,
) -> Result<Option<D>, Error> {
    let mut done: Option<D> = None;
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Left(result) => done.get_or_insert_default().extend([result]),
            Either::Right(row) => {
                if take(row).is_break() {
                    return Ok(None);
                }
            }
        }
    }
    done.map(Some).ok_or(Error::WorkerCrashed)
}

/// Returns the result of a statement and ignores its rows.
pub async fn execute<D: Default + Extend<D>, R>(answers: RowStream<'_, D, R>) -> Result<D, Error> {
    take_rows(answers, |_| ControlFlow::Continue(())).await.map(Option::unwrap_or_default)
}

/// Returns the first row of a statement, or none.
pub async fn first<D: Default + Extend<D>, R>(answers: RowStream<'_, D, R>) -> Result<Option<R>, Error> {
    let mut first = None;
    let take = |row| {
        first = Some(row);
        ControlFlow::Break(())
    };
    take_rows(answers, take).await?;
    Ok(first)
}

/// Returns all rows of a statement.
pub async fn all<D: Default + Extend<D>, R>(answers: RowStream<'_, D, R>) -> Result<Vec<R>, Error> {
    let mut rows = Vec::new();
    let take = |row| {
        rows.push(row);
        ControlFlow::Continue(())
    };
    take_rows(answers, take).await?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};
    use sqlx::{Either, Error, sqlite::SqliteQueryResult};

    use super::{RowStream, all, execute, first};

    fn answers(rows: &'static [u8], ends: bool) -> RowStream<'static, SqliteQueryResult, u8> {
        let end = ends.then(|| Ok(Either::Left(SqliteQueryResult::default())));
        stream::iter(rows.iter().map(|row| Ok(Either::Right(*row))).chain(end)).boxed()
    }

    #[tokio::test]
    async fn rows_that_end_without_a_result_are_not_all() -> Result<(), Error> {
        assert_eq!(all(answers(&[1, 2], true)).await?, [1, 2]);
        assert_eq!(first(answers(&[], true)).await?, None);
        assert_eq!(first(answers(&[1], false)).await?, Some(1));
        assert!(matches!(all(answers(&[1, 2], false)).await, Err(Error::WorkerCrashed)));
        assert!(matches!(first(answers(&[], false)).await, Err(Error::WorkerCrashed)));
        assert!(matches!(execute(answers(&[], false)).await, Err(Error::WorkerCrashed)));
        Ok(())
    }
}
