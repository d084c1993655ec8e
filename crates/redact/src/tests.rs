mod planted;

use std::borrow::Cow;
use std::cell::Cell;

use proptest::prelude::*;

use self::planted::{NAMED, PASSWORD, PIECES, RANDOM, pem, tokens};
use super::{redact, redact_name};

thread_local! {
    static WALKED: Cell<usize> = const { Cell::new(0) };
}

/// Counts bytes that were read in this thread.
pub(super) fn count(bytes: usize) {
    WALKED.set(WALKED.get() + bytes + 1);
}

/// The bytes that are read to redact a text.
fn walked(text: &str) -> usize {
    WALKED.set(0);
    redact(text);
    WALKED.get()
}

/// What a search starts at, and what ends none: the cap of each is reached well below 32 KiB.
#[test]
fn twice_the_text_is_read_in_twice_the_steps() {
    const BYTES: usize = 32 * 1024;
    let private = ["PRIV", "ATE KEY"].concat();
    let of_keys = [
        format!("-----BEGIN {private}"),
        format!("-----END {private}----- "),
    ];
    let starts = [
        "ghp_",
        "hvs.a",
        "eyJ",
        "12Q~",
        "1234567:",
        "token=\"",
        "password: ",
        "password:\n ",
        "| password |",
        " -p",
        " --token ",
        "curl -u a",
        "<password>",
        "Cookie: a",
        "://",
        "a@b.",
        "api_keys: [",
        "password ",
        "\u{1b}[",
        "%41",
        "&#x41;",
        "\\u0041",
        "aGVsbG8gd29ybGQ",
        "value=",
        "datadog=",
        "MIIEvQIBADAN ",
        "echo ",
        "echo a | ",
        "secret key token ",
        "\"token\", \"",
        "$6$a",
        "a@//",
        "a/",
        "identified by ",
        "password for ",
        "variable \"a\" default = \"",
        "ConvertTo-SecureString '",
    ];
    for start in starts
        .iter()
        .map(|start| (*start).to_owned())
        .chain(of_keys)
    {
        let once = walked(&start.repeat(BYTES / start.len()));
        let twice = walked(&start.repeat(2 * BYTES / start.len()));
        assert!(twice < 3 * once + BYTES, "{start:?}: {once}, then {twice}");
    }
}

#[test]
fn planted_tokens_are_marked_wherever_they_stand() {
    for (token, kind) in tokens() {
        let mark = format!("[redacted:{kind}]");
        assert_eq!(redact(&token), mark, "{token}");
        for (before, after) in [
            ("see ", " there"),
            ("\"", "\""),
            ("(", ")."),
            ("é", "é"),
            ("--k=", "\n"),
        ] {
            let planted = format!("{before}{token}{after}");
            let wanted = format!("{before}{mark}{after}");
            // A key that was cut ends only where something stands that is in no key.
            let is_cut_key = kind == "private-key" && !token.ends_with('-');
            if !is_cut_key || after == "\"" {
                assert_eq!(redact(&planted), wanted, "{planted}");
            }
        }
    }
}

#[test]
fn a_token_under_a_name_of_secrets_keeps_its_own_kind() {
    for (token, kind) in tokens() {
        let mark = format!("[redacted:{kind}]");
        assert_eq!(
            redact(&format!("TOKEN={token}")),
            format!("TOKEN={mark}"),
            "{token}"
        );
    }
}

#[test]
fn secrets_are_known_by_what_stands_around_them() {
    for (text, kind) in NAMED {
        // The first at sign is the secret, a second one is that of an address.
        let planted = text.replacen('@', PASSWORD, 1);
        let wanted = text.replacen('@', &format!("[redacted:{kind}]"), 1);
        assert_eq!(redact(&planted), wanted, "{planted}");
    }
}

#[test]
fn addresses_are_known_in_every_script() {
    for (text, wanted) in [
        ("an jörg@müller.example, ", "an [redacted:email], "),
        ("“al@corp.example”", "“[redacted:email]”"),
        ("联系 用户@例子.公司。", "联系 [redacted:email]。"),
        ("अजय@डाटा.भारत", "[redacted:email]"),
        ("bo@xn--e1afmkfd.xn--p1ai", "[redacted:email]"),
        ("→al@corp.example→", "→[redacted:email]→"),
    ] {
        assert_eq!(redact(text), wanted);
        assert_eq!(redact(wanted), wanted);
    }
    for text in [
        "é@é",
        "@müller.example",
        "a@1.2.é",
        "ü@2×.png",
        "https://jörg@müller.example",
    ] {
        assert_eq!(redact(text), text);
    }
    // Where the longest domain ends is the middle of a character, or the middle of the text.
    let long = format!("al@b.{}éé", "a".repeat(252));
    assert_eq!(redact(&long), "[redacted:email]éé");
    let long = format!("{}@é.example", "é".repeat(33));
    assert_eq!(redact(&long), long);
}

#[test]
fn several_secrets_of_one_text_are_all_marked() {
    let hook = [
        "https://hooks.",
        "slack.com/services/",
        "T0001/B0001/",
        &RANDOM[..24],
    ]
    .concat();
    assert_eq!(redact(&hook), "https://[redacted:slack-webhook]");
    let bot = format!(
        "https://api.telegram.org/bot{}/send",
        ["123456789:AA", &RANDOM[..33]].concat()
    );
    assert_eq!(
        redact(&bot),
        "https://api.telegram.org/bot[redacted:telegram-token]/send"
    );
    let user = format!("https://gh{}{}:x-oauth@github.com/a/b", "p_", &RANDOM[..36]);
    let wanted = "https://[redacted:github-token]:[redacted:password]@github.com/a/b";
    assert_eq!(redact(&user), wanted);
    let two = format!("password={PASSWORD} secret={PASSWORD}");
    assert_eq!(
        redact(&two),
        "password=[redacted:password] secret=[redacted:secret]"
    );
    let spaced = "password=\"correct horse battery staple\"";
    assert_eq!(redact(spaced), "password=\"[redacted:password]\"");
    let keys = format!("{}\nand {}.", pem("", 2, true), pem("RSA ", 2, true));
    assert_eq!(
        redact(&keys),
        "[redacted:private-key]\nand [redacted:private-key]."
    );
}

#[test]
fn look_alikes_are_left_alone() {
    let clean = [
        "",
        "ok",
        "550e8400-e29b-41d4-a716-446655440000",
        "session 550e8400-e29b-41d4-a716-446655440000 ended",
        "9fceb02d0ae598e95dc970b74767f19372d61af8",
        "commit 9fceb02 in crates/redact/src.rs",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "a5c264dd48b8bbe0e",
        "toolu_01A09q90qw90lq917835lq9",
        "msg_01XFDUDYJgAACzvnptvVoYEL",
        "claude-haiku-4-5-20251001",
        "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "/home/user/.claude/projects/-home-user-app/3f2a.jsonl",
        "C:\\Users\\me\\project\\token.rs",
        "pip install sk-learn==1.5.2",
        "sk-ant-colony-simulation",
        "sk-proj-ect-of-mine",
        "task-123",
        "task-1234567890123456789012345",
        "disk-0a1b2c3d4e5f60718293a4b5c6",
        "Bearer of news",
        "the bearer authentication-scheme is described elsewhere",
        "WWW-Authenticate: Bearer realm=x",
        "Authorization: Bearer $TOKEN",
        "Authorization header is missing",
        "tokens: 1500",
        "input_tokens",
        "{\"input_tokens\": 123456789, \"max_tokens\": 10000000}",
        "max_token: 16384000",
        "total_token=1234567890",
        "token_usage: {total: 38000000}",
        "unexpected token: identifier",
        "SyntaxError: Unexpected token: punctuation!",
        "token::Identifier1",
        "let token = generateToken1(user)",
        "token = request.headers.authorization",
        "token=undefined",
        "api_key=api_key",
        "api_key=process.env.OPENAI_API_KEY_2",
        "password: $PASSWORD_2",
        "password=${DB_PASSWORD}",
        "password: ********",
        "password=<your password>",
        "wrong password: forbidden!",
        "secret: short1",
        "secret=/run/secrets/db1/value",
        "PWD=/home/user/0123456789abcdef0123456789abcdef/src",
        "PASS: test_reader_2 of suite_11",
        "bypass=everything",
        "primary_key: customer_id_1",
        "sort_key=created_at_2",
        "the keyboard: qwerty12345",
        "https://example.com/docs/a?b=c#d",
        "http://localhost:4056/stream",
        "http://localhost:4873/@scope/package",
        "https://user@example.com/path",
        "ssh://git@github.com:22/org/repo.git",
        "postgres://app:${DB_PASSWORD}@db/app",
        "12:30:45 and 2026-11-20T18:53:10.123Z",
        "123456789:ABC",
        "SKU1234567890 and SG.example.com",
        "BASIC ASIA AKIA",
        "AKIAabcdefghijklmnop",
        "npm_config_registry_of_the_company_is_unset",
        "hf_model_name_with_many_words_in_it",
        "ghs_of_co2_1990",
        "github_pat_example",
        "pypi-publish-workflow-of-this-project-v2-final",
        "eyJ is how base64 of a JSON object starts",
        "eyJhbGciOiJIUzI1NiJ9",
        "-----BEGIN CERTIFICATE-----\nMIIB0123456789abcdef0123456789\n-----END CERTIFICATE-----",
        concat!(
            "a line -----BEGIN RSA PRIV",
            "ATE KEY----- starts it, see docs/security/keys.md"
        ),
        "the PRIVATE KEY of 0123456789abcdef0123456789",
        "[redacted:jwt] and password=[redacted:password]",
        "password: \"[redacted:password]\"",
        "https://u:[redacted:password]@example.com",
    ];
    for text in clean {
        assert!(
            matches!(redact(text), Cow::Borrowed(same) if same == text),
            "{text}"
        );
    }
}

#[test]
fn long_texts_are_searched_to_the_end() {
    let token = ["gh", "p_", &RANDOM[..36]].concat();
    for length in 0..40 {
        let blank = "word ".repeat(length) + &" ".repeat(length % 9);
        assert_eq!(
            redact(&format!("{blank}{token}")),
            format!("{blank}[redacted:github-token]")
        );
    }
    let many = format!("{token} ").repeat(2_000);
    assert_eq!(redact(&many), "[redacted:github-token] ".repeat(2_000));
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        1 => proptest::sample::select(tokens()).prop_map(|(token, _)| token),
        2 => "[a-zA-Z0-9]{1,24}",
        1 => "\\PC{0,4}",
    ]
}

#[test]
fn a_secret_beside_an_address_is_found() {
    let once = redact("token=\u{104a7}\u{10596}me@corp.example://").into_owned();
    assert_eq!(once, "token=[redacted:token][redacted:email]://");
    assert_eq!(redact(&once), once);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn redacting_twice_equals_once(pieces in proptest::collection::vec(piece(), 0..14)) {
        let text = pieces.concat();
        for redact in [redact, redact_name] {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once), once.as_str(), "of {:?}", text);
            // A mark is no longer than this, and what it stands for no shorter than three bytes.
            prop_assert!(once.len() <= 10 * text.len(), "of {:?}", text);
        }
    }

    #[test]
    fn only_secrets_are_taken_out(
        words in proptest::collection::vec("[a-z]{1,9}|[0-9]{1,7}", 0..12),
        index in any::<prop::sample::Index>(),
    ) {
        let (token, kind) = tokens().swap_remove(index.index(tokens().len()));
        let clean = words.join(" ");
        prop_assert!(matches!(redact(&clean), Cow::Borrowed(_)));
        let planted = format!("{clean} {token}\" {clean}");
        prop_assert_eq!(redact(&planted), format!("{clean} [redacted:{kind}]\" {clean}"));
    }
}
