//! Multimedia profiles. Agents who have one are as it says from the moment on in which it changes, each under their lock; what
//! they hold beyond new limits they keep. One profile is the default at any time.

use std::collections::BTreeSet;

use async_graphql::{ID, InputObject};
use entity::{
    agent,
    id::MultimediaProfileId,
    multimedia_profile::{self, ProfileMode},
    user::{self, Role, UserStatus},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel as _, PaginatorTrait as _, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait as _, sea_query::Expr,
};
use serde_json::{Value, json};

use super::{
    administrators::{self, By, Made, written},
    names::{self, NAME, invalid},
};
use crate::{
    agents::states,
    app::{App, Tx},
    auth::once,
    contacts::fields::Field,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    text::Named as _,
};

/// The most tasks of one kind of channel at once.
const MOST_AT_ONCE: i32 = 5;

const PROFILE: Field = &["input", "profileId"];
const IS_DEFAULT: Field = &["input", "isDefault"];

/// A profile to be made.
#[derive(Clone, Debug, InputObject)]
pub struct CreateMultimediaProfileInput {
    /// What it is called, 1 to 80 of the letters a to z and A to Z, digits, `.`, `_`, `-` and spaces. Unique among those in use.
    pub name: String,
    /// How tasks of several kinds of channel go together.
    pub mode: ProfileMode,
    /// How many chats of web sites at once, 0 to 5; 1 to 5 with BLENDED_REALTIME.
    pub chat: i32,
    /// How many tasks of e-mail at once, 0 to 5.
    pub email: i32,
    /// How many tasks of Messenger, SMS and WhatsApp together at once, 0 to 5.
    pub social: i32,
    /// Whether agents get it to whom no other is given; the default of before is none then.
    #[graphql(default)]
    pub is_default: bool,
    /// A key that the client makes up, 1 to 100 characters: a call repeated with it makes one profile, for ever.
    pub idempotency_key: Option<String>,
}

/// What to change of a profile; what is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateMultimediaProfileInput {
    /// The profile.
    pub profile_id: ID,
    /// What it is called, as for `createMultimediaProfile`.
    pub name: Option<String>,
    /// How tasks of several kinds of channel go together.
    pub mode: Option<ProfileMode>,
    /// How many chats of web sites at once, 0 to 5; 1 to 5 with BLENDED_REALTIME.
    pub chat: Option<i32>,
    /// How many tasks of e-mail at once, 0 to 5.
    pub email: Option<i32>,
    /// How many tasks of Messenger, SMS and WhatsApp together at once, 0 to 5.
    pub social: Option<i32>,
    /// True makes it the default in place of the one that was. The default is not made none: make another one it.
    pub is_default: Option<bool>,
}

/// Which profile to take out of use.
#[derive(Clone, Debug, InputObject)]
pub struct ArchiveMultimediaProfileInput {
    /// The profile.
    pub profile_id: ID,
}

/// Makes a profile.
pub async fn create(
    app: &App,
    by: By<'_>,
    input: &CreateMultimediaProfileInput,
) -> Result<Made<multimedia_profile::Model>> {
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let mut row = multimedia_profile::Model {
                id: MultimediaProfileId(tx.clock().uuid()),
                name: name(&input.name)?,
                name_key: Vec::new(),
                search_text: String::new(),
                mode: input.mode,
                chat: number(input.chat, &["input", "chat"])?,
                email: number(input.email, &["input", "email"])?,
                social: number(input.social, &["input", "social"])?,
                is_default: input.is_default,
                archived_at: None,
            };
            row.refresh_keys();
            fits_its_mode(&row)?;
            let told = told(&row);
            let asked = format!("createMultimediaProfile {told}");
            let key = input.idempotency_key.as_deref();
            if let Some(id) = once::claim(tx, by.viewer.user, key, &asked, row.id.0).await? {
                let made = multimedia_profile::Entity::find_by_id(MultimediaProfileId(id)).one(tx.db()).await?;
                let row = made.ok_or_else(|| Error::not_found(&["input", "idempotencyKey"]))?;
                return Ok(Made { row, replayed: true });
            }
            let in_use = multimedia_profile::Entity::find().filter(multimedia_profile::Column::ArchivedAt.is_null());
            names::one_more(tx.db(), in_use).await?;
            if row.is_default {
                no_default(tx).await?;
            }
            let insert = multimedia_profile::Entity::insert(row.clone().into_active_model());
            insert.exec_without_returning(tx.db()).await.on_unique(names::taken)?;
            administrators::made(tx, &by, "createMultimediaProfile", &row.id, told).await?;
            Ok(Made { row, replayed: false })
        })
    })
    .await
}

/// Changes a profile, and all agents who have it; whether anything was different.
pub async fn update(
    app: &App,
    by: By<'_>,
    input: &UpdateMultimediaProfileInput,
) -> Result<(multimedia_profile::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let before = in_use(tx, &input.profile_id, PROFILE).await?;
            let mut row = before.clone();
            apply(&mut row, input)?;
            let (was, is) = (told(&before), told(&row));
            if !administrators::changed(tx, &by, "updateMultimediaProfile", &row.id, &was, &is).await? {
                return Ok((row, false));
            }
            if row.is_default && !before.is_default {
                no_default(tx).await?;
            }
            // From here on nobody becomes an agent by what it was.
            multimedia_profile::Entity::find_by_id(row.id).lock_exclusive().one(tx.db()).await?;
            row.clone().into_active_model().reset_all().update(tx.db()).await.on_unique(names::taken)?;
            for mut agent in who_have(tx, row.id).await? {
                give(tx, &mut agent, &row).await?;
            }
            Ok((row, true))
        })
    })
    .await
}

/// Takes a profile out of use; whether it was in use.
pub async fn archive(
    app: &App,
    by: By<'_>,
    input: &ArchiveMultimediaProfileInput,
) -> Result<(multimedia_profile::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let row = named(tx, &input.profile_id, PROFILE).await?;
            if row.archived_at.is_some() {
                return Ok((row, false));
            }
            let refused = |why: &'static str| Err(Error::refused(UserErrorCode::NotAllowed, PROFILE, why));
            if row.is_default {
                return refused("It is the default: make another one it first.");
            }
            if is_used(tx, row.id).await? {
                return refused("Agents have this profile: give them another first.");
            }
            let default = multimedia_profile::Entity::find()
                .filter(multimedia_profile::Column::IsDefault.eq(true))
                .one(tx.db())
                .await?
                .ok_or_else(|| Error::internal(anyhow::anyhow!("there is no default profile")))?;
            // Whoever has it and answers customers no more has the default should they do so again.
            for mut agent in who_have(tx, row.id).await? {
                give(tx, &mut agent, &default).await?;
            }
            let row = multimedia_profile::Model { archived_at: Some(tx.clock().now()), ..row };
            row.clone().into_active_model().reset_all().update(tx.db()).await?;
            let told = json!({ "name": row.name });
            administrators::made(tx, &by, "archiveMultimediaProfile", &row.id, told).await?;
            Ok((row, true))
        })
    })
    .await
}

/// Makes an agent who is held be as a profile says; they may be offered more or less at once.
pub async fn give(tx: &Tx<'_>, agent: &mut agent::Model, profile: &multimedia_profile::Model) -> Result<()> {
    let before = agent.clone();
    agent.profile_id = profile.id;
    agent.mode = profile.mode;
    agent.chat_limit = profile.chat;
    agent.email_limit = profile.email;
    agent.social_limit = profile.social;
    if *agent != before {
        states::save(tx, agent).await?;
    }
    Ok(())
}

/// The profile that an id of the API names, if it is in use. The floor is held.
pub async fn in_use(tx: &Tx<'_>, id: &str, field: Field) -> Result<multimedia_profile::Model> {
    let row = named(tx, id, field).await?;
    if row.archived_at.is_some() { Err(names::archived(field)) } else { Ok(row) }
}

async fn named(tx: &Tx<'_>, id: &str, field: Field) -> Result<multimedia_profile::Model> {
    let id = MultimediaProfileId::parse(id).ok_or_else(|| Error::not_found(field))?;
    multimedia_profile::Entity::find_by_id(id).one(tx.db()).await?.ok_or_else(|| Error::not_found(field))
}

/// The agents who have a profile, held in the order of their ids.
async fn who_have(tx: &Tx<'_>, profile: MultimediaProfileId) -> Result<Vec<agent::Model>> {
    let found = agent::Entity::find().filter(agent::Column::ProfileId.eq(profile));
    Ok(found.order_by_asc(agent::Column::UserId).lock_exclusive().all(tx.db()).await?)
}

/// Whether anybody who answers customers has a profile.
async fn is_used(tx: &Tx<'_>, profile: MultimediaProfileId) -> Result<bool> {
    let having = agent::Entity::find()
        .filter(agent::Column::ProfileId.eq(profile))
        .select_only()
        .column(agent::Column::UserId)
        .into_query();
    let answering = user::Entity::find()
        .filter(user::Column::Id.in_subquery(having))
        .filter(user::Column::Status.eq(UserStatus::Active))
        .filter(user::Column::Role.gte(Role::Agent));
    Ok(answering.count(tx.db()).await? > 0)
}

/// Takes the default away from the profile that is it, for another. The floor is held.
async fn no_default(tx: &Tx<'_>) -> Result<()> {
    multimedia_profile::Entity::update_many()
        .col_expr(multimedia_profile::Column::IsDefault, Expr::value(false))
        .filter(multimedia_profile::Column::IsDefault.eq(true))
        .exec(tx.db())
        .await?;
    Ok(())
}

fn apply(row: &mut multimedia_profile::Model, wish: &UpdateMultimediaProfileInput) -> Result<()> {
    if let Some(given) = &wish.name {
        row.name = name(given)?;
        row.refresh_keys();
    }
    row.mode = wish.mode.unwrap_or(row.mode);
    for (column, wish, field) in [
        (&mut row.chat, wish.chat, &["input", "chat"]),
        (&mut row.email, wish.email, &["input", "email"]),
        (&mut row.social, wish.social, &["input", "social"]),
    ] {
        if let Some(wish) = wish {
            *column = number(wish, field)?;
        }
    }
    match wish.is_default {
        Some(false) if row.is_default => {
            let why = "One profile is the default: make another one it.";
            return Err(Error::refused(UserErrorCode::NotAllowed, IS_DEFAULT, why));
        }
        wish => row.is_default = wish.unwrap_or(row.is_default),
    }
    fits_its_mode(row)
}

fn fits_its_mode(row: &multimedia_profile::Model) -> Result<()> {
    if row.mode == ProfileMode::BlendedRealtime && row.chat == 0 {
        return Err(invalid(&["input", "chat"], "With BLENDED_REALTIME a number from 1 to 5."));
    }
    Ok(())
}

fn number(value: i32, field: Field) -> Result<i16> {
    Ok(i16::try_from(names::within(value, 0, MOST_AT_ONCE, field)?).unwrap_or_default())
}

fn name(given: &str) -> Result<String> {
    let name = names::check(given)?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "._- ".contains(c)) {
        return Err(invalid(NAME, "A profile's name has letters a to z, digits, full stops, _, - and spaces."));
    }
    Ok(name)
}

/// A profile as the audit tells it.
fn told(row: &multimedia_profile::Model) -> Value {
    json!({
        "name": row.name,
        "mode": written(&row.mode),
        "chat": row.chat,
        "email": row.email,
        "social": row.social,
        "isDefault": row.is_default,
    })
}
