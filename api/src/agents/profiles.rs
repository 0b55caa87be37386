//! Multimedia profiles. A changed profile applies at once to all its agents, each under the agent's lock. Agents keep
//! tasks beyond new limits. Exactly one profile is the default at any time.

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

use super::agent_state;
use crate::{
    app::{App, Locked, Tx},
    contact_center::{
        admin_change::{self, AdminActor, Created, LockedConfiguration, to_value},
        name_validation::{self, NAME, invalid},
    },
    contacts::detail_validation::FieldPath,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    text::Named as _,
};

/// Maximum number of tasks of one capacity group at once.
const MAX_AT_ONCE: i32 = 5;

const PROFILE: FieldPath = &["input", "profileId"];
const IS_DEFAULT: FieldPath = &["input", "isDefault"];

/// The profile to create.
#[derive(Clone, Debug, InputObject)]
pub struct CreateMultimediaProfileInput {
    /// The profile's name, 1 to 80 of the letters a to z and A to Z, digits, `.`, `_`, `-` and spaces. Unique among
    /// profiles in use.
    pub name: String,
    /// The rule that combines tasks of several capacity groups.
    pub mode: ProfileMode,
    /// The maximum number of web chats at once, 0 to 5, or 1 to 5 with BLENDED_REALTIME.
    pub chat: i32,
    /// The maximum number of e-mail tasks at once, 0 to 5.
    pub email: i32,
    /// The maximum number of Messenger, SMS and WhatsApp tasks together at once, 0 to 5.
    pub social: i32,
    /// True to make it the default profile, for agents without another one. It replaces the earlier default.
    #[graphql(default)]
    pub is_default: bool,
    /// A key of the client's choice, 1 to 100 characters. All calls with the same key together create one profile,
    /// without a time limit.
    pub idempotency_key: Option<String>,
}

/// The changes of a profile. A field that is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateMultimediaProfileInput {
    /// The id of the profile to change.
    pub profile_id: ID,
    /// The new name, with the limits of `createMultimediaProfile`.
    pub name: Option<String>,
    /// The rule that combines tasks of several capacity groups.
    pub mode: Option<ProfileMode>,
    /// The maximum number of web chats at once, 0 to 5, or 1 to 5 with BLENDED_REALTIME.
    pub chat: Option<i32>,
    /// The maximum number of e-mail tasks at once, 0 to 5.
    pub email: Option<i32>,
    /// The maximum number of Messenger, SMS and WhatsApp tasks together at once, 0 to 5.
    pub social: Option<i32>,
    /// True to make it the default profile in place of the earlier one. False is refused for the default profile.
    pub is_default: Option<bool>,
}

/// The profile to archive.
#[derive(Clone, Debug, InputObject)]
pub struct ArchiveMultimediaProfileInput {
    /// The id of the profile to archive.
    pub profile_id: ID,
}

/// Creates a profile. Locks the configuration. Refuses with `INVALID`, `DUPLICATE`, `NOT_ALLOWED` or
/// `IDEMPOTENCY_KEY_REUSED`.
pub async fn create(
    app: &App,
    by: AdminActor<'_>,
    input: &CreateMultimediaProfileInput,
) -> Result<Created<multimedia_profile::Model>> {
    app.transaction(|tx| {
        Box::pin(async move {
            let config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
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
            let told = to_audit_value(&row);
            let asked = format!("createMultimediaProfile {told}");
            let key = input.idempotency_key.as_deref();
            if let Some(id) = admin_change::claim_key(tx, &by, key, &asked, row.id.0).await? {
                let made = multimedia_profile::Entity::find_by_id(MultimediaProfileId(id)).one(tx.db()).await?;
                let row = made.ok_or_else(|| Error::not_found(&["input", "idempotencyKey"]))?;
                return Ok(Created { row, replayed: true });
            }
            let in_use = multimedia_profile::Entity::find().filter(multimedia_profile::Column::ArchivedAt.is_null());
            name_validation::check_count(tx.db(), config, in_use).await?;
            if row.is_default {
                clear_default(tx, config).await?;
            }
            let insert = multimedia_profile::Entity::insert(row.clone().into_active_model());
            insert.exec_without_returning(tx.db()).await.on_unique(name_validation::name_taken)?;
            admin_change::record_created(tx, &by, "createMultimediaProfile", &row.id, told).await?;
            Ok(Created { row, replayed: false })
        })
    })
    .await
}

/// Changes a profile and applies it to all its agents. Returns the profile, and true if anything changed. Locks the
/// configuration, the profile and its agents. Emits `AgentChanged`.
pub async fn update(
    app: &App,
    by: AdminActor<'_>,
    input: &UpdateMultimediaProfileInput,
) -> Result<(multimedia_profile::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let before = in_use(tx, config, &input.profile_id, PROFILE).await?;
            let mut row = before.clone();
            apply(&mut row, input)?;
            let (was, is) = (to_audit_value(&before), to_audit_value(&row));
            if !admin_change::record_changed(tx, &by, "updateMultimediaProfile", &row.id, &was, &is).await? {
                return Ok((row, false));
            }
            if row.is_default && !before.is_default {
                clear_default(tx, config).await?;
            }
            // A new agent must not get the earlier values of the profile.
            tx.lock_one(multimedia_profile::Entity::find_by_id(row.id)).await?;
            row.clone().into_active_model().reset_all().update(tx.db()).await.on_unique(name_validation::name_taken)?;
            for mut agent in agents_with(tx, row.id).await? {
                assign(tx, &mut agent, &row).await?;
            }
            Ok((row, true))
        })
    })
    .await
}

/// Archives a profile. Returns the profile, and true if it was in use. Locks the configuration. Refuses with
/// `NOT_FOUND`, or with `NOT_ALLOWED` for the default profile and for a profile that an agent has.
pub async fn archive(
    app: &App,
    by: AdminActor<'_>,
    input: &ArchiveMultimediaProfileInput,
) -> Result<(multimedia_profile::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let _config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let row = find_by_id(tx, &input.profile_id, PROFILE).await?;
            if row.archived_at.is_some() {
                return Ok((row, false));
            }
            if row.is_default {
                let why = "This is the default profile. Make another profile the default first.";
                return Err(Error::refused(UserErrorCode::IsDefault, PROFILE, why));
            }
            if is_used(tx, row.id).await? {
                let why = "Agents have this profile. Give them another profile first.";
                return Err(Error::refused(UserErrorCode::NotAllowed, PROFILE, why));
            }
            let default = multimedia_profile::Entity::find()
                .filter(multimedia_profile::Column::IsDefault.eq(true))
                .one(tx.db())
                .await?
                .ok_or_else(|| Error::internal(anyhow::anyhow!("there is no default profile")))?;
            // Former agents with this profile get the default, which they need if they become agents again.
            for mut agent in agents_with(tx, row.id).await? {
                assign(tx, &mut agent, &default).await?;
            }
            let row = multimedia_profile::Model { archived_at: Some(tx.clock().now()), ..row };
            row.clone().into_active_model().reset_all().update(tx.db()).await?;
            let told = json!({ "name": row.name });
            admin_change::record_created(tx, &by, "archiveMultimediaProfile", &row.id, told).await?;
            Ok((row, true))
        })
    })
    .await
}

/// Gives an agent a profile and its limits, which can change the offerable channels at once. Emits `AgentChanged`.
pub async fn assign(tx: &Tx<'_>, agent: &mut Locked<agent::Model>, profile: &multimedia_profile::Model) -> Result<()> {
    let before = agent.clone();
    agent.profile_id = profile.id;
    agent.mode = profile.mode;
    agent.chat_limit = profile.chat;
    agent.email_limit = profile.email;
    agent.social_limit = profile.social;
    if *agent != before {
        agent_state::save(tx, agent).await?;
    }
    Ok(())
}

/// Returns the profile with an id of the API. Refuses with `NOT_FOUND`, or with
/// `NOT_ALLOWED` when the profile is archived.
pub async fn in_use(
    tx: &Tx<'_>,
    _config: &LockedConfiguration,
    id: &str,
    field: FieldPath,
) -> Result<multimedia_profile::Model> {
    let row = find_by_id(tx, id, field).await?;
    if row.archived_at.is_some() { Err(name_validation::is_archived(field)) } else { Ok(row) }
}

async fn find_by_id(tx: &Tx<'_>, id: &str, field: FieldPath) -> Result<multimedia_profile::Model> {
    let id = MultimediaProfileId::parse(id).ok_or_else(|| Error::not_found(field))?;
    multimedia_profile::Entity::find_by_id(id).one(tx.db()).await?.ok_or_else(|| Error::not_found(field))
}

/// Locks and returns the agents with a profile, in the order of their ids.
async fn agents_with(tx: &Tx<'_>, profile: MultimediaProfileId) -> Result<Vec<Locked<agent::Model>>> {
    let found = agent::Entity::find().filter(agent::Column::ProfileId.eq(profile));
    Ok(tx.lock_all(found.order_by_asc(agent::Column::UserId)).await?)
}

/// Returns true if an active user with the role AGENT or a higher one has the profile.
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

/// Clears the mark of the default profile, before another profile gets it.
async fn clear_default(tx: &Tx<'_>, _config: &LockedConfiguration) -> Result<()> {
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
            let why = "One profile must be the default. Make another profile the default instead.";
            return Err(Error::refused(UserErrorCode::IsDefault, IS_DEFAULT, why));
        }
        wish => row.is_default = wish.unwrap_or(row.is_default),
    }
    fits_its_mode(row)
}

fn fits_its_mode(row: &multimedia_profile::Model) -> Result<()> {
    if row.mode == ProfileMode::BlendedRealtime && row.chat == 0 {
        let why = "With BLENDED_REALTIME the number must be from 1 to 5.";
        return Err(Error::refused(UserErrorCode::OutOfRange, &["input", "chat"], why).with_excess(1, 0));
    }
    Ok(())
}

fn number(value: i32, field: FieldPath) -> Result<i16> {
    Ok(i16::try_from(name_validation::check_range(value, 0, MAX_AT_ONCE, field)?).unwrap_or_default())
}

fn name(given: &str) -> Result<String> {
    let name = name_validation::check_name(given)?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "._- ".contains(c)) {
        return Err(invalid(NAME, "A profile's name can have letters a to z, digits, full stops, _, - and spaces."));
    }
    Ok(name)
}

/// Returns a profile in the form of the audit log.
fn to_audit_value(row: &multimedia_profile::Model) -> Value {
    json!({
        "name": row.name,
        "mode": to_value(&row.mode),
        "chat": row.chat,
        "email": row.email,
        "social": row.social,
        "isDefault": row.is_default,
    })
}
