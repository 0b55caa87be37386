//! The plan of the house: features know only what stands above them in `lib.rs`; no file grows without end.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::support::Expected as _;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// GraphQL is a graph: these may name any feature. Everything else may not look down.
const FACES: [&str; 6] = ["types.rs", "query.rs", "mutation.rs", "subscription.rs", "payloads.rs", "loader.rs"];
/// A file of more lines is a mistake.
const MOST_LINES: usize = 600;

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

/// The modules of `lib.rs` in their order.
fn order() -> BTreeMap<String, usize> {
    let lib = read(&Path::new(ROOT).join("api/src/lib.rs"));
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    modules.enumerate().map(|(place, module)| (module.to_owned(), place)).collect()
}

/// The features that a file names by `crate::`, whether on a line of its own or in a tree of uses.
fn named(text: &str, modules: &BTreeMap<String, usize>) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for part in code.split("crate::").skip(1) {
        let tree = match part.strip_prefix('{') {
            Some(tree) => tree.split(';').next().unwrap_or_default().to_owned(),
            None => part.split([':', ';', ',', ' ', '\n']).next().unwrap_or_default().to_owned(),
        };
        let (mut depth, mut word) = (0, String::new());
        for c in tree.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                c if depth == 0 && (c.is_alphanumeric() || c == '_') => {
                    word.push(c);
                    continue;
                }
                _ => {}
            }
            if depth <= 1 && modules.contains_key(&word) {
                found.push(word.clone());
            }
            if c == ':' {
                // What follows is inside the module.
            }
            word.clear();
        }
        if modules.contains_key(&word) {
            found.push(word);
        }
    }
    found
}

#[test]
fn features_know_only_what_stands_above_them() {
    let modules = order();
    assert!(modules.len() > 10);
    let source = Path::new(ROOT).join("api/src");
    for file in rust_files(&source) {
        let inside = file.strip_prefix(&source).expected("inside");
        let first = inside.components().next().expected("a name").as_os_str().to_string_lossy().replace(".rs", "");
        let name = file.file_name().expected("a name").to_string_lossy();
        let Some(place) = modules.get(&first) else { continue };
        if FACES.contains(&name.as_ref()) {
            continue;
        }
        for other in named(&read(&file), &modules) {
            assert!(modules[&other] <= *place, "{} names {other}, which stands below it", inside.display());
        }
    }
}

#[test]
fn entities_and_migrations_know_neither_each_other_nor_the_product() {
    for (package, strangers) in [("entity", ["migration", "api"]), ("migration", ["entity", "api"])] {
        let manifest = read(&Path::new(ROOT).join(package).join("Cargo.toml"));
        for stranger in strangers {
            assert!(!manifest.lines().any(|line| line.starts_with(stranger)), "{package} depends on {stranger}");
        }
    }
}

#[test]
fn no_file_is_longer_than_one_can_read_and_each_says_what_it_is_for() {
    for directory in ["api", "entity", "migration", "tests"] {
        for file in rust_files(&Path::new(ROOT).join(directory)) {
            let text = read(&file);
            assert!(text.lines().count() <= MOST_LINES, "{} is too long", file.display());
            assert!(text.starts_with("//! "), "{} does not say what it is for", file.display());
        }
    }
}

#[test]
fn sql_that_differs_between_databases_stands_in_one_place() {
    let source = Path::new(ROOT).join("api/src");
    for file in rust_files(&source) {
        let allowed = file.starts_with(source.join("database")) || file.ends_with("events/bus.rs");
        let text = read(&file);
        for word in ["DbBackend", "is_postgres()", "pg_"] {
            assert!(allowed || !text.contains(word), "{} asks which database it is: {word}", file.display());
        }
    }
}
