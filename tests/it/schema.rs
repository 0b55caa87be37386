//! Tests of the schema: the stored file is up to date, every element has a description, and the entities match the
//! database.

use std::{collections::BTreeSet, path::Path};

use apollo_compiler::{ExecutableDocument, Schema, schema::ExtendedType, validation::Valid};
use sea_orm::{EntityTrait as _, QuerySelect as _};
use serde_json::Value;

use crate::support::{Expected as _, app::TestApp};

#[test]
fn the_stored_schema_matches_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema.graphql");
    let held = std::fs::read_to_string(path).expected("schema.graphql");
    assert!(held.trim() == api::schema::sdl().trim(), "stale: cargo run -- schema > schema.graphql");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_element_is_described() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let query = "{ __schema { types { name description kind fields { name description args { name description } } \
                 inputFields { name description } enumValues { name description } } } }";
    let answer = ann.ask(query, Value::Null).await;
    let mut bare = Vec::new();
    let described = |value: &Value| value["description"].as_str().is_some_and(|text| !text.trim().is_empty());
    for kind in answer.at("__schema.types").as_array().into_iter().flatten() {
        let name = kind["name"].as_str().unwrap_or_default();
        if name.starts_with("__") || ["Boolean", "Float", "ID", "Int", "String"].contains(&name) {
            continue;
        }
        // The members of a union describe it. The library keeps no description for the root types and for unions.
        if !described(kind) {
            bare.push(name.to_owned());
        }
        for part in ["fields", "inputFields", "enumValues"] {
            for element in kind[part].as_array().into_iter().flatten() {
                let element_name = format!("{name}.{}", element["name"].as_str().unwrap_or_default());
                if !described(element) {
                    bare.push(element_name.clone());
                }
                for argument in element["args"].as_array().into_iter().flatten() {
                    if !described(argument) {
                        bare.push(format!("{element_name}({})", argument["name"].as_str().unwrap_or_default()));
                    }
                }
            }
        }
    }
    assert!(bare.is_empty(), "without a description: {bare:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entity_selects_from_the_migrated_database() {
    let app = TestApp::new().await;
    let db = app.app().db.read();
    let mut selected = BTreeSet::new();
    macro_rules! select {
        ($($entity:ident)*) => {$(
            entity::$entity::Entity::find().limit(1).all(db).await.expected(stringify!($entity));
            selected.insert(stringify!($entity).to_owned());
        )*};
    }
    select!(
        activity activity_author agent agent_interval agent_skill api_key assignment attachment audit_entry avatar
        config_lock confirmed_email connection_request contact conversation credential customer customer_bigram customer_identity delivery
        directory_count entry_point event event_entry idempotency_key idle_reason latest_activity log_head
        mail_token multimedia_profile note notification notification_mail notification_preference offer
        participant personal_contact personal_email provider_message queue queue_agent queue_member receipt
        refresh_token relationship rendering routing_decision routing_lock session skill stream task template template_use
        template_version text_keys
        thread_item timer trusted_document user user_bigram user_detail user_email user_search visitor_token web_chat_key
        wrap_up wrap_up_reason
    );
    let sources = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../entity/src")).expected("the entities");
    for file in sources.map(|file| file.expected("a file").path()) {
        let entity = file.file_stem().expected("a name").to_string_lossy().into_owned();
        let is_entity = std::fs::read_to_string(&file).expected("text").contains("DeriveEntityModel");
        assert_eq!(selected.contains(&entity), is_entity, "{entity}");
    }
}

#[test]
fn every_operation_of_the_tests_is_valid() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/it/operations");
    let schema = Schema::parse_and_validate(api::schema::sdl(), "schema.graphql").expected("a valid schema");
    let mut checked = 0;
    for directory in std::fs::read_dir(&tests).expected("the operations") {
        checked += check_operations(&schema, &directory.expected("a directory").path());
    }
    assert!(checked >= 87, "only {checked} operations were found");
}

/// Checks the operations in a directory and in those inside it. Returns their number.
fn check_operations(schema: &Valid<Schema>, directory: &Path) -> usize {
    let mut checked = 0;
    for file in std::fs::read_dir(directory).expected("a directory") {
        let file = file.expected("a file").path();
        if file.is_dir() {
            checked += check_operations(schema, &file);
            continue;
        }
        let text = std::fs::read_to_string(&file).expected("text");
        let valid = ExecutableDocument::parse_and_validate(schema, text, &file);
        assert!(valid.is_ok(), "{}: {}", file.display(), valid.err().expected("errors").errors);
        checked += 1;
    }
    checked
}

/// A list of objects multiplies what is selected below it, so its price must be known before it is read.
#[test]
fn every_list_of_objects_has_a_price() -> Result<(), Box<dyn std::error::Error>> {
    let schema = Schema::parse_and_validate(api::schema::sdl(), "schema.graphql").map_err(|error| error.to_string())?;
    let mut without = Vec::new();
    for (name, kind) in &schema.types {
        let fields = match kind {
            ExtendedType::Object(kind) => &kind.fields,
            ExtendedType::Interface(kind) => &kind.fields,
            _ => continue,
        };
        let page = name.ends_with("Connection") || name == "EventBatch";
        for (field, definition) in fields.iter().filter(|_| !name.starts_with("__")) {
            let leaf =
                schema.types.get(definition.ty.inner_named_type()).is_none_or(|of| of.is_scalar() || of.is_enum());
            let rows = page && ["nodes", "edges"].contains(&field.as_str());
            let by_ids = definition.arguments.iter().any(|argument| argument.name == "ids");
            if definition.ty.is_list() && !leaf && !rows && !by_ids && definition.directives.get("listSize").is_none() {
                without.push(format!("{name}.{field}"));
            }
        }
    }
    assert!(without.is_empty(), "without @listSize: {without:?}");
    Ok(())
}
