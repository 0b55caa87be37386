//! The library of templates: made, listed, exported and imported.

use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    person::Person,
    templates::{CREATE, UPDATE, create, order, refused},
};

#[tokio::test]
async fn what_is_no_template_is_refused_with_the_reason() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    create(&ada, order()).await;
    let with = |name: &str, value: Value| {
        let mut changed = order();
        changed["name"] = json!("Another");
        changed["shortcut"] = json!("another");
        changed[name] = value;
        changed
    };
    for (input, code, field) in [
        (with("name", json!("")), "REQUIRED", "input.name"),
        (with("name", json!("ORDER")), "DUPLICATE", "input.name"),
        (with("shortcut", json!("ORD")), "DUPLICATE", "input.shortcut"),
        (with("shortcut", json!("two words")), "INVALID", "input.shortcut"),
        (with("body", json!(" ")), "REQUIRED", "input.body"),
        (with("body", json!("{{number")), "INVALID", "input.body"),
        (with("body", json!("{{nothing}}")), "INVALID", "input.body"),
        (with("body", json!("{{customer.password}}")), "INVALID", "input.body"),
        (with("body", json!("{{number}} {{colour}}")), "INVALID", "input.parameters.2.name"),
        (with("body", json!("x".repeat(32_769))), "TOO_LONG", "input.body"),
        (with("format", json!("HTML")), "FORMAT_NOT_SUPPORTED", "input.format"),
        (with("parameters", json!([{ "name": "a b", "label": "A" }])), "INVALID", "input.parameters.0.name"),
        (with("parameters", json!([{ "name": "number", "label": "" }])), "REQUIRED", "input.parameters.0.label"),
        (
            with("parameters", json!([{ "name": "number", "label": "N", "kind": "CHOICE" }])),
            "INVALID",
            "input.parameters.0.options",
        ),
        (
            with("parameters", json!([{ "name": "a", "label": "A" }, { "name": "a", "label": "B" }])),
            "DUPLICATE",
            "input.parameters.1.name",
        ),
    ] {
        let answer = ada.ask(CREATE, json!({ "input": input })).await;
        assert_eq!(refused(&answer, "createTemplate"), (code.to_owned(), field.to_owned()), "{input}");
    }
}

#[tokio::test]
async fn supervisors_make_templates_and_change_none_of_an_administrator() {
    let app = TestApp::new().await;
    let (ada, chief, ann) = (app.admin("ada").await, app.supervisor("chief").await, app.agent("ann").await);
    let of_ada = create(&ada, json!({ "name": "Official", "body": "x" })).await;
    let of_chief = create(&chief, json!({ "name": "Team", "body": "x" })).await;
    let change = |id: &str| json!({ "input": { "templateId": id, "body": "y" } });
    assert_eq!(refused(&chief.ask(UPDATE, change(&of_ada)).await, "updateTemplate").0, "NOT_ALLOWED");
    assert_eq!(refused(&chief.ask(UPDATE, change(&of_chief)).await, "updateTemplate").0, "");
    assert_eq!(ada.ask(UPDATE, change(&of_chief)).await.text("updateTemplate.outcome"), "NO_CHANGE");
    let by_ann = ann.ask(CREATE, json!({ "input": { "name": "Mine", "body": "x" } })).await;
    assert_eq!(refused(&by_ann, "createTemplate").0, "NOT_ALLOWED");
    let audit = ada.ask("{ auditEntries(first: 10) { nodes { action } } }", Value::Null).await;
    let actions: Vec<_> =
        audit.at("auditEntries.nodes").as_array().expected("entries").iter().map(|one| one["action"].clone()).collect();
    assert_eq!(actions, ["updateTemplate", "createTemplate", "createTemplate"]);
}

#[tokio::test]
async fn templates_are_found_by_their_words_and_their_shortcut_on_their_channel() {
    let app = TestApp::new().await;
    let (ada, ann, jane) = (app.admin("ada").await, app.agent("ann").await, app.person("jane").await);
    for (name, shortcut, channels, stage, body) in [
        ("Begrüßung", "greet", json!([]), json!("START"), "Guten Tag"),
        ("배송 안내", "ship", json!(["WEBCHAT", "SMS"]), json!("FOLLOW_UP"), "주문하신 상품이 출발했습니다."),
        ("Bye", "bye", json!(["EMAIL"]), json!("END"), "Kind regards"),
    ] {
        create(&ada, json!({ "name": name, "shortcut": shortcut, "channels": channels, "stage": stage, "body": body }))
            .await;
    }
    let find = async |who: &Person, arguments: &str| {
        let query = format!("{{ templates{arguments} {{ totalCount nodes {{ name }} }} }}");
        let answer = who.ask(&query, Value::Null).await;
        let nodes = answer.at("templates.nodes").as_array().expected("templates").clone();
        assert_eq!(answer.at("templates.totalCount"), nodes.len());
        nodes.into_iter().map(|one| one["name"].as_str().expected("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(find(&ann, "").await, ["Begrüßung", "Bye", "배송 안내"]);
    assert_eq!(find(&ann, "(search: \"begrussung\")").await, ["Begrüßung"]);
    assert_eq!(find(&ann, "(search: \"GREET\")").await, ["Begrüßung"]);
    assert_eq!(find(&ann, "(search: \"상품 출발\")").await, ["배송 안내"]);
    assert_eq!(find(&ann, "(channel: WEBCHAT)").await, ["Begrüßung", "배송 안내"]);
    assert_eq!(find(&ann, "(channel: EMAIL, stage: END)").await, ["Bye"]);
    assert_eq!(find(&jane, "").await, Vec::<String>::new());
    let page = ann.ask("{ templates(first: 2) { pageInfo { hasNextPage endCursor } } }", Value::Null).await;
    let after = page.text("templates.pageInfo.endCursor");
    assert_eq!(find_after(&ann, after).await, ["배송 안내"]);
}

async fn find_after(who: &Person, after: &str) -> Vec<String> {
    let query = format!("{{ templates(first: 2, after: \"{after}\") {{ nodes {{ name }} }} }}");
    let answer = who.ask(&query, Value::Null).await;
    let nodes = answer.at("templates.nodes").as_array().expected("templates").clone();
    nodes.into_iter().map(|one| one["name"].as_str().expected("a name").to_owned()).collect()
}

#[tokio::test]
async fn an_export_is_an_import_for_another_server() {
    let app = TestApp::new().await;
    let (ada, ann) = (app.admin("ada").await, app.agent("ann").await);
    create(&ada, order()).await;
    create(
        &ada,
        json!({ "name": "Hello", "body": "Hello!", "format": "MARKDOWN", "channels": ["SMS"], "stage": "START" }),
    )
    .await;
    let export = ada.ask("{ templatesExport }", Value::Null).await.text("templatesExport").to_owned();
    assert_eq!(ann.ask("{ templatesExport }", Value::Null).await.code(), "FORBIDDEN");
    let other = TestApp::new().await;
    let eva = other.admin("eva").await;
    let import = "mutation($input: ImportTemplatesInput!) { importTemplates(input: $input) { created changed unchanged outcome userErrors { code message } } }";
    let imported =
        async |json: &str| eva.ask(import, json!({ "input": { "json": json } })).await.at("importTemplates").clone();
    let first = imported(&export).await;
    assert_eq!((&first["created"], &first["outcome"]), (&json!(2), &json!("APPLIED")));
    let again = imported(&export).await;
    assert_eq!((&again["unchanged"], &again["outcome"]), (&json!(2), &json!("NO_CHANGE")));
    assert_eq!(eva.ask("{ templatesExport }", Value::Null).await.text("templatesExport"), export);
    let changed = imported(&export.replace("Hello!", "Hi!")).await;
    assert_eq!((&changed["changed"], &changed["unchanged"]), (&json!(1), &json!(1)));
    // All or none.
    let broken = imported(&export.replace("Order", "Fresh").replace("Hello!", "{{x}}")).await;
    assert_eq!(broken["userErrors"][0]["code"], "INVALID");
    assert!(broken["userErrors"][0]["message"].as_str().is_some_and(|why| why.contains("(Hello)")), "{broken}");
    let count = eva.ask("{ templates { totalCount } }", Value::Null).await;
    assert_eq!(count.at("templates.totalCount"), 2);
    for bad in ["", "[]", "{\"version\": 2, \"templates\": []}", "{\"version\": 1, \"templates\": [{\"name\": \"a\"}]}"]
    {
        assert_eq!(imported(bad).await["userErrors"][0]["code"], "INVALID", "{bad}");
    }
}
