use super::*;

const T: Param = Param::new("t", "");

fn params(query: &str) -> Params {
    Params::of(Some(query), None)
}

#[test]
fn times_are_dates_or_stamps() {
    let time_ms = |text: &str| params(&format!("t={text}")).time_ms(T);
    assert_eq!(params("").time_ms(T).unwrap(), None);
    assert_eq!(time_ms("1970-01-02").unwrap(), Some(86_400_000));
    assert_eq!(
        time_ms("1970-01-01T00:00:01.5%2B00:00").unwrap(),
        Some(1_500)
    );
    assert_eq!(time_ms("1795200000").unwrap(), Some(1_795_200_000_000));
    assert_eq!(time_ms("1795200000123").unwrap(), Some(1_795_200_000_123));
    let expect = "t must be a date, an RFC 3339 time or a Unix number";
    for text in ["yesterday", "-1", "253402300800000", "-9223372036854775808"] {
        assert_eq!(time_ms(text).unwrap_err().to_string(), expect);
    }
}

#[test]
fn the_first_of_a_name_counts() {
    assert_eq!(params("a=1&a=2").get("a"), Some("1"));
    assert_eq!(params("a=&b=%20").get("a"), Some(""));
    assert_eq!(params("a=1").get("b"), None);
    assert_eq!(params("a=&b=%20").get("b"), Some(" "));
}

#[test]
fn a_parameter_that_a_route_does_not_take_is_refused_where_it_is_asked() {
    let only = |query, known: &[Param]| params(query).only(known).map_err(|error| error.0);
    let force = Param::new("force", "");
    assert_eq!(only("", &[]), Ok(()));
    assert_eq!(only("force&force=1", &[force]), Ok(()));
    let expect = "unknown parameter: only force is taken here";
    assert_eq!(only("force&t=1", &[force]), Err(expect.to_owned()));
    let expect = "unknown parameter: none is taken here";
    assert_eq!(only("t", &[]), Err(expect.to_owned()));
}

#[test]
fn a_switch_without_a_value_is_on() {
    let force = |query| params(query).switch(Param::new("force", ""));
    assert_eq!(force(""), Ok(false));
    assert_eq!(force("force"), Ok(true));
    assert_eq!(force("force=true"), Ok(true));
    assert_eq!(force("force=false"), Ok(false));
    let error = force("force=1").unwrap_err();
    assert_eq!(error.to_string(), "force must be one of true, false");
}

#[test]
fn names_have_the_bounds_of_events() {
    let item = |item: &str| Params::of(None, Some(item.to_owned())).item_name(AGENT_NAME);
    let long = "x".repeat(257);
    let expect = "agent_name must be 1..=256 bytes";
    for wrong in [&long, ""] {
        assert_eq!(item(wrong).unwrap_err().to_string(), expect);
    }
    assert!(item(&long[1..]).is_ok());
}

#[test]
fn the_own_parameter_wins_over_the_time_range() {
    let hours = |query| params(query).hours(24);
    assert_eq!(
        ["", "timeRange=6h", "timeRange=6h&hours=3"].map(hours),
        [Ok(24), Ok(6), Ok(3)]
    );
    let days = |query| params(query).days(7);
    assert_eq!(
        ["", "timeRange=1h", "timeRange=24h"].map(days),
        [Ok(7), Ok(1), Ok(1)]
    );
    assert_eq!(
        ["timeRange=7d", "timeRange=1h&days=3"].map(days),
        [Ok(7), Ok(3)]
    );
    let expect = "timeRange must be one of 1h, 6h, 24h, 7d, 30d";
    for query in ["timeRange=2h", "timeRange=2h&hours=3"] {
        assert_eq!(hours(query).unwrap_err().to_string(), expect);
    }
}

#[test]
fn numbers_have_their_bounds_and_unknown_parameters_are_ignored() {
    let hours = |query: &str| params(query).hours(24);
    assert_eq!(hours("hours=1&x=y"), Ok(1));
    assert_eq!(hours("hours=168"), Ok(168));
    for text in ["0", "169", "-1", "1.5", "x", "99999999999"] {
        let error = hours(&format!("hours={text}")).unwrap_err();
        assert_eq!(error.to_string(), "hours must be 1..=168");
    }
    assert_eq!(params("days=400").days(7), Ok(400));
    for query in ["days=0", "days=401"] {
        let error = params(query).days(7).unwrap_err();
        assert_eq!(error.to_string(), "days must be 1..=400");
    }
}

#[test]
fn what_is_read_is_recorded_with_its_bounds() {
    let recording = Params::recording();
    assert_eq!(recording.days(7), Ok(7));
    assert!(recording.item_name(AGENT_NAME).is_ok());
    let specs = recording.into_specs();
    let listed: Vec<_> = specs
        .iter()
        .map(|spec| (spec.param.name, spec.place))
        .collect();
    let (query, path) = (Place::Query, Place::Path);
    let expect = [("days", query), ("timeRange", query), ("agent_name", path)];
    assert_eq!(listed, expect);
    let days = json!({"type": "integer", "minimum": 1, "maximum": 400, "default": 7});
    assert_eq!(specs[0].schema, days);
    let given = params("days=3");
    assert_eq!(given.days(7), Ok(3));
    assert_eq!(given.into_specs(), []);
}
