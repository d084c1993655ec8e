use clap::{CommandFactory, Parser};

use super::command::Cli;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' '))
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn commands_are_understood() {
    for line in [
        "agentpulse serve --data-dir /d --socket /d/s --http 127.0.0.1:0 --redis redis://h",
        "agentpulse --data-dir /d emit",
        "agentpulse emit events.jsonl --socket /d/s --timeout 5",
        "agentpulse import claude-code",
        "agentpulse import claude-code --since 2026-11-01 --root /r --socket /d/s",
        "agentpulse status --json --config /c",
        "agentpulse top --interval 0.5",
        "agentpulse top --once",
        "agentpulse agents --days 30 --limit 5 --json",
        "agentpulse show zorp --days 2 --json",
        "agentpulse executions --agent a --type t --status timeout --session s --since 2026-11-01",
        "agentpulse executions --until 1795200000 --limit 500 --json",
        "agentpulse sessions --since 2026-11-01 --until 1795200000 --limit 5 --json",
        "agentpulse session 0b9f --json",
        "agentpulse tools --period month --date 2026-11-20 --json",
        "agentpulse costs --by session --days 90 --json",
        "agentpulse config show",
        "agentpulse config check --config /c",
        "agentpulse rebuild --force",
        "agentpulse hooks install --project --dry-run",
        "agentpulse hooks install --settings s.json --command x",
        "agentpulse hooks uninstall --project /p --local",
        "agentpulse hooks status --json",
        "agentpulse prices show",
        "agentpulse prices check --days 7 --json",
        "agentpulse prune",
        "agentpulse registry check",
        "agentpulse registry check a b.md --strict --format github --client 2.1.168",
        "agentpulse key create grafana --scope read,ingest --expires 90d",
        "agentpulse key list --json",
        "agentpulse key revoke grafana --data-dir /d",
        "agentpulse audit --since 24h --limit 5 --json",
        "agentpulse audit --since 2026-11-20",
        "agentpulse export --format csv --since 2026-11-01 --until 2026-11-20 --output o",
        "agentpulse doctor",
        "agentpulse demo --seed 2 --executions 10 --speed 60 --print",
        "agentpulse bench --events 1000 --seconds 5 --json",
        "agentpulse bench --long --compare before.json",
        "agentpulse completions zsh",
        "agentpulse backup",
        "agentpulse backup /mnt/backups/ --keep 7",
        "agentpulse restore /mnt/backups/one.tar --force",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
}

#[test]
fn unknown_arguments_exit_with_2() {
    for line in [
        "agentpulse",
        "agentpulse nothing",
        "agentpulse export",
        "agentpulse export --format xml",
        "agentpulse export --format csv --since yesterday",
        "agentpulse import",
        "agentpulse import claude-code --since yesterday",
        "agentpulse demo --executions 0",
        "agentpulse demo --speed slow",
        "agentpulse emit --timeout 0",
        "agentpulse key",
        "agentpulse key create",
        "agentpulse key create x --scope write",
        "agentpulse key create x --expires soon",
        "agentpulse audit --limit 0",
        "agentpulse bench --long --seconds 5",
        "agentpulse bench --compare before.json --json",
        "agentpulse top --interval 0.1",
        "agentpulse top --interval soon",
        "agentpulse show",
        "agentpulse executions --status running",
        "agentpulse executions --limit 501",
        "agentpulse tools --period year",
        "agentpulse costs --by tool",
        "agentpulse agents --days 0",
        "agentpulse hooks",
        "agentpulse hooks install --local --settings s.json",
        "agentpulse hooks status --dry-run",
        "agentpulse prices check --days 401",
        "agentpulse registry",
        "agentpulse registry check --client 2.1",
        "agentpulse registry check --format xml",
        "agentpulse backup --keep 0",
        "agentpulse restore",
    ] {
        let error = parse(line).err().unwrap_or_else(|| panic!("{line}"));
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn the_long_help_names_every_exit_code() {
    let help = Cli::command().render_long_help().to_string();
    for code in [
        "  0 ", "  1 ", "  2 ", " 65 ", " 69 ", " 73 ", " 75 ", " 78 ",
    ] {
        assert!(help.contains(code), "{code}");
    }
    let version = parse("agentpulse --version").err().unwrap().to_string();
    assert_eq!(
        version,
        format!("agentpulse {}\n", env!("CARGO_PKG_VERSION"))
    );
}
