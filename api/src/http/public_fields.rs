//! Operations that need no caller. An expired token must not prevent a client from getting a new one.

use std::collections::HashSet;

use apollo_compiler::ast::{Definition, Document, Selection};

use super::{document_limits, executor::Params, validation};
use crate::config::Limits;

/// The root fields that need no caller.
const OPEN: [&str; 9] = [
    "serverTime",
    "signUp",
    "signIn",
    "refreshSession",
    "requestPasswordReset",
    "resetPassword",
    "confirmEmail",
    "startWebChat",
    "webChat",
];

/// The root fields that end the caller's own access. They can be repeated with an ended token.
const ENDING: [&str; 2] = ["signOut", "revokeVisitorToken"];

/// The token that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeededToken {
    /// A valid token.
    Valid,
    /// A valid token, or one whose access has ended.
    ValidOrEnded,
    /// No token.
    None,
}

/// Returns the token that the root fields of the operation need. An unreadable operation needs a valid one.
#[must_use]
pub fn needed_token(params: &Params, limits: &Limits) -> NeededToken {
    if document_limits::check(&params.query, limits).is_err() {
        return NeededToken::Valid;
    }
    let Some(document) = validation::parse(&params.query) else { return NeededToken::Valid };
    let named = params.operation_name.as_deref();
    let mut operations = document.definitions.iter().filter_map(|definition| match definition {
        Definition::OperationDefinition(operation) => Some(operation),
        _ => None,
    });
    let operation = match named {
        Some(name) => operations.find(|operation| operation.name.as_ref().is_some_and(|known| known == name)),
        // The meaning is unknown when the document has several operations.
        None => operations.next().filter(|_| operations.next().is_none()),
    };
    let Some(operation) = operation else { return NeededToken::Valid };
    let mut roots = HashSet::new();
    collect(&document, &operation.selection_set, &mut roots, &mut HashSet::new());
    roots.remove("__typename");
    if roots.is_empty() || !roots.iter().all(|name| OPEN.contains(name) || ENDING.contains(name)) {
        return NeededToken::Valid;
    }
    if roots.iter().any(|name| ENDING.contains(name)) { NeededToken::ValidOrEnded } else { NeededToken::None }
}

/// Collects the names of the root fields, including those of fragments. Each fragment is visited once.
fn collect<'a>(
    document: &'a Document,
    set: &'a [Selection],
    roots: &mut HashSet<&'a str>,
    seen: &mut HashSet<&'a str>,
) {
    for selection in set {
        match selection {
            Selection::Field(field) => {
                roots.insert(field.name.as_str());
            }
            Selection::InlineFragment(fragment) => collect(document, &fragment.selection_set, roots, seen),
            Selection::FragmentSpread(spread) => {
                let name = spread.fragment_name.as_str();
                let fragment = document.definitions.iter().find_map(|definition| match definition {
                    Definition::FragmentDefinition(fragment) if fragment.name == name => Some(fragment),
                    _ => None,
                });
                match fragment {
                    Some(fragment) if seen.insert(name) => collect(document, &fragment.selection_set, roots, seen),
                    Some(_) => {}
                    // The document is not valid, and the fields of the missing fragment are unknown.
                    None => {
                        roots.insert("");
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NeededToken, Params, needed_token};
    use crate::config::Config;

    #[test]
    fn operations_of_open_fields_alone_need_no_caller() -> anyhow::Result<()> {
        let limits = Config::read(std::collections::HashMap::default())?.limits;
        let needed = |query: &str, name: Option<&str>| {
            let params = Params {
                query: query.to_owned(),
                operation_name: name.map(str::to_owned),
                variables: None,
                digest: None,
                trusted: false,
            };
            needed_token(&params, &limits)
        };
        let open = |query: &str, name: Option<&str>| needed(query, name) == NeededToken::None;
        for query in
            ["mutation { signOut { outcome } }", "mutation { a: revokeVisitorToken { outcome } signIn { user } }"]
        {
            assert_eq!(needed(query, None), NeededToken::ValidOrEnded, "{query}");
        }
        assert_eq!(needed("mutation { signOut { outcome } postStatus { outcome } }", None), NeededToken::Valid);
        for query in [
            "mutation { signIn(input: $i) { accessToken } }",
            "mutation { __typename again: refreshSession(input: $i) { accessToken } }",
            "{ webChat(entryPointId: \"x\") { name } ...F } fragment F on Query { ... on Query { webChat { open } } }",
            "mutation { ...A } fragment A on Mutation { signUp { user { id } } ...A }",
            "\"Described\" mutation { signIn(input: { password: \"\\u{1F600}\" }) { accessToken } }",
        ] {
            assert!(open(query, None), "{query}");
        }
        for query in [
            "{ viewer { scopes } }",
            "{ __typename }",
            "{ __schema { types { name } } }",
            "mutation { signIn(input: $i) { accessToken } signOut { outcome } }",
            "mutation { signIn { accessToken } ...F } fragment F on Mutation { ... { postStatus { outcome } } }",
            "mutation { signIn { accessToken } ...Missing }",
            "mutation { signIn: postStatus { outcome } }",
            "mutation { signIn",
            "",
        ] {
            assert!(!open(query, None), "{query}");
        }
        let two = "mutation A { signIn { accessToken } } mutation B { signOut { outcome } }";
        assert!(open(two, Some("A")) && !open(two, Some("B")) && !open(two, None) && !open(two, Some("C")));
        Ok(())
    }
}
