//! Tests of the documentation: its commands run, its links resolve, its generated pages match the code, and every file
//! and test that it names exists.

use std::collections::BTreeSet;

use crate::support::{
    Expected as _, catalogue,
    database::TestDatabase,
    manual::{anchors, blocks, files, is_fresh, links, pages, path, prose, quoted, read, run, table},
    process::Server,
};

/// The maximum length of a line of prose, in characters.
const MAX_COLUMNS: usize = 120;
/// The maximum size of the README, in bytes.
const MAX_README: usize = 8_192;
/// The minimum number of rows in the table for newcomers.
const MIN_ROWS: usize = 20;
/// The pages whose commands run, in this order and in the same terminals.
const RUN: [&str; 3] = ["README.md", "docs/tour.md", "docs/clients.md"];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_tour_prints_what_the_page_says() {
    let database = TestDatabase::new().await;
    let server = Server::start(&database, &[]);
    let directory = database.directory.path().to_owned();
    let (url, database_url) = (server.url.clone(), database.url.clone());
    let running = tokio::task::spawn_blocking(move || {
        let all: Vec<_> = RUN.iter().flat_map(|page| blocks(page)).filter(|block| !block.terminal.is_empty()).collect();
        assert!(all.len() > 30, "only {} blocks", all.len());
        run(&all, &directory, &url, &database_url);
    });
    running.await.expected("the tour");
}

#[test]
fn every_block_of_the_tour_has_a_terminal() {
    for block in blocks("docs/tour.md") {
        assert!(!block.terminal.is_empty(), "this block would not run:\n{}", block.commands);
    }
}

#[test]
fn the_readme_is_short_and_explains_start_and_tests() {
    let readme = read("README.md");
    assert!(readme.len() <= MAX_README, "the README has {} bytes", readme.len());
    let first = |heading: &str| {
        let below = readme.split_once(&format!("\n## {heading}\n")).expected(heading).1;
        below.split_once("```sh\n").and_then(|(_, block)| block.split_once("```")).expected(heading).0.trim()
    };
    assert_eq!(first("Start").lines().collect::<Vec<_>>(), ["cargo build", "cargo run"]);
    assert_eq!(first("Tests"), "cargo test");
}

#[test]
fn lines_of_prose_have_at_most_120_characters() {
    for page in pages() {
        for line in prose(&read(&page)) {
            assert!(line.chars().count() <= MAX_COLUMNS, "{page}: {line}");
        }
    }
}

#[test]
fn every_link_names_an_existing_file_and_heading() {
    for page in pages() {
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in links(&read(&page)) {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { page.clone() } else { format!("{folder}/{file}") };
            let target = target.trim_start_matches('/');
            assert!(path(target).exists(), "{page} links to {link}, which is not there");
            assert!(heading.is_empty() || anchors(&read(target)).contains(heading), "{page} links to {link}");
        }
    }
}

#[test]
fn the_page_of_settings_matches_the_code() {
    is_fresh("docs/configuration.md", &api::config::markdown());
}

#[test]
fn the_catalogue_of_events_matches_the_schema() {
    is_fresh("docs/events.md", &catalogue::events());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_model_matches_the_migrations() {
    is_fresh("docs/data-model.md", &catalogue::data_model().await);
}

#[test]
fn every_promise_names_existing_code_and_tests() {
    let rows = table(&read("docs/promises.md"), "# Promises");
    assert!(rows.len() > 20, "only {} promises", rows.len());
    for row in rows {
        let [promise, code, tests] = row.as_slice() else { panic!("three cells: {row:?}") };
        let (code, tests) = (quoted(code), quoted(tests));
        assert!(!code.is_empty() && !tests.is_empty(), "{promise} names no code or no test");
        for file in code {
            assert!(path(&file).exists(), "{promise}: {file} is not there");
        }
        for test in tests {
            let (module, name) = test.rsplit_once("::").expected(&test);
            let text = read(&format!("tests/it/{}.rs", module.replace("::", "/")));
            let marked = text.split("\nfn ").chain(text.split("\nasync fn ")).skip(1);
            let found = marked.filter(|rest| rest.starts_with(&format!("{name}("))).count();
            assert!(found > 0, "{promise}: there is no test {test}");
        }
    }
}

#[test]
fn the_table_for_newcomers_names_existing_files() {
    let rows = table(&read("CONTRIBUTING.md"), "## Where to look");
    assert!(rows.len() >= MIN_ROWS, "only {} rows", rows.len());
    for row in rows {
        let [wish, places] = row.as_slice() else { panic!("two cells: {row:?}") };
        let places = quoted(places);
        assert!(!places.is_empty(), "{wish} names no file");
        for place in places {
            assert!(path(&place).exists(), "{wish}: {place} is not there");
        }
    }
}

#[test]
fn the_map_of_the_code_lists_each_module_in_order() {
    let text = read("api/src/lib.rs");
    let between = |start: &str, end: char| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(start)?.split(end).next());
        lines.map(str::to_owned).collect()
    };
    assert_eq!(between("//! | [`", '`'), between("pub mod ", ';'));
}

#[test]
fn decisions_are_numbered_dated_and_listed() {
    let index = read("docs/decisions/README.md");
    let mut numbers = BTreeSet::new();
    for file in files("docs/decisions", ".md").iter().filter(|file| !file.ends_with("README.md")) {
        let text = read(file);
        let name = file.rsplit('/').next().unwrap_or_default();
        let number = &name[..4];
        let title = text.lines().next().and_then(|line| line.strip_prefix(&format!("# {number}. "))).expected(file);
        assert!(numbers.insert(number.to_owned()), "two decisions have the number {number}");
        assert!(index.contains(&format!("[{number}]({name}) | {title} |")), "the index leaves out {name}: {title}");
        assert!(text.contains("\nDate: 20") && text.contains("\nStatus: "), "{file} has no date or no status");
        for part in ["Context", "Decision", "Consequence"] {
            assert!(text.contains(&format!("\n## {part}\n")), "{file} has no {part}");
        }
    }
    let last = numbers.last().and_then(|number| number.parse().ok());
    assert_eq!(last, Some(numbers.len()), "the numbers have no holes");
}
