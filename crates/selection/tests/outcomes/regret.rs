//! Whether outcomes improve what is recommended, and cannot spoil it: the simulator's regret, how
//! much less often the chosen agent succeeds than the best one would.

use crate::simulator::{Policy, World};

fn is_long() -> bool {
    std::env::var_os("AGENTPULSE_TEST_LONG").is_some()
}

/// Seeds, and tasks of a seed.
fn size() -> (u64, usize) {
    if is_long() { (20, 3_000) } else { (3, 800) }
}

const HISTORY: Policy = Policy {
    history: true,
    learning: false,
    explore: false,
    random: false,
    swap: false,
};
const LEARNED: Policy = Policy {
    learning: true,
    ..HISTORY
};
const EXPLORING: Policy = Policy {
    explore: true,
    ..LEARNED
};

/// Means over the seeds.
#[derive(Debug)]
struct Regret {
    all: f64,
    /// Of the first and the last sixth.
    first: f64,
    last: f64,
    /// Of the sixth before half time, the one after, and the one after that.
    swap: [f64; 3],
    uniform: f64,
}

fn regret(policy: Policy) -> Regret {
    let (seeds, tasks) = size();
    let mut sums = vec![0.0; tasks];
    let mut uniform = 0.0;
    for seed in 0..seeds {
        for (sum, done) in sums
            .iter_mut()
            .zip(World::of(seed).run(seed, policy, tasks))
        {
            *sum += done.regret / seeds as f64;
            uniform += done.regret_of_uniform / seeds as f64;
        }
    }
    let sixth = tasks / 6;
    let of = |from: usize| sums[from..from + sixth].iter().sum::<f64>();
    Regret {
        all: sums.iter().sum(),
        first: of(0),
        last: of(tasks - sixth),
        swap: [of(2 * sixth), of(3 * sixth), of(4 * sixth)],
        uniform,
    }
}

fn show(name: &str, regret: &Regret, fixed: &Regret) {
    println!(
        "{name:<26}{:>9.1}{:>8.2}{:>9.1}{:>9.1}",
        regret.all,
        regret.all / fixed.all,
        regret.first,
        regret.last
    );
}

#[test]
fn outcomes_improve_what_is_recommended() {
    let fixed = regret(Policy::default());
    let (history, learned, exploring) = (regret(HISTORY), regret(LEARNED), regret(EXPLORING));
    let alone = regret(Policy {
        history: false,
        ..LEARNED
    });
    let random = regret(Policy {
        random: true,
        ..LEARNED
    });
    println!(
        "{:<26}{:>9}{:>8}{:>9}{:>9}",
        "", "regret", "ratio", "first", "last"
    );
    show("static", &fixed, &fixed);
    show("history", &history, &fixed);
    show("learned alone", &alone, &fixed);
    show("history and learned", &learned, &fixed);
    show("… and exploring", &exploring, &fixed);
    show("outcomes at random", &random, &fixed);
    println!("{:<26}{:>9.1}", "uniform", fixed.uniform);
    // In the short form half of the time is spent before there is anything to learn from.
    let [of_static, exploring_of_static, of_first] = if is_long() {
        [0.45, 0.6, 0.5]
    } else {
        [0.6, 0.75, 0.75]
    };
    assert!(learned.all <= of_static * fixed.all, "{learned:?}");
    assert!(learned.all <= 0.2 * fixed.uniform, "{learned:?}");
    assert!(
        exploring.all <= exploring_of_static * fixed.all,
        "{exploring:?}"
    );
    assert!(learned.last <= of_first * learned.first, "{learned:?}");
    assert!(random.all <= 1.25 * fixed.all, "{random:?}");
    assert!(learned.all < history.all, "{learned:?} {history:?}");
}

#[test]
fn what_turned_bad_is_left() {
    let swap = |policy: Policy| {
        regret(Policy {
            swap: true,
            ..policy
        })
    };
    let (fixed, learned, exploring) = (swap(Policy::default()), swap(LEARNED), swap(EXPLORING));
    println!("{:<26}before, after, later", "the best turns bad");
    for (name, regret) in [
        ("static", &fixed),
        ("learned", &learned),
        ("exploring", &exploring),
    ] {
        println!("{name:<26}{:.1?}", regret.swap);
    }
    let [before, after, later] = learned.swap;
    assert!(later < after && later < fixed.swap[2], "{learned:?}");
    assert!(!is_long() || later <= 1.5 * before, "{learned:?}");
}
