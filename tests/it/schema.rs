//! Tests of the schema: the stored file is up to date, every element has a description, and the entities match the
//! database.

use std::path::Path;

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
    macro_rules! select {
        ($($entity:ident)*) => {$(
            entity::$entity::Entity::find().limit(1).all(db).await.expected(stringify!($entity));
        )*};
    }
    select!(connection_request contact credential customer customer_identity directory_count event event_entry log_head personal_contact personal_email provider_message relationship stream task user user_detail user_email user_bigram user_search);
}
