//! Writes a rule of `nft -j` in nft's own words, for people.
//!
//! Only for show: nothing is judged by this text. What it has no words for is written as its JSON.

use serde_json::Value;

/// All statements of a rule.
pub(super) fn rule(statements: &[Value]) -> String {
    let words: Vec<String> = statements
        .iter()
        .map(statement)
        .filter(|words| !words.is_empty())
        .collect();
    words.join(" ")
}

fn statement(statement: &Value) -> String {
    let Some((name, body)) = statement.as_object().and_then(|object| object.iter().next()) else {
        return statement.to_string();
    };
    let word = |key: &str| body.get(key).and_then(Value::as_str);
    match name.as_str() {
        "match" => {
            let (Some(left), Some(right)) = (body.get("left"), body.get("right")) else {
                return body.to_string();
            };
            let operator = match word("op") {
                Some("==") if left.get("&").is_some() => "== ".to_owned(),
                Some("==" | "in") | None => String::new(),
                Some(other) => format!("{other} "),
            };
            format!("{} {operator}{}", value(left), value(right))
        }
        "counter" => "counter".to_owned(),
        "log" => word("prefix").map_or_else(|| "log".to_owned(), |prefix| format!("log prefix \"{prefix}\"")),
        "jump" | "goto" => format!("{name} {}", word("target").unwrap_or_default()),
        "reject" => match (word("type"), word("expr")) {
            (Some(kind), Some(code)) => format!("reject with {kind} {code}"),
            (Some(kind), None) => format!("reject with {kind}"),
            _ => "reject".to_owned(),
        },
        "vmap" => {
            let key = body.get("key").map(value).unwrap_or_default();
            format!("{key} vmap {}", body.get("data").map(value).unwrap_or_default())
        }
        "limit" => {
            let over = if body.get("inv").and_then(Value::as_bool) == Some(true) {
                "over "
            } else {
                ""
            };
            let rate = body.get("rate").map(value).unwrap_or_default();
            format!("limit rate {over}{rate}/{}", word("per").unwrap_or("second"))
        }
        "xt" => format!(
            "xt {} {}",
            word("type").unwrap_or_default(),
            word("name").unwrap_or_default()
        ),
        _ if body.is_null() => name.clone(),
        _ => format!("{name} {}", value(body)),
    }
}

/// One expression.
pub(super) fn value(expression: &Value) -> String {
    let list = |items: &[Value], between: &str| items.iter().map(value).collect::<Vec<_>>().join(between);
    let (name, body) = match expression {
        Value::String(text) => return text.clone(),
        Value::Array(items) => return pair(items).unwrap_or_else(|| list(items, ",")),
        Value::Object(object) => match object.iter().next() {
            Some(one) if object.len() == 1 => one,
            _ => return expression.to_string(),
        },
        other => return other.to_string(),
    };
    let word = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    match (name.as_str(), body) {
        ("payload", _) if body.get("protocol").is_some() => format!("{} {}", word("protocol"), word("field")),
        ("meta", _) => match word("key") {
            key @ ("iif" | "oif" | "iifname" | "oifname" | "skuid" | "skgid") => key.to_owned(),
            key => format!("meta {key}"),
        },
        ("ct", _) => format!("ct {}", word("key")),
        ("prefix", _) => format!(
            "{}/{}",
            word("addr"),
            body.get("len").map(value).unwrap_or_default()
        ),
        ("range", Value::Array(ends)) => list(ends, "-"),
        ("set", Value::Array(items)) => format!("{{ {} }}", list(items, ", ")),
        ("set", one) => value(one),
        ("concat", Value::Array(items)) => list(items, " . "),
        ("elem", _) => body.get("val").map(value).unwrap_or_default(),
        ("&" | "|" | "^", Value::Array(items)) => list(items, &format!(" {name} ")),
        ("fib", _) => format!(
            "fib {} {}",
            body.get("flags").map(value).unwrap_or_default(),
            word("result")
        ),
        ("jump" | "goto", _) => format!("{name} {}", word("target")),
        (_, Value::Null) => name.clone(),
        _ => expression.to_string(),
    }
}

/// An element of a map: `key : verdict`.
fn pair(items: &[Value]) -> Option<String> {
    let [key, action] = items else { return None };
    let name = action.as_object()?.keys().next()?;
    let verdict = matches!(
        name.as_str(),
        "accept" | "drop" | "jump" | "goto" | "return" | "continue"
    );
    verdict.then(|| format!("{} : {}", value(key), value(action)))
}
