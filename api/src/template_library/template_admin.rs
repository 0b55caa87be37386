//! Creating, changing and archiving templates, by administrators and supervisors. What an administrator made, only
//! administrators change. A changed text is the next version.

use std::collections::BTreeSet;

use async_graphql::{ID, InputObject, MaybeUndefined};
use entity::{
    channel::Channel,
    id::TemplateId,
    template::{self, TemplateChannels, TemplateStage},
    template_version::{self, TemplateParameters},
    thread_item::TextFormat,
    user::Role,
};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, PaginatorTrait as _,
    QueryFilter as _,
};
use serde_json::{Value, json};

use super::template_checks::{self, TemplateParameterInput, as_input};
use crate::{
    app::{App, Tx},
    contact_center::{
        admin_change::{self, AdminActor, Created, to_value},
        name_validation,
    },
    contacts::detail_validation::FieldPath,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    templates::template_rows::{self, VersionedTemplate},
    text::{self, named::Named as _},
};

/// Maximum number of templates in use.
const MAX_IN_USE: u64 = 2_000;
const TEMPLATE: FieldPath = &["input", "templateId"];
const SHORTCUT: FieldPath = &["input", "shortcut"];

/// The template to create.
#[derive(Clone, Debug, InputObject)]
pub struct CreateTemplateInput {
    /// The template's name, 1 to 80 characters. Unique among templates in use.
    pub name: String,
    /// A word by which agents find it, at most 30 characters. Unique among templates in use.
    pub shortcut: Option<String>,
    /// The group of the template, at most 80 characters.
    pub category: Option<String>,
    /// The channels on which it can be used. Empty for all.
    #[graphql(default)]
    pub channels: Vec<Channel>,
    /// The part of a conversation in which it is used. Null for any.
    pub stage: Option<TemplateStage>,
    /// True if agents cannot change its text, only fill in its parameters.
    #[graphql(default)]
    pub locked: bool,
    /// The text, at most 32,768 characters, or 8,192 of MARKDOWN. `{{name}}` stands for a parameter, and
    /// `{{name|text}}` for a parameter with a text in place of a missing value. Beside the parameters of the template
    /// there are `customer.name`, `customer.email`, `customer.phone`, `agent.name`, `queue.name`, `queue.hours`,
    /// `organization.name`, `date.today` and `date.now`.
    pub body: String,
    /// The format of the text: PLAIN or MARKDOWN. A channel without rich text gets Markdown as plain text.
    #[graphql(default_with = "TextFormat::Plain")]
    pub format: TextFormat,
    /// The parameters that the agent fills in, at most 20. Each occurs in the text.
    #[graphql(default)]
    pub parameters: Vec<TemplateParameterInput>,
    /// A key of the client's choice, 1 to 100 characters. All calls with the same key together create one template,
    /// without a time limit.
    pub idempotency_key: Option<String>,
}

/// The changes of a template. A field that is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateTemplateInput {
    /// The id of the template to change.
    pub template_id: ID,
    /// The new name, 1 to 80 characters. Unique among templates in use.
    pub name: Option<String>,
    /// The new shortcut, at most 30 characters. Null removes it.
    pub shortcut: MaybeUndefined<String>,
    /// The new category, at most 80 characters. Null removes it.
    pub category: MaybeUndefined<String>,
    /// The channels on which it can be used. Empty for all.
    pub channels: Option<Vec<Channel>>,
    /// The part of a conversation in which it is used. Null for any.
    pub stage: MaybeUndefined<TemplateStage>,
    /// True if agents cannot change its text.
    pub locked: Option<bool>,
    /// The new text. Another text, format or list of parameters makes a new version.
    pub body: Option<String>,
    /// The new format of the text.
    pub format: Option<TextFormat>,
    /// The parameters, which replace the earlier ones.
    pub parameters: Option<Vec<TemplateParameterInput>>,
}

/// The template to archive.
#[derive(Clone, Debug, InputObject)]
pub struct ArchiveTemplateInput {
    /// The id of the template to archive.
    pub template_id: ID,
}

impl CreateTemplateInput {
    /// Returns the changes that make an empty template this one.
    #[must_use]
    pub fn into_changes(self) -> UpdateTemplateInput {
        let given = |text: Option<String>| text.map_or(MaybeUndefined::Null, MaybeUndefined::Value);
        UpdateTemplateInput {
            template_id: ID::default(),
            name: Some(self.name),
            shortcut: given(self.shortcut),
            category: given(self.category),
            channels: Some(self.channels),
            stage: self.stage.map_or(MaybeUndefined::Null, MaybeUndefined::Value),
            locked: Some(self.locked),
            body: Some(self.body),
            format: Some(self.format),
            parameters: Some(self.parameters),
        }
    }
}

/// Creates a template. Locks the configuration. Refuses with `REQUIRED`, `INVALID`, `TOO_LONG`, `DUPLICATE`,
/// `LIMIT_REACHED`, `FORMAT_NOT_SUPPORTED` or `IDEMPOTENCY_KEY_REUSED`.
pub async fn create(app: &App, by: AdminActor<'_>, input: &CreateTemplateInput) -> Result<Created<VersionedTemplate>> {
    app.transaction(|tx| {
        Box::pin(async move {
            let role = lock(tx, &by).await?;
            create_in(tx, &by, role, input).await
        })
    })
    .await
}

/// Creates a template in the caller's transaction, which has the configuration locked. Refuses as [`create`] does.
pub async fn create_in(
    tx: &Tx<'_>,
    by: &AdminActor<'_>,
    role: Role,
    input: &CreateTemplateInput,
) -> Result<Created<VersionedTemplate>> {
    let mut made = blank(tx, role);
    apply(&mut made, &input.clone().into_changes())?;
    made.text.version = 1;
    let told = to_audit_value(&made);
    let asked = format!("createTemplate {told}");
    let key = input.idempotency_key.as_deref();
    if let Some(id) = admin_change::claim_key(tx, by, key, &asked, made.row.id.0).await? {
        let earlier = template_rows::find(tx.db(), TemplateId(id)).await?;
        let row = earlier.ok_or_else(|| Error::not_found(&["input", "idempotencyKey"]))?;
        return Ok(Created { row, replayed: true });
    }
    let in_use = template::Entity::find().filter(template::Column::ArchivedAt.is_null());
    if in_use.count(tx.db()).await? >= MAX_IN_USE {
        let why = format!("{MAX_IN_USE} are already in use. Archive one first.");
        return Err(Error::refused(UserErrorCode::LimitReached, name_validation::NAME, why).with_limit(MAX_IN_USE));
    }
    check_unique(tx, &made.row).await?;
    let insert = template::Entity::insert(made.row.clone().into_active_model());
    insert.exec_without_returning(tx.db()).await.on_unique(name_validation::name_taken)?;
    let insert = template_version::Entity::insert(made.text.clone().into_active_model());
    insert.exec_without_returning(tx.db()).await?;
    admin_change::record_created(tx, by, "createTemplate", &made.row.id, told).await?;
    Ok(Created { row: made, replayed: false })
}

/// Changes a template. Returns it, and true if anything changed. Locks the configuration. Refuses with `NOT_FOUND`,
/// `ARCHIVED` or `NOT_ALLOWED`, and as [`create`] does.
pub async fn update(app: &App, by: AdminActor<'_>, input: &UpdateTemplateInput) -> Result<(VersionedTemplate, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let role = lock(tx, &by).await?;
            update_in(tx, &by, role, input).await
        })
    })
    .await
}

/// Changes a template in the caller's transaction, which has the configuration locked. Refuses as [`update`] does.
pub async fn update_in(
    tx: &Tx<'_>,
    by: &AdminActor<'_>,
    role: Role,
    input: &UpdateTemplateInput,
) -> Result<(VersionedTemplate, bool)> {
    let before = find(tx, &input.template_id).await?;
    if before.row.archived_at.is_some() {
        return Err(name_validation::is_archived(TEMPLATE));
    }
    let mut made = before.clone();
    apply(&mut made, input)?;
    let (was, is) = (to_audit_value(&before), to_audit_value(&made));
    if was != is {
        check_owner(&before, role)?;
    }
    if !admin_change::record_changed(tx, by, "updateTemplate", &made.row.id, &was, &is).await? {
        return Ok((before, false));
    }
    check_unique(tx, &made.row).await?;
    if made.text != before.text {
        made.text.version = before.row.version + 1;
        made.text.created_at = tx.clock().now();
        made.row.version = made.text.version;
        let insert = template_version::Entity::insert(made.text.clone().into_active_model());
        insert.exec_without_returning(tx.db()).await?;
    }
    made.row.updated_at = tx.clock().now();
    let saved = made.row.clone().into_active_model().reset_all().update(tx.db()).await;
    saved.on_unique(name_validation::name_taken)?;
    Ok((made, true))
}

/// Archives a template. Returns it, and true if it was in use. Messages keep what was sent with it. Locks the
/// configuration. Refuses with `NOT_FOUND` or `NOT_ALLOWED`.
pub async fn archive(app: &App, by: AdminActor<'_>, input: &ArchiveTemplateInput) -> Result<(VersionedTemplate, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let role = lock(tx, &by).await?;
            let mut made = find(tx, &input.template_id).await?;
            if made.row.archived_at.is_some() {
                return Ok((made, false));
            }
            check_owner(&made, role)?;
            made.row.archived_at = Some(tx.clock().now());
            made.row.clone().into_active_model().reset_all().update(tx.db()).await?;
            let told = json!({ "name": made.row.name });
            admin_change::record_created(tx, &by, "archiveTemplate", &made.row.id, told).await?;
            Ok((made, true))
        })
    })
    .await
}

/// Locks the configuration for a supervisor or an administrator. Returns the caller's role.
pub async fn lock(tx: &Tx<'_>, by: &AdminActor<'_>) -> Result<Role> {
    let locked = admin_change::lock_config_as(tx, by, &BTreeSet::new(), Role::Supervisor).await?;
    Ok(locked.role)
}

async fn find(tx: &Tx<'_>, id: &str) -> Result<VersionedTemplate> {
    let id = TemplateId::parse(id).ok_or_else(|| Error::not_found(TEMPLATE))?;
    template_rows::find(tx.db(), id).await?.ok_or_else(|| Error::not_found(TEMPLATE))
}

/// Refuses a supervisor with `NOT_ALLOWED` for a template of an administrator.
fn check_owner(template: &VersionedTemplate, role: Role) -> Result<()> {
    if template.row.by_administrator && role != Role::Admin {
        let why = "An administrator made this template, so only administrators can change it.";
        return Err(Error::refused(UserErrorCode::NotAllowed, TEMPLATE, why));
    }
    Ok(())
}

fn blank(tx: &Tx<'_>, role: Role) -> VersionedTemplate {
    let (id, now) = (TemplateId(tx.clock().uuid()), tx.clock().now());
    let row = template::Model {
        id,
        name: String::new(),
        name_key: Vec::new(),
        search_text: String::new(),
        find_text: String::new(),
        shortcut: None,
        shortcut_key: None,
        category: None,
        channels: TemplateChannels::default(),
        stage: None,
        locked: false,
        by_administrator: role == Role::Admin,
        version: 1,
        created_at: now,
        updated_at: now,
        archived_at: None,
    };
    let text = template_version::Model {
        template_id: id,
        version: 1,
        body: String::new(),
        format: TextFormat::Plain,
        parameters: TemplateParameters::default(),
        created_at: now,
    };
    VersionedTemplate { row, text }
}

/// Applies changes to a template.
fn apply(made: &mut VersionedTemplate, wish: &UpdateTemplateInput) -> Result<()> {
    let VersionedTemplate { row, text } = made;
    if let Some(name) = &wish.name {
        row.name = name_validation::check_name(name)?;
        row.refresh_keys();
    }
    match &wish.shortcut {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.shortcut = None,
        MaybeUndefined::Value(shortcut) => row.shortcut = template_checks::check_shortcut(shortcut)?,
    }
    row.shortcut_key = row.shortcut.as_deref().map(text::fold::unique_text);
    match &wish.category {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.category = None,
        MaybeUndefined::Value(category) => row.category = template_checks::check_category(category)?,
    }
    if let Some(channels) = &wish.channels {
        let mut channels = channels.clone();
        channels.sort_unstable();
        channels.dedup();
        row.channels = TemplateChannels(channels);
    }
    match wish.stage {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.stage = None,
        MaybeUndefined::Value(stage) => row.stage = Some(stage),
    }
    row.locked = wish.locked.unwrap_or(row.locked);
    let parameters = match &wish.parameters {
        Some(parameters) => parameters.clone(),
        None => text.parameters.0.iter().map(as_input).collect(),
    };
    let body = wish.body.as_deref().unwrap_or(&text.body);
    let format = wish.format.unwrap_or(text.format);
    (text.body, text.parameters) = template_checks::check_text(body, format, &parameters)?;
    text.format = format;
    let (shortcut, category) = (row.shortcut.as_deref(), row.category.as_deref());
    let words = [row.name.as_str(), shortcut.unwrap_or_default(), category.unwrap_or_default(), text.body.as_str()];
    row.find_text = text::search_text(&words);
    Ok(())
}

/// Refuses with `DUPLICATE` a shortcut of another template in use. A constraint ensures the same.
async fn check_unique(tx: &Tx<'_>, row: &template::Model) -> Result<()> {
    let Some(key) = &row.shortcut_key else { return Ok(()) };
    let others = template::Entity::find()
        .filter(template::Column::ShortcutKey.eq(key.as_str()))
        .filter(template::Column::ArchivedAt.is_null())
        .filter(template::Column::Id.ne(row.id));
    if others.one(tx.db()).await?.is_some() {
        let why = "Another template in use has this shortcut.";
        return Err(Error::refused(UserErrorCode::Duplicate, SHORTCUT, why));
    }
    Ok(())
}

/// Returns a template in the form of the audit log.
fn to_audit_value(made: &VersionedTemplate) -> Value {
    let VersionedTemplate { row, text } = made;
    json!({
        "name": row.name,
        "shortcut": row.shortcut,
        "category": row.category,
        "channels": row.channels.0.iter().map(to_value).collect::<Vec<_>>(),
        "stage": row.stage.as_ref().map(to_value),
        "locked": row.locked,
        "body": text.body,
        "format": to_value(&text.format),
        "parameters": template_checks::to_audit_value(&text.parameters),
    })
}
