//! The version of a client: three numbers.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ClientVersion([u32; 3]);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version of the form 2.1.329")]
pub struct BadVersion(String);

impl FromStr for ClientVersion {
    type Err = BadVersion;

    fn from_str(text: &str) -> Result<ClientVersion, BadVersion> {
        let wrong = || BadVersion(text.to_owned());
        let numbers: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        let numbers = numbers.map_err(|_| wrong())?;
        numbers.try_into().map(ClientVersion).map_err(|_| wrong())
    }
}

impl TryFrom<String> for ClientVersion {
    type Error = BadVersion;

    fn try_from(text: String) -> Result<ClientVersion, BadVersion> {
        text.parse()
    }
}

impl fmt::Display for ClientVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}
