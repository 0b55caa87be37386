//! The raw values of the settings. A refusal of a value is a sentence that names the setting.

use std::{collections::HashMap, str::FromStr, time::Duration};

use super::settings::SETTINGS;

/// The values as the operator gave them, before they are parsed.
pub(super) struct RawSettings {
    /// The values of the configuration file, by setting in lower case.
    pub file: toml::Table,
    /// The environment variables.
    pub environment: HashMap<String, String>,
}

impl RawSettings {
    /// Returns the text of a setting and its source.
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

    /// Parses a setting with `understand`. The refusal names the setting and its source, and hides secret values.
    pub fn read<T>(&self, name: &str, understand: impl FnOnce(&str) -> Result<T, String>) -> anyhow::Result<T> {
        let (text, source) = self.text(name);
        let shown = if ["SECRET", "SEALING", "URL", "TOKEN"].iter().any(|word| name.contains(word))
            && !name.ends_with("_LIFETIME")
        {
            "its value"
        } else {
            text.as_str()
        };
        understand(text.trim()).map_err(|why| anyhow::anyhow!("{name} ({source}) is refused: {shown} {why}"))
    }

    /// Parses a setting with `FromStr`. `expected` describes a valid value.
    pub fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> anyhow::Result<T> {
        self.read(name, |text| text.parse().map_err(|_| format!("is not {expected}")))
    }

    /// Parses a whole number from `least` to `most`.
    pub fn number(&self, name: &str, least: u64, most: u64) -> anyhow::Result<u64> {
        self.read(name, |text| match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(format!("is not a whole number from {least} to {most}")),
        })
    }

    /// Reads a whole number within bounds, as any type of whole number.
    pub fn count<T: TryFrom<u64>>(&self, name: &str, least: u64, most: u64) -> anyhow::Result<T> {
        T::try_from(self.number(name, least, most)?).map_err(|_| anyhow::anyhow!("{name} is refused: it is too large"))
    }

    /// Parses a duration from `least` to `most`.
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

    /// Parses `true` or `false`. A missing value is `default`.
    pub fn flag(&self, name: &str, default: bool) -> anyhow::Result<bool> {
        self.read(name, |text| match text {
            "" => Ok(default),
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("is neither true nor false".to_owned()),
        })
    }
}
