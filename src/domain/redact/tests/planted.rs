//! Planted secrets are put together from parts, so that no file has one as a whole.

pub const RANDOM: &str = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6a7B8c9D0";
const UPPER: &str = "A1B2C3D4E5F6G7H8I9J0";
const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const LETTERS: &str = "abcdEFGHijklMNOPqrstUVWXyzabCDEFghijKLMNopqr";
pub const PASSWORD: &str = concat!("hunter2", "hunter2");

fn jwt(parts: usize) -> String {
    let parts = &[
        concat!("ey", "JhbGciOiJIUzI1NiJ9"),
        concat!("ey", "JzdWIiOiIxIn0"),
        &RANDOM[..43],
    ][..parts];
    parts.join(".")
}

pub fn pem(label: &str, lines: usize, end: bool) -> String {
    let mut text = format!("-----{} {label}PRIVATE {}-----\n", "BEGIN", "KEY");
    text.push_str(&format!("{}\n", &RANDOM[..48]).repeat(lines));
    if end {
        text.push_str(&format!("-----{} {label}PRIVATE {}-----", "END", "KEY"));
    }
    text
}

/// Tokens that show what they are, each with its kind.
pub fn tokens() -> Vec<(String, &'static str)> {
    let of = |parts: &[&str]| parts.concat();
    vec![
        (
            of(&[
                "sk-",
                "ant-",
                "api03-",
                &RANDOM[..50],
                "-",
                &RANDOM[..30],
                "_AA",
            ]),
            "anthropic-key",
        ),
        (
            of(&["sk-", "ant-", "admin01-", &RANDOM[..40]]),
            "anthropic-key",
        ),
        (
            of(&["sk-", "proj-", &RANDOM[..24], "_", &RANDOM[..24]]),
            "openai-key",
        ),
        (of(&["sk-", "svcacct-", &RANDOM[..40]]), "openai-key"),
        (of(&["sk-", &RANDOM[..48]]), "openai-key"),
        (of(&["sk-", "or-v1-", HEX]), "openrouter-key"),
        (of(&["AK", "IA", &UPPER[..16]]), "aws-key"),
        (of(&["AS", "IA", &UPPER[..16]]), "aws-key"),
        (of(&["gh", "p_", &RANDOM[..36]]), "github-token"),
        (of(&["gh", "o_", &RANDOM[..36]]), "github-token"),
        (of(&["gh", "s_", &RANDOM[..36]]), "github-token"),
        (of(&["gh", "u_", &RANDOM[..36]]), "github-token"),
        (
            of(&["github", "_pat_", &RANDOM[..22], "_", &RANDOM[..59]]),
            "github-token",
        ),
        (of(&["gl", "pat-", &RANDOM[..20]]), "gitlab-token"),
        (
            of(&["xo", "xb-", "123456789012-123456789012-", &RANDOM[..24]]),
            "slack-token",
        ),
        (
            of(&["xo", "xp-", "123456789012-", &RANDOM[..24]]),
            "slack-token",
        ),
        (of(&["xo", "xa-", "2-", &RANDOM[..24]]), "slack-token"),
        (of(&["xo", "xr-", "2-", &RANDOM[..24]]), "slack-token"),
        (of(&["AI", "za", &RANDOM[..35]]), "google-key"),
        (of(&["sk", "_live_", &RANDOM[..24]]), "stripe-key"),
        (of(&["rk", "_live_", &RANDOM[..24]]), "stripe-key"),
        (of(&["sk", "_test_", &RANDOM[..24]]), "stripe-key"),
        (of(&["np", "m_", &RANDOM[..36]]), "npm-token"),
        (
            of(&["py", "pi-", "AgEIcHlwaS5vcmc", &RANDOM[..50]]),
            "pypi-token",
        ),
        (of(&["h", "f_", &LETTERS[..34]]), "huggingface-token"),
        (
            of(&["S", "G.", &RANDOM[..22], ".", &RANDOM[..43]]),
            "sendgrid-key",
        ),
        (of(&["S", "K", &HEX[..32]]), "twilio-key"),
        (of(&["dop", "_v1_", HEX]), "digitalocean-token"),
        (of(&["123456789", ":AA", &RANDOM[..33]]), "telegram-token"),
        (jwt(3), "jwt"),
        (jwt(2), "jwt"),
        (pem("", 3, true), "private-key"),
        (pem("RSA ", 3, true), "private-key"),
        (pem("OPENSSH ", 3, false), "private-key"),
        (pem("EC ", 1, false), "private-key"),
        (pem("", 3, true).replace('\n', "\\n"), "private-key"),
    ]
}

/// Texts in which the secret, here `@`, is known by what stands around it.
pub const NAMED: &[(&str, &str)] = &[
    ("Authorization: Bearer @", "bearer"),
    ("-H 'authorization: bearer @'", "bearer"),
    ("sent Bearer @ to the host", "bearer"),
    ("Authorization: Basic @", "credentials"),
    ("authorization = Token @", "credentials"),
    ("postgres://app:@@db.example.com/app", "password"),
    ("redis://:@@localhost:6379/0", "password"),
    (
        "fetching https://ci-bot:@@git.example.com/a.git failed",
        "password",
    ),
    ("password=@", "password"),
    ("password: @", "password"),
    ("{\"password\": \"@\"}", "password"),
    ("{\\\"password\\\": \\\"@\\\"}", "password"),
    ("PGPASSWORD=@ psql", "password"),
    ("MYSQL_PWD=@", "password"),
    ("DB_PASS=@", "password"),
    ("--passphrase=@ --batch", "password"),
    ("passwd = '@'", "password"),
    ("let password: String = \"@\";", "password"),
    ("api_key=@", "api-key"),
    ("https://api.example.com/v1?apikey=@&page=2", "api-key"),
    ("x-api-key: @", "api-key"),
    ("export OPENAI_API_KEY=\"@\"", "api-key"),
    ("apiKey: '@',", "api-key"),
    ("config[\"api_key\"] = \"@\"", "api-key"),
    ("AWS_SECRET_ACCESS_KEY=@", "api-key"),
    ("aws_secret_access_key = @", "api-key"),
    ("AccountKey=@;EndpointSuffix=core", "api-key"),
    ("token: @", "token"),
    ("token=@", "token"),
    ("access_token => '@'", "token"),
    ("refreshToken := `@`", "token"),
    ("secret=@", "secret"),
    ("client_secret: \"@\"", "secret"),
    ("WEBHOOK_SECRET=@.", "secret"),
];
