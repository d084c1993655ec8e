mod equal;
mod naive;
mod places;
mod scans;
mod watch;
