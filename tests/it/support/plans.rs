//! What the database makes of a statement.

use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use api::app::App;

use super::Expected as _;

/// The plan of a statement with the values it was run with.
pub async fn explain(app: &App, statement: &Statement) -> String {
    let backend = app.db.read().get_database_backend();
    let how = if backend == DbBackend::Sqlite { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
    let mut explained = statement.clone();
    explained.sql = format!("{how} {}", statement.sql);
    let rows = app.db.read().query_all_raw(explained).await.expected(&statement.sql);
    let column = if backend == DbBackend::Sqlite { "detail" } else { "QUERY PLAN" };
    let lines: Vec<String> = rows.iter().map(|row| row.try_get("", column).expected("a line")).collect();
    lines.join("\n")
}

/// The lines of a plan that read a whole table.
pub fn scans(plan: &str) -> Vec<&str> {
    plan.lines()
        .filter(|line| {
            line.contains("Seq Scan")
                || (line.contains("SCAN ") && !line.contains("SUBQUERY") && !line.contains("CONSTANT"))
        })
        // Scanning what a subquery of the statement made is no scan of a table.
        .filter(|line| !["SCAN few", "SCAN some", "SCAN (", "SCAN given", "SCAN waiting"].iter().any(|part| line.contains(part)))
        .collect()
}
