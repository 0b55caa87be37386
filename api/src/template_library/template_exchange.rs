//! Export and import of templates as JSON. An import creates templates and changes those in use with the same name, all
//! of them or none.

use std::collections::BTreeSet;

use entity::{
    channel::Channel,
    template::{self, TemplateStage},
    thread_item::TextFormat,
};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde::{Deserialize, Serialize};

use super::{
    template_admin::{self, CreateTemplateInput, UpdateTemplateInput},
    template_checks::{TemplateParameterInput, as_input},
};
use crate::{
    app::App,
    contact_center::admin_change::AdminActor,
    contacts::detail_validation::FieldPath,
    error::{Error, Refusal, Result, UserErrorCode},
    templates::template_rows,
    text,
};

/// The version of the format.
const VERSION: u32 = 1;
/// Maximum number of templates in one import.
pub const MAX_IMPORTED: usize = 2_000;
const JSON: FieldPath = &["input", "json"];

/// Templates as a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateFile {
    version: u32,
    templates: Vec<ExchangedTemplate>,
}

/// A template in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExchangedTemplate {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shortcut: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    channels: Vec<Channel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stage: Option<TemplateStage>,
    #[serde(default)]
    locked: bool,
    body: String,
    #[serde(default = "plain")]
    format: TextFormat,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<TemplateParameterInput>,
}

const fn plain() -> TextFormat {
    TextFormat::Plain
}

/// The number of templates that an import created, changed and left as they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The created templates.
    pub created: i32,
    /// The changed templates.
    pub changed: i32,
    /// The templates that were in use already, without a difference.
    pub unchanged: i32,
}

/// Returns all templates in use as JSON, in the order of their names.
pub async fn export(db: &impl ConnectionTrait) -> Result<String> {
    let rows = template::Entity::find().filter(template::Column::ArchivedAt.is_null());
    let rows = rows.order_by_asc(template::Column::NameKey).order_by_asc(template::Column::Id).all(db).await?;
    let mut templates = Vec::new();
    for together in rows.chunks(100) {
        let keys: Vec<_> = together.iter().map(|row| (row.id, row.version)).collect();
        let mut texts = template_rows::texts(db, &keys).await?;
        for row in together {
            let Some(text) = texts.remove(&(row.id, row.version)) else { continue };
            templates.push(ExchangedTemplate {
                name: row.name.clone(),
                shortcut: row.shortcut.clone(),
                category: row.category.clone(),
                channels: row.channels.0.clone(),
                stage: row.stage,
                locked: row.locked,
                body: text.body,
                format: text.format,
                parameters: text.parameters.0.iter().map(as_input).collect(),
            });
        }
    }
    serde_json::to_string_pretty(&TemplateFile { version: VERSION, templates }).map_err(Error::internal)
}

/// Imports templates. Locks the configuration. Refuses with `INVALID` a text that is no such file, with
/// `LIMIT_REACHED`, and as [`template_admin::create`] and [`template_admin::update`] do, with the position of the
/// template in the message.
pub async fn import(app: &App, by: AdminActor<'_>, json: &str) -> Result<Imported> {
    let file: TemplateFile = serde_json::from_str(json).map_err(|error| {
        Error::refused(UserErrorCode::Invalid, JSON, format!("The text is no file of templates: {error}"))
    })?;
    if file.version != VERSION {
        let why = format!("The version of the file is {}, and {VERSION} is known.", file.version);
        return Err(Error::refused(UserErrorCode::Invalid, JSON, why));
    }
    if file.templates.len() > MAX_IMPORTED {
        let refused = Error::refused(UserErrorCode::LimitReached, JSON, "At most 2,000 templates in one file.");
        return Err(refused.with_excess(MAX_IMPORTED, file.templates.len()));
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = file.templates.iter().find(|one| !names.insert(text::fold::unique_text(one.name.trim()))) {
        let why = format!("Two templates of the file have the name {}.", twice.name);
        return Err(Error::refused(UserErrorCode::Duplicate, JSON, why));
    }
    let templates = &file.templates;
    app.transaction(|tx| {
        Box::pin(async move {
            let role = template_admin::lock(tx, &by).await?;
            let mut imported = Imported::default();
            for (position, one) in templates.iter().enumerate() {
                let at = |error| named(error, position, &one.name);
                let create = one.clone().into_input();
                let in_use = template::Entity::find()
                    .filter(template::Column::SearchText.eq(text::fold::unique_text(one.name.trim())))
                    .filter(template::Column::ArchivedAt.is_null());
                match in_use.one(tx.db()).await? {
                    Some(row) => {
                        let changes = UpdateTemplateInput { template_id: row.id.into(), ..create.into_changes() };
                        let (_, changed) = template_admin::update_in(tx, &by, role, &changes).await.map_err(at)?;
                        *(if changed { &mut imported.changed } else { &mut imported.unchanged }) += 1;
                    }
                    None => {
                        template_admin::create_in(tx, &by, role, &create).await.map_err(at)?;
                        imported.created += 1;
                    }
                }
            }
            Ok(imported)
        })
    })
    .await
}

impl ExchangedTemplate {
    fn into_input(self) -> CreateTemplateInput {
        CreateTemplateInput {
            name: self.name,
            shortcut: self.shortcut,
            category: self.category,
            channels: self.channels,
            stage: self.stage,
            locked: self.locked,
            body: self.body,
            format: self.format,
            parameters: self.parameters,
            idempotency_key: None,
        }
    }
}

/// Names the template that an import refuses.
fn named(error: Error, position: usize, name: &str) -> Error {
    match error {
        Error::Refused(refusal) => {
            let why = format!("Template {} ({name}): {}", position + 1, refusal.message);
            Error::Refused(Refusal {
                message: why.into(),
                field: JSON.iter().map(|part| (*part).into()).collect(),
                ..refusal
            })
        }
        other => other,
    }
}
