//! The values as they were given. Each is read with a sentence of refusal that names it.

use std::{collections::HashMap, str::FromStr, time::Duration};

use super::settings::SETTINGS;

/// The values as they were given, before they are understood.
pub(super) struct Given {
    pub file: toml::Table,
    pub environment: HashMap<String, String>,
}

impl Given {
    /// The text of a setting and where it came from.
    pub fn text(&self, name: &str) -> (String, &'static str) {
        if let Some(text) = self.environment.get(name) {
            return (text.clone(), "environment");
        }
        let key = name.trim_start_matches("RAPPORT_").to_lowercase();
        match self.file.get(&key) {
            Some(toml::Value::String(text)) => (text.clone(), "configuration file"),
            Some(other) => (other.to_string(), "configuration file"),
            None => {
                let setting = SETTINGS.iter().find(|setting| setting.name == name);
                (setting.map_or_else(String::new, |setting| setting.default.to_owned()), "default")
            }
        }
    }

    pub fn read<T>(&self, name: &str, understand: impl FnOnce(&str) -> Result<T, String>) -> anyhow::Result<T> {
        let (text, source) = self.text(name);
        let shown = if ["SECRET", "URL", "TOKEN"].iter().any(|word| name.contains(word)) && !name.ends_with("_LIFETIME")
        {
            "its value"
        } else {
            text.as_str()
        };
        understand(text.trim()).map_err(|why| anyhow::anyhow!("{name} ({source}) is refused: {shown} {why}"))
    }

    pub fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> anyhow::Result<T> {
        self.read(name, |text| text.parse().map_err(|_| format!("is not {expected}")))
    }

    pub fn number(&self, name: &str, least: u64, most: u64) -> anyhow::Result<u64> {
        self.read(name, |text| match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(format!("is not a whole number from {least} to {most}")),
        })
    }

    /// A number of things, as whatever whole number it is kept.
    pub fn count<T: TryFrom<u64>>(&self, name: &str, least: u64, most: u64) -> anyhow::Result<T> {
        T::try_from(self.number(name, least, most)?).map_err(|_| anyhow::anyhow!("{name} is refused: it is too large"))
    }

    pub fn duration(&self, name: &str, least: Duration, most: Duration) -> anyhow::Result<Duration> {
        self.read(name, |text| match humantime::parse_duration(text) {
            Ok(duration) if (least..=most).contains(&duration) => Ok(duration),
            _ => Err(format!(
                "is not a duration from {} to {}, such as 90s, 15m, 1h or 21d",
                humantime::format_duration(least),
                humantime::format_duration(most)
            )),
        })
    }

    pub fn flag(&self, name: &str, default: bool) -> anyhow::Result<bool> {
        self.read(name, |text| match text {
            "" => Ok(default),
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("is neither true nor false".to_owned()),
        })
    }
}
