//! What is asked of the queue, and what it answers, in the words of the test.

#[derive(Clone, Debug, Default, PartialEq)]
pub struct New {
    pub to: String,
    pub of_type: String,
    pub priority: u8,
    pub parent: Option<i64>,
    pub needs: Vec<i64>,
    pub key: Option<String>,
    pub not_before: Option<i64>,
    pub max_retries: Option<i64>,
    pub lease: Option<i64>,
    pub timeout: Option<i64>,
    pub fails_with_needs: bool,
}

/// A token as the test knows it. Each restored copy is a generation of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Tok {
    pub generation: usize,
    pub task: i64,
    pub claim: i64,
}

#[derive(Clone, Debug)]
pub struct Asked {
    pub to: Vec<String>,
    pub worker: String,
    pub agent: Option<String>,
    pub types: Vec<String>,
    pub lease: Option<i64>,
    pub max: usize,
}

#[derive(Clone, Debug)]
pub enum Call {
    Create(New),
    Claim(Asked),
    /// Its progress, and a longer lease.
    Beat(Tok, Option<f64>, Option<i64>),
    /// Its result, and to whom it is handed on as what.
    Complete(Tok, Option<String>, Option<(String, String)>),
    /// The error, whether it is the last attempt, and when it is tried again.
    Fail(Tok, Option<String>, bool, Option<i64>),
    Release(Tok),
    /// Whom it asks.
    Block(Tok, String),
    Log(Tok),
    Send {
        to: String,
        kind: &'static str,
        task: Option<i64>,
        reply_to: Option<i64>,
    },
    Read(i64),
    Unblock(i64),
    /// Whether those that follow are meant as well.
    Cancel(i64, bool),
    Retry(i64),
    Change(i64, Option<u8>, Option<String>, Option<i64>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Done,
    /// Whether it is new.
    Made(i64, bool),
    /// The task, the claim, and how long it is held without a word.
    Claimed(Option<(i64, i64, i64)>),
    /// How long it is held, whether it is to be given up, and unread messages.
    Beat(i64, bool, usize),
    /// The child.
    Completed(Option<i64>),
    Question(Option<i64>),
    Sent(i64),
}
