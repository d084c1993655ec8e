//! What is drawn at random: the text of a key, its id, and tickets.

use super::error::Error;

/// Identifies a key for people and for scanners of secrets.
const KEY_PREFIX: &str = "ap_";
const SECRET_BYTES: usize = 32;
const ID_BYTES: usize = 4;
const TICKET_BYTES: usize = 32;

/// A new key's text, `ap_` and 64 hexadecimal digits.
pub fn new_secret() -> Result<String, Error> {
    Ok(format!("{KEY_PREFIX}{}", random_hex::<SECRET_BYTES>()?))
}

pub fn new_id() -> Result<String, Error> {
    random_hex::<ID_BYTES>()
}

pub fn new_ticket() -> Result<String, Error> {
    random_hex::<TICKET_BYTES>()
}

fn random_hex<const BYTES: usize>() -> Result<String, Error> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Error::NoRandom(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::super::key::Digest;
    use super::*;

    #[test]
    fn a_secret_is_256_bits_and_new_each_time() {
        let (one, other) = (new_secret().unwrap(), new_secret().unwrap());
        let digits = one.strip_prefix("ap_").unwrap();
        assert_eq!(digits.len() * 4, 256);
        assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one, other);
        assert!(Digest::of(&one).equals(&Digest::of(&one)));
        assert!(!Digest::of(&one).equals(&Digest::of(&other)));
    }
}
