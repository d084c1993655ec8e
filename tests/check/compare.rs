//! Comparing one value of an answer with what it ought to be, and saying which it was.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub type Check = Result<(), String>;

pub fn same(what: &str, told: &Value, want: &Value) -> Check {
    if told == want {
        Ok(())
    } else {
        Err(format!("{what}: {told}, expected {want}"))
    }
}

pub fn equal(what: &str, told: &Value, want: i64) -> Check {
    same(what, told, &want.into())
}

/// Four decimals.
pub fn rate(what: &str, told: &Value, want: f64) -> Check {
    near(what, told, want, 0.000_051)
}

/// A whole number next to the exact one, on either side.
pub fn whole(what: &str, told: &Value, want: f64) -> Check {
    if told.as_i64().is_none() {
        return Err(format!("{what}: {told} is not a whole number"));
    }
    near(what, told, want, 0.999_999)
}

/// Exact to the micro-dollar. Where nothing has a price, 0 and null say the same.
pub fn dollars(what: &str, told: &Value, want: f64) -> Check {
    if want == 0.0 && told.is_null() {
        return Ok(());
    }
    near(what, told, want, 0.000_000_1 + want.abs() * 1e-12)
}

pub fn near(what: &str, told: &Value, want: f64, tolerance: f64) -> Check {
    match told.as_f64() {
        Some(number) if (number - want).abs() <= tolerance => Ok(()),
        _ => Err(format!("{what}: {told}, expected {want}")),
    }
}

pub fn rows(list: &Value) -> Result<&Vec<Value>, String> {
    list.as_array()
        .ok_or_else(|| format!("{list} is not a list"))
}

/// The rows of a list by one field of theirs; null counts as an empty text.
pub fn keyed(list: &Value, field: &str) -> Result<BTreeMap<String, Value>, String> {
    let mut map = BTreeMap::new();
    for row in rows(list)? {
        if map.insert(text(row, field), row.clone()).is_some() {
            return Err(format!("two rows of {field} {}", row[field]));
        }
    }
    Ok(map)
}

pub fn only_these<T>(what: &str, rows: &BTreeMap<String, T>, want: BTreeSet<String>) -> Check {
    let told: BTreeSet<String> = rows.keys().cloned().collect();
    if told == want {
        Ok(())
    } else {
        Err(format!("{what}: {told:?}, expected {want:?}"))
    }
}

pub fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or_default().to_owned()
}

pub fn texts(list: &Value) -> Result<Vec<String>, String> {
    Ok(rows(list)?
        .iter()
        .map(|one| one.as_str().unwrap_or_default().to_owned())
        .collect())
}
