//! What each session has cost, beside the tallies of its days: a part of the schema.

/// What a sum comes to with what is added. Once at its limit it stays there, as those of tallies
/// do.
macro_rules! moved {
    ($sum:literal, $by:literal) => {
        concat!(
            $sum,
            " = CASE WHEN ",
            $sum,
            " >= 1000000000000000000 THEN ",
            $sum,
            " ELSE min(1000000000000000000, ",
            $sum,
            " ",
            $by,
            ") END"
        )
    };
}

/// A row a session, with what all its days come to, so that the most costly of a range are found
/// without a look at each of their days. The triggers keep it what the tallies add up to, whatever
/// writes those. The days are bounds: one of which nothing is left may be among them. In the index
/// only the sessions of one last day are in another order than they came.
pub(super) const SESSION_COSTS: &str = concat!(
    "CREATE TABLE session_costs (
         session_id TEXT NOT NULL PRIMARY KEY,
         first_day INTEGER NOT NULL,
         last_day INTEGER NOT NULL,
         days INTEGER NOT NULL,
         cost_micros INTEGER NOT NULL,
         total_tokens INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     INSERT INTO session_costs
         SELECT key, min(bucket), max(bucket), count(*),
             CAST(min(total(cost_micros), 1e18) AS INTEGER),
             CAST(min(total(total_tokens), 1e18) AS INTEGER)
         FROM tallies WHERE dimension = 4 GROUP BY key;
     CREATE INDEX session_costs_by_day
         ON session_costs (last_day, cost_micros, total_tokens, first_day);

     CREATE TRIGGER session_costs_begin AFTER INSERT ON tallies WHEN NEW.dimension = 4 BEGIN
         INSERT INTO session_costs
             VALUES (NEW.key, NEW.bucket, NEW.bucket, 1, NEW.cost_micros, NEW.total_tokens)
             ON CONFLICT DO UPDATE SET first_day = min(first_day, excluded.first_day),
                 last_day = max(last_day, excluded.last_day), days = days + 1, ",
    moved!("cost_micros", "+ excluded.cost_micros"),
    ", ",
    moved!("total_tokens", "+ excluded.total_tokens"),
    "; END;
     CREATE TRIGGER session_costs_go_on AFTER UPDATE OF cost_micros, total_tokens ON tallies
     WHEN NEW.dimension = 4
         AND (NEW.cost_micros, NEW.total_tokens) <> (OLD.cost_micros, OLD.total_tokens) BEGIN
         UPDATE session_costs SET ",
    moved!("cost_micros", "- OLD.cost_micros + NEW.cost_micros"),
    ", ",
    moved!("total_tokens", "- OLD.total_tokens + NEW.total_tokens"),
    " WHERE session_id = NEW.key; END;
     CREATE TRIGGER session_costs_end AFTER DELETE ON tallies WHEN OLD.dimension = 4 BEGIN
         UPDATE session_costs SET days = days - 1, ",
    moved!("cost_micros", "- OLD.cost_micros"),
    ", ",
    moved!("total_tokens", "- OLD.total_tokens"),
    " WHERE session_id = OLD.key;
         DELETE FROM session_costs WHERE session_id = OLD.key AND days <= 0; END;",
);
