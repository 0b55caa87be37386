//! A client's copy of a screen: the answer of the screen's query, into which the events of its subscription are
//! written. An object with an id is written wherever the copy shows it, as a client with a normalized cache does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::Expected as _;

/// A part of a screen that an event tells the client to read again.
pub type Part = &'static str;

/// Writes the objects with ids in `news` wherever the copy shows them.
pub fn learn(copy: &mut Value, news: &Value) {
    match news {
        Value::Object(fields) => {
            if let Some(id) = news["id"].as_str() {
                write(copy, id, news);
            }
            for value in fields.values() {
                learn(copy, value);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| learn(copy, value)),
        _ => {}
    }
}

fn write(copy: &mut Value, id: &str, news: &Value) {
    match copy {
        Value::Object(fields) => {
            let same = fields.get("id").is_some_and(|known| known == id);
            for (name, value) in fields.iter_mut() {
                match news.get(name).filter(|_| same) {
                    Some(now) => *value = known_fields(value, now),
                    None => write(value, id, news),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| write(value, id, news)),
        _ => {}
    }
}

/// Returns the news without fields that the copy does not show.
fn known_fields(before: &Value, now: &Value) -> Value {
    let (Value::Object(before), Value::Object(fields)) = (before, now) else { return now.clone() };
    let other = before.get("id").is_some() && before.get("id") != fields.get("id");
    let known = fields.iter().filter(|(name, _)| other || before.contains_key(*name));
    Value::Object(known.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Returns the part of a value at a path such as `viewer.unread`.
pub fn at<'a>(value: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').fold(value, |value, name| &mut value[name])
}

fn id_of(value: &Value) -> &str {
    value["id"].as_str().unwrap_or_default()
}

fn nodes<'a>(copy: &'a mut Value, list: &str) -> &'a mut Vec<Value> {
    at(copy, list).as_array_mut().expected(list)
}

/// Removes an object from a list. Returns true if it was there.
pub fn remove(copy: &mut Value, list: &str, id: &str) -> bool {
    let nodes = nodes(copy, list);
    let before = nodes.len();
    nodes.retain(|node| id_of(node) != id);
    nodes.len() < before
}

/// Puts an object at the start or the end of a list, in place of an earlier version. Returns true if it is new.
pub fn put(copy: &mut Value, list: &str, object: Value, first: bool) -> bool {
    let nodes = nodes(copy, list);
    if let Some(known) = nodes.iter_mut().find(|node| id_of(node) == id_of(&object)) {
        *known = object;
        return false;
    }
    if first {
        nodes.insert(0, object);
    } else {
        nodes.push(object);
    }
    true
}

/// Adds to a number of the copy.
pub fn add(copy: &mut Value, path: &str, change: i64) {
    let number = at(copy, path);
    *number = json!(number.as_i64().expected(path) + change);
}

/// Sorts a list by the fields at some paths, for screens that show it in an order of their own.
pub fn sort(copy: &mut Value, list: &str, by: &[&str]) {
    let key = |node: &Value| by.iter().map(|name| node[*name].to_string()).collect::<Vec<_>>();
    nodes(copy, list).sort_by_key(key);
}

/// Returns the object without some of its fields.
pub fn without(object: &Value, names: &[&str]) -> Value {
    let mut object = object.clone();
    for name in names {
        object.as_object_mut().expected("an object").remove(*name);
    }
    object
}

/// Returns where two versions of a screen differ.
pub fn differences(copy: &Value, fresh: &Value) -> BTreeSet<String> {
    fn walk(path: &str, copy: &Value, fresh: &Value, found: &mut BTreeSet<String>) {
        match (copy, fresh) {
            (Value::Object(one), Value::Object(other)) => {
                for name in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
                    walk(&format!("{path}.{name}"), &copy[name], &fresh[name], found);
                }
            }
            (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
                for (index, (copy, fresh)) in one.iter().zip(other).enumerate() {
                    walk(&format!("{path}.{index}"), copy, fresh, found);
                }
            }
            _ if copy == fresh => {}
            _ => drop(found.insert(format!("{path}: copy {copy}, server {fresh}"))),
        }
    }
    let mut found = BTreeSet::new();
    walk("", copy, fresh, &mut found);
    found
}
