//! What a selection is asked, and its bounds.

use agentpulse_core::error::Rejection;
use agentpulse_core::limits::MAX_NAME_BYTES;

use crate::document::{bytes, list};
use crate::phase::Phases;
use crate::weights::Weights;

pub const MAX_TASK_BYTES: usize = 8_192;
pub const MAX_LIMIT: usize = 20;
const MAX_LISTED: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub task: String,
    /// How many agents the answer has at most.
    pub limit: usize,
    pub context: Context,
    pub weights: Weights,
    /// Run names.
    pub exclude: Vec<String>,
    pub require_tools: Vec<String>,
    pub optimize: Optimize,
    /// The seed of a draw among the best, for a request that explores.
    pub explore: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    pub keywords: Vec<String>,
    pub phase: Option<String>,
    /// `py`, `.sql`.
    pub file_types: Vec<String>,
    /// Paths, of which the ends are read.
    pub files: Vec<String>,
    /// The agent that hands the task on, and those that the chosen one will work with.
    pub caller: Option<String>,
    pub with: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Optimize {
    #[default]
    Quality,
    Cost,
    Speed,
}

impl Default for Request {
    fn default() -> Self {
        Request {
            task: String::new(),
            limit: 5,
            context: Context::default(),
            weights: Weights::default(),
            exclude: Vec::new(),
            require_tools: Vec::new(),
            optimize: Optimize::default(),
            explore: None,
        }
    }
}

impl Request {
    /// Names the field and the bound.
    pub(crate) fn check(&self, phases: &Phases) -> Result<(), Rejection> {
        bytes("task", &self.task, MAX_TASK_BYTES)?;
        if !(1..=MAX_LIMIT).contains(&self.limit) {
            let limit = self.limit;
            return Err(Rejection::new(format!(
                "limit: {limit}, allowed are 1 to {MAX_LIMIT}"
            )));
        }
        list("exclude", &self.exclude, MAX_LISTED)?;
        list("require_tools", &self.require_tools, MAX_LISTED)?;
        let context = &self.context;
        list("context.keywords", &context.keywords, MAX_LISTED)?;
        list("context.file_types", &context.file_types, MAX_LISTED)?;
        list("context.files", &context.files, MAX_LISTED)?;
        list("context.with", &context.with, MAX_LISTED)?;
        if let Some(caller) = &context.caller {
            bytes("context.caller", caller, MAX_NAME_BYTES)?;
        }
        match &context.phase {
            Some(name) if phases.named(name).is_none() => {
                let names: Vec<&str> = phases.names().collect();
                let names = names.join(", ");
                Err(Rejection::new(format!(
                    "context.phase: {name:?}, allowed are {names}"
                )))
            }
            _ => Ok(()),
        }
    }
}

impl Context {
    pub(crate) fn names_others(&self) -> bool {
        self.caller.is_some() || !self.with.is_empty()
    }

    /// The file types, and those of the files, each once.
    pub(crate) fn extensions(&self) -> Vec<String> {
        let types = self
            .file_types
            .iter()
            .map(|name| name.trim_start_matches('.'));
        let ends = self.files.iter().filter_map(|path| {
            let name = path.rsplit(['/', '\\']).next()?;
            let (stem, end) = name.rsplit_once('.')?;
            (!stem.is_empty()).then_some(end)
        });
        let mut found: Vec<String> = Vec::new();
        for end in types.chain(ends).map(str::to_lowercase) {
            if !end.is_empty() && !found.contains(&end) {
                found.push(end);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_beyond_a_bound_is_rejected_with_the_field() {
        let request = Request::default;
        let refused = [
            (
                Request {
                    task: "x".repeat(8_193),
                    ..request()
                },
                "task: 8193 bytes, at most 8192",
            ),
            (
                Request {
                    limit: 0,
                    ..request()
                },
                "limit: 0, allowed are 1 to 20",
            ),
            (
                Request {
                    limit: 21,
                    ..request()
                },
                "limit: 21, allowed are 1 to 20",
            ),
            (
                Request {
                    exclude: vec![String::new(); 65],
                    ..request()
                },
                "exclude: 65 items, at most 64",
            ),
            (
                Request {
                    require_tools: vec!["x".repeat(257)],
                    ..request()
                },
                "require_tools: 257 bytes, at most 256",
            ),
        ];
        for (request, message) in refused {
            assert_eq!(request.check(&Phases::default()).unwrap_err().0, message);
        }
        let mut lunch = request();
        lunch.context.phase = Some("lunch".to_owned());
        let error = lunch.check(&Phases::default()).unwrap_err().0;
        assert!(
            error.starts_with("context.phase: \"lunch\", allowed are planning, "),
            "{error}"
        );
        assert_eq!(request().check(&Phases::default()), Ok(()));
    }

    #[test]
    fn file_types_are_read_from_paths() {
        let context = Context {
            file_types: vec![".SQL".to_owned(), "py".to_owned()],
            files: [
                "src/a.py",
                "b\\Main.java",
                ".gitignore",
                "Makefile",
                "x.tar.gz",
            ]
            .map(str::to_owned)
            .to_vec(),
            ..Context::default()
        };
        assert_eq!(context.extensions(), ["sql", "py", "java", "gz"]);
    }
}
