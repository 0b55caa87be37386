//! The answer to a statement, known to be whole. When the thread that runs SQLite for a connection panics (memory that runs
//! out makes it), sqlx ends the rows as if there were no more. Only the result that the database gives at the end of a
//! statement shows that all its rows have come, and that a COMMIT was one.

use std::ops::ControlFlow;

use futures_util::{TryStreamExt as _, stream::BoxStream};
use sqlx::{Either, Error};

/// What a statement answers as it arrives: rows of type `R`, and at its end a result of type `D`.
pub type Answers<'a, D, R> = BoxStream<'a, Result<Either<D, R>, Error>>;

/// Hands each row to `take` until it breaks off; nothing is known of the rest then. Returns the result at the end of the
/// statement; none after `take` has broken off. An end without a result is [`Error::WorkerCrashed`].
pub async fn take_rows<D: Default + Extend<D>, R>(
    mut answers: Answers<'_, D, R>,
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

/// The result of a statement whose rows nobody wants.
pub async fn execute<D: Default + Extend<D>, R>(answers: Answers<'_, D, R>) -> Result<D, Error> {
    take_rows(answers, |_| ControlFlow::Continue(())).await.map(Option::unwrap_or_default)
}

/// The first row of a statement.
pub async fn first<D: Default + Extend<D>, R>(answers: Answers<'_, D, R>) -> Result<Option<R>, Error> {
    let mut first = None;
    let take = |row| {
        first = Some(row);
        ControlFlow::Break(())
    };
    take_rows(answers, take).await?;
    Ok(first)
}

/// All rows of a statement.
pub async fn all<D: Default + Extend<D>, R>(answers: Answers<'_, D, R>) -> Result<Vec<R>, Error> {
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

    use super::{Answers, all, execute, first};

    fn answers(rows: &'static [u8], ends: bool) -> Answers<'static, SqliteQueryResult, u8> {
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
