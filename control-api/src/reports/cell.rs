//! One cell of a report: what it is for JSON, and what is printed of it in a language and the site's zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use media::wall::Wall;
use serde_json::Value;

use crate::stamp::Stamp;

/// The language of headings and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// The same in both languages. JSON has the English.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// Chinese.
    pub zh: &'static str,
    /// English.
    pub en: &'static str,
}

impl Words {
    /// In one of them.
    pub const fn in_(self, language: Language) -> &'static str {
        match language {
            Language::Zh => self.zh,
            Language::En => self.en,
        }
    }
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A text of the appliance's own or of somebody's.
    Text(String),
    /// A word of a fixed list.
    Word(Words),
    /// A whole number.
    Count(u64),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// An instant: RFC 3339 in UTC in JSON, the site's time in print.
    At(Wall),
    /// Something with an id and a name: JSON has the id, print has both.
    Named {
        /// The id.
        id: String,
        /// The name; empty where it is not known.
        name: String,
    },
    /// A list: whole in JSON, as a line in print.
    Nested(Value, String),
}

impl Cell {
    /// Of a text that may be absent.
    pub fn text(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Empty, |text| Self::Text(text.into()))
    }

    /// Of an instant that may be absent.
    pub fn at(at: Option<Wall>) -> Self {
        at.map_or(Self::Empty, Self::At)
    }

    /// As JSON.
    pub fn json(self) -> Value {
        match self {
            Self::Empty => Value::Null,
            Self::Text(text) => text.into(),
            Self::Word(words) => words.en.into(),
            Self::Count(count) => count.into(),
            Self::Number(number) => number.into(),
            Self::Flag(flag) => flag.into(),
            Self::At(at) => Stamp(at).to_string().into(),
            Self::Named { id, .. } => id.into(),
            Self::Nested(value, _) => value,
        }
    }

    /// As it is printed.
    pub fn print(&self, language: Language, zone: &TimeZone) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) | Self::Nested(_, text) => text.clone(),
            Self::Word(words) => words.in_(language).into(),
            Self::Count(count) => count.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => word(*flag).in_(language).into(),
            Self::At(at) => on_site(*at, zone),
            Self::Named { id, name } if name.is_empty() || name == id => id.clone(),
            Self::Named { id, name } => format!("{id} {name}"),
        }
    }
}

const fn word(flag: bool) -> Words {
    if flag { Words { zh: "是", en: "true" } } else { Words { zh: "否", en: "false" } }
}

/// `2026-03-02 10:00:00` in the site's zone, with the milliseconds where there are any.
pub(super) fn on_site(at: Wall, zone: &TimeZone) -> String {
    let Ok(instant) = Timestamp::from_microsecond(at.micros()) else { return Stamp(at).to_string() };
    let format = if at.micros() % 1_000_000 < 1_000 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S%.3f" };
    instant.to_zoned_datetime(zone.clone()).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_printed_on_site_time_and_a_name_with_its_id() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let at = |text: &str| Cell::At(text.parse::<Stamp>().unwrap().0);
        assert_eq!(at("2026-03-02T16:00:00Z").print(Language::Zh, &zone), "2026-03-03 00:00:00");
        assert_eq!(at("2026-03-02T16:00:00.250Z").print(Language::Zh, &zone), "2026-03-03 00:00:00.250");
        assert_eq!(at("2026-03-02T16:00:00Z").json(), "2026-03-02T16:00:00.000Z");
        let named = Cell::Named { id: "GA-1".into(), name: "打击犯罪".into() };
        assert_eq!(named.print(Language::En, &zone), "GA-1 打击犯罪");
        assert_eq!(Cell::Flag(true).print(Language::Zh, &zone), "是");
    }
}
