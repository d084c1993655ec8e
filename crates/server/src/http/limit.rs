//! The rate limit: a bucket of tokens for each key, and for each address without one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use agentpulse_pipeline::address::Network;

/// Clients with a bucket of their own. Beyond that the address that was quiet the longest is
/// forgotten: it starts again with a full bucket. Keys are few and stay; addresses come by the
/// thousand.
const MAX_BUCKETS: usize = 4_096;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// By its id.
    Key(String),
    Address(Network),
    /// Rejected by the origin policy. A foreign page must not use up the limit of the browser's own
    /// pages and of hooks on its machine.
    Stranger(Network),
}

impl Client {
    pub fn at(address: IpAddr) -> Client {
        Client::Address(Network::of(address))
    }

    pub fn stranger(address: IpAddr) -> Client {
        Client::Stranger(Network::of(address))
    }
}

pub struct Buckets {
    rate_per_s: f64,
    burst: f64,
    buckets: HashMap<Client, Bucket>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Buckets {
    pub fn new(rate_per_s: u32, burst: u32) -> Buckets {
        Buckets {
            rate_per_s: rate_per_s.into(),
            burst: burst.into(),
            buckets: HashMap::new(),
        }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// There is none; how long until the next.
    pub fn take(&mut self, client: Client, now: Instant) -> Result<(), Duration> {
        if !self.buckets.contains_key(&client) && self.buckets.len() >= MAX_BUCKETS {
            self.forget_one();
        }
        let full = Bucket {
            tokens: self.burst,
            at: now,
        };
        let bucket = self.buckets.entry(client).or_insert(full);
        let gained = now.saturating_duration_since(bucket.at).as_secs_f64() * self.rate_per_s;
        bucket.tokens = (bucket.tokens + gained).min(self.burst);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64(
            (1.0 - bucket.tokens) / self.rate_per_s,
        ))
    }

    /// Scans all of them, some ten microseconds: less than the request costs.
    fn forget_one(&mut self) {
        let rank =
            |(client, bucket): &(&Client, &Bucket)| (matches!(client, Client::Key(_)), bucket.at);
        let oldest = self.buckets.iter().min_by_key(rank);
        if let Some(client) = oldest.map(|(client, _)| client.clone()) {
            self.buckets.remove(&client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn client(n: u32) -> Client {
        Client::at(IpAddr::from(n.to_be_bytes()))
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let (mut buckets, now) = (Buckets::new(2, 3), Instant::now());
        let mut take = |after: Duration| buckets.take(client(1), now + after);
        assert_eq!([0; 3].map(|_| take(Duration::ZERO)), [Ok(()); 3]);
        assert_eq!(take(Duration::ZERO), Err(SECOND / 2));
        assert_eq!(take(SECOND / 4), Err(SECOND / 4));
        assert_eq!(take(SECOND / 2), Ok(()));
        assert!(take(SECOND / 2).is_err());
        // However long it is quiet, it has no more than the burst.
        assert_eq!([0; 3].map(|_| take(100 * SECOND)), [Ok(()); 3]);
        assert!(take(100 * SECOND).is_err());
    }

    #[test]
    fn each_client_has_its_own() {
        let (mut buckets, now) = (Buckets::new(1, 1), Instant::now());
        for client in [client(1), client(2), Client::Key("a".to_owned())] {
            assert!(buckets.take(client.clone(), now).is_ok());
            assert!(buckets.take(client, now).is_err());
        }
    }

    #[test]
    fn the_quietest_is_forgotten_first() {
        let (mut buckets, now) = (Buckets::new(1, 1), Instant::now());
        for n in 0..MAX_BUCKETS as u32 {
            let at = now + Duration::from_micros(n.into());
            buckets.take(client(n), at).unwrap();
        }
        let at = now + Duration::from_millis(10);
        assert!(buckets.take(client(0), at).is_err(), "seen again");
        buckets.take(client(u32::MAX), at).unwrap();
        assert_eq!(buckets.buckets.len(), MAX_BUCKETS);
        assert!(buckets.take(client(0), at).is_err());
        assert!(buckets.take(client(1), at).is_ok(), "forgotten");
    }

    #[test]
    fn a_crowd_of_addresses_does_not_fill_the_bucket_of_a_key_again() {
        let (mut buckets, now) = (Buckets::new(1, 1), Instant::now());
        let key = Client::Key("a".to_owned());
        buckets.take(key.clone(), now).unwrap();
        for n in 0..=MAX_BUCKETS as u32 {
            buckets.take(client(n), now).unwrap();
        }
        assert_eq!(buckets.buckets.len(), MAX_BUCKETS);
        assert!(buckets.take(key, now).is_err());
    }
}
