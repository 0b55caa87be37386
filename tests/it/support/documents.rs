//! Hostile documents, for the tests and for the load program, which measures their memory.

/// Returns fragments that each select the next one twice, so that the last is selected 2^count times.
fn fragments(count: usize, start: &str, leaf: &str) -> String {
    let mut bomb = format!("{start} ");
    for n in 0..count {
        bomb.push_str(&format!("fragment F{n} on Viewer {{ ... {{ ...F{0} }} ... {{ ...F{0} }} }} ", n + 1));
    }
    bomb + &format!("fragment F{count} on Viewer {{ {leaf} }}")
}

fn many(numbers: std::ops::Range<usize>, part: impl Fn(usize) -> String) -> String {
    numbers.map(part).collect::<Vec<_>>().concat()
}

/// Returns the hostile documents by name.
pub fn documents() -> Vec<(&'static str, String)> {
    let aliases = |field: &str, count: usize| {
        format!("{{ {} }}", (0..count).map(|n| format!("a{n}: {field}")).collect::<Vec<_>>().join(" "))
    };
    let people = "contacts(first: 100) { nodes { ... on User { followers(first: 100) { nodes { following(first: 100) { nodes { id } } } } } } }";
    let mut cycle = String::from("{ ...A } ");
    for (from, to) in [("A", "B"), ("B", "C"), ("C", "A")] {
        cycle.push_str(&format!("fragment {from} on Query {{ ...{to} }} "));
    }
    vec![
        ("a fragment bomb", fragments(22, "{ viewer { ...F0 } }", "__typename")),
        ("a larger fragment bomb", fragments(60, "{ viewer { ...F0 } }", "user { id }")),
        (
            "a fragment bomb in an operation that is not asked for",
            fragments(40, "query A { __typename } query B { viewer { ...F0 } }", "x"),
        ),
        ("a fragment bomb on another type", fragments(40, "mutation { ...F0 }", "user { id }")),
        ("a bomb whose leaf is unknown", fragments(40, "{ viewer { ...F0 } }", "...Nope")),
        ("a cycle of fragments", cycle),
        ("a fragment that spreads itself", "{ ...A } fragment A on Query { __typename ...A }".to_owned()),
        ("500 fragments", format!("{{ __typename }} {}", many(0..500, |n| format!("fragment F{n} on Query {{ a }} ")))),
        ("1,000 aliases", aliases("__typename", 1_000)),
        ("100 aliased lists", aliases("contacts(first: 100) { totalCount }", 100)),
        ("one field 5,000 times", format!("{{ {} }}", "__typename ".repeat(5_000))),
        ("lists of lists of lists", format!("{{ {people} }}")),
        (
            "deep nesting",
            format!("{{ viewer {{ user {{ {} id {} }} }} }}", "followers { nodes { ".repeat(20), "} }".repeat(20)),
        ),
        ("50,000 braces", "{".repeat(50_000)),
        ("50,000 brackets in an argument", format!("{{ nodes(ids: {}", "[".repeat(50_000))),
        ("15,000 brackets in an argument", format!("{{ nodes(ids: {}", "[".repeat(15_000))),
        ("nested objects in an argument", format!("{{ user(id: {} }}", "{a:".repeat(4_000))),
        ("a huge literal", format!("{{ user(handle: \"{}\") {{ id }} }}", "x".repeat(200_000))),
        ("a huge number", format!("{{ contacts(first: {}) {{ totalCount }} }}", "9".repeat(10_000))),
        ("2,000 directives on a field", format!("{{ __typename {} }}", "@skip(if: false) ".repeat(2_000))),
        ("200 directives on a field", format!("{{ __typename {} }}", "@skip(if: false) ".repeat(200))),
        ("100 unknown directives", format!("{{ __typename {} }}", "@x ".repeat(100))),
        ("2,000 unknown fields", format!("{{ {} }}", many(0..1_900, |n| format!("x{n} ")))),
        (
            "introspection of introspection",
            format!(
                "{{ __schema {{ types {{ {} name {} }} }} }}",
                "fields { type { ofType { ".repeat(8),
                "} } }".repeat(8)
            ),
        ),
        ("200 variables", format!("query({}) {{ __typename }}", many(0..600, |n| format!("$v{n}: Int ")))),
        ("an unknown operation kind", "explode { everything }".to_owned()),
        (
            "two mutations under one name",
            "mutation { a: signOut { outcome } a: markNotificationsRead(input: {}) { outcome } }".to_owned(),
        ),
        (
            "two subscriptions in one",
            "subscription { a: incomingRequests { __typename } b: incomingRequests { __typename } }".to_owned(),
        ),
        ("U+0000", "{ user(handle: \"a\\u0000b\") { id } }".to_owned()),
        ("half a surrogate pair", "{ user(handle: \"\\ud83d\") { id } }".to_owned()),
        ("a comment of 15 kB", format!("{{ __typename # {}", "x".repeat(15_000))),
    ]
}
