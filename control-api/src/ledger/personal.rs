//! What an event says of a person in words, as salted commitments: the ledger holds `sha256:HEX` of salt and value, and both lie
//! beside it, where they can be erased while every proof holds. Ids of users are pseudonyms and stay. Pure. An event with such
//! commitments is of version 2; one of version 1 has its words in clear.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::event::Event;

/// Version of an event with commitments.
pub const SEALED_VERSION: u16 = 2;
/// Fields that hold what a person wrote or is, wherever they stand in an event.
const FIELDS: [&str; 14] = [
    "reason",
    "narrative",
    "opinion",
    "remark",
    "remarks",
    "principal",
    "contact",
    "responsible_person",
    "recipient",
    "phone",
    "staff_no",
    "full_name",
    "signatory",
    "trainer",
];
/// Fields that are personal in some rows only: a user's name is, a camera's is not.
const FIELDS_OF: [(&str, &str); 5] = [
    ("user/", "name"),
    ("duty-logs/", "text"),
    ("findings/", "what"),
    ("incidents/", "what"),
    ("emergencies/", "what"),
];
/// What a commitment begins with.
const MARK: &str = "sha256:";
/// Bytes of a salt: nobody finds a name by trying all names.
pub const SALT_BYTES: usize = 16;

/// A commitment with what it commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// `sha256:HEX`, as it stands on the ledger.
    pub commitment: String,
    /// The salt.
    pub salt: [u8; SALT_BYTES],
    /// The words.
    pub value: String,
}

/// The commitment to a value.
pub fn commitment(salt: &[u8; SALT_BYTES], value: &str) -> String {
    format!("{MARK}{}", hex::encode(Sha256::new_with_prefix(salt).chain_update(value).finalize()))
}

/// The hex of a commitment; none if the text is none.
pub fn digest_of(text: &str) -> Option<&str> {
    let hex = text.strip_prefix(MARK)?;
    (hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))).then_some(hex)
}

/// The event with commitments in place of what is personal, and what opens them. An event without anything personal stays as it is.
pub fn seal<E>(
    event: &Event,
    mut salt: impl FnMut() -> Result<[u8; SALT_BYTES], E>,
) -> Result<(Event, Vec<Opening>), E> {
    let mut value = serde_json::to_value(event).expect("text keys and plain values always make JSON");
    // The order of salts, for tests: it does not depend on how the event was put together.
    value.sort_all_objects();
    let mut openings = Vec::new();
    for_each(&mut value, &mut |_, text| {
        let salt = salt()?;
        let opening = Opening { commitment: commitment(&salt, text), salt, value: std::mem::take(text) };
        text.clone_from(&opening.commitment);
        openings.push(opening);
        Ok(())
    })?;
    if openings.is_empty() {
        return Ok((event.clone(), openings));
    }
    let mut sealed: Event = serde_json::from_value(value).expect("a text in place of a text");
    sealed.v = SEALED_VERSION;
    Ok((sealed, openings))
}

/// Shows each personal text of an event's JSON, with the name of its field.
pub fn for_each<E>(event: &mut Value, visit: &mut impl FnMut(&str, &mut String) -> Result<(), E>) -> Result<(), E> {
    let object = event.get("object").and_then(Value::as_str).unwrap_or_default();
    let own = FIELDS_OF.iter().find(|(prefix, _)| object.starts_with(prefix)).map_or("", |(_, field)| *field);
    walk(event, own, visit)
}

fn walk<E>(value: &mut Value, own: &str, visit: &mut impl FnMut(&str, &mut String) -> Result<(), E>) -> Result<(), E> {
    match value {
        Value::Object(fields) => fields.iter_mut().try_for_each(|(name, value)| match value {
            Value::String(text) if !text.is_empty() && (FIELDS.contains(&name.as_str()) || name == own) => {
                visit(name, text)
            }
            other => walk(other, own, visit),
        }),
        Value::Array(items) => items.iter_mut().try_for_each(|item| walk(item, own, visit)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use media::wall::Wall;
    use serde_json::json;

    use super::*;
    use crate::ledger::{Actor, Kind};

    /// As a ledger of the first version has it, byte for byte.
    const VERSION_1: &str = concat!(
        r#"{"actor":{"unit":"gonganju","user":"u1"},"at":"2023-11-14T22:13:20.123456Z","#,
        r#""detail":{"usage":{"reason":"接警 2026-117","user":"u1"}},"kind":"session.opened","reason":"接警 2026-117","v":1}"#
    );
    /// The same as it is written today, with salts of the test's.
    const VERSION_2: &str = concat!(
        r#"{"actor":{"unit":"gonganju","user":"u1"},"at":"2023-11-14T22:13:20.123456Z","detail":{"usage":{"reason":"#,
        r#""sha256:eee6166712979a9904121707dfa8464c4e671f8b93330f11511bec7165cef15d","user":"u1"}},"#,
        r#""kind":"session.opened","reason":"sha256:14f4c2cc4cd03731020af0120ef4145401aa937273b1b8e1c5dfaf3dd569016e","v":2}"#
    );

    fn event() -> Event {
        Event::new(Kind::SESSION_OPENED, Wall::from_micros(1_700_000_000_123_456))
            .actor(Actor { user: "u1".into(), unit: Some("gonganju".into()), role: None })
            .reason("接警 2026-117")
            .with("usage", json!({"user": "u1", "reason": "接警 2026-117"}))
    }

    fn sealed(event: &Event) -> (Event, Vec<Opening>) {
        let mut turn = 0;
        seal(event, || {
            turn += 1;
            Ok::<_, Infallible>([turn; SALT_BYTES])
        })
        .unwrap()
    }

    #[test]
    fn words_are_committed_to_and_ids_stay() {
        assert_eq!(event().canonical(), VERSION_1.as_bytes());
        let (sealed, openings) = sealed(&event());
        let text = String::from_utf8(sealed.canonical()).unwrap();
        assert!(!text.contains("接警") && text.contains("gonganju") && text.contains(r#""v":2"#), "{text}");
        assert_eq!(text, VERSION_2);
        assert_eq!(openings.len(), 2);
        for opening in &openings {
            assert_eq!(opening.value, "接警 2026-117");
            assert_eq!(opening.commitment, commitment(&opening.salt, &opening.value));
            assert!(text.contains(digest_of(&opening.commitment).unwrap()));
        }
        assert_ne!(openings[0].commitment, openings[1].commitment, "a salt each: equal words do not show");
    }

    #[test]
    fn a_name_is_personal_where_it_is_a_persons() {
        let named = |object: &str| {
            Event::new(Kind::REGISTER_CHANGED, Wall::EPOCH).object(object).with("after", json!({"name": "韩梅梅"}))
        };
        assert_eq!(sealed(&named("user/u1")).1.len(), 1);
        assert!(sealed(&named("camera/c1")).1.is_empty(), "a camera's name is no person's");
        let plain = named("camera/c1");
        assert_eq!(sealed(&plain).0, plain, "and the event stays of version 1");
    }

    #[test]
    fn only_commitments_are_commitments() {
        assert!(digest_of(&commitment(&[0; SALT_BYTES], "")).is_some());
        for text in ["sha256:", "sha256:00", &"0".repeat(71), &format!("sha256:{}", "G".repeat(64))] {
            assert!(digest_of(text).is_none(), "{text}");
        }
    }
}
