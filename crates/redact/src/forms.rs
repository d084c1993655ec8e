//! The forms of the tokens that providers issue: a prefix and a body.

use super::bytes::{has_digit, is_base64};

/// A provider's form of token: a prefix and a body, longer than names with such a prefix
/// and mostly shorter than what is issued today.
pub(super) struct Form {
    pub kind: &'static str,
    pub prefix: &'static str,
    /// Where in the prefix the rarer byte of its trigger is.
    pub rare_at: usize,
    pub body: fn(u8) -> bool,
    pub min_body_bytes: usize,
    /// Names are made of words; random characters have a digit among them.
    pub needs: fn(&[u8]) -> bool,
}

const fn form(
    kind: &'static str,
    prefix: &'static str,
    rare_at: usize,
    body: fn(u8) -> bool,
    min_body_bytes: usize,
    needs: fn(&[u8]) -> bool,
) -> Form {
    Form {
        kind,
        prefix,
        rare_at,
        body,
        min_body_bytes,
        needs,
    }
}

/// Where forms share a start, the longer prefix comes first.
#[rustfmt::skip]
pub(super) static FORMS: &[Form] = &[
    form("anthropic-key", "sk-ant-", 2, is_slug, 16, has_digit),
    form("openai-key", "sk-proj-", 2, is_slug, 16, has_digit),
    form("openai-key", "sk-svcacct-", 2, is_slug, 16, has_digit),
    form("openai-key", "sk-admin-", 2, is_slug, 16, has_digit),
    form("openai-key", "sk-None-", 2, is_slug, 16, has_digit),
    form("openrouter-key", "sk-or-", 2, is_slug, 16, has_digit),
    form("openai-key", "sk-", 2, is_alphanumeric, 20, has_digit),
    form("stripe-key", "sk_live_", 2, is_alphanumeric, 10, anything),
    form("stripe-key", "rk_live_", 2, is_alphanumeric, 10, anything),
    form("stripe-key", "sk_test_", 2, is_alphanumeric, 16, has_digit),
    form("stripe-key", "rk_test_", 2, is_alphanumeric, 16, has_digit),
    form("aws-key", "AKIA", 2, is_upper_or_digit, 16, anything),
    form("aws-key", "ASIA", 2, is_upper_or_digit, 16, anything),
    form("github-token", "github_pat_", 6, is_word, 20, has_digit),
    form("github-token", "ghp_", 3, is_word, 20, has_digit),
    form("github-token", "gho_", 3, is_word, 20, has_digit),
    form("github-token", "ghs_", 3, is_word, 20, has_digit),
    form("github-token", "ghu_", 3, is_word, 20, has_digit),
    form("github-token", "ghr_", 3, is_word, 20, has_digit),
    form("gitlab-token", "glpat-", 5, is_dotted_slug, 16, has_digit),
    form("slack-token", "xoxa-", 2, is_slug, 10, has_digit),
    form("slack-token", "xoxb-", 2, is_slug, 10, has_digit),
    form("slack-token", "xoxe-", 2, is_slug, 10, has_digit),
    form("slack-token", "xoxe.", 2, is_dotted_slug, 10, has_digit),
    form("slack-token", "xoxo-", 2, is_slug, 10, has_digit),
    form("slack-token", "xoxp-", 2, is_slug, 10, has_digit),
    form("slack-token", "xoxr-", 2, is_slug, 10, has_digit),
    form("slack-token", "xoxs-", 2, is_slug, 10, has_digit),
    form("slack-webhook", "hooks.slack.com/services/", 11, is_path, 16, anything),
    form("slack-webhook", "hooks.slack.com/workflows/", 11, is_path, 16, anything),
    form("slack-webhook", "hooks.slack.com/triggers/", 11, is_path, 16, anything),
    form("google-key", "AIza", 1, is_slug, 30, anything),
    form("agentpulse-key", "ap_", 2, is_hex, 32, anything),
    form("npm-token", "npm_", 3, is_alphanumeric, 30, anything),
    form("pypi-token", "pypi-", 4, is_slug, 32, has_digit_and_upper),
    form("huggingface-token", "hf_", 2, is_alphanumeric, 30, anything),
    form("sendgrid-key", "SG.", 1, is_dotted_slug, 32, has_digit),
    form("digitalocean-token", "dop_v1_", 3, is_hex, 32, anything),
    form("digitalocean-token", "doo_v1_", 3, is_hex, 32, anything),
    form("digitalocean-token", "dor_v1_", 3, is_hex, 32, anything),
    form("aws-key", "ABIA", 2, is_upper_or_digit, 16, anything),
    form("aws-key", "ACCA", 2, is_upper_or_digit, 16, anything),
    form("aws-key", "ABSK", 3, is_base64, 40, has_digit),
    form("gitlab-token", "gldt-", 4, is_dotted_slug, 16, has_digit),
    form("gitlab-token", "glrt-", 4, is_dotted_slug, 16, has_digit),
    form("gitlab-token", "glcbt-", 5, is_dotted_slug, 16, has_digit),
    form("gitlab-token", "glptt-", 5, is_dotted_slug, 16, has_digit),
    form("gitlab-token", "glft-", 4, is_dotted_slug, 16, has_digit),
    form("gitlab-token", "glsoat-", 6, is_dotted_slug, 16, has_digit),
    form("gitlab-token", "glagent-", 7, is_dotted_slug, 16, has_digit),
    form("bitbucket-token", "ATBB", 3, is_alphanumeric, 24, has_digit),
    form("atlassian-token", "ATATT3", 1, is_assigned_slug, 40, has_digit),
    form("atlassian-token", "ATCTT3", 1, is_assigned_slug, 40, has_digit),
    form("slack-token", "xapp-", 4, is_slug, 20, has_digit),
    form("discord-webhook", "discord.com/api/webhooks/", 7, is_slug_path, 40, has_digit),
    form("discord-webhook", "discordapp.com/api/webhooks/", 10, is_slug_path, 40, has_digit),
    form("teams-webhook", "webhook.office.com/webhookb2/", 7, is_mail_path, 40, has_digit),
    form("google-token", "ya29.", 4, is_dotted_slug, 24, has_digit),
    form("google-key", "GOCSPX-", 6, is_slug, 24, anything),
    form("azure-signature", "sig=", 3, is_percent_base64, 40, anything),
    form("alibaba-key", "LTAI", 3, is_alphanumeric, 16, has_digit),
    form("tencent-key", "AKID", 2, is_alphanumeric, 28, has_digit),
    form("groq-key", "gsk_", 3, is_alphanumeric, 32, has_digit),
    form("xai-key", "xai-", 3, is_alphanumeric, 40, has_digit),
    form("perplexity-key", "pplx-", 4, is_alphanumeric, 32, has_digit),
    form("replicate-token", "r8_", 2, is_alphanumeric, 30, has_digit),
    form("fireworks-key", "fw_", 2, is_alphanumeric, 22, has_digit),
    form("together-key", "tgp_v1_", 3, is_slug, 32, has_digit),
    form("nvidia-key", "nvapi-", 5, is_slug, 40, has_digit),
    form("cerebras-key", "csk-", 3, is_alphanumeric, 32, has_digit),
    form("langsmith-key", "lsv2_pt_", 4, is_word, 32, has_digit),
    form("langsmith-key", "lsv2_sk_", 4, is_word, 32, has_digit),
    form("pinecone-key", "pcsk_", 4, is_word, 40, has_digit),
    form("tavily-key", "tvly-", 4, is_slug, 24, has_digit),
    form("jina-key", "jina_", 4, is_slug, 40, has_digit),
    form("elevenlabs-key", "sk_", 2, is_hex, 40, anything),
    form("firecrawl-key", "fc-", 2, is_hex, 32, anything),
    form("voyage-key", "pa-", 2, is_slug, 40, has_digit_and_upper),
    form("stripe-secret", "whsec_", 5, is_base64, 24, has_digit),
    form("square-token", "sq0atp-", 6, is_slug, 20, has_digit),
    form("square-token", "sq0csp-", 6, is_slug, 40, has_digit),
    form("shopify-token", "shpat_", 5, is_hex, 32, anything),
    form("shopify-token", "shpss_", 5, is_hex, 32, anything),
    form("shopify-token", "shpca_", 5, is_hex, 32, anything),
    form("shopify-token", "shppa_", 5, is_hex, 32, anything),
    form("razorpay-key", "rzp_live_", 3, is_alphanumeric, 14, anything),
    form("rubygems-key", "rubygems_", 8, is_hex, 40, anything),
    form("docker-token", "dckr_pat_", 4, is_slug, 24, has_digit),
    form("docker-token", "dckr_oat_", 4, is_slug, 24, has_digit),
    form("vault-token", "hvs.", 3, is_slug, 24, has_digit),
    form("vault-token", "hvb.", 3, is_slug, 24, has_digit),
    form("doppler-token", "dp.pt.", 2, is_alphanumeric, 40, anything),
    form("doppler-token", "dp.st.", 2, is_dotted_slug, 40, has_digit),
    form("onepassword-token", "ops_eyJ", 3, is_base64, 40, anything),
    form("pulumi-token", "pul-", 3, is_hex, 40, anything),
    form("mailgun-key", "key-", 3, is_hex, 32, anything),
    form("resend-key", "re_", 2, is_word, 32, has_digit_and_upper),
    form("brevo-key", "xkeysib-", 7, is_slug, 64, anything),
    form("grafana-token", "glc_", 3, is_base64, 32, anything),
    form("grafana-token", "glsa_", 4, is_word, 32, has_digit),
    form("newrelic-key", "NRAK-", 4, is_upper_or_digit, 27, anything),
    form("sentry-token", "sntrys_", 6, is_assigned_slug, 40, has_digit),
    form("sentry-token", "sntryu_", 6, is_hex, 64, anything),
    form("linear-key", "lin_api_", 3, is_alphanumeric, 40, anything),
    form("notion-token", "ntn_", 3, is_alphanumeric, 40, has_digit),
    form("figma-token", "figd_", 4, is_slug, 40, has_digit),
    form("postman-key", "PMAK-", 4, is_slug, 50, has_digit),
    form("dropbox-token", "sl.", 2, is_slug, 100, has_digit_and_upper),
    form("supabase-key", "sbp_", 3, is_hex, 40, anything),
    form("supabase-key", "sb_secret_", 2, is_slug, 22, has_digit),
    form("planetscale-token", "pscale_tkn_", 6, is_dotted_slug, 32, has_digit),
    form("planetscale-password", "pscale_pw_", 6, is_dotted_slug, 32, has_digit),
    form("neon-key", "napi_", 4, is_alphanumeric, 40, has_digit),
    form("heroku-key", "HRKU-", 4, is_slug, 36, has_digit),
    form("fly-token", "fm2_", 3, is_base64, 40, has_digit),
    form("netlify-token", "nfp_", 3, is_alphanumeric, 36, has_digit),
    form("render-key", "rnd_", 3, is_alphanumeric, 28, has_digit),
    form("tailscale-key", "tskey-", 5, is_slug, 24, has_digit),
    form("age-key", "AGE-SECRET-KEY-1", 3, is_upper_or_digit, 58, anything),
    form("circleci-token", "CCIPAT_", 6, is_word, 40, has_digit),
    form("buildkite-token", "bkua_", 4, is_hex, 40, anything),
    form("posthog-key", "phx_", 3, is_alphanumeric, 40, has_digit),
    form("stripe-key", "sk_prod_", 2, is_alphanumeric, 10, anything),
    form("stripe-key", "rk_prod_", 2, is_alphanumeric, 10, anything),
    form("aws-key", "A3T", 2, is_upper_or_digit, 17, has_digit),
    form("aws-key", "bedrock-api-key-", 7, is_base64, 20, anything),
    form("aws-signature", "X-Amz-Signature=", 1, is_hex, 64, anything),
    form("google-signature", "X-Goog-Signature=", 1, is_hex, 64, anything),
    form("onepassword-key", "A3-", 2, is_upper_dash, 30, has_digit),
    form("adobe-secret", "p8e-", 3, is_alphanumeric, 32, has_digit),
    form("adafruit-key", "aio_", 3, is_alphanumeric, 28, has_digit),
    form("artifactory-key", "AKCp", 2, is_alphanumeric, 60, has_digit),
    form("artifactory-token", "cmVmd", 3, is_alphanumeric, 59, has_digit),
    form("authress-key", "sc_", 2, is_dotted_base64, 50, has_access),
    form("authress-key", "ext_", 3, is_dotted_base64, 50, has_access),
    form("authress-key", "scauth_", 6, is_dotted_base64, 50, has_access),
    form("authress-key", "authress_", 8, is_dotted_base64, 50, has_access),
    form("clickhouse-key", "4b1d", 1, is_alphanumeric, 38, has_digit_and_upper),
    form("clojars-token", "CLOJARS_", 7, is_alphanumeric, 60, anything),
    form("cloudflare-key", "v1.0-", 4, is_hex_dash, 150, anything),
    form("databricks-token", "dapi", 2, is_hex, 32, anything),
    form("defined-networking-key", "dnkey-", 5, is_assigned_slug, 60, has_digit),
    form("duffel-token", "duffel_live_", 6, is_assigned_slug, 40, anything),
    form("duffel-token", "duffel_test_", 6, is_assigned_slug, 40, anything),
    form("dynatrace-token", "dt0c01.", 6, is_dotted_slug, 80, anything),
    form("easypost-key", "EZAK", 1, is_alphanumeric, 54, anything),
    form("easypost-key", "EZTK", 1, is_alphanumeric, 54, anything),
    form("facebook-token", "EAAC", 1, is_alphanumeric, 90, has_digit),
    form("facebook-token", "EAAM", 1, is_alphanumeric, 90, has_digit),
    form("flutterwave-key", "FLWSECK_TEST-", 7, is_slug, 12, anything),
    form("flutterwave-key", "FLWSECK-", 7, is_slug, 30, has_digit),
    form("fly-token", "fo1_", 3, is_slug, 40, has_digit),
    form("fly-token", "fm1a_", 4, is_base64, 80, has_digit),
    form("fly-token", "fm1r_", 4, is_base64, 80, has_digit),
    form("frameio-token", "fio-u-", 3, is_assigned_slug, 60, has_digit),
    form("gitlab-token", "glffct-", 6, is_slug, 16, has_digit),
    form("gitlab-token", "glimt-", 5, is_slug, 20, has_digit),
    form("gitlab-token", "gloas-", 5, is_slug, 60, has_digit),
    form("gitlab-token", "GR1348941", 1, is_slug, 20, anything),
    form("gitlab-token", "_gitlab_session=", 1, is_alphanumeric, 32, anything),
    form("grafana-key", "eyJrIjoi", 2, is_base64, 60, has_digit),
    form("harness-key", "pat.", 3, is_dotted_slug, 60, has_digit_and_upper),
    form("harness-key", "sat.", 3, is_dotted_slug, 60, has_digit_and_upper),
    form("huggingface-token", "api_org_", 3, is_alphanumeric, 30, anything),
    form("infracost-key", "ico-", 3, is_alphanumeric, 32, has_digit),
    form("intra42-secret", "s-s4t2ud-", 1, is_hex, 64, anything),
    form("intra42-secret", "s-s4t2af-", 1, is_hex, 64, anything),
    form("lob-key", "live_", 4, is_hex, 35, anything),
    form("lob-key", "test_", 4, is_hex, 35, anything),
    form("mapbox-token", "sk.eyJ", 2, is_dotted_slug, 60, has_digit),
    form("newrelic-key", "NRII-", 4, is_slug, 32, has_digit),
    form("newrelic-key", "NRJS-", 4, is_hex, 19, anything),
    form("octopus-key", "API-", 3, is_upper_or_digit, 26, has_digit),
    form("openshift-token", "sha256~", 6, is_slug, 43, anything),
    form("plaid-token", "access-sandbox-", 6, is_hex_dash, 36, anything),
    form("plaid-token", "access-development-", 6, is_hex_dash, 36, anything),
    form("plaid-token", "access-production-", 6, is_hex_dash, 36, anything),
    form("planetscale-token", "pscale_oauth_", 6, is_dotted_slug, 32, has_digit),
    form("prefect-token", "pnu_", 3, is_alphanumeric, 36, has_digit),
    form("readme-token", "rdme_", 4, is_alphanumeric, 70, anything),
    form("scalingo-token", "tk-us-", 2, is_slug, 48, has_digit),
    form("settlemint-token", "sm_aat_", 2, is_alphanumeric, 16, has_digit),
    form("settlemint-token", "sm_pat_", 2, is_alphanumeric, 16, has_digit),
    form("settlemint-token", "sm_sat_", 2, is_alphanumeric, 16, has_digit),
    form("shippo-token", "shippo_live_", 6, is_any_hex, 40, anything),
    form("shippo-token", "shippo_test_", 6, is_any_hex, 40, anything),
    form("sonar-token", "squ_", 3, is_hex, 40, anything),
    form("sonar-token", "sqp_", 3, is_hex, 40, anything),
    form("sonar-token", "sqa_", 3, is_hex, 40, anything),
    form("sourcegraph-token", "sgp_", 3, is_word, 40, has_digit),
    form("square-token", "EAAA", 1, is_slug, 22, has_digit_and_upper),
    form("twitter-token", "AAAAAAAAAAAAAAAAAAAAAA", 1, is_percent_base64, 80, has_digit),
    form("typeform-token", "tfp_", 3, is_dotted_slug, 40, has_digit),
    form("vault-token", "s.", 1, is_alphanumeric, 24, is_of_24),
    form("yandex-key", "AQVN", 1, is_slug, 35, has_digit),
    form("yandex-key", "YC", 1, is_slug, 38, is_of_38),
    form("yandex-token", "t1.", 2, is_dotted_base64, 86, has_digit),
];

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

pub(super) fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn is_slug(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

pub(super) fn is_dotted_slug(byte: u8) -> bool {
    is_slug(byte) || byte == b'.'
}

fn is_path(byte: u8) -> bool {
    is_word(byte) || byte == b'/'
}

fn anything(_: &[u8]) -> bool {
    true
}

fn has_digit_and_upper(body: &[u8]) -> bool {
    has_digit(body) && body.iter().any(u8::is_ascii_uppercase)
}

fn is_slug_path(byte: u8) -> bool {
    is_slug(byte) || byte == b'/'
}

/// Of an address with identifiers that are joined by `@`.
fn is_mail_path(byte: u8) -> bool {
    is_slug_path(byte) || byte == b'@'
}

fn is_assigned_slug(byte: u8) -> bool {
    is_slug(byte) || byte == b'='
}

/// As it stands in an address.
fn is_percent_base64(byte: u8) -> bool {
    is_base64(byte) || byte == b'%'
}

fn is_any_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

fn is_hex_dash(byte: u8) -> bool {
    is_hex(byte) || byte == b'-'
}

fn is_upper_dash(byte: u8) -> bool {
    is_upper_or_digit(byte) || byte == b'-'
}

fn is_dotted_base64(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'-' | b'.' | b'_')
}

/// The part that says what the rest opens.
fn has_access(body: &[u8]) -> bool {
    body.windows(4).any(|bytes| bytes == b".acc")
}

/// Their prefixes are so short that only the exact length shows it.
fn is_of_24(body: &[u8]) -> bool {
    body.len() == 24 && has_digit_and_upper(body)
}

fn is_of_38(body: &[u8]) -> bool {
    body.len() == 38 && has_digit_and_upper(body)
}
