//! The commands that the daemon needs, and whether its user of Redis may run them.

use super::error::Error;
use super::handle::{ALLOWED, Live, texts};

/// What is sent. HELLO and AUTH are open to everybody; INFO is asked for, and done without;
/// SELECT is only sent where the URL names a database.
const SENT: [&str; 8] = [
    "eval", "evalsha", "exists", "get", "ping", "scan", "scard", "zcount",
];
/// What scripts run besides: a user needs to be allowed that, too.
pub(super) const IN_SCRIPTS: [&str; 23] = [
    "del",
    "expireat",
    "hdel",
    "hgetall",
    "hmget",
    "hset",
    "lpush",
    "lrange",
    "lrem",
    "ltrim",
    "sadd",
    "set",
    "smembers",
    "srem",
    "type",
    "unlink",
    "zadd",
    "zmscore",
    "zrange",
    "zrem",
    "zremrangebyrank",
    "zremrangebyscore",
    "zscore",
];

/// In the words of ACL SETUSER.
pub(super) fn acl() -> impl Iterator<Item = String> {
    let names = SENT.into_iter().chain(IN_SCRIPTS);
    names.map(|name| format!("+{name}"))
}

impl Live {
    /// # Errors
    /// One that names all commands that its user may not run, if there are some.
    pub(super) async fn check_commands(&self) -> Result<(), Error> {
        let names = SENT.into_iter().chain(IN_SCRIPTS).map(str::to_owned);
        let answer = self.run(&ALLOWED, vec![self.cursor_name()], names);
        let refused: Vec<String> = match answer.await {
            Ok(refused) => texts(refused)?,
            Err(error) if error.is_denied() => {
                let all: Vec<String> = acl().collect();
                return Err(error.with(&self.must_allow(&all)));
            }
            Err(error) => return Err(error),
        };
        if refused.is_empty() {
            return Ok(());
        }
        let words: Vec<String> = refused.iter().map(|name| format!("+{name}")).collect();
        let names = refused.join(", ");
        let must = self.must_allow(&words);
        Err(Error::denied(format!("it may not run {names}; {must}")))
    }

    fn must_allow(&self, words: &[String]) -> String {
        let (keys, words) = (self.keys.glob(), words.join(" "));
        format!("its ACL must allow {words} on ~{keys}")
    }
}
