//! Ids of accounts in what providers say, and taking them out of what is recorded.
//!
//! Invariants
//! - Only whole JSON string values of known names, and ids in the providers' own spellings, are replaced; text that a model
//!   wrote stands in a string of its own, with its quotes escaped, and is not touched.

/// What stands in place of an id.
const PLACEHOLDER: &str = "[account]";

/// JSON fields whose value says who is asking.
const FIELDS: [&str; 14] = [
    "account_id",
    "account_uuid",
    "accountId",
    "organization",
    "organization_id",
    "organization_uuid",
    "organizationId",
    "org_id",
    "project_id",
    "project_number",
    "projectId",
    "user_id",
    "userId",
    "user_email",
];

/// Spellings: what an id begins with, how many characters follow at least, and whether these are digits only.
const SPELLINGS: [(&str, usize, bool); 6] = [
    ("org-", 16, false),
    ("proj_", 16, false),
    ("user-", 16, false),
    ("acct_", 16, false),
    ("projects/", 6, true),
    ("project_number:", 6, true),
];

/// The bytes without ids of accounts; nothing when there is none.
pub(super) fn without_accounts(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut done = 0;
    let mut at = 0;
    while at < bytes.len() {
        let found = field(bytes, at).or_else(|| spelled(bytes, at));
        let Some((from, to)) = found.filter(|(from, to)| &bytes[*from..*to] != PLACEHOLDER.as_bytes()) else {
            at += 1;
            continue;
        };
        out.extend_from_slice(&bytes[done..from]);
        out.extend_from_slice(PLACEHOLDER.as_bytes());
        (done, at) = (to, to);
    }
    (done > 0).then(|| {
        out.extend_from_slice(&bytes[done..]);
        out
    })
}

/// The value of a field that begins here, without its quotes.
fn field(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let rest = bytes[at..].strip_prefix(b"\"")?;
    // A quote that is escaped is inside a string.
    if at > 0 && bytes[at - 1] == b'\\' {
        return None;
    }
    let name = FIELDS.iter().find(|name| rest.starts_with(name.as_bytes()) && rest.get(name.len()) == Some(&b'"'))?;
    let mut from = at + 1 + name.len() + 1;
    let blank = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_whitespace);
    while blank(from) {
        from += 1;
    }
    if bytes.get(from) != Some(&b':') {
        return None;
    }
    from += 1;
    while blank(from) {
        from += 1;
    }
    if bytes.get(from) != Some(&b'"') {
        return None;
    }
    from += 1;
    let mut to = from;
    loop {
        match bytes.get(to)? {
            b'"' => break,
            b'\\' => to += 2,
            _ => to += 1,
        }
    }
    (to > from).then_some((from, to))
}

/// An id in a provider's own spelling that begins here.
fn spelled(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let inside_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || matches!(bytes[at - 1], b'-' | b'_'));
    if inside_word {
        return None;
    }
    let (begins, least, digits) = SPELLINGS.iter().find(|(begins, ..)| bytes[at..].starts_with(begins.as_bytes()))?;
    let from = at + begins.len();
    let part = |b: &&u8| if *digits { b.is_ascii_digit() } else { b.is_ascii_alphanumeric() };
    let length = bytes[from..].iter().take_while(part).count();
    let whole = !bytes.get(from + length).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let from = if *digits { from } else { at };
    (length >= *least && whole).then_some((from, at + begins.len() + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        without_accounts(text.as_bytes()).map_or_else(|| text.to_owned(), |b| String::from_utf8(b).expect("text"))
    }

    #[test]
    fn ids_go_and_their_names_stay() {
        assert_eq!(clean(r#"{"organization_id" : "abc-123","id":"msg_1"}"#), r#"{"organization_id" : "[account]","id":"msg_1"}"#);
        assert_eq!(
            clean("data: {\"user_id\":\"a\\\"b\",\"text\":\"x\"}\n\ndata: {\"user_id\":\"c\"}\n"),
            "data: {\"user_id\":\"[account]\",\"text\":\"x\"}\n\ndata: {\"user_id\":\"[account]\"}\n"
        );
        assert_eq!(
            clean("Rate limit reached for gpt-5 in organization org-AbCdEfGhIjKlMnOpQrStUvWx on tokens"),
            "Rate limit reached for gpt-5 in organization [account] on tokens"
        );
        assert_eq!(clean("consumer projects/123456789012, quota"), "consumer projects/[account], quota");
    }

    #[test]
    fn what_a_model_wrote_stays() {
        for text in [
            r#"{"text":"say \"user_id\": \"7\" and org-chart and projects/12"}"#,
            r#"{"user_id":7,"account_id":null,"organization":""}"#,
            "my-org-AbCdEfGhIjKlMnOpQrStUvWx",
            "org-AbCdEfGhIjKlMnOpQrStUvWx_more",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn doing_it_twice_changes_nothing(text in "(\"user_id\":|\"[a-z]{0,3}\"|org-[a-zA-Z]{14,18}|projects/[0-9]{5,7}|[ \\\\{},]){0,12}") {
            let once = clean(&text);
            proptest::prop_assert_eq!(clean(&once), once);
        }

        #[test]
        fn any_bytes_can_be_looked_through(bytes: Vec<u8>) {
            let _ = without_accounts(&bytes);
        }
    }
}
