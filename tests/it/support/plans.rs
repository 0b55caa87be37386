//! Checks of statement counts and query plans.

use sea_orm::{ConnectionTrait as _, DbBackend, Statement, TransactionTrait as _};

use api::app::App;
use serde_json::Value;

use super::{Expected as _, app::TestApp, person::Person};

/// The kind of limit on the number of statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    Exactly,
    /// At most the given number. Concurrent loads may share a statement, depending on their timing.
    AtMost,
}

/// The table sizes for which a statement is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planned {
    /// Large tables, whatever the real size.
    ForMany,
    /// The real tables.
    AsTheyAre,
    /// The real tables. Those of the organization's people and queues may be scanned.
    ForFewAgents,
}

/// Runs each operation, counts its statements and checks their plans.
pub async fn check(
    app: &TestApp,
    me: &Person,
    variables: &Value,
    budgets: &[(&str, usize)],
    budgeted: Budget,
    planned: Planned,
) {
    let many = planned == Planned::ForMany;
    let mut wrong = Vec::new();
    for (query, budget) in budgets {
        app.statements();
        let answer = me.ask(query, variables.clone()).await;
        let statements = app.statements();
        answer.at("");
        let sql: Vec<&str> = statements.iter().map(|statement| statement.sql.as_str()).collect();
        let kept = match budgeted {
            Budget::Exactly => statements.len() == *budget,
            Budget::AtMost => statements.len() <= *budget,
        };
        if !kept {
            wrong.push(format!("{query} took {} statements, not {budget}: {sql:#?}", statements.len()));
        }
        for statement in &statements {
            let plan = explain(app.app(), statement, many).await;
            app.statements();
            if scans(&plan).into_iter().any(|line| planned != Planned::ForFewAgents || !is_small(line)) {
                wrong.push(format!("{query}\n{}\n{plan}", statement.sql));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Returns the plan of a statement with its values. With `many`, PostgreSQL plans as for tables too large to scan,
/// which small test data is not.
pub async fn explain(app: &App, statement: &Statement, many: bool) -> String {
    let own = sea_orm::Database::connect(app.config.database.url.expose()).await.expected("a connection");
    let db = own.begin().await.expected("a transaction");
    let sqlite = db.get_database_backend() == DbBackend::Sqlite;
    if !sqlite {
        // The server's own connections use the same setting.
        db.execute_unprepared("SET LOCAL plan_cache_mode = force_generic_plan").await.expected("set");
    }
    if many && !sqlite {
        // These plans are good for small tables only.
        for way in ["seqscan", "material", "hashjoin", "mergejoin"] {
            db.execute_unprepared(&format!("SET LOCAL enable_{way} = off")).await.expected("set");
        }
    }
    let (rows, column) = if sqlite {
        let mut explained = statement.clone();
        explained.sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
        (db.query_all_raw(explained).await.expected(&statement.sql), "detail")
    } else {
        // PostgreSQL shows the generic plan for all values, because the server uses it.
        let values = statement.values.as_ref().map_or(0, |values| values.0.len());
        let nulls = vec!["NULL"; values].join(", ");
        db.execute_unprepared(&format!("PREPARE explained AS {}", statement.sql)).await.expected(&statement.sql);
        let execute = if values == 0 { String::new() } else { format!("({nulls})") };
        let explained = Statement::from_string(DbBackend::Postgres, format!("EXPLAIN EXECUTE explained{execute}"));
        let rows = db.query_all_raw(explained).await.expected(&statement.sql);
        db.execute_unprepared("DEALLOCATE explained").await.expected("let go");
        (rows, "QUERY PLAN")
    };
    let lines: Vec<String> = rows.iter().map(|row| row.try_get("", column).expected("a line")).collect();
    db.rollback().await.expected("rolled back");
    own.close().await.expected("closed");
    lines.join("\n")
}

/// Returns true for a scan of the organization's people, queues or waiting tasks, as both databases name them. They do
/// not grow with the number of messages.
fn is_small(line: &str) -> bool {
    let small = ["on \"user\"", "on agent a", "on assignment h", "on queue", "task_waiting_in_queue on task t"];
    small.iter().any(|table| line.contains(table))
        || ["SCAN a", "SCAN q", "SCAN u"].iter().any(|one| line.ends_with(one))
}

/// Returns the lines of a plan that scan a whole table or index.
pub fn scans(plan: &str) -> Vec<&str> {
    let lines: Vec<&str> = plan.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let narrowed = || {
            let own = lines[index + 1..].iter().take_while(|line| !line.contains("->"));
            own.into_iter().any(|line| line.contains("Index Cond"))
        };
        let whole = if line.contains("Seq Scan on ") {
            // These tables have at most one row.
            !line.contains("on directory") && !line.contains("cost=0.00..0.00")
        } else if line.contains("Index Scan using") || line.contains("Index Only Scan using") {
            !narrowed()
        } else {
            // In SQLite, SCAN reads a whole table or index. The excluded names are results of subqueries.
            let what = line.trim_start_matches(['|', '-', '`', ' ']);
            // SQLite also reads the whole table to build an automatic index.
            let own_index = what.contains(" AUTOMATIC ");
            let scan = what.starts_with("SCAN ")
                && ![
                    "CONSTANT", "(", "few", "given", "waiting", "part_", "related", "author", "newest", "shown",
                    "each_",
                ]
                .iter()
                .any(|part| what[5..].starts_with(part))
                && !what.ends_with("-ROW VALUES CLAUSE");
            own_index || scan
        };
        if whole {
            found.push(*line);
        }
    }
    found
}

/// Keeps PostgreSQL from collecting statistics. Without statistics both databases plan for large tables.
pub async fn keep_from_counting(app: &TestApp) {
    const TABLES: [&str; 12] = [
        "agent",
        "assignment",
        "conversation",
        "customer",
        "offer",
        "participant",
        "queue",
        "queue_member",
        "receipt",
        "task",
        "thread_item",
        "wrap_up",
    ];
    if app.database.is_postgres() {
        for table in TABLES {
            app.database.run(&format!("ALTER TABLE {table} SET (autovacuum_enabled = off)")).await;
        }
    }
}
