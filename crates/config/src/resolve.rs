//! From a raw value to a setting: its type, its bounds, its default, one call a key.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::ConfigError;
use super::raw::{Entry, RawSettings, RawValue};
use super::setting::{Setting, Source};
use super::unit::{parse_duration, parse_size, show_duration, show_size};

/// Long enough for any list a person keeps by hand.
const LIST_MAX: usize = 64;

/// The key of a setting, and whether a reload changes it. Any other needs a restart.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    name: &'a str,
    is_reloaded: bool,
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(name: &'a str) -> Key<'a> {
        Key {
            name,
            is_reloaded: false,
        }
    }
}

/// The key of a setting that a reload changes.
pub(super) fn reloaded(name: &str) -> Key<'_> {
    Key {
        name,
        is_reloaded: true,
    }
}

/// Reads settings one by one, and remembers each for `describe`.
pub(super) struct Resolver {
    raw: RawSettings,
    home: Option<PathBuf>,
    described: Vec<Setting>,
}

impl Resolver {
    pub fn new(raw: RawSettings, home: Option<PathBuf>) -> Resolver {
        Resolver {
            raw,
            home,
            described: Vec::new(),
        }
    }

    pub fn duration<'a>(
        &mut self,
        key: impl Into<Key<'a>>,
        default: Duration,
        bounds: RangeInclusive<Duration>,
    ) -> Result<Duration, ConfigError> {
        let must = format!(
            "a duration with its unit, {}..={}",
            show_duration(*bounds.start()),
            show_duration(*bounds.end())
        );
        let parse = |raw: &RawValue| parse_duration(raw.text()?).filter(|d| bounds.contains(d));
        self.read(
            key,
            default,
            &must,
            |entry| parse(&entry.raw),
            |d| show_duration(*d),
        )
    }

    /// A size, in bytes.
    pub fn bytes<'a>(
        &mut self,
        key: impl Into<Key<'a>>,
        default: u64,
        bounds: RangeInclusive<u64>,
    ) -> Result<u64, ConfigError> {
        let (low, high) = (show_size(*bounds.start()), show_size(*bounds.end()));
        let must = format!("a size with its unit, {low}..={high}");
        let parse = |raw: &RawValue| parse_size(raw.text()?).filter(|size| bounds.contains(size));
        self.read(
            key,
            default,
            &must,
            |entry| parse(&entry.raw),
            |size| show_size(*size),
        )
    }

    /// A plain number.
    pub fn count<'a, N>(
        &mut self,
        key: impl Into<Key<'a>>,
        default: N,
        bounds: RangeInclusive<N>,
    ) -> Result<N, ConfigError>
    where
        N: Copy + Display + PartialOrd + TryFrom<u64>,
    {
        let must = format!("a whole number, {}..={}", bounds.start(), bounds.end());
        let parse = |raw: &RawValue| {
            N::try_from(raw.whole_number()?)
                .ok()
                .filter(|number| bounds.contains(number))
        };
        self.read(key, default, &must, |entry| parse(&entry.raw), N::to_string)
    }

    pub fn flag<'a>(
        &mut self,
        key: impl Into<Key<'a>>,
        default: bool,
    ) -> Result<bool, ConfigError> {
        let parse = |entry: &Entry| match &entry.raw {
            RawValue::Boolean(flag) => Some(*flag),
            RawValue::Word(text) => text.parse().ok(),
            _ => None,
        };
        self.read(key, default, "true or false", parse, bool::to_string)
    }

    /// Dollars, in millionths; absent they are 0.
    pub fn dollars<'a>(&mut self, key: impl Into<Key<'a>>, max: u32) -> Result<i64, ConfigError> {
        let parse = |entry: &Entry| {
            let dollars = match &entry.raw {
                RawValue::Integer(dollars) => *dollars as f64,
                RawValue::Float(dollars) => *dollars,
                RawValue::Word(text) => text.parse().ok()?,
                _ => return None,
            };
            let is_within = (0.0..=f64::from(max)).contains(&dollars);
            is_within.then(|| (dollars * 1e6).round() as i64)
        };
        let must = format!("a number of dollars, 0..={max}");
        let show = |micros: &i64| (*micros as f64 / 1e6).to_string();
        self.read(key, 0, &must, parse, show)
    }

    /// Whether anything is set below that name.
    pub fn has_below(&self, name: &str) -> bool {
        self.raw.has_below(name)
    }

    /// One of a few words.
    pub fn choice<'a, T: Copy>(
        &mut self,
        key: impl Into<Key<'a>>,
        default: (&'static str, T),
        choices: &[(&'static str, T)],
    ) -> Result<T, ConfigError> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let must = format!("one of {}", names.join(", "));
        let parse = |raw: &RawValue| {
            let text = raw.text()?;
            choices.iter().find(|(name, _)| *name == text).copied()
        };
        let show = |(name, _): &(&str, T)| name.to_string();
        Ok(self
            .read(key, default, &must, |entry| parse(&entry.raw), show)?
            .1)
    }

    /// Any text that `parse` accepts.
    pub fn text<'a, T>(
        &mut self,
        key: impl Into<Key<'a>>,
        default: T,
        must: &str,
        parse: impl Fn(&str) -> Option<T>,
        show: impl Fn(&T) -> String,
    ) -> Result<T, ConfigError> {
        self.read(key, default, must, |entry| parse(entry.raw.text()?), show)
    }

    /// A list of texts, in a variable separated by commas; absent it is empty.
    pub fn list<'a>(
        &mut self,
        key: impl Into<Key<'a>>,
        must: &str,
        parse: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<String>, ConfigError> {
        let must = format!("a list of at most {LIST_MAX}, each {must}");
        let parse = |raw: &RawValue| {
            let items = raw.items()?;
            (items.len() <= LIST_MAX).then(|| {
                items
                    .into_iter()
                    .map(&parse)
                    .collect::<Option<Vec<String>>>()
            })?
        };
        let show = |items: &Vec<String>| items.join(", ");
        self.read(key, Vec::new(), &must, |entry| parse(&entry.raw), show)
    }

    /// Paths; when there are none, the default places.
    pub fn paths<'a>(
        &mut self,
        key: impl Into<Key<'a>>,
        default: Vec<PathBuf>,
    ) -> Result<Vec<PathBuf>, ConfigError> {
        let home = self.home.clone();
        let parse = |text: &str| {
            let path = match text.strip_prefix("~/") {
                Some(rest) => home.as_ref()?.join(rest),
                None => PathBuf::from(text),
            };
            path.is_absolute().then(|| path.display().to_string())
        };
        let paths = self.list(key, "a path, absolute or below ~", parse)?;
        if !paths.is_empty() {
            return Ok(paths.into_iter().map(PathBuf::from).collect());
        }
        if let Some(setting) = self.described.last_mut() {
            let default = default.iter().map(|path| path.display().to_string());
            setting.value = default.collect::<Vec<_>>().join(", ");
        }
        Ok(default)
    }

    /// A path, or none when it is empty or absent.
    pub fn optional_path<'a>(
        &mut self,
        key: impl Into<Key<'a>>,
    ) -> Result<Option<PathBuf>, ConfigError> {
        let home = self.home.clone();
        let show = |path: &Option<PathBuf>| {
            path.as_deref()
                .map_or(String::new(), |path| path.display().to_string())
        };
        self.read(
            key,
            None,
            PATH_MUST,
            |entry| parse_path(entry, home.as_deref()),
            show,
        )
    }

    /// A path; when it is empty or absent, the default place.
    pub fn path<'a>(
        &mut self,
        key: impl Into<Key<'a>>,
        default: impl FnOnce() -> Result<PathBuf, ConfigError>,
    ) -> Result<PathBuf, ConfigError> {
        let path = match self.optional_path(key)? {
            Some(path) => path,
            None => default()?,
        };
        if let Some(setting) = self.described.last_mut() {
            setting.value = path.display().to_string();
        }
        Ok(path)
    }

    /// Every setting that was read; what was written but not read is unknown.
    pub fn finish(self) -> Result<Vec<Setting>, ConfigError> {
        let known = |section: &str| {
            self.described.iter().any(|setting| {
                let rest = setting.key.strip_prefix(section);
                rest.is_some_and(|rest| rest.starts_with('.'))
            })
        };
        self.raw.refuse_rest(known)?;
        Ok(self.described)
    }

    fn read<'a, T>(
        &mut self,
        key: impl Into<Key<'a>>,
        default: T,
        must: &str,
        parse: impl FnOnce(&Entry) -> Option<T>,
        show: impl FnOnce(&T) -> String,
    ) -> Result<T, ConfigError> {
        let Key { name, is_reloaded } = key.into();
        let (value, source) = match self.raw.take(name) {
            None => (default, Source::Default),
            Some(entry) => match parse(&entry) {
                Some(value) => (value, entry.source),
                None => {
                    return Err(ConfigError::new(
                        entry.place,
                        format!("{name} must be {must}"),
                    ));
                }
            },
        };
        self.described.push(Setting {
            key: name.to_owned(),
            value: show(&value),
            source,
            is_reloaded,
        });
        Ok(value)
    }
}

const PATH_MUST: &str = "an absolute path, or begin with ~/, without control characters";

/// In a file a relative path would depend on where the daemon was started; in a flag or a
/// variable that folder is what its writer sees.
fn parse_path(entry: &Entry, home: Option<&Path>) -> Option<Option<PathBuf>> {
    let text = entry.raw.text()?;
    // A path goes into the private server's configuration, where a line break would add a line.
    if text.contains(char::is_control) {
        return None;
    }
    if text.is_empty() {
        return Some(None);
    }
    let path = match text.strip_prefix("~/") {
        Some(rest) => home?.join(rest),
        None => PathBuf::from(text),
    };
    match (path.is_absolute(), entry.source) {
        (true, _) => Some(Some(path)),
        (false, Source::File) => None,
        (false, _) => std::path::absolute(path).ok().map(Some),
    }
}

impl RawValue {
    fn text(&self) -> Option<&str> {
        match self {
            RawValue::Text(text) | RawValue::Word(text) => Some(text),
            _ => None,
        }
    }

    fn whole_number(&self) -> Option<u64> {
        match self {
            RawValue::Integer(number) => u64::try_from(*number).ok(),
            RawValue::Word(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn items(&self) -> Option<Vec<&str>> {
        match self {
            RawValue::List(items) => Some(items.iter().map(String::as_str).collect()),
            RawValue::Word(text) if text.trim().is_empty() => Some(Vec::new()),
            RawValue::Word(text) => Some(text.split(',').map(str::trim).collect()),
            _ => None,
        }
    }
}
