use super::*;

const DAY: &str = "2026-11-20";

fn cost(model: &str, tokens: Tokens) -> Option<i64> {
    Prices::default().cost_micros(model, &tokens, DAY)
}

fn request<'a>(model: &'a str, day: &'a str, tokens: Tokens) -> Request<'a> {
    Request {
        model,
        terms: Terms::default(),
        day,
        tokens,
        web_searches: 0,
    }
}

fn each(input: u64, output: u64, read: u64, write_5m: u64, write_1h: u64) -> Tokens {
    Tokens {
        input,
        output,
        cache_read: read,
        cache_write_5m: write_5m,
        cache_write_1h: write_1h,
    }
}

#[test]
fn a_run_costs_what_the_list_says() {
    // A dollar per million tokens is a micro-dollar per token.
    // 1500*4 + 2300*20 = 6,000 + 46,000
    assert_eq!(cost("opus-5-5", Tokens::uncached(1500, 2300)), Some(52_000));
    // 1500*3 + 2300*15 = 4,500 + 34,500
    assert_eq!(
        cost("sonnet-4-5", Tokens::uncached(1500, 2300)),
        Some(39_000)
    );
    // 10*5 + 20*25 + 3000*0.5 + 400*6.25 + 500*10 = 50 + 500 + 1,500 + 2,500 + 5,000
    assert_eq!(cost("opus-4-6", each(10, 20, 3000, 400, 500)), Some(9_550));
    // 100*0.8 + 100*4 + 100*0.08 + 100*1 + 100*1.6 = 80 + 400 + 8 + 100 + 160
    assert_eq!(cost("haiku-3-5", each(100, 100, 100, 100, 100)), Some(748));
    // 1000*10 + 10*50 + 4000*0.25 + 8*12.5 + 2*20 = 10,000 + 500 + 1,000 + 100 + 40
    assert_eq!(cost("fable-5-1", each(1000, 10, 4000, 8, 2)), Some(11_640));
    // 2*15 + 2*75 + 2*1.5 + 4*18.75 + 1*30 = 30 + 150 + 3 + 75 + 30
    assert_eq!(cost("opus-4-1", each(2, 2, 2, 4, 1)), Some(288));
    assert_eq!(cost("opus-5-5", Tokens::default()), Some(0));
}

#[test]
fn every_row_of_the_list_is_there() {
    // One million of each kind costs the sum of the row.
    let million = each(1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000);
    let sums = [
        ("opus-5-5", 37_200_000),   // 4 + 20 + 0.20 + 5 + 8
        ("sonnet-5-5", 18_600_000), // 2 + 10 + 0.10 + 2.5 + 4
        ("opus-4-5", 46_750_000),   // 5 + 25 + 0.5 + 6.25 + 10
        ("opus-4-7", 46_750_000),
        ("opus-5", 46_750_000),
        ("sonnet-5", 18_700_000),   // 2 + 10 + 0.2 + 2.5 + 4
        ("sonnet-4-6", 28_050_000), // 3 + 15 + 0.3 + 3.75 + 6
        ("haiku-4-5", 9_350_000),   // 1 + 5 + 0.1 + 1.25 + 2
        ("haiku-3-5", 7_480_000),   // 0.8 + 4 + 0.08 + 1 + 1.6
        ("opus-4", 140_250_000),    // 15 + 75 + 1.5 + 18.75 + 30
        ("fable-5-1", 92_750_000),  // 10 + 50 + 0.25 + 12.5 + 20
        ("fable-5", 93_500_000),    // 10 + 50 + 1 + 12.5 + 20
        ("mythos-5", 93_500_000),
        ("mythos-5-1", 92_750_000),
        ("fable-5-2", 74_200_000), // 8 + 40 + 0.2 + 10 + 16
        ("mythos-5-2", 74_200_000),
        ("claude-3-5-sonnet-20241022", 28_050_000),
        ("claude-3-7-sonnet-20250219", 28_050_000),
        // above 200,000: 6 + 22.5 + 0.6 + 7.5 + 12
        ("sonnet-4-5", 48_600_000),
        ("sonnet-4", 48_600_000),
    ];
    for (model, sum) in sums {
        let request = request(model, DAY, million);
        let cost = Prices::default().cost_of_requests([request].into_iter());
        assert_eq!(cost, Some(sum), "{model}");
    }
    let fast = [
        ("opus-5-5", 74_400_000), // 8 + 40 + 0.4 + 10 + 16
        ("opus-5", 93_500_000),   // 10 + 50 + 1 + 12.5 + 20
        ("opus-4-8", 93_500_000),
        ("opus-4-7", 280_500_000), // 30 + 150 + 3 + 37.5 + 60
        ("opus-4-6", 280_500_000),
        ("fable-5-2", 148_400_000), // 16 + 80 + 0.4 + 20 + 32
        ("mythos-5-2", 148_400_000),
    ];
    for (model, sum) in fast {
        assert_eq!(cost_on(model, "fast", "", million, 0), Some(sum), "{model}");
    }
}

fn cost_on(model: &str, speed: &str, region: &str, tokens: Tokens, searches: u64) -> Option<i64> {
    let request = Request {
        terms: Terms { speed, region },
        web_searches: searches,
        ..request(model, DAY, tokens)
    };
    Prices::default().cost_of_requests([request].into_iter())
}

#[test]
fn speed_region_and_searches_have_their_price() {
    let tokens = each(100, 10, 0, 0, 0);
    // 100*4 + 10*20
    for speed in ["", "standard"] {
        assert_eq!(cost_on("opus-5-5", speed, "", tokens, 0), Some(600));
    }
    // 100*8 + 10*40
    assert_eq!(cost_on("opus-5-5", "fast", "", tokens, 0), Some(1_200));
    // 600 * 1.1, and three searches of a cent each, which no region makes dearer
    assert_eq!(cost_on("opus-5-5", "", "us", tokens, 0), Some(660));
    assert_eq!(cost_on("opus-5-5", "", "us", tokens, 3), Some(30_660));
    assert_eq!(cost_on("opus-5-5", "", "global", tokens, 0), Some(600));
    // 5 * 1.1 = 5.5 → 6
    assert_eq!(
        cost_on("haiku-4-5", "", "us", each(0, 1, 0, 0, 0), 0),
        Some(6)
    );
    // What the table has no price for is not taken for the usual.
    for (speed, region) in [("turbo", ""), ("", "moon"), ("fast", "moon")] {
        assert_eq!(cost_on("opus-5-5", speed, region, tokens, 0), None);
    }
    assert_eq!(cost_on("haiku-5-5", "fast", "", tokens, 0), None);
    let older = Prices::parse(&row(&[])).unwrap();
    let search = |web_searches| Request {
        web_searches,
        ..request("m", DAY, tokens)
    };
    assert!(older.cost_of_requests([search(0)].into_iter()).is_some());
    assert_eq!(older.cost_of_requests([search(1)].into_iter()), None);
}

#[test]
fn halves_are_rounded_up_and_only_once() {
    // 5*0.1 = 0.5 → 1; 4*0.1 = 0.4 → 0
    assert_eq!(cost("sonnet-5-5", each(0, 0, 5, 0, 0)), Some(1));
    assert_eq!(cost("sonnet-5-5", each(0, 0, 4, 0, 0)), Some(0));
    // 1*0.25 + 1*12.5 = 12.75 → 13, where rounding each part gives 0 + 13
    // 3*0.08 + 3*1.6 = 0.24 + 4.8 = 5.04 → 5
    assert_eq!(cost("fable-5-1", each(0, 0, 1, 1, 0)), Some(13));
    assert_eq!(cost("haiku-3-5", each(0, 0, 3, 0, 3)), Some(5));
    // Ten requests of 0.4 are 4; rounded one by one they would be 0.
    let requests = std::iter::repeat_n(request("sonnet-5-5", DAY, each(0, 0, 4, 0, 0)), 10);
    assert_eq!(Prices::default().cost_of_requests(requests), Some(4));
}

#[test]
fn the_price_of_the_day_holds() {
    let prices = Prices::default();
    let reads = each(0, 0, 1000, 0, 0);
    // 1000*0.2 before the seventh of October, 1000*0.1 from then on
    assert_eq!(
        prices.cost_micros("sonnet-5-5", &reads, "2026-10-06"),
        Some(200)
    );
    assert_eq!(
        prices.cost_micros("sonnet-5-5", &reads, "2026-10-07"),
        Some(100)
    );
    assert_eq!(
        prices.cost_micros("sonnet-5-5", &reads, "2027-01-01"),
        Some(100)
    );
    let late = Prices::parse(&row(&["from = \"2026-10-07\""])).unwrap();
    assert_eq!(late.cost_micros("m", &reads, "2026-10-06"), None);
    assert_eq!(late.cost_micros("m", &reads, "2026-10-07"), Some(3_000));
}

#[test]
fn tiers_hold_by_request() {
    let prices = Prices::default();
    let of = |requests: &[Tokens]| {
        let requests = requests.iter();
        prices.cost_of_requests(requests.map(|tokens| request("haiku-5-5", DAY, *tokens)))
    };
    // 60,000*0.1 + 1000*0.5 + 40,000*0.01 = 6,000 + 500 + 400
    let short = each(60_000, 1000, 40_000, 0, 0);
    // one more in the prompt: 60,001*0.5 + 1000*2.5 + 40,000*0.05
    //   = 30,000.5 + 2,500 + 2,000 = 34,500.5
    let long = each(60_001, 1000, 40_000, 0, 0);
    assert_eq!(cost("haiku-5-5", short), Some(6_900));
    assert_eq!(cost("haiku-5-5", long), None);
    assert_eq!(of(&[short]), Some(6_900));
    assert_eq!(of(&[long]), Some(34_501));
    // 6,900 + 34,500.5 + 34,500.5
    assert_eq!(of(&[short, long, long]), Some(75_901));
    // writes count as prompt, output does not
    assert_eq!(cost("haiku-5-5", each(0, 0, 0, 50_000, 50_001)), None);
    // 200,000*0.5
    assert_eq!(cost("haiku-5-5", each(0, 200_000, 0, 0, 0)), Some(100_000));
    assert_eq!(of(&[]), Some(0));
}

#[test]
fn requests_of_several_models_and_days_are_one_sum() {
    let prices = Prices::default();
    let read = each(0, 0, 1, 0, 0);
    // 0.2 and 0.1, before and from the seventh of October, and 0.2 of another model: 0.5 → 1,
    // where a rounding for each day or each model gives 0.
    let requests = [
        request("sonnet-5-5", "2026-10-06", read),
        request("claude-sonnet-5-5[1m]", "2026-10-07", read),
        request("opus-5-5", DAY, read),
    ];
    assert_eq!(prices.cost_of_requests(requests.into_iter()), Some(1));
    let unknown = request("gpt-5", DAY, read);
    let all = requests.into_iter().chain([unknown]);
    assert_eq!(prices.cost_of_requests(all), None);
}

#[test]
fn an_unknown_model_has_no_price() {
    // 1500*4 + 2300*20
    assert_eq!(
        cost(
            "us.anthropic.claude-opus-5-5-v1:0[1m]",
            Tokens::uncached(1500, 2300)
        ),
        Some(52_000)
    );
    for id in [
        "",
        "claude-",
        "opus",
        "<synthetic>",
        "gpt-5",
        "claude-opus-4-6-fast",
        "-",
    ] {
        assert_eq!(cost(id, Tokens::uncached(1, 1)), None, "{id}");
    }
}

#[test]
fn large_counts_do_not_overflow() {
    let limit = 1_000_000_000_000;
    // 10^12 * (15 + 75 + 1.5 + 18.75 + 30) = 10^12 * 140.25
    let all = each(limit, limit, limit, limit, limit);
    assert_eq!(cost("opus-4", all), Some(140_250_000_000_000));
    let most = each(u64::MAX, u64::MAX, u64::MAX, u64::MAX, u64::MAX);
    assert_eq!(cost("opus-4", most), Some(i64::MAX));
    assert_eq!(cost("haiku-5-5", most), None);
}

#[test]
fn a_wrong_table_is_refused_with_its_place() {
    let tier = "prompt_up_to = 5";
    let refused = [
        (row(&["form = \"2026-10-07\""]), "line 3"),
        (row(&["from = \"2026-13-07\""]), "2026-13-07"),
        (row(&["from = \"2026-10-7\""]), "2026-10-7"),
        (row(&["from = 2026-10-07"]), "line 3"),
        (row(&[tier]), "above prompt_up_to"),
        (row(&[]) + &row(&[]), "two prices from the beginning"),
        (
            row(&[]) + &row(&[tier]) + &row(&[tier]),
            "two prices from the beginning",
        ),
        (row(&[]).replace("[\"m\"]", "[]"), "models is empty"),
        (row(&[]).replace("output = 5", ""), "output"),
        (row(&[]).replace("= 5", "= -5.0"), "output is -5"),
        (row(&[]).replace("= 5", "= nan"), "output is NaN"),
        (row(&[]).replace("= 5", "= 0.0000001"), "six decimals"),
        (row(&["speed = \"standard\""]), "speed is \"standard\""),
        (
            row(&["speed = \"fast\""]) + &row(&["speed = \"fast\""]),
            "two prices from the beginning",
        ),
        (
            "[tools]\nweb_search = -1".to_owned(),
            "tools.web_search is -1",
        ),
        ("[tools]\nshell = 1".to_owned(), "shell"),
        ("[regions]\nus = 1001".to_owned(), "regions.us is 1001"),
    ];
    for (text, place) in refused {
        let error = Prices::parse(&text).unwrap_err();
        assert!(error.contains(place), "{error}");
    }
    assert!(Prices::parse(&(row(&[]) + &row(&[tier]))).is_ok());
    assert!(Prices::parse(&(row(&[]) + &row(&["speed = \"fast\""]))).is_ok());
}

/// A row of model `m` at 3 dollars, output at 5, with lines of its own.
fn row(lines: &[&str]) -> String {
    let own = lines.join("\n");
    format!(
        "[[price]]\nmodels = [\"m\"]\n{own}\ninput = 3\noutput = 5\ncache_read = 3\n\
         cache_write_5m = 3\ncache_write_1h = 3\n"
    )
}
