//! Every text is read as `serde_json` reads it.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn same(text: &str) {
    let theirs = serde_json::from_str::<IgnoredAny>(text).is_ok();
    assert_eq!(from_str::<IgnoredAny>(text).is_ok(), theirs, "{text:?}");
    assert_eq!(
        from_str::<Raw<'_>>(text).ok().map(Raw::get),
        theirs.then(|| text.trim_matches([' ', '\n', '\t', '\r'])),
        "{text:?}"
    );
    assert_eq!(from_str::<Value>(text).ok(), serde_json::from_str::<Value>(text).ok(), "{text:?}");
}

#[test]
fn what_is_json_and_what_is_not() {
    let texts = [
        "",
        " ",
        "null",
        "nul",
        "nulll",
        "true",
        "[false]",
        "{}",
        "{ }",
        "[ ]",
        "[,]",
        "[1,]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\" : 1 , \"b\":[ ]}",
        "{a:1}",
        "{1:1}",
        "0",
        "-0",
        "-",
        "01",
        "1.",
        "1.5",
        ".5",
        "1e3",
        "1E+2",
        "1e",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "1e999",
        "+1",
        "0x1",
        "\"",
        "\"\\\"",
        "\"a\\\"b\"",
        "\"\\u00e9\\n\\/\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\x\"",
        "\"\u{1}\"",
        "\"tab\t\"",
        "\"é\u{7f}\"",
        "[1]x",
        "[1]  ",
        "\u{a0}1",
        "{\"a\":1,\"a\":2}",
        "[[[]]]",
        "{\"\\u0061\":1}",
        "\"\\ud83d\\ud83d\\ude00\"",
    ];
    texts.into_iter().for_each(same);
    for depth in [DEEPEST, DEEPEST + 1, 100_000] {
        let nested = format!("{}{}", "[".repeat(depth as usize), "]".repeat(depth as usize));
        same(&nested);
        same(&format!("{{\"a\":{nested}}}"));
        same(&"{\"a\":".repeat(depth as usize));
    }
    for mixed in
        ["[{\"a\":[]},{}]", "[{]}", "{\"a\":[1,{\"b\":2}],\"c\":[[]]}", "[1,]", "{\"a\":{},}", "[{\"a\":1 \"b\":2}]", "[[1][2]]"]
    {
        same(mixed);
    }
}

#[test]
fn shapes() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct Shape<'a> {
        #[serde(borrow)]
        text: Option<Text<'a>>,
        #[serde(borrow)]
        raw: Option<Raw<'a>>,
        #[serde(default)]
        count: u32,
        items: Option<Vec<String>>,
    }
    let shape: Shape<'_> =
        from_str(r#"{"more":[{"x":null}],"text":"plain","raw": {"a" : 1} ,"count":7,"items":["x","\n"]}"#).expect("it fits");
    assert!(matches!(&shape.text, Some(Text(Cow::Borrowed("plain")))));
    assert_eq!((shape.raw.map(Raw::get), shape.count), (Some("{\"a\" : 1}"), 7));
    assert_eq!(shape.items, Some(vec!["x".to_owned(), "\n".to_owned()]));
    let none: Shape<'_> = from_str(r#"{"raw":null,"text":null}"#).expect("it fits");
    assert_eq!((none.raw, none.text, none.count), (None, None, 0));
    for (text, why) in [
        ("{\"count\":\"7\"}", "invalid type: string \"7\", expected u32"),
        ("{\"count\":-1}", "invalid value: integer `-1`, expected u32"),
        ("{\"text\":[]}", "invalid type: sequence, expected a string"),
        ("{\"count\":1,\"count\":2}", "duplicate field `count`"),
        ("{\"count\" 1}", "no JSON: ':' is missing at byte 9"),
    ] {
        assert_eq!(from_str::<Shape<'_>>(text).expect_err("no shape").to_string(), why);
    }
    let first = |text| from_str::<First<u8>>(text).ok();
    assert_eq!(
        [first("[]"), first("[1]"), first("[1,\"x\", [2]]")],
        [Some(First(None)), Some(First(Some(1))), Some(First(Some(1)))]
    );
    assert_eq!([first("[\"x\",1]"), first("1"), first("[1")], [None, None, None]);
    assert_eq!(from_str::<(u8, u8)>("[1,2]"), Ok((1, 2)));
    assert!(from_str::<(u8, u8)>("[1,2,3]").is_err());
}

proptest! {
    #[test]
    fn any_text_is_taken_as_serde_json_takes_it(text in "[\\[\\]{}\":, \\\\untrfalse0-9.eE+-]{0,24}|\\PC{0,12}") {
        same(&text);
    }

    #[test]
    fn any_value_is_what_serde_json_reads(value in value(), at in any::<prop::sample::Index>()) {
        let text = serde_json::to_string_pretty(&value).expect("a value");
        same(&text);
        let cut = (0..=at.index(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        same(&text[..cut]);
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "\\PC{0,8}|[\"\\\\\n\u{1}é😀]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-c\"\n]{0,3}", inner), 0..5).prop_map(|items| Value::Object(items.into_iter().collect())),
        ]
    })
}
