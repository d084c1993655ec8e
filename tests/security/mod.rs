//! Who is let in, and what is seen of secrets.
//!
//! | file | what it holds the daemon to |
//! |---|---|
//! | `addresses` | which addresses are one client, for limits and for the audit trail |
//! | `corpus` | planted secrets, and what only looks like one |
//! | `keys` | keys: what they open, how they end, where they are never found; the audit trail |
//! | `layer` | limits, slow clients, headers, foreign pages, other users |
//! | `public_rules` | what a public set of rules finds is taken out |
//! | `redaction` | secrets reach no disk, no Redis, no client |
//! | `redaction_refused` | nor does what is rejected reach an answer or a log |
//! | `slots` | connections that only hold slots, and who comes in all the same |
//! | `slow_readers` | clients that take much memory and give it back slowly |

mod addresses;
pub mod corpus;
pub mod keys;
mod layer;
mod public_rules;
mod redaction;
mod redaction_refused;
mod slots;
mod slow_readers;
