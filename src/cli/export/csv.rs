//! Executions as flat rows: RFC 4180, with a line feed at a row's end. Texts come from outside: one
//! that a spreadsheet would take for a formula begins with an apostrophe.

use std::io::{self, Write};

use serde_json::Value;

use agentpulse_core::bucket::rfc3339;
use agentpulse_core::execution::{Execution, Origin};

/// A column's name and its value of one execution; an empty cell is an unknown value.
type Column = (&'static str, fn(&Execution) -> String);

const COLUMNS: &[Column] = &[
    ("agent_id", |run| run.id.clone()),
    ("agent_name", |run| run.agent_name().to_owned()),
    ("agent_type", |run| run.agent_type().to_owned()),
    ("status", |run| {
        shown(run.outcome().map(|end| end.status.as_str()))
    }),
    ("execution_start", |run| {
        shown(run.started_ms().map(rfc3339))
    }),
    ("execution_end", |run| {
        shown(run.outcome().map(|end| rfc3339(end.ended_ms)))
    }),
    ("duration_ms", |run| {
        shown(run.outcome().and_then(|end| end.duration_ms))
    }),
    ("input_tokens", |run| {
        shown(run.token_usage().map(|usage| usage.input_tokens))
    }),
    ("output_tokens", |run| {
        shown(run.token_usage().map(|usage| usage.output_tokens))
    }),
    ("cache_read_tokens", |run| {
        shown(run.token_usage().map(|usage| usage.cache_read_tokens))
    }),
    ("cache_write_tokens", |run| {
        shown(run.token_usage().map(|usage| usage.cache_write_tokens))
    }),
    ("total_tokens", |run| {
        shown(run.token_usage().map(|usage| usage.total_tokens))
    }),
    ("estimated_cost", |run| {
        shown(run.cost_micros().map(dollars))
    }),
    ("tool_calls", tool_calls),
    ("error_type", |run| error(run, "type")),
    ("error_message", |run| error(run, "message")),
    ("task_description", |run| {
        shown(
            run.start
                .as_ref()
                .and_then(|start| start.task_description.as_deref()),
        )
    }),
    ("session_id", |run| origin(run, |origin| &origin.session_id)),
    ("parent_agent_id", |run| {
        origin(run, |origin| &origin.parent_agent_id)
    }),
    ("model", |run| shown(run.model())),
    ("host", |run| shown(run.host())),
    ("source", |run| origin(run, |origin| &origin.source)),
    ("kind", |run| run.kind().as_str().to_owned()),
    ("project", |run| shown(run.project())),
    ("branch", |run| shown(run.branch())),
];

pub fn write_head(out: &mut impl Write) -> io::Result<()> {
    write_row(out, COLUMNS.iter().map(|(name, _)| (*name).to_owned()))
}

pub fn write(out: &mut impl Write, execution: &Execution) -> io::Result<()> {
    write_row(out, COLUMNS.iter().map(|(_, value)| value(execution)))
}

fn write_row(out: &mut impl Write, cells: impl Iterator<Item = String>) -> io::Result<()> {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            out.write_all(b",")?;
        }
        let cell = harmless(cell);
        if cell.contains(['"', ',', '\n', '\r']) {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

fn harmless(cell: String) -> String {
    let is_number = || cell.parse::<f64>().is_ok();
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number() {
        true => format!("'{cell}"),
        false => cell,
    }
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// All six decimals, so that a sum of the column is exact.
fn dollars(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// `Bash:3;Read:5`.
fn tool_calls(run: &Execution) -> String {
    let tools = run.tools().into_iter();
    let tools: Vec<String> = tools
        .map(|(tool, calls)| format!("{tool}:{calls}"))
        .collect();
    tools.join(";")
}

fn error(run: &Execution, field: &str) -> String {
    let details = run.error_details();
    match details.and_then(|details| details.fields().remove(field)) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }
}

fn origin(run: &Execution, field: fn(&Origin) -> &Option<String>) -> String {
    shown(run.origin(field))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use agentpulse_core::event::Event;
    use agentpulse_core::execution::Catalog;
    use agentpulse_sources::{Clock, LineKey, decode};

    fn row(lines: &[&str]) -> String {
        let clock = Clock {
            now_ms: 1_795_200_000_000, // 2026-11-20T18:40:00Z
            keep_ms: 8 * 86_400_000,
            zone: TimeZone::UTC,
        };
        let mut execution = Execution::new("a,1".to_owned());
        for line in lines {
            let Ok(Event::Fact { fact, .. }) = decode(line.as_bytes(), &clock, LineKey::default())
            else {
                panic!("{line}");
            };
            execution.merge(fact, &Catalog::default());
        }
        let mut out = Vec::new();
        write(&mut out, &execution).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_has_a_cell_for_each_name_of_the_head() {
        let mut head = Vec::new();
        write_head(&mut head).unwrap();
        let expect = "agent_id,agent_name,agent_type,status,execution_start,execution_end,\
                      duration_ms,input_tokens,output_tokens,cache_read_tokens,\
                      cache_write_tokens,total_tokens,estimated_cost,tool_calls,error_type,\
                      error_message,task_description,session_id,parent_agent_id,model,host,source,\
                      kind,project,branch\n";
        assert_eq!(String::from_utf8(head).unwrap(), expect);

        let start = r#"{"event":"start","agent_id":"a,1","agent_name":"x",
            "start_time":"2026-11-20T18:00:00Z","task_description":"say \"hi\"",
            "session_id":"s","parent_agent_id":"p","project":"~/x","host":"h","source":"demo"}"#;
        let stop = r#"{"event":"stop","agent_id":"a,1","agent_type":"reviewer",
            "execution_end":"2026-11-20T18:00:02.5Z","status":"failure",
            "error_details":{"type":"E","message":"two\nlines"},
            "tool_calls":{"Read":5,"Bash":3},"model":"m",
            "token_usage":{"input_tokens":1500,"output_tokens":2300,"estimated_cost":0.0076}}"#;
        let expect = "\"a,1\",x,reviewer,failure,2026-11-20T18:00:00.000Z,\
                      2026-11-20T18:00:02.500Z,2500,1500,2300,0,0,3800,0.007600,Bash:3;Read:5,E,\
                      \"two\nlines\",\"say \"\"hi\"\"\",s,p,m,h,demo,agent,~/x,\n";
        assert_eq!(row(&[start, stop]), expect);
    }

    #[test]
    fn unknown_values_are_empty_cells() {
        let stop = r#"{"event":"stop","agent_id":"a,1","agent_type":"reviewer",
            "execution_end":"2026-11-20T18:00:02Z"}"#;
        let expect = "\"a,1\",unknown,reviewer,success,,2026-11-20T18:00:02.000Z,\
                      ,,,,,,,,,,,,,,,,agent,,\n";
        assert_eq!(row(&[stop]), expect);
    }

    #[test]
    fn no_text_is_a_formula() {
        for text in ["=1+1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(harmless(text.to_owned()), format!("'{text}"));
        }
        for text in ["", "x=1", "a-b", "-1.500000", "+1", "'=1", "7"] {
            assert_eq!(harmless(text.to_owned()), text);
        }
        let start = r#"{"event":"start","agent_id":"a","agent_name":"=cmd|' /C calc'!A0",
            "start_time":"2026-11-20T18:00:00Z","task_description":"-2, \"twice\""}"#;
        let row = row(&[start]);
        assert!(row.contains(",'=cmd|' /C calc'!A0,"), "{row}");
        assert!(row.contains(",\"'-2, \"\"twice\"\"\","), "{row}");
    }

    #[test]
    fn dollars_keep_every_micro() {
        assert_eq!(dollars(1), "0.000001");
        assert_eq!(dollars(12_345_678), "12.345678");
        assert_eq!(dollars(-1_500_000), "-1.500000");
    }
}
