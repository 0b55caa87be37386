//! Tests of the architecture: the order of modules, the length of files, one place for database-specific SQL, and words
//! that names avoid.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::support::Expected as _;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The folder of a feature's GraphQL layer. It may use any feature. All other modules may use only earlier modules.
const FACE: &str = "graphql";
/// The maximum number of lines of a Rust file.
const MAX_LINES: usize = 400;

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expected("a directory") {
        let path = entry.expected("an entry").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expected("a file")
}

/// Returns the modules that a file declares, with their positions.
fn order(file: &Path) -> BTreeMap<String, usize> {
    let text = if file.exists() { read(file) } else { String::new() };
    let declared = text.lines().filter_map(|line| {
        line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?.strip_suffix(';').map(str::to_owned)
    });
    declared.enumerate().map(|(place, module)| (module, place)).collect()
}

/// Returns the path of a file's module: `agents/graphql/types.rs` is `["agents", "graphql", "types"]`.
fn module_of(inside: &Path) -> Vec<String> {
    let mut path: Vec<String> =
        inside.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    path.pop_if(|last| last == "mod");
    path
}

/// Returns the code of a file without its tests and comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Returns all paths that a use tree names.
fn leaves(tree: &str) -> Vec<String> {
    let Some((before, inner)) = tree.split_once('{') else { return vec![tree.trim().to_owned()] };
    let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
    let (mut depth, mut part, mut found) = (0, String::new(), Vec::new());
    for c in inner.chars().chain([',']) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !part.trim().is_empty() {
                    found.extend(leaves(part.trim()).into_iter().map(|leaf| format!("{}{leaf}", before.trim())));
                }
                part.clear();
                continue;
            }
            _ => {}
        }
        part.push(c);
    }
    found
}

/// Returns the modules of this crate that a file names, as absolute paths without `crate`.
fn named(text: &str, module: &[String]) -> Vec<Vec<String>> {
    let code = code(text);
    let mut paths: Vec<String> = Vec::new();
    for start in ["use crate::", "use super::"] {
        for part in code.split(start).skip(1) {
            let tree = part.split(';').next().unwrap_or_default();
            let root = start.trim_start_matches("use ");
            paths.extend(leaves(tree).into_iter().map(|leaf| format!("{root}{leaf}")));
        }
    }
    for part in code.split("crate::").skip(1) {
        let path: String = part.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect();
        paths.push(format!("crate::{path}"));
    }
    let absolute = |path: String| {
        let mut parts = path.split("::").map(str::to_owned).collect::<Vec<_>>();
        let up = parts.iter().take_while(|part| *part == "super").count();
        let below = parts.split_off(up.max(1));
        let base = if up > 0 { module[..module.len().saturating_sub(up)].to_vec() } else { Vec::new() };
        base.into_iter().chain(below).collect::<Vec<_>>()
    };
    paths.into_iter().map(absolute).filter(|path| !path.is_empty()).collect()
}

#[test]
fn modules_use_only_modules_that_are_declared_before_them() {
    let source = Path::new(ROOT).join("api/src");
    let features = order(&source.join("lib.rs"));
    assert!(features.len() > 30, "{} features", features.len());
    let mut broken = Vec::new();
    for file in rust_files(&source) {
        let module = module_of(file.strip_prefix(&source).expected("inside"));
        let Some(place) = module.first().and_then(|feature| features.get(feature)) else { continue };
        if module.get(1).is_some_and(|part| part == FACE) || module.last().is_some_and(|part| part == "tests") {
            continue;
        }
        let inner = order(&source.join(&module[0]).join("mod.rs"));
        for other in named(&read(&file), &module) {
            let Some(other_place) = features.get(&other[0]) else { continue };
            let below = other_place > place;
            let face = other.get(1).is_some_and(|part| part == FACE) && *place < features["schema"];
            let inside = other[0] == module[0]
                && match (module.get(1).and_then(|noun| inner.get(noun)), other.get(1).and_then(|noun| inner.get(noun)))
                {
                    (Some(noun), Some(other)) => other > noun,
                    _ => false,
                };
            if below || face || inside {
                broken.push(format!("{} names {}, which stands below it", module.join("::"), other.join("::")));
            }
        }
    }
    broken.sort();
    broken.dedup();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn entities_and_migrations_depend_neither_on_each_other_nor_on_the_product() {
    for (package, strangers) in [("entity", ["migration", "api"]), ("migration", ["entity", "api"])] {
        let manifest = read(&Path::new(ROOT).join(package).join("Cargo.toml"));
        for stranger in strangers {
            assert!(!manifest.lines().any(|line| line.starts_with(stranger)), "{package} depends on {stranger}");
        }
    }
}

#[test]
fn every_file_has_a_module_comment_and_at_most_400_lines() {
    for directory in ["api", "entity", "migration", "tests"] {
        for file in rust_files(&Path::new(ROOT).join(directory)) {
            let text = read(&file);
            assert!(text.lines().count() <= MAX_LINES, "{} is too long", file.display());
            assert!(text.starts_with("//! "), "{} does not say what it is for", file.display());
        }
    }
}

#[test]
fn comments_have_at_most_120_characters() {
    for part in ["api", "entity", "migration", "tests"] {
        for file in rust_files(&Path::new(ROOT).join(part)) {
            let long =
                read(&file).lines().position(|line| line.trim_start().starts_with("//") && line.chars().count() > 120);
            assert_eq!(long, None, "{}", file.display());
        }
    }
}

#[test]
fn every_union_of_log_events_reads_each_of_its_members() {
    let names = |text: &str, start: &str, end: char| -> BTreeSet<String> {
        let after = text.split(start).skip(1).filter_map(|rest| rest.split_once(end));
        after.map(|(name, _)| name.to_owned()).filter(|name| name.chars().all(char::is_alphanumeric)).collect()
    };
    let mut checked = 0;
    for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = read(&file);
        let parts: Vec<&str> = text.split("fn known(entry: &LoggedEvent").collect();
        for (before, after) in parts.iter().zip(parts.iter().skip(1)) {
            let union = before.rsplit("#[derive(Union").next().and_then(|rest| rest.split("\n}\n").next());
            let mut members = names(union.expected("a union"), "\n    ", '(');
            assert!(members.remove("UnknownEvent"), "{}: the union has no UnknownEvent", file.display());
            let read = names(after.split("\n    }\n").next().expected("a body"), "Self::", '(');
            assert_eq!(members, read, "{}", file.display());
            checked += 1;
        }
    }
    assert!(checked >= 8, "only {checked} unions were found");
}

#[test]
fn every_refusal_names_a_field_or_the_whole_input() {
    for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = code(&read(&file)).split_whitespace().collect::<String>();
        let refused = text.split("Error::refused(").skip(1);
        for call in refused.filter(|call| call.starts_with("UserErrorCode::") || call.starts_with("code,")) {
            let field = call.split(',').nth(1).unwrap_or_default();
            assert_ne!(field, "&[]", "{}: {}", file.display(), &call[..call.len().min(80)]);
        }
    }
}

#[test]
fn no_test_imports_another_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/it");
    for file in rust_files(&tests) {
        let inside = file.strip_prefix(&tests).expected("a path inside").to_owned();
        let own = inside.components().next().expected("a name").as_os_str().to_string_lossy().into_owned();
        let own = own.trim_end_matches(".rs");
        // This file names such paths in its texts.
        if own == "architecture" {
            continue;
        }
        let text = code(&read(&file));
        let used =
            text.split("use crate::").skip(1).flat_map(|rest| leaves(rest.split(';').next().unwrap_or_default()));
        let named = text.split(" crate::").skip(1).map(str::to_owned);
        for path in used.chain(named) {
            let module = path.split([':', '{', ' ', ';']).next().unwrap_or_default();
            let allowed = ["", "support", own].contains(&module);
            assert!(allowed, "{} imports {module}; what tests share belongs into support", inside.display());
        }
    }
}

#[test]
fn rows_are_locked_only_where_the_types_of_locked_rows_are_made() {
    // The log's own transactions are below those of the product.
    let allowed = ["app/locked.rs", "database/sql.rs", "events/sequencer.rs"];
    for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        if allowed.iter().any(|place| file.ends_with(place)) {
            continue;
        }
        let text = code(&read(&file));
        for lock in ["lock_exclusive(", "lock_shared(", "FOR UPDATE", "FOR SHARE"] {
            assert!(!text.contains(lock), "{} locks rows itself: {lock}", file.display());
        }
    }
}

#[test]
fn sql_that_differs_between_databases_is_in_one_place() {
    let source = Path::new(ROOT).join("api/src");
    for file in rust_files(&source) {
        let allowed = file.starts_with(source.join("database")) || file.ends_with("events/bus.rs");
        let text = read(&file);
        for word in ["DbBackend", "is_postgres()", "pg_"] {
            assert!(allowed || !text.contains(word), "{} asks which database it is: {word}", file.display());
        }
    }
}

/// Words that names of the product must not use. Prose may still need some of them.
const GIVEN_UP: [&str; 35] = [
    "board", "boards", "deed", "deeds", "door", "doors", "floor", "floors", "held", "hold", "holds", "ledger", "owe",
    "owed", "owes", "served", "shadow", "stance", "stances", "tail", "tails", "talk", "talks", "tell", "tells", "told",
    "turn", "turned", "turns", "verb", "verbs", "whisper", "whispers", "whoever", "whose",
];

/// Returns the words of a name in lower case: `TaskQueued`, `task_queued` and `TASK_QUEUED` are `task` and `queued`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = '_';
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().expected("a word").extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

/// Returns the names that `schema.graphql` defines.
fn schema_names() -> Vec<String> {
    let document = read(&Path::new(ROOT).join("schema.graphql"));
    let without_texts: String = document.split("\"\"\"").step_by(2).collect();
    let names = without_texts.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    names.filter(|name| !name.is_empty()).map(|name| format!("schema.graphql: {name}")).collect()
}

/// Returns the names of the modules, public items, tables and columns of the product.
fn code_names() -> Vec<String> {
    let mut names = Vec::new();
    for directory in ["api/src", "entity/src"] {
        for file in rust_files(&Path::new(ROOT).join(directory)) {
            let shown = file.strip_prefix(ROOT).expected("inside").display().to_string();
            names.push(format!("{shown}: {}", file.file_stem().expected("a name").to_string_lossy()));
            for line in code(&read(&file)).lines() {
                let Some(item) = line.trim_start().strip_prefix("pub ") else { continue };
                let mut words =
                    item.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
                let keywords = ["async", "const", "fn", "struct", "enum", "trait", "type", "static", "mod"];
                if let Some(name) = words.find(|word| !keywords.contains(word)) {
                    names.push(format!("{shown}: {name}"));
                }
            }
        }
    }
    names
}

#[test]
fn no_name_uses_a_word_that_the_project_gave_up() {
    let names = schema_names().into_iter().chain(code_names()).collect::<Vec<_>>();
    assert!(names.len() > 5_000, "{} names", names.len());
    let given_up = |shown: &&String| {
        let name = shown.rsplit_once(": ").map_or("", |(_, name)| name);
        words(name).iter().any(|word| GIVEN_UP.contains(&word.as_str()))
    };
    let found: Vec<_> = names.iter().filter(given_up).map(String::as_str).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn descriptions_do_not_begin_with_a_question_word() {
    let document = read(&Path::new(ROOT).join("schema.graphql"));
    let descriptions: Vec<&str> = document.split("\"\"\"").skip(1).step_by(2).map(str::trim).collect();
    assert!(descriptions.len() > 1_500, "{} descriptions", descriptions.len());
    let questions = ["What", "Who", "Whose", "Whom", "Whether", "How", "Which", "Why"];
    let asks = |text: &&&str| questions.contains(&text.split_whitespace().next().unwrap_or_default());
    let asking: Vec<_> = descriptions.iter().filter(asks).copied().collect();
    let most = descriptions.len() / 20;
    assert!(asking.len() <= most, "{} of {}:\n{}", asking.len(), descriptions.len(), asking.join("\n"));
}
