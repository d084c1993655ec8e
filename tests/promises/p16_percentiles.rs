//! P16: percentiles are within the stated error of the exact ones, for a million durations of four
//! shapes, whichever way they were split and merged.

use agentpulse_core::sketch::Sketch;

use super::sized;

/// The README's word for it.
const MAX_ERROR: f64 = 0.01;
const SAMPLES: usize = 1_000_000;
/// Days, hours or agents whose sketches are added up.
const SPLITS: usize = 7;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// By the sum of twelve (Irwin and Hall): near enough to a normal one.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.share()).sum::<f64>() - 6.0
    }
}

fn uniform(random: &mut Random) -> u64 {
    random.next() % 600_000
}

fn log_normal(random: &mut Random) -> u64 {
    (9.5 + 1.6 * random.normal()).exp() as u64
}

fn bimodal(random: &mut Random) -> u64 {
    let (mean, spread) = match random.next() % 3 {
        0 => (3_600_000.0, 600_000.0),
        _ => (1_200.0, 300.0),
    };
    (mean + spread * random.normal()).max(0.0) as u64
}

fn one_value(_: &mut Random) -> u64 {
    123_457
}

fn exact(sorted: &[u64], quantile: f64) -> u64 {
    let rank = (sorted.len() as f64 * quantile).ceil() as usize;
    sorted[rank.max(1) - 1]
}

type Shape = fn(&mut Random) -> u64;

#[test]
fn p16_percentiles_are_within_their_error() {
    let shapes: [(&str, Shape); 4] = [
        ("uniform", uniform),
        ("log-normal", log_normal),
        ("bimodal", bimodal),
        ("one value", one_value),
    ];
    for (name, shape) in shapes {
        let mut random = Random(0x2545_F491_4F6C_DD1D);
        let mut parts = vec![Sketch::default(); SPLITS];
        let mut all = Vec::new();
        for _ in 0..sized(SAMPLES / 5, SAMPLES) {
            let duration_ms = shape(&mut random).min(604_800_000);
            parts[(random.next() % SPLITS as u64) as usize].add(duration_ms, 1);
            all.push(duration_ms);
        }
        all.sort_unstable();
        // One way goes through the bytes that history keeps, the other through counts, as Redis
        // keeps them.
        let mut merged = [Sketch::default(), Sketch::default()];
        for part in &parts {
            merged[0].merge(&Sketch::from_v2(&part.to_v2()).expect("its own format"));
            merged[1].merge(&part.counts().collect());
        }
        for sketch in merged {
            assert_eq!(sketch.count(), all.len() as i64, "{name}");
            for quantile in [
                0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0,
            ] {
                let want = exact(&all, quantile) as f64;
                let told = sketch.quantile_ms(quantile).expect("there are some") as f64;
                let error = (told - want).abs();
                assert!(
                    error <= (want * MAX_ERROR).max(1.0),
                    "{name} {quantile}: {told}, {want}"
                );
            }
        }
    }
}
