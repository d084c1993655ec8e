//! The rows as a table, also beside those of an earlier run.

use super::earlier::Earlier;
use super::result::{Goal, Row, Setting};
use crate::cli::table::{Column, table as aligned};

use Column::{Figure, Text};

const COLUMNS: [Column; 6] = [
    Text("PART"),
    Text("WHAT"),
    Figure("VALUE"),
    Text("UNIT"),
    Text("GOAL"),
    Text("IS"),
];

pub fn table(setting: &Setting, rows: &[Row], earlier: Option<&Earlier>) -> String {
    let head = shown(setting)
        + "\nWall times vary with what else the machine does: compare ratios and CPU times.\n";
    head + &earlier.map_or_else(
        || {
            format!(
                "\n{}",
                aligned(COLUMNS, &rows.iter().map(cells).collect::<Vec<_>>(), None)
            )
        },
        |earlier| compared(rows, earlier),
    ) + &goals(rows)
}

fn compared(rows: &[Row], earlier: &Earlier) -> String {
    let [part, what, value, unit, goal, is] = COLUMNS;
    let columns = [
        part,
        what,
        value,
        unit,
        goal,
        is,
        Figure("EARLIER"),
        Figure("NEW/OLD"),
    ];
    let cells = |row: &Row| {
        let [part, what, value, unit, goal, is] = cells(row);
        let was = earlier.row(row);
        let shown = was.map_or("no such row".to_owned(), |was| digits_of(was.value));
        let ratio = ratio(row.value, was.and_then(|was| was.value));
        [part, what, value, unit, goal, is, shown, ratio]
    };
    let rows_shown: Vec<[String; 8]> = rows.iter().map(cells).collect();
    let gone = earlier.without(rows).map(|gone| {
        let value = digits_of(gone.value);
        format!("  {}: {}: {value} {}\n", gone.part, gone.what, gone.unit)
    });
    let gone: String = gone.collect();
    let (file, setting) = (earlier.file.display(), shown(&earlier.setting));
    let head = format!("Earlier, in {file}: {setting}\n\n");
    let table = aligned(columns, &rows_shown, None);
    if gone.is_empty() {
        return head + &table;
    }
    format!("{head}{table}\nRows that only the earlier run has:\n{gone}")
}

fn shown(setting: &Setting) -> String {
    let Setting {
        version,
        build,
        redis,
        cpus,
        disk,
        events,
    } = setting;
    format!(
        "agentpulse {version} ({build} build), Redis {redis}, {cpus} CPUs, {disk}, {events} events"
    )
}

/// How many of the goals are met.
fn goals(rows: &[Row]) -> String {
    let known: Vec<bool> = rows.iter().filter_map(|row| row.is_met).collect();
    let met = known.iter().filter(|&&is_met| is_met).count();
    format!("\n{met} of {} goals are met\n", known.len())
}

fn cells(row: &Row) -> [String; 6] {
    let unit = if row.value.is_some() { row.unit } else { "" };
    let is = row
        .is_met
        .map_or("", |is_met| if is_met { "met" } else { "missed" });
    [
        row.part.to_owned(),
        row.what.to_owned(),
        digits_of(row.value),
        unit.to_owned(),
        row.goal
            .map_or_else(String::new, |goal| bound(goal, row.unit)),
        is.to_owned(),
    ]
}

/// `≤ 45 µs/event`.
fn bound(goal: Goal, unit: &str) -> String {
    let (sign, bound) = match goal {
        Goal::AtMost(bound) => ('≤', bound),
        Goal::AtLeast(bound) => ('≥', bound),
    };
    let bound = match bound.fract() {
        0.0 => grouped(bound as i64),
        _ => bound.to_string(),
    };
    format!("{sign} {bound} {unit}")
}

/// Of nothing there is no ratio.
fn ratio(new: Option<f64>, old: Option<f64>) -> String {
    let both = new.zip(old).filter(|&(_, old)| old != 0.0);
    both.map_or_else(String::new, |(new, old)| format!("{} ×", digits(new / old)))
}

fn digits_of(value: Option<f64>) -> String {
    value.map_or_else(|| "not measured".to_owned(), digits)
}

/// Three significant figures are more than two runs agree on.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size == 0.0 => grouped(value.round() as i64),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// `12,345`.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 {
        "-".to_owned()
    } else {
        String::new()
    };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::earlier::EarlierRow;
    use super::super::result::row;
    use super::*;

    fn setting(events: u64) -> Setting {
        Setting {
            version: "1".to_owned(),
            build: "debug".to_owned(),
            redis: "7".to_owned(),
            cpus: 2,
            disk: "ext4 on /dev/vda".to_owned(),
            events,
        }
    }

    fn rows() -> [Row; 4] {
        [
            row("a", "b", None, "µs").at_most(45.0),
            row("a", "c", 2.0, "µs").at_most(5.0),
            row("a", "d", 30_000.0, "events/s").at_least(35_000.0),
            row("e", "f", 0.5, "×"),
        ]
    }

    #[test]
    fn numbers_have_three_figures() {
        let expect = [
            (0.0, "0"),
            (0.0421, "0.042"),
            (4.2, "4.20"),
            (42.13, "42.1"),
            (421.7, "422"),
            (1_234_567.0, "1,234,567"),
            (-1_000.0, "-1,000"),
        ];
        for (value, text) in expect {
            assert_eq!(digits(value), text);
        }
    }

    #[test]
    fn a_row_says_its_goal_and_whether_it_is_met() {
        let shown = table(&setting(3), &rows(), None);
        let expect = "\
PART  WHAT         VALUE  UNIT      GOAL               IS
a     b     not measured            ≤ 45 µs
a     c             2.00  µs        ≤ 5 µs             met
a     d           30,000  events/s  ≥ 35,000 events/s  missed
e     f            0.500  ×

1 of 2 goals are met
";
        let (_, after_head) = shown.split_once("\n\n").unwrap();
        assert_eq!(after_head, expect);
    }

    #[test]
    fn a_run_stands_beside_an_earlier_one() {
        let was = |what: &str, value, unit: &str| EarlierRow {
            part: "a".to_owned(),
            what: what.to_owned(),
            value,
            unit: unit.to_owned(),
        };
        let earlier = Earlier {
            file: PathBuf::from("old.json"),
            setting: setting(7),
            rows: vec![
                was("b", Some(3.0), "µs"),
                was("c", Some(4.0), "µs"),
                was("d", None, "events/s"),
                was("g", Some(9.0), "ms"),
            ],
        };
        let shown = table(&setting(3), &rows(), Some(&earlier));
        let expect = "\
Earlier, in old.json: agentpulse 1 (debug build), Redis 7, 2 CPUs, ext4 on /dev/vda, 7 events

PART  WHAT         VALUE  UNIT      GOAL               IS           EARLIER  NEW/OLD
a     b     not measured            ≤ 45 µs                            3.00
a     c             2.00  µs        ≤ 5 µs             met             4.00  0.500 ×
a     d           30,000  events/s  ≥ 35,000 events/s  missed  not measured
e     f            0.500  ×                                     no such row

Rows that only the earlier run has:
  a: g: 9.00 ms

1 of 2 goals are met
";
        let (_, after_head) = shown.split_once("CPU times.\n").unwrap();
        assert_eq!(after_head, expect);
    }
}
