//! What outcomes teach, in a world of which all is known. `AGENTPULSE_TEST_LONG=1` runs it in full.

mod poison;
mod regret;
mod simulator;
