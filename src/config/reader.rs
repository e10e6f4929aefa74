//! Reads a TOML tree that knows the place of every value, key by key, and collects each fault with its line. A key that
//! nobody asked for is a fault too. Nothing here knows which keys there are; `config.rs` does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::fault::Fault;
use super::nearest::nearest;
use super::quantity;
use super::shown::Shown;

type Value<'t> = Spanned<DeValue<'t>>;

/// A file being read: its tree, and what was found wrong so far.
pub(super) struct Document<'t> {
    text: &'t str,
    folder: PathBuf,
    tree: Spanned<DeTable<'t>>,
    sections: Vec<&'static str>,
    /// Every `section.key` that was asked for, with the line of its value where the file has one.
    pub(super) asked: BTreeMap<String, Option<usize>>,
    /// What each of them says, for people to look at.
    pub(super) shown: Shown,
    /// What is wrong.
    pub(super) faults: Vec<Fault>,
}

impl<'t> Document<'t> {
    /// Parses `text`. Relative paths in it are taken from `folder`. Faults of syntax are collected like all others.
    pub(super) fn parse(text: &'t str, folder: &Path) -> Self {
        let (tree, errors) = DeTable::parse_recoverable(text);
        let fault = |error: toml::de::Error| Fault {
            line: error.span().map(|span| line_of(text, &span)),
            key: String::new(),
            what: format!("not TOML: {}", error.message().trim_end()),
            remedy: "write `key = value` lines under `[section]` lines".into(),
        };
        Self {
            text,
            folder: folder.to_owned(),
            tree,
            sections: Vec::new(),
            asked: BTreeMap::new(),
            shown: Shown::default(),
            faults: errors.into_iter().map(fault).collect(),
        }
    }

    /// Reads the section `[name]` with `read`, then reports what `read` did not ask for.
    pub(super) fn section<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Section<'_, 't>) -> T) -> T {
        self.sections.push(name);
        let place = self.tree.get_ref().iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value.clone());
        if let Some(value) = place.as_ref().filter(|value| !value.get_ref().is_table()) {
            self.faults.push(Fault {
                line: Some(line_of(self.text, &value.span())),
                key: name.into(),
                what: "is a value and should be a section".into(),
                remedy: format!("write [{name}] on a line of its own and the keys below it"),
            });
        }
        let mut section = Section { name, place, known: Vec::new(), document: self };
        let out = read(&mut section);
        section.report_unknown();
        out
    }

    /// Reports sections that nobody asked for. To be called when all are read.
    pub(super) fn finish(&mut self) {
        let unknown: Vec<Fault> =
            self.tree.get_ref().iter().filter_map(|(key, value)| self.unknown(key, value)).collect();
        self.faults.extend(unknown);
    }

    fn unknown(&self, key: &Spanned<DeString<'t>>, value: &Value<'t>) -> Option<Fault> {
        let name: &str = key.get_ref();
        if self.sections.contains(&name) {
            return None;
        }
        let near = nearest(name, self.sections.iter().copied());
        let (what, remedy) = match near {
            _ if !value.get_ref().is_table() => {
                ("stands outside of a section", "put it below its [section] line".into())
            }
            Some(near) => ("unknown section", format!("did you mean [{near}]?")),
            None => ("unknown section", format!("the sections are {}", self.sections.join(", "))),
        };
        let line = Some(line_of(self.text, &key.span()));
        Some(Fault { line, key: name.into(), what: what.into(), remedy })
    }
}

/// One `[section]` being read. Each method reads one key, or hands back the default given to it.
pub(super) struct Section<'d, 't> {
    name: &'static str,
    place: Option<Value<'t>>,
    known: Vec<&'static str>,
    document: &'d mut Document<'t>,
}

impl<'t> Section<'_, 't> {
    /// An address with its port, such as `"0.0.0.0:8080"`.
    pub(super) fn address(&mut self, key: &'static str, default: SocketAddr) -> SocketAddr {
        let read = self.text_as(key, "an address and a port such as \"0.0.0.0:8080\"", |text| text.parse().ok());
        read.unwrap_or_else(|| self.default(key, default, &format!("\"{default}\"")))
    }

    /// One address or a list of them.
    pub(super) fn addresses(&mut self, key: &'static str, default: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let wanted = "a list of addresses with ports such as [\"0.0.0.0:8554\", \"[::]:8554\"]";
        let one = |value: &DeValue<'_>| value.as_str().and_then(|text| text.parse::<SocketAddr>().ok());
        let read = self.read(key, wanted, |value| {
            let list = value.as_array()?;
            let parsed: Option<Vec<_>> = list.iter().map(|item| one(item.get_ref())).collect();
            parsed.filter(|list| !list.is_empty())
        });
        read.unwrap_or_else(|| {
            let text: Vec<String> = default.iter().map(SocketAddr::to_string).collect();
            if text.is_empty() {
                return default;
            }
            self.default(key, default, &format!("{text:?}"))
        })
    }

    /// A duration such as `"10s"` within `allowed`.
    pub(super) fn duration(
        &mut self,
        key: &'static str,
        default: Duration,
        allowed: RangeInclusive<Duration>,
    ) -> Duration {
        let show = quantity::show_duration;
        let wanted = format!(
            "a duration such as \"{}\", from {} to {}",
            show(default),
            show(*allowed.start()),
            show(*allowed.end())
        );
        let read = self.text_as(key, &wanted, |text| quantity::duration(text).filter(|d| allowed.contains(d)));
        read.unwrap_or_else(|| self.default(key, default, &format!("\"{}\"", show(default))))
    }

    /// A size such as `"64MiB"` within `allowed`, in bytes.
    pub(super) fn size_bytes(&mut self, key: &'static str, default: u64, allowed: RangeInclusive<u64>) -> u64 {
        let show = quantity::show_size;
        let wanted = format!(
            "a size such as \"{}\", from {} to {}",
            show(default),
            show(*allowed.start()),
            show(*allowed.end())
        );
        let read = self.text_as(key, &wanted, |text| quantity::size_bytes(text).filter(|b| allowed.contains(b)));
        read.unwrap_or_else(|| self.default(key, default, &format!("\"{}\"", show(default))))
    }

    /// A size as above, without a default.
    pub(super) fn size_bytes_optional(&mut self, key: &'static str, allowed: RangeInclusive<u64>) -> Option<u64> {
        let show = quantity::show_size;
        let wanted = format!("a size such as \"500GiB\", from {} to {}", show(*allowed.start()), show(*allowed.end()));
        self.text_as(key, &wanted, |text| quantity::size_bytes(text).filter(|b| allowed.contains(b)))
    }

    /// A whole number within `allowed`.
    pub(super) fn count(&mut self, key: &'static str, default: usize, allowed: RangeInclusive<usize>) -> usize {
        let read = self.count_optional(key, allowed);
        read.unwrap_or_else(|| self.default(key, default, &default.to_string()))
    }

    /// A whole number as above, without a default.
    pub(super) fn count_optional(&mut self, key: &'static str, allowed: RangeInclusive<usize>) -> Option<usize> {
        let wanted = format!("a whole number from {} to {}", allowed.start(), allowed.end());
        self.read(key, &wanted, |value| {
            let number = value.as_integer()?;
            usize::from_str_radix(number.as_str(), number.radix()).ok().filter(|n| allowed.contains(n))
        })
    }

    /// `true` or `false`, without quotes.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let read = self.read(key, "true or false, without quotes", DeValue::as_bool);
        read.unwrap_or_else(|| self.default(key, default, &default.to_string()))
    }

    /// A path. A relative one is taken from the folder of the configuration file.
    pub(super) fn path(&mut self, key: &'static str, default: &Path) -> PathBuf {
        let read = self.path_optional(key);
        read.unwrap_or_else(|| {
            let path = self.document.folder.join(default);
            let text = format!("{:?}", path.display().to_string());
            self.default(key, path, &text)
        })
    }

    /// A path as above, without a default.
    pub(super) fn path_optional(&mut self, key: &'static str) -> Option<PathBuf> {
        let read = self.text_as(key, "a path", |text| (!text.is_empty()).then(|| PathBuf::from(text)));
        read.map(|path| self.document.folder.join(path))
    }

    /// A path, or a list of paths.
    pub(super) fn paths(&mut self, key: &'static str, default: &Path) -> Vec<PathBuf> {
        let one = |value: &DeValue<'_>| value.as_str().filter(|text| !text.is_empty()).map(PathBuf::from);
        let read = self.read(key, "a path, or a list of paths", |value| match value.as_array() {
            Some(list) => {
                list.iter().map(|item| one(item.get_ref())).collect::<Option<Vec<_>>>().filter(|l| !l.is_empty())
            }
            None => one(value).map(|path| vec![path]),
        });
        let text = format!("{:?}", default.display().to_string());
        let paths = read.unwrap_or_else(|| self.default(key, vec![default.to_owned()], &text));
        paths.iter().map(|path| self.document.folder.join(path)).collect()
    }

    /// A list of hosts, each with or without a port; none where the key is absent.
    pub(super) fn hosts(&mut self, key: &'static str) -> Vec<String> {
        let wanted = "a list of hosts such as [\"hooks.example\", \"10.1.2.3:8080\"]";
        let plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
        let host = |text: &str| (!text.is_empty() && text.chars().all(plain)).then(|| text.to_lowercase());
        self.texts(key, wanted, host)
    }

    /// A list of texts, each read by `one`; none where the key is absent.
    pub(super) fn texts<T>(&mut self, key: &'static str, wanted: &str, one: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let item = |value: &DeValue<'_>| value.as_str().and_then(&one);
        let read = self.read(key, wanted, |value| value.as_array()?.iter().map(|one| item(one.get_ref())).collect());
        read.unwrap_or_else(|| self.default(key, Vec::new(), "[]"))
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy + PartialEq>(&mut self, key: &'static str, default: T, words: &[(&str, T)]) -> T {
        let list: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let wanted = format!("one of {}", list.join(", "));
        let read =
            self.text_as(key, &wanted, |text| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value));
        read.unwrap_or_else(|| {
            let word = words.iter().find(|(_, value)| *value == default).map_or("", |(word, _)| word);
            self.default(key, default, &format!("\"{word}\""))
        })
    }

    /// Text that `parse` makes something of; `wanted` says what it should be. None where the key is absent or wrong.
    pub(super) fn text_as<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.read(key, wanted, |value| value.as_str().and_then(parse))
    }

    /// The default, which is then what is in force; `text` is how the file would write it.
    pub(super) fn default<T>(&mut self, key: &str, default: T, text: &str) -> T {
        self.document.shown.set(&format!("{}.{key}", self.name), text);
        default
    }

    /// Adds a fault that concerns this key, such as one that only shows beside another key.
    pub(super) fn refuse(&mut self, key: &'static str, what: &str, remedy: &str) {
        let key = format!("{}.{key}", self.name);
        let line = self.document.asked.get(&key).copied().flatten();
        self.document.faults.push(Fault { line, key, what: what.into(), remedy: remedy.into() });
    }

    fn read<T>(&mut self, key: &'static str, wanted: &str, parse: impl FnOnce(&DeValue<'t>) -> Option<T>) -> Option<T> {
        self.known.push(key);
        let value = self.find(key);
        let line = value.as_ref().map(|value| line_of(self.document.text, &value.span()));
        self.document.asked.insert(format!("{}.{key}", self.name), line);
        let value = value?;
        let text = self.document.text.get(value.span()).unwrap_or_default();
        self.document.shown.set(&format!("{}.{key}", self.name), text);
        let parsed = parse(value.get_ref());
        if parsed.is_none() {
            self.refuse(key, &format!("{} does not fit", excerpt(value.get_ref())), &format!("give {wanted}"));
        }
        parsed
    }

    fn find(&self, key: &str) -> Option<Value<'t>> {
        let table = self.place.as_ref()?.get_ref().as_table()?;
        table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value.clone())
    }

    fn report_unknown(&mut self) {
        let Some(table) = self.place.as_ref().and_then(|place| place.get_ref().as_table()) else { return };
        let unknown: Vec<_> =
            table.keys().filter(|key| !self.known.iter().any(|known| key.get_ref() == known)).collect();
        let faults: Vec<Fault> = unknown.into_iter().map(|key| self.unknown(key.get_ref(), &key.span())).collect();
        self.document.faults.extend(faults);
    }

    fn unknown(&self, key: &str, span: &Range<usize>) -> Fault {
        let remedy = nearest(key, self.known.iter().copied()).map_or_else(
            || format!("[{}] knows {}", self.name, self.known.join(", ")),
            |near| format!("did you mean {near}?"),
        );
        Fault {
            line: Some(line_of(self.document.text, span)),
            key: format!("{}.{key}", self.name),
            what: "unknown key".into(),
            remedy,
        }
    }
}

/// The value as a message may show it: short, one line, and only its kind where it is no plain value.
fn excerpt(value: &DeValue<'_>) -> String {
    /// Enough to recognise a value, and too short to give away a key that was put in the wrong place.
    const CHARACTERS_MAX: usize = 40;
    match value {
        DeValue::String(text) if text.chars().count() <= CHARACTERS_MAX => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::String(_) => "a text this long".into(),
        DeValue::Datetime(_) => "a date".into(),
        DeValue::Array(_) => "this list".into(),
        DeValue::Table(_) => "a section".into(),
    }
}

/// Line of a span's beginning, from 1.
fn line_of(text: &str, span: &Range<usize>) -> usize {
    1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count()
}
