//! The agents of the sample day: agents of every type, with what they are like.

/// What an agent mostly does; it decides its tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Craft {
    /// Reads what exists.
    Reads,
    /// Changes files and tries them.
    Edits,
    /// Writes new files.
    Writes,
    /// Runs programs.
    Runs,
    /// Searches outside.
    Browses,
    /// Gives its work to others.
    Delegates,
}

pub struct Agent {
    pub name: &'static str,
    pub craft: Craft,
    /// How often it is called, against the others.
    pub weight: u64,
    /// Half of its runs are quicker.
    pub median_s: u32,
    /// Of a hundred runs.
    pub failures: u32,
    pub task: &'static str,
}

/// Tools and how often a craft uses each, against the others. `Task` is not here: an agent calls
/// it as often as it has given work to others.
pub fn tools(craft: Craft) -> &'static [(&'static str, u64)] {
    match craft {
        Craft::Reads => &[("Read", 10), ("Grep", 6), ("Glob", 4), ("Bash", 2)],
        Craft::Edits => &[
            ("Read", 8),
            ("Edit", 7),
            ("Grep", 4),
            ("Bash", 4),
            ("Write", 1),
            ("NotebookEdit", 1),
        ],
        Craft::Writes => &[("Read", 6), ("Write", 5), ("Edit", 3), ("Glob", 2)],
        Craft::Runs => &[("Bash", 9), ("Read", 4), ("Grep", 2), ("Edit", 1)],
        Craft::Browses => &[
            ("WebFetch", 5),
            ("WebSearch", 4),
            ("Read", 4),
            ("Grep", 2),
            ("Write", 1),
        ],
        Craft::Delegates => &[("Read", 5), ("Grep", 3), ("Glob", 2), ("TodoWrite", 3)],
    }
}

/// Models and how often a session runs on each.
pub const MODELS: &[(&str, u64)] = &[
    ("claude-sonnet-5-5", 6),
    ("claude-opus-5-5", 3),
    ("claude-haiku-5-5", 2),
];

/// The types and messages of errors.
pub const ERRORS: &[(&str, &str)] = &[
    ("ToolError", "Bash: command exited with status 1"),
    ("ValidationError", "the result does not match the schema"),
    ("RateLimitError", "429: too many requests, retry after 20 s"),
    (
        "ContextOverflow",
        "the conversation exceeds the context window",
    ),
    (
        "FileNotFound",
        "Read: no such file: src/generated/schema.ts",
    ),
    ("TestFailure", "3 of 41 tests failed"),
    ("ApiError", "529: the service is overloaded"),
    ("PermissionDenied", "Write: outside of the workspace"),
];

/// Hours of the day (UTC), and how much begins in each against the busiest.
pub const BUSY: [u64; 24] = [
    2, 1, 1, 1, 2, 3, 5, 8, 12, 15, 16, 14, 11, 14, 16, 16, 15, 13, 10, 8, 6, 5, 4, 3,
];

const fn agent(
    name: &'static str,
    craft: Craft,
    weight: u64,
    median_s: u32,
    failures: u32,
    task: &'static str,
) -> Agent {
    Agent {
        name,
        craft,
        weight,
        median_s,
        failures,
        task,
    }
}

use Craft::{Browses, Delegates, Edits, Reads, Runs, Writes};

#[rustfmt::skip] // A table: one agent a line.
pub const CAST: &[Agent] = &[
    agent("screenshot-analyzer", Reads, 14, 24, 3, "Analyze screenshot for UI components"),
    agent("log-analyzer", Reads, 9, 35, 4, "Find what preceded the outage in the logs"),
    agent("coverage-analyzer", Reads, 5, 28, 3, "List what no test touches"),
    agent("code-reviewer", Reads, 30, 55, 2, "Review the changes of this branch"),
    agent("pr-reviewer", Reads, 16, 70, 3, "Review the pull request and its discussion"),
    agent("accessibility-auditor", Reads, 5, 48, 5, "Check contrast, labels and focus order"),
    agent("debugger", Edits, 20, 110, 11, "Find out why the nightly import stalls"),
    agent("flaky-test-fixer", Edits, 9, 140, 14, "Make the flaky checkout test reliable"),
    agent("memory-leak-troubleshooter", Runs, 4, 190, 15, "Track the growth of the worker"),
    agent("test-runner", Runs, 26, 65, 9, "Run the tests of the changed packages"),
    agent("e2e-tester", Runs, 11, 150, 12, "Walk through sign-up in three browsers"),
    agent("schema-validator", Runs, 6, 20, 4, "Check the fixtures against the schema"),
    agent("release-publisher", Runs, 4, 85, 7, "Tag the release and publish it"),
    agent("staging-deployer", Runs, 6, 120, 9, "Deploy the branch to staging"),
    agent("documentation-writer", Writes, 12, 60, 2, "Document the settings of the exporter"),
    agent("changelog-writer", Writes, 7, 22, 1, "Write the changelog of this week"),
    agent("fixture-generator", Writes, 6, 32, 3, "Generate fixtures for the billing tests"),
    agent("lesson-creator", Writes, 3, 75, 2, "Create a lesson about the event loop"),
    agent("security-scanner", Reads, 9, 80, 4, "Look for secrets and unsafe calls"),
    agent("dependency-vulnerability-scanner", Runs, 6, 45, 5, "Compare the lock file with advisories"),
    agent("environment-setup", Runs, 5, 95, 10, "Set the development container up"),
    agent("ci-configurator", Edits, 4, 70, 8, "Cache the toolchain in the pipeline"),
    agent("git-history-collector", Runs, 6, 18, 2, "Collect who changed the parser and why"),
    agent("feedback-collector", Browses, 3, 50, 4, "Gather what users say of the new page"),
    agent("code-searcher", Reads, 28, 16, 2, "Find every caller of the old client"),
    agent("api-researcher", Browses, 10, 90, 5, "Compare the pagination of three providers"),
    agent("Explore", Reads, 34, 21, 1, "Explore how requests reach the store"),
    agent("calendar-sync", Runs, 3, 26, 8, "Sync the team calendar"),
    agent("payment-integrator", Edits, 4, 210, 12, "Connect the sandbox of the provider"),
    agent("system-architect", Delegates, 6, 160, 3, "Plan how to split the monolith"),
    agent("layout-designer", Writes, 5, 85, 4, "Lay the settings page out for phones"),
    agent("churn-predictor", Runs, 3, 130, 6, "Predict who will cancel next month"),
    agent("ticket-classifier", Reads, 8, 12, 2, "Classify the tickets of today"),
    agent("database-migrator", Runs, 4, 170, 11, "Write and try the next migration"),
    agent("backup-restorer", Runs, 2, 200, 9, "Restore the last backup and compare"),
    agent("usage-metrics", Runs, 6, 34, 3, "Sum the usage of the week up"),
    agent("data-processor", Runs, 5, 100, 6, "Clean the imported addresses"),
    agent("image-builder", Runs, 7, 140, 10, "Build the container images"),
    agent("package-builder", Runs, 4, 90, 8, "Build packages for three platforms"),
    agent("code-formatter", Runs, 9, 9, 1, "Format what was changed"),
    agent("style-linter", Runs, 8, 14, 3, "Lint the style sheets"),
    agent("doc-translator", Writes, 5, 65, 2, "Translate the guide to German"),
    agent("query-optimizer", Edits, 5, 125, 7, "Make the slow report query quicker"),
    agent("bundle-speedup", Edits, 3, 105, 8, "Cut the first load of the page"),
    agent("build-monitor", Runs, 8, 40, 2, "Watch the build until it is done"),
    agent("session-summary", Reads, 10, 11, 1, "Sum the session up for the next one"),
    agent("cache-warmer", Runs, 3, 30, 4, "Fill the cache after the deployment"),
    agent("rest-api-expert", Edits, 6, 95, 5, "Add cursors to the list endpoints"),
    agent("frontend-developer", Edits, 14, 155, 6, "Build the filter bar of the table"),
    agent("ml-engineer", Edits, 4, 240, 9, "Compare two ways to rank results"),
    agent("sql-expert", Edits, 6, 58, 5, "Explain the plan of the join"),
    agent("legacy-refactorer", Edits, 8, 180, 8, "Take the globals out of the scheduler"),
    agent("general-purpose", Delegates, 22, 120, 4, "Carry the plan out, step by step"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use agentpulse_core::agent_type::{AgentTypes, GENERIC};

    #[test]
    fn every_agent_type_is_in_the_cast() {
        let table = AgentTypes::default();
        let cast: BTreeSet<&str> = CAST
            .iter()
            .map(|agent| table.classify(agent.name))
            .collect();
        let all: BTreeSet<&str> = table.types().chain([GENERIC]).collect();
        assert_eq!(cast, all);
    }

    #[test]
    fn names_are_there_once() {
        let names: BTreeSet<&str> = CAST.iter().map(|agent| agent.name).collect();
        assert_eq!(names.len(), CAST.len());
    }
}
