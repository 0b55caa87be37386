//! Adds activities and notifications to an imported graph, so that feeds and lists of notifications can be measured.
//! The rows are written without events.

use std::{collections::HashMap, time::Duration};

use api::{app::App, clock::Clock, config::Config, name_keys};
use entity::{
    activity::{self, ActivityKind},
    activity_author,
    id::{ActivityId, NotificationId, UserId},
    notification::{self, NotificationKind},
    user,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait, QueryFilter as _, QuerySelect as _};
use uuid::Uuid;

/// The number of rows in a statement.
const TOGETHER: usize = 2_000;
/// The number of notifications of the measured person.
const NOTIFICATIONS: u64 = 10_000;

/// Adds activities of random people up to this number, and notifications for `c80`.
pub async fn fill(database: &str, activities: u64) -> anyhow::Result<()> {
    let app = Box::pin(open(database)).await?;
    let people: Vec<UserId> =
        user::Entity::find().select_only().column(user::Column::Id).into_tuple().all(app.db.read()).await?;
    let mut chance = StdRng::seed_from_u64(1);
    let present = sea_orm::PaginatorTrait::count(activity::Entity::find(), app.db.read()).await?;
    let now = app.clock.now();
    let mut numbers = present..activities;
    loop {
        let rows: Vec<activity::Model> = numbers
            .by_ref()
            .take(TOGETHER)
            .map(|number| activity::Model {
                id: ActivityId(id(number)),
                kind: ActivityKind::StatusPosted,
                actor_id: people[chance.random_range(0..people.len())],
                subject_id: None,
                text: Some(format!("What number {number} has to say")),
                application: None,
                url: None,
                connections_only: false,
                created_at: now,
            })
            .collect();
        if rows.is_empty() {
            break;
        }
        insert(&app, &rows).await?;
    }
    notify(&app, &people).await?;
    app.db.analyze().await?;
    // The workers get time to finish the steps that they began.
    tokio::time::sleep(Duration::from_millis(100)).await;
    println!("{activities} activities");
    Ok(())
}

/// Opens the database without the limits of a server.
pub async fn open(database: &str) -> anyhow::Result<App> {
    let given = [
        ("RAPPORT_DATABASE_URL", database),
        ("RAPPORT_DEMO", "false"),
        ("RAPPORT_LOG", "error"),
        ("RAPPORT_STATEMENT_TIMEOUT", "10m"),
    ];
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<HashMap<_, _>>();
    let app = App::start(Config::read(given)?, Clock::System, None).await?;
    name_keys::refresh(&app).await?;
    Ok(app)
}

/// Returns a UUIDv7 that rises with the number.
fn id(number: u64) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(1_767_225_600_000 + number, &[7; 10]).into_uuid()
}

async fn insert(app: &App, rows: &[activity::Model]) -> anyhow::Result<()> {
    let done = app.transaction(|tx| {
        Box::pin(async move {
            let all = rows.iter().cloned().map(sea_orm::IntoActiveModel::into_active_model);
            activity::Entity::insert_many(all).exec_without_returning(tx.db()).await?;
            let authors = rows.iter().map(|row| activity_author::ActiveModel {
                user_id: Set(row.actor_id),
                activity_id: Set(row.id),
                other_id: Set(None),
                connections_only: Set(false),
            });
            activity_author::Entity::insert_many(authors).exec_without_returning(tx.db()).await?;
            let mut users: Vec<UserId> = rows.iter().map(|row| row.actor_id).collect();
            users.sort_unstable();
            users.dedup();
            api::activities::publish::refresh(tx, &users).await?;
            Ok(())
        })
    });
    done.await.map_err(|error| anyhow::anyhow!("{error:?}"))
}

async fn notify(app: &App, people: &[UserId]) -> anyhow::Result<()> {
    let Some(to) = user::Entity::find().filter(user::Column::Handle.eq("c80")).one(app.db.read()).await? else {
        return Ok(());
    };
    let existing = notification::Entity::find().filter(notification::Column::UserId.eq(to.id));
    if sea_orm::PaginatorTrait::count(existing, app.db.read()).await? > 0 {
        return Ok(());
    }
    let now = app.clock.now();
    let rows: Vec<notification::ActiveModel> = (0..NOTIFICATIONS)
        .zip(people)
        .map(|(number, actor)| notification::ActiveModel {
            id: Set(NotificationId(id(number))),
            user_id: Set(to.id),
            kind: Set(NotificationKind::Followed),
            actor_id: Set(Some(*actor)),
            request_id: Set(None),
            conversation_id: Set(None),
            text: Set(None),
            created_at: Set(now),
            read_at: Set((number % 10 != 0).then_some(now)),
        })
        .collect();
    let rows = &rows;
    let done = app.transaction(|tx| {
        Box::pin(async move {
            for together in rows.chunks(TOGETHER) {
                notification::Entity::insert_many(together.to_vec()).exec_without_returning(tx.db()).await?;
            }
            Ok(())
        })
    });
    done.await.map_err(|error| anyhow::anyhow!("{error:?}"))
}
