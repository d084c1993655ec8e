//! The text format of Prometheus, version 0.0.4. By hand: the client libraries hold the counters
//! themselves and begin at 0, while ours are read from history; only writing lines is left.

/// The content type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// A whole answer; one family after the other.
#[derive(Default)]
pub struct Page(String);

impl Page {
    /// `help` is one line.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.0 += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Family {
            page: &mut self.0,
            name: name.to_owned(),
        }
    }

    pub fn finish(self) -> String {
        self.0
    }
}

/// One metric and its series.
pub struct Family<'p> {
    page: &'p mut String,
    name: String,
}

impl Family<'_> {
    pub fn value(&mut self, labels: Labels, value: f64) {
        self.line("", labels, value);
    }

    /// `counts` are those of each bucket alone; the last is beyond all `bounds`.
    pub fn histogram(&mut self, labels: Labels, bounds: &[f64], counts: &[u64], sum: f64) {
        let bounds = bounds.iter().copied().chain([f64::INFINITY]);
        let mut count = 0;
        for (bound, &alone) in bounds.zip(counts) {
            count += alone;
            let bound = number(bound);
            let labels = [labels, &[("le", bound.as_str())]].concat();
            self.line("_bucket", &labels, count as f64);
        }
        self.line("_sum", labels, sum);
        self.line("_count", labels, count as f64);
    }

    fn line(&mut self, suffix: &str, labels: Labels, value: f64) {
        self.page.push_str(&self.name);
        self.page.push_str(suffix);
        for (i, (name, value)) in labels.iter().enumerate() {
            let opening = if i == 0 { '{' } else { ',' };
            *self.page += &format!("{opening}{name}=\"{}\"", escaped(value));
        }
        if !labels.is_empty() {
            self.page.push('}');
        }
        *self.page += &format!(" {}\n", number(value));
    }
}

fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

fn number(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_the_format_wants_it() {
        let mut page = Page::default();
        let mut calls = page.family("calls_total", Kind::Counter, "Calls of\na \\ tool.");
        calls.value(&[("tool", "a\"b\\c\nd"), ("of", "x")], 3.0);
        calls.value(&[], 0.25);
        page.family("lag_seconds", Kind::Gauge, "Lag.")
            .value(&[], f64::INFINITY);
        page.family("took_seconds", Kind::Histogram, "Time.")
            .histogram(&[("route", "/")], &[0.5, 1.0], &[2, 0, 1], 7.5);
        let expect = r##"# HELP calls_total Calls of\na \\ tool.
# TYPE calls_total counter
calls_total{tool="a\"b\\c\nd",of="x"} 3
calls_total 0.25
# HELP lag_seconds Lag.
# TYPE lag_seconds gauge
lag_seconds +Inf
# HELP took_seconds Time.
# TYPE took_seconds histogram
took_seconds_bucket{route="/",le="0.5"} 2
took_seconds_bucket{route="/",le="1"} 2
took_seconds_bucket{route="/",le="+Inf"} 3
took_seconds_sum{route="/"} 7.5
took_seconds_count{route="/"} 3
"##;
        assert_eq!(page.finish(), expect);
    }
}
