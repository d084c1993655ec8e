mod documented;
use std::path::Path;

use super::*;
use agentpulse_core::redis_url::RedisUrl;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .collect()
}

/// Loads `file` (written to a real file) below `HOME=/home/u`.
pub(super) fn load(
    file: &str,
    env: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("agentpulse.toml");
    std::fs::write(&path, file).expect("a writable temporary folder");
    let mut env = pairs(env);
    env.push(("HOME".to_string(), "/home/u".to_string()));
    Config::load(Some(&path), env.into_iter(), &pairs(flags)).map_err(|e| ConfigError {
        place: e
            .place
            .replace(&format!("{}/", folder.path().display()), ""),
        ..e
    })
}

pub(super) fn error(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
    load(file, env, flags)
        .expect_err("must be refused")
        .to_string()
}

fn described(config: &Config, key: &str) -> (String, Source) {
    let mut settings = config.describe().iter();
    let setting = settings.find(|setting| setting.key == key);
    let setting = setting.expect("a described key");
    (setting.value.clone(), setting.source)
}

#[test]
fn defaults() {
    let config = load("", &[], &[]).expect("defaults are valid");
    assert_eq!(
        config.data.dir,
        Path::new("/home/u/.local/state/agentpulse")
    );
    assert_eq!(
        config.socket.path,
        Path::new("/home/u/.local/state/agentpulse/agentpulse.sock")
    );
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:4056");
    assert_eq!(config.http.max_connections, 1_024);
    assert_eq!(config.http.require_key, RequireKey::Auto);
    assert_eq!(
        (config.http.rate_limit, config.http.rate_burst),
        (1_000, 2_000)
    );
    assert_eq!((config.redis.url, config.redis.server), (None, None));
    assert_eq!(config.redis.maxmemory, 268_435_456);
    assert_eq!(
        (config.journal.keep_rows, config.journal.keep.as_secs()),
        (200_000, 900)
    );
    assert_eq!(config.history.flush_interval.as_millis(), 2_000);
    assert_eq!(config.history.keep.as_secs(), 34_560_000);
    assert_eq!(config.reaper.idle_timeout.as_secs(), 300);
    assert_eq!(config.reaper.tool_timeout.as_secs(), 1_800);
    assert_eq!(
        (config.limits.agent_names, config.limits.agent_types),
        (1_000, 64)
    );
    assert_eq!((config.limits.tools, config.limits.running), (512, 100_000));
    assert_eq!(config.limits.connections, 1_024);
    assert_eq!(config.limits.stream_clients, 256);
    assert_eq!(
        config.spool.path,
        Path::new("/home/u/.local/state/agentpulse/spool")
    );
    assert_eq!(config.spool.max_bytes, 67_108_864);
    let newer_prices = "/home/u/.local/state/agentpulse/prices.toml".into();
    let tables = Tables {
        agent_types: None,
        prices: None,
        newer_prices,
    };
    assert_eq!(config.tables, tables);
    assert_eq!(
        config.log,
        Log {
            level: tracing::Level::INFO,
            format: LogFormat::Auto
        }
    );
}

#[test]
fn flags_over_environment_over_file_over_defaults() {
    let file = "[http]\nmax_connections = 1\n[limits]\ntools = 1\nrunning = 1\n";
    let env = [
        ("AGENTPULSE_LIMITS__TOOLS", "2"),
        ("AGENTPULSE_LIMITS__RUNNING", "2"),
    ];
    let config = load(file, &env, &[("limits.running", "3")]).expect("valid");
    let check = |key, value: &str, source| {
        assert_eq!(
            described(&config, key),
            (value.to_string(), source),
            "{key}"
        );
    };
    check("limits.connections", "1024", Source::Default);
    check("http.max_connections", "1", Source::File);
    check("limits.tools", "2", Source::Environment);
    check("limits.running", "3", Source::Flag);
    assert_eq!((config.limits.tools, config.limits.running), (2, 3));
}

#[test]
fn errors_name_the_place_the_key_and_the_bound() {
    let file = |text: &str, expect: &str| assert_eq!(error(text, &[], &[]), expect);
    file(
        "[reaper]\n\nidle_timeout = \"8d\"\n",
        "agentpulse.toml:3: reaper.idle_timeout must be a duration with its unit, 1s..=7d",
    );
    file(
        "[reaper]\nidle_timeout = 300\n",
        "agentpulse.toml:2: reaper.idle_timeout must be a duration with its unit, 1s..=7d",
    );
    file(
        "[redis]\nmaxmemory = \"15MiB\"\n",
        "agentpulse.toml:2: redis.maxmemory must be a size with its unit, 16MiB..=1TiB",
    );
    file(
        "[limits]\ntools = 0\n",
        "agentpulse.toml:2: limits.tools must be a whole number, 1..=10000",
    );
    file(
        "[limits]\ntools = -1\n",
        "agentpulse.toml:2: limits.tools must be a whole number, 1..=10000",
    );
    file(
        "[limits]\ntools = \"7\"\n",
        "agentpulse.toml:2: limits.tools must be a whole number, 1..=10000",
    );
    file(
        "[log]\nlevel = \"loud\"\n",
        "agentpulse.toml:2: log.level must be one of error, warn, info, debug, trace",
    );
    file(
        "[reaper]\n\nidel_timeout = \"8d\"\n",
        "agentpulse.toml:3: unknown setting \"reaper.idel_timeout\"",
    );
    file("[htpp]\n", "agentpulse.toml:1: unknown section \"htpp\"");
    file(
        "\nhttp = 3\n",
        "agentpulse.toml:2: unknown setting \"http\" outside of a section",
    );
    assert!(error("[http]\nlisten = \n", &[], &[]).starts_with("agentpulse.toml:2: "));
    assert!(!error("[http]\nlisten = \n[http]\n= 3", &[], &[]).contains('\n'));

    assert_eq!(
        error("", &[("AGENTPULSE_HTTP__LISTEN", "4056")], &[]),
        "AGENTPULSE_HTTP__LISTEN: \
         http.listen must be an address and a port, such as 127.0.0.1:4056",
    );
    assert_eq!(
        error("", &[], &[("limits.tools", "many")]),
        "command line: limits.tools must be a whole number, 1..=10000",
    );
    assert_eq!(
        error("", &[], &[("limits.tool", "1")]),
        "command line: unknown setting \"limits.tool\""
    );
    let missing = Config::load(Some(Path::new("/nowhere/a.toml")), std::iter::empty(), &[]);
    let problem = missing.expect_err("there is no such file").to_string();
    assert!(
        problem.starts_with("/nowhere/a.toml: cannot be read: "),
        "{problem}"
    );
}

#[test]
fn bounds_are_inclusive() {
    let config = load(
        "[reaper]\nidle_timeout = \"7d\"\ntool_timeout = \"1s\"\n",
        &[],
        &[],
    );
    assert_eq!(
        config
            .expect("both are bounds")
            .reaper
            .idle_timeout
            .as_secs(),
        604_800
    );
    error("[reaper]\ntool_timeout = \"999ms\"\n", &[], &[]);
    error("[reaper]\nidle_timeout = \"604801s\"\n", &[], &[]);
}

#[test]
fn only_names_with_a_double_underscore_are_settings() {
    let env = [
        ("AGENTPULSE_FOO", "1"),
        ("AGENTPULSE_SOCKET", "/run/u/a.sock"),
        ("AGENTPULSE_SPOOL", "/var/spool/a"),
        ("AGENTPULSE_REAPER__IDLE_TIMEOUT", "5s"),
        ("AGENTPULSE_HTTP__ALLOWED_HOSTS", "A.example, b.example"),
        ("MY_AGENTPULSE_LIMITS__TOOLS", "many"),
    ];
    let config = load("", &env, &[]).expect("valid");
    assert_eq!(config.socket.path, Path::new("/run/u/a.sock"));
    assert_eq!(config.spool.path, Path::new("/var/spool/a"));
    assert_eq!(config.reaper.idle_timeout.as_secs(), 5);
    assert_eq!(config.http.allowed_hosts, ["a.example", "b.example"]);
    assert_eq!(described(&config, "socket.path").1, Source::Environment);

    let check = |name, value, expect: &str| assert_eq!(error("", &[(name, value)], &[]), expect);
    check(
        "AGENTPULSE_REAPER__IDEL",
        "5s",
        "AGENTPULSE_REAPER__IDEL: unknown setting \"reaper.idel\"",
    );
    check(
        "AGENTPULSE_http__listen",
        "",
        "AGENTPULSE_http__listen: must be written in capitals",
    );
    assert_eq!(
        error(
            "",
            &[
                ("AGENTPULSE_SOCKET", "/a"),
                ("AGENTPULSE_SOCKET__PATH", "/b")
            ],
            &[]
        ),
        "AGENTPULSE_SOCKET__PATH: socket.path must not differ from AGENTPULSE_SOCKET",
    );
}

#[test]
fn places_follow_the_environment() {
    let env = [
        ("XDG_STATE_HOME", "/state"),
        ("XDG_RUNTIME_DIR", "/run/user/1"),
    ];
    let config = load("", &env, &[]).expect("valid");
    assert_eq!(config.data.dir, Path::new("/state/agentpulse"));
    assert_eq!(config.socket.path, Path::new("/run/user/1/agentpulse.sock"));
    assert_eq!(config.spool.path, Path::new("/state/agentpulse/spool"));
    // The specification has a relative or empty folder ignored.
    let config = load(
        "",
        &[("XDG_STATE_HOME", "state"), ("XDG_RUNTIME_DIR", "")],
        &[],
    );
    assert_eq!(
        config.expect("valid").data.dir,
        Path::new("/home/u/.local/state/agentpulse")
    );
    let homeless = Config::load(None, std::iter::empty(), &[]);
    assert_eq!(
        homeless
            .expect_err("there is no place for the data")
            .to_string(),
        "default: data.dir must be set where neither XDG_STATE_HOME nor HOME is",
    );
    let flags = pairs(&[("data.dir", "/d")]);
    let config = Config::load(None, std::iter::empty(), &flags).expect("the flag suffices");
    assert_eq!(config.socket.path, Path::new("/d/agentpulse.sock"));
}

#[test]
fn paths() {
    let config = load(
        "[data]\ndir = \"~/d\"\n",
        &[],
        &[("redis.server", "bin/redis")],
    );
    let config = config.expect("valid");
    assert_eq!(config.data.dir, Path::new("/home/u/d"));
    let here = std::env::current_dir().expect("a working folder");
    assert_eq!(config.redis.server, Some(here.join("bin/redis")));

    let must = "must be an absolute path, or begin with ~/, without control characters";
    assert_eq!(
        error("[data]\ndir = \"d\"\n", &[], &[]),
        format!("agentpulse.toml:2: data.dir {must}"),
    );
    assert_eq!(
        error("[data]\ndir = \"/d\\nsave 1 1\"\n", &[], &[]),
        format!("agentpulse.toml:2: data.dir {must}"),
    );
    let long = format!("/{}", "x".repeat(107));
    assert!(error("", &[], &[("socket.path", &long)]).contains("socket.path must be at most 10"));
}

#[test]
fn hosts_origins_prefixes_and_urls() {
    let check = |key: &str, value: &str, valid: bool| {
        assert_eq!(
            load("", &[], &[(key, value)]).is_ok(),
            valid,
            "{key} = {value:?}"
        );
    };
    check(
        "http.allowed_hosts",
        "dash.example.com,[::1],10.0.0.7",
        true,
    );
    for bad in ["a:80", "http://a", "a b", "*", "a,,b", "[a]"] {
        check("http.allowed_hosts", bad, false);
    }
    check(
        "http.allowed_origins",
        "https://dash.example.com,http://a:8080,http://[::1]:80",
        true,
    );
    for bad in [
        "dash.example.com",
        "https://",
        "https://a/",
        "https://a:x",
        "null",
        "*",
    ] {
        check("http.allowed_origins", bad, false);
    }
    check("redis.prefix", "{pulse}:", true);
    for bad in ["a*", "a b", "ä", "a?", "[a]", &"x".repeat(65)] {
        check("redis.prefix", bad, false);
    }
    for good in [
        "redis://h",
        "rediss://h:1/0",
        "unix:///s",
        "unix://u:p@/s?db=1",
    ] {
        check("redis.url", good, true);
    }
    for bad in [
        "h:6379",
        "http://h",
        "redis-x://h",
        "redis://user@h",
        "redis://h?db=1",
        "unix://u:p@h/s",
        "unix:///s?password=p",
        "redis://h\n",
        "redis:// h",
    ] {
        check("redis.url", bad, false);
    }
}

#[test]
fn a_password_is_never_shown() {
    let check = |url: &str, expect: &str| {
        let config = load("", &[], &[("redis.url", url)]).expect("valid");
        assert_eq!(described(&config, "redis.url").0, expect);
        assert_eq!(config.redis.url, RedisUrl::parse(url));
        assert!(!format!("{config:?}").contains("s3cret"), "{config:?}");
    };
    check("redis://me:s3cret@h:1/2", "redis://me:***@h:1/2");
    check("unix://me:s3cret@/s", "unix://me:***@/s");
    for url in ["http://me:s3cret@h", "redis://s3cret@h"] {
        let refusal = error("", &[], &[("redis.url", url)]);
        assert!(!refusal.contains("s3cret"), "{refusal}");
    }
}

#[test]
fn the_users_file_is_found_when_it_exists() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let text = home
        .path()
        .to_str()
        .expect("a temporary folder has a plain name");
    let find = |env: &[(&str, &str)]| default_file(pairs(env).into_iter());
    assert_eq!(find(&[("HOME", text)]), None);
    let folder = home.path().join(".config/agentpulse");
    std::fs::create_dir_all(&folder).expect("a writable temporary folder");
    let file = folder.join("agentpulse.toml");
    std::fs::write(&file, DEFAULT_FILE).expect("a writable temporary folder");
    assert_eq!(find(&[("HOME", text)]), Some(file.clone()));
    let config = folder.parent().and_then(Path::to_str).expect("as above");
    assert_eq!(find(&[("XDG_CONFIG_HOME", config)]), Some(file));
    assert_eq!(
        find(&[("HOME", text), ("XDG_CONFIG_HOME", "/nowhere")]),
        None
    );
    assert_eq!(find(&[]), None);
}
