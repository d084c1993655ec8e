//! By which a worker holds a task.

use std::fmt;
use std::str::FromStr;

/// No two claims have the same one: claims are numbered, and a database that is new or restored has
/// another epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    pub epoch: String,
    pub claim: i64,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.claim)
    }
}

impl FromStr for Token {
    type Err = ();

    fn from_str(text: &str) -> Result<Token, ()> {
        let (epoch, claim) = text.split_once('-').ok_or(())?;
        let is_epoch = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_hexdigit());
        let claim = claim.parse().map_err(drop)?;
        match is_epoch && claim > 0 {
            true => Ok(Token {
                epoch: epoch.to_owned(),
                claim,
            }),
            false => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_as_it_is_written() {
        let token: Token = "a1b2-17".parse().unwrap();
        assert_eq!((token.epoch.as_str(), token.claim), ("a1b2", 17));
        assert_eq!(token.to_string(), "a1b2-17");
        for other in [
            "", "a1b2", "a1b2-", "-17", "a1b2-0", "a1b2--1", "zz-1", "a1b2-1-2",
        ] {
            assert_eq!(other.parse::<Token>(), Err(()), "{other}");
        }
    }
}
