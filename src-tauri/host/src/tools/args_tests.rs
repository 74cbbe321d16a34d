//! The wire texts of wrong arguments, and what comes of right ones.

use serde_json::{Map, Value, json};

use super::*;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn form() -> Schema {
    const KINDS: &[&str] = &["textbox", "checkbox"];
    let field = Schema::new().target().required("name", Kind::String).required("type", Kind::Enum(KINDS));
    Schema::new().required("fields", Kind::list(Kind::Object(field))).default(
        "scale",
        Kind::Enum(&["css", "device"]),
        "css",
    )
}

fn error(schema: &Schema, arguments: Value) -> String {
    check(schema, object(arguments)).unwrap_err().text("browser_x")
}

#[test]
fn missing_and_wrong_arguments_are_named_in_the_words_of_the_reference() {
    assert_eq!(
        error(&Schema::new().required("url", Kind::String), json!({})),
        "Invalid arguments for tool \"browser_x\":\n✖ Invalid input: expected string, received undefined\n  → at url"
    );
    assert_eq!(
        error(&form(), json!({"fields": [{"name": "a", "type": "radio"}], "scale": 3})),
        "Invalid arguments for tool \"browser_x\":\n\
         ✖ Invalid option: expected one of \"css\"|\"device\"\n  → at scale\n\
         ✖ Invalid input: expected string, received undefined\n  → at fields[0].target\n\
         ✖ Invalid option: expected one of \"textbox\"|\"checkbox\"\n  → at fields[0].type"
    );
}

#[test]
fn every_kind_says_what_it_expected() {
    let cases = [
        (Kind::String, json!(1), "expected string, received number"),
        (Kind::Number, json!("1"), "expected number, received string"),
        (Kind::integer(), json!(1.5), "expected int, received number"),
        (Kind::at_least(1), json!(true), "expected number, received boolean"),
        (Kind::Bool, json!(null), "expected boolean, received null"),
        (Kind::list(Kind::String), json!({}), "expected array, received object"),
        (Kind::map(Kind::String), json!([]), "expected record, received array"),
        (Kind::Object(Schema::new()), json!([]), "expected object, received array"),
    ];
    for (kind, value, expected) in cases {
        let text = error(&Schema::new().required("x", kind), json!({"x": value}));
        assert!(text.ends_with(&format!("✖ Invalid input: {expected}\n  → at x")), "{text}");
    }
}

#[test]
fn numbers_at_the_edge() {
    let schema = Schema::new().required("n", Kind::at_least(1));
    assert!(error(&schema, json!({"n": 0})).contains("✖ Too small: expected number to be >=1\n  → at n"));
    assert!(error(&schema, json!({"n": -9_000_000_000_i64})).contains("Too small"));
    assert!(error(&schema, json!({"n": 1e300})).contains("✖ Too big: expected int to be <=9007199254740991"));
    assert_eq!(check(&schema, object(json!({"n": 3.0}))).unwrap().args, json!({"n": 3}));
    assert!(error(&schema, json!({"n": u64::MAX})).contains("Too big"));
}

#[test]
fn defaults_are_filled_in_and_strangers_named() {
    let checked = check(&form(), object(json!({"fields": [], "depth": 2, "a b": 1}))).unwrap();
    assert_eq!(checked.args, json!({"fields": [], "scale": "css"}));
    let line = ignored(&checked.unknown).unwrap();
    assert!(line.contains("depth") && line.contains("[\"a b\"]"), "{line}");
    assert_eq!(ignored(&[]), None);
}

#[test]
fn aliases_of_targets_are_taken() {
    let schema = Schema::new().target();
    let checked = check(&schema, object(json!({"ref": "e5"}))).unwrap();
    assert_eq!((checked.args, checked.unknown.len()), (json!({"target": "e5"}), 0));
    let both = check(&schema, object(json!({"ref": "e5", "target": "e6"}))).unwrap();
    assert_eq!((both.args, both.unknown.len()), (json!({"target": "e6"}), 0));
    assert!(error(&schema, json!({"ref": 5})).contains("→ at ref"));
    assert!(error(&schema, json!({})).contains("→ at target"));
}

#[test]
fn null_is_an_answer_only_where_it_is_one() {
    let schema = Schema::new().optional("colorScheme", Kind::EnumOrNull(&["light", "dark"]));
    assert_eq!(check(&schema, object(json!({"colorScheme": null}))).unwrap().args, json!({"colorScheme": null}));
    assert!(error(&schema, json!({"colorScheme": "red"})).contains("expected one of \"light\"|\"dark\""));
}

#[test]
fn hostile_arguments_cost_little_and_are_not_repeated_whole() {
    let long = "x".repeat(1_000_000);
    let schema = Schema::new().required("values", Kind::list(Kind::String));
    assert!(check(&schema, object(json!({"values": [long]}))).is_ok());
    let wrong: Vec<u32> = (0..100_000).collect();
    let text = error(&schema, json!({"values": wrong}));
    assert!(text.ends_with("... and 99990 more") && text.len() < 2_000, "{}", text.len());
    let mut strange = Map::new();
    strange.insert("values".to_owned(), json!([]));
    strange.insert("y\0\u{202e}".repeat(1_000), json!(1));
    let checked = check(&schema, strange).unwrap();
    let line = ignored(&checked.unknown).unwrap();
    assert!(line.len() < 300 && !line.contains('\0'), "{line}");
}

#[test]
fn reading_checked_arguments() {
    let args = json!({"a": "x", "b": true, "c": 1.5, "d": 7, "e": ["p", "q"]});
    assert_eq!(args.text("a"), Some("x"));
    assert_eq!(args.must("nothing"), "");
    assert!(args.flag("b") && !args.flag("nothing"));
    assert_eq!(args.number("c"), Some(1.5));
    assert_eq!(args.integer("d"), Some(7));
    assert_eq!(args.texts("e"), Some(vec!["p", "q"]));
}

#[test]
fn passwords_are_not_shown() {
    let typed = json!({"element": "Password field", "target": "e5", "text": "hunter2"});
    assert!(!shown(&typed).contains("hunter2"), "{}", shown(&typed));
    let form = json!({"fields": [{"name": "User", "value": "ann"}, {"name": "API token", "value": "s3"}]});
    let line = shown(&form);
    assert!(line.contains("ann") && !line.contains("s3"), "{line}");
    assert_eq!(shown(&json!({"url": "http://a/\n"})), "{\"url\":\"http://a/\\n\"}");
    assert!(shown(&json!({"text": "x".repeat(1_000_000)})).chars().count() <= 300);
}
