//! What a run cost beyond its tokens, and lines whose numbers are none.

use super::*;

macro_rules! captured {
    ($file:literal) => {
        include_str!(concat!("../../../../../../tests/data/claude-code/", $file))
    };
}

fn cost(transcript: &str) -> Option<i64> {
    slice(transcript.as_bytes(), 0, None).cost_micros
}

/// A message of opus-5-5, which costs 10*4 + 2*20 = 80 for its tokens, with more in its usage.
fn with(more: Value) -> Value {
    let mut line = answer(2, "m1", Some("end_turn"));
    let usage = line["message"]["usage"].as_object_mut().unwrap();
    usage.extend(more.as_object().unwrap().clone());
    line
}

fn iteration(kind: &str, input: u64, output: u64, read: u64) -> Value {
    json!({"type": kind, "input_tokens": input, "output_tokens": output,
           "cache_read_input_tokens": read, "cache_creation_input_tokens": 0})
}

/// The client's own figures, in `expected.json` of each run.
#[test]
fn captured_runs_cost_what_their_client_says() {
    // 0.056421 of the main thread in each but the fast one, the rest of the agent.
    let runs = [
        (
            captured!("u-fast-2.1.332/subagents/agent-ab565e092d4d7251e.jsonl"),
            captured!("u-fast-2.1.332/main/40cc5db9-f799-4851-b5af-02a999c2ee15.jsonl"),
            207_014,
        ),
        (
            captured!("u-web-2.1.332/subagents/agent-a10d3d5ddc4f93a63.jsonl"),
            captured!("u-web-2.1.332/main/3b2839f4-3b51-4dfc-bfb1-c29c1d3ea515.jsonl"),
            178_904,
        ),
        (
            captured!("u-1h-2.1.332/subagents/agent-a5f22e09b951fc844.jsonl"),
            captured!("u-1h-2.1.332/main/9d41642a-f3bf-4362-a07a-7a4af1364cfd.jsonl"),
            64_952,
        ),
        (
            captured!("u-long-2.1.332/subagents/agent-a612650380aa2f4d0.jsonl"),
            captured!("u-long-2.1.332/main/46f7cd52-86d8-493a-bcb9-ffadcd19c95c.jsonl"),
            300_801,
        ),
    ];
    for (agent, main, expect) in runs {
        let sum = cost(agent).unwrap() + cost(main).unwrap();
        assert!((sum - expect).abs() <= 1, "{sum} and not {expect}");
    }
    let searched = slice(runs[1].0.as_bytes(), 0, None);
    assert_eq!(searched.models["claude-haiku-5-5"].web_searches, 12);
}

#[test]
fn searches_of_a_message_over_several_lines_count_once() {
    let line =
        with(json!({"server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 9}}));
    let counted = usage(&[prompt(1), line.clone(), line]);
    // 80 + 3 * 10,000
    assert_eq!(counted.cost_micros, Some(30_080));
    assert_eq!(counted.models["claude-opus-5-5"].web_searches, 3);
}

#[test]
fn speed_and_region_are_those_of_the_request() {
    let cost = |more| usage(&[prompt(1), with(more)]).cost_micros;
    assert_eq!(
        cost(json!({"speed": "standard", "inference_geo": ""})),
        Some(80)
    );
    assert_eq!(cost(json!({"speed": null, "inference_geo": 7})), Some(80));
    // 10*8 + 2*40, and 80 * 1.1
    assert_eq!(cost(json!({"speed": "fast"})), Some(160));
    assert_eq!(cost(json!({"inference_geo": "us"})), Some(88));
    assert_eq!(cost(json!({"speed": "warp"})), None);
    let fast = usage(&[
        prompt(1),
        with(json!({"speed": "fast"})),
        answer(3, "m2", Some("end_turn")),
    ]);
    assert_eq!(fast.cost_micros, Some(240), "each by its own");
    assert_eq!(fast.models["claude-opus-5-5"].requests, 2);
}

#[test]
fn an_advisor_counts_under_its_own_model_and_on_top() {
    let mut advisor = iteration("advisor_message", 20_000, 1_000, 0);
    advisor["model"] = "claude-opus-4-7".into();
    let line = with(json!({"iterations": [
        iteration("message", 4, 1, 0), advisor, iteration("message", 6, 1, 0)]}));
    let counted = usage(&[prompt(1), line.clone(), line]);
    // 80, and 20,000*5 + 1,000*25
    assert_eq!(counted.cost_micros, Some(125_080));
    let counts = |model: &str| {
        let model = &counted.models[model];
        (model.requests, model.input_tokens, model.output_tokens)
    };
    assert_eq!(counts("claude-opus-5-5"), (1, 10, 2));
    assert_eq!(counts("claude-opus-4-7"), (1, 20_000, 1_000));
}

#[test]
fn each_sampling_has_the_price_of_its_own_prompt() {
    let sampled = |iterations: Value| {
        let usage_of = json!({"input_tokens": 20, "output_tokens": 100,
            "cache_read_input_tokens": 120_000, "iterations": iterations});
        let line = with_usage(
            answer(2, "m1", Some("end_turn")),
            "claude-haiku-5-5",
            usage_of,
        );
        usage(&[prompt(1), line])
    };
    let twice = sampled(json!([
        iteration("message", 10, 50, 60_000),
        iteration("message", 10, 50, 60_000)
    ]));
    // 2 * (10*0.1 + 50*0.5 + 60,000*0.01), the low tier
    assert_eq!(twice.cost_micros, Some(1_252));
    assert_eq!(twice.requests(), 1);
    // What does not come to the same is no account of it: 20*0.5 + 100*2.5 + 120,000*0.05.
    for other in [
        json!([iteration("message", 10, 50, 60_000)]),
        json!([
            iteration("message", 10, 50, 60_000),
            iteration("message", 9, 50, 60_000)
        ]),
        json!([]),
        json!("none"),
        json!([7, "x", null, []]),
    ] {
        assert_eq!(sampled(other).cost_micros, Some(6_260));
    }
    let many = vec![iteration("message", 0, 0, 0); 65];
    assert_eq!(sampled(many.into()).cost_micros, None);
}

#[test]
fn of_lines_that_differ_the_last_whole_one_is_billed() {
    let line = |model: &str, stop: Option<&str>, output: u64| {
        let counts = json!({"input_tokens": 10, "output_tokens": output});
        with_usage(answer(2, "m1", stop), model, counts)
    };
    let billed = |lines: &[Value]| {
        let counted = usage(&[&[prompt(1)], lines].concat());
        let models = counted.models.into_iter();
        models
            .map(|(name, model)| (name, model.output_tokens))
            .collect::<Vec<_>>()
    };
    let (opus, sonnet) = ("claude-opus-5-5", "claude-sonnet-5-5");
    let expect = |model: &str, output| vec![(model.to_owned(), output)];
    let fell_back = [line(opus, None, 900), line(sonnet, Some("end_turn"), 5)];
    assert_eq!(billed(&fell_back), expect(sonnet, 5));
    let twice = [
        line(opus, Some("end_turn"), 9),
        line(sonnet, Some("end_turn"), 5),
    ];
    assert_eq!(billed(&twice), expect(sonnet, 5));
    let late = [line(opus, Some("end_turn"), 5), line(opus, None, 900)];
    assert_eq!(billed(&late), expect(opus, 5));
    let never = [
        line(opus, None, 5),
        line(opus, None, 9),
        line(opus, None, 7),
    ];
    assert_eq!(billed(&never), expect(opus, 9));
}

/// The field is void, and never the line: its tool call and its other numbers count. What it cost
/// is not known.
#[test]
fn a_number_that_is_none_takes_nothing_else_with_it() {
    for number in [
        json!(-120),
        json!(50.5),
        json!("50"),
        json!(1_000_000_000_001_u64),
        json!({"a": 1}),
    ] {
        let mut line = call(2, "m1", &[("t1", "Read")]);
        line["message"]["usage"]["output_tokens"] = number.clone();
        let counted = usage(&[prompt(1), line]);
        let model = &counted.models["claude-opus-5-5"];
        assert_eq!(
            (model.input_tokens, model.output_tokens),
            (10, 0),
            "{number}"
        );
        assert_eq!(counted.tool_calls["Read"], 1);
        assert!(counted.cost_micros.is_none() && counted.unpriced);
    }
    let line = with(json!({"input_tokens": 50.0}));
    // 50*4 + 2*20
    assert_eq!(usage(&[prompt(1), line]).cost_micros, Some(240));
    let mut odd = answer(2, "m1", Some("end_turn"));
    odd["message"]["usage"] = "much".into();
    assert!(usage(&[prompt(1), odd]).unpriced);
}

/// Half of an emoji, a byte order mark, values of other types.
#[test]
fn a_field_that_is_no_text_is_absent_and_its_line_counts() {
    let counted = usage(&[prompt(1), call(2, "m1", &[("t1", "Read")])]);
    let file = text(&[prompt(1), call(2, "m1", &[("t1", "Read")])]);
    let odd = [
        file.replace(r#""agentId":"a1""#, r#""agentId":"\ud83d""#),
        file.replace(r#""agentId":"a1""#, r#""agentId":7,"gitBranch":"\udc00""#),
        file.replace(r#""a":1"#, r#""a":"\ud83d""#),
        file.replace(
            r#""content":"do the secret thing""#,
            r#""content":"\ud83d""#,
        ),
        file.replace(r#"[{"id":"t1""#, r#"["x",7,null,[1],{"id":"t1""#),
    ];
    for odd in odd {
        assert_ne!(odd, file);
        let read = slice(odd.as_bytes(), 0, None);
        assert_eq!(
            (&read.models, &read.tool_calls),
            (&counted.models, &counted.tool_calls),
            "{odd}"
        );
        assert_eq!(read.first_ms, counted.first_ms);
    }
    let mut torn = file.clone().into_bytes();
    let at = file.find("secret").expect("the prompt");
    torn[at] = 0xff;
    let at = file.find("\"a\":1").expect("the input of the call");
    torn.splice(at + 4..at + 5, *b"\"\xc3\"");
    let read = slice(&torn, 0, None);
    assert_eq!(
        (&read.models, &read.tool_calls, read.first_ms),
        (&counted.models, &counted.tool_calls, counted.first_ms)
    );
    let marked = slice(format!("\u{feff}{file}").as_bytes(), 0, None);
    assert_eq!(
        (marked.models, marked.first_ms),
        (counted.models, counted.first_ms)
    );
}
