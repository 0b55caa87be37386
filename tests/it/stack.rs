//! Tests of the behaviour that Rapport expects of async-graphql. The version is pinned, and a newer version must pass
//! these tests.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use async_graphql::{
    Context, EmptyMutation, EmptySubscription, Guard, InputObject, MaybeUndefined, Object, Request, Schema, Variables,
    dataloader::{DataLoader, Loader},
    runtime::{TokioSpawner, TokioTimer},
};
use serde_json::{Value, json};

struct Never;

impl Guard for Never {
    async fn check(&self, _: &Context<'_>) -> async_graphql::Result<()> {
        Err("no".into())
    }
}

struct Leaf;

#[Object]
impl Leaf {
    async fn fine(&self) -> i32 {
        1
    }

    async fn bad(&self) -> async_graphql::Result<i32> {
        Err("bad".into())
    }

    async fn bad_nullable(&self) -> Option<async_graphql::Result<i32>> {
        Some(Err("bad".into()))
    }

    #[graphql(guard = "Never")]
    async fn guarded(&self) -> Option<i32> {
        Some(1)
    }
}

#[derive(InputObject)]
struct Patch {
    title: MaybeUndefined<String>,
}

struct Root;

#[Object]
impl Root {
    async fn leaf(&self) -> Leaf {
        Leaf
    }

    async fn maybe_leaf(&self) -> Option<Leaf> {
        Some(Leaf)
    }

    async fn patch(&self, input: Patch) -> &'static str {
        match input.title {
            MaybeUndefined::Undefined => "undefined",
            MaybeUndefined::Null => "null",
            MaybeUndefined::Value(_) => "value",
        }
    }

    async fn refused(&self) -> Result<i32, api::error::Error> {
        Err(api::error::Error::internal(anyhow::anyhow!("SELECT secret FROM hidden")))
    }
}

async fn ask(query: &str, variables: Value) -> Value {
    let schema = Schema::new(Root, EmptyMutation, EmptySubscription);
    let answer = schema.execute(Request::new(query).variables(Variables::from_json(variables))).await;
    serde_json::to_value(answer).unwrap_or_default()
}

#[tokio::test]
async fn an_error_of_a_non_null_field_empties_the_nearest_nullable_parent() {
    assert_eq!(ask("{ leaf { fine bad } }", json!({})).await["data"], Value::Null);
    assert_eq!(ask("{ maybeLeaf { fine bad } }", json!({})).await["data"], json!({ "maybeLeaf": null }));
}

#[tokio::test]
async fn a_nullable_field_that_fails_is_null_and_its_parent_stays() {
    let answer = ask("{ leaf { fine badNullable } }", json!({})).await;
    assert_eq!(answer["data"], json!({ "leaf": { "fine": 1, "badNullable": null } }));
    assert_eq!(answer["errors"][0]["path"], json!(["leaf", "badNullable"]));
}

#[tokio::test]
async fn a_guard_on_a_nullable_field_empties_the_parent_which_is_why_such_fields_check_inside() {
    assert_eq!(ask("{ maybeLeaf { fine guarded } }", json!({})).await["data"], json!({ "maybeLeaf": null }));
}

#[tokio::test]
async fn omitted_fields_of_a_patch_are_undefined() {
    let query = "query($title: String) { patch(input: { title: $title }) }";
    assert_eq!(ask(query, json!({})).await["data"]["patch"], "undefined");
    assert_eq!(ask(query, json!({ "title": null })).await["data"]["patch"], "null");
    assert_eq!(ask("{ patch(input: {}) }", json!({})).await["data"]["patch"], "undefined");
    assert_eq!(
        ask("query($input: Patch!) { patch(input: $input) }", json!({ "input": {} })).await["data"]["patch"],
        "undefined"
    );
}

#[tokio::test]
async fn an_error_of_the_api_keeps_its_code_and_hides_its_cause() {
    let answer = ask("{ refused }", json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL");
    assert!(!answer.to_string().contains("SELECT"));
}

struct Batches(Arc<parking_lot::Mutex<Vec<usize>>>);

impl Loader<u32> for Batches {
    type Value = u32;
    type Error = Infallible;

    async fn load(&self, keys: &[u32]) -> Result<HashMap<u32, u32>, Infallible> {
        self.0.lock().push(keys.len());
        Ok(keys.iter().map(|key| (*key, *key)).collect())
    }
}

#[tokio::test]
async fn a_loader_batches_siblings_and_caches_nothing() {
    let batches = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let loader = DataLoader::new(Batches(Arc::clone(&batches)), TokioSpawner::current(), TokioTimer::default());
    futures_util::future::join_all((0..20).map(|key| loader.load_one(key))).await;
    assert_eq!(loader.load_one(1).await, Ok(Some(1)));
    assert_eq!(*batches.lock(), [20, 1]);
}

/// The differences between the library and the specification. They are the reason why `api::http::validation` validates
/// and binds requests before the library. When the library fixes one, that code can become shorter.
#[tokio::test]
async fn the_library_alone_differs_from_the_specification() {
    for (document, variables) in [
        ("query($title: String!) { patch(input: { title: $title }) }", json!({})),
        ("query($title: String!) { patch(input: { title: $title }) }", json!({ "title": null })),
        ("{ patch(input: { title: \"a\", title: \"b\" }) }", json!({})),
        ("{ __typename @foo }", json!({})),
        ("{ __typename @include }", json!({})),
    ] {
        let answer = ask(document, variables.clone()).await;
        assert!(answer.get("errors").is_none(), "the library refuses {document} {variables} now: {answer}");
    }
    for (document, variables) in [
        ("query($a: Boolean!) { __typename @include(if: $a) }", json!({ "a": true })),
        ("{ patch(input: { title: \"\\u{1F600}\" }) }", json!({})),
        ("\"a description\" query Q { __typename }", json!({})),
    ] {
        let answer = ask(document, variables.clone()).await;
        assert!(answer.get("errors").is_some(), "the library runs {document} {variables} now");
    }
}
