//! What a share of few executions says: Wilson's score interval (E. B. Wilson, 1927) of 90 %.

/// The quantile of the normal distribution that 5 % exceed.
const Z: f64 = 1.644_853_626_951_472_2;

/// The ends of the interval of a success rate, with four decimals: nothing is known of none.
pub fn interval(successes: i64, executions: i64) -> (f64, f64) {
    if executions <= 0 {
        return (0.0, 1.0);
    }
    let (n, rate) = (executions as f64, successes as f64 / executions as f64);
    let middle = rate + Z * Z / (2.0 * n);
    let half = Z * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt();
    let end = |end: f64| {
        let end = end / (1.0 + Z * Z / n);
        (end.clamp(0.0, 1.0) * 10_000.0).round() / 10_000.0
    };
    (end(middle - half), end(middle + half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_successes_say_less_than_many() {
        // By the closed form in Python.
        for (successes, executions, expected) in [
            (5, 5, (0.6489, 1.0)),
            (99, 100, (0.9564, 0.9978)),
            (4, 6, (0.347, 0.8827)),
            (0, 5, (0.0, 0.3511)),
            (0, 0, (0.0, 1.0)),
            (1_000_000, 1_000_000, (1.0, 1.0)),
        ] {
            assert_eq!(interval(successes, executions), expected, "{successes}");
        }
    }
}
