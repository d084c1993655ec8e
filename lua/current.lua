#!lua flags=no-writes
-- What runs and what the day has come to, in one moment.
--
-- KEYS[1]  agents:active
-- KEYS[2]  agents:deadlines: the same ids, in an order, so that two answers show the same ones
-- KEYS[3]  metrics:daily:{YYYY-MM-DD}
-- ARGV[1]  how many ids at most
-- RETURNS  { how many run, { id … }, { field, value … } }

return {
  redis.call('SCARD', KEYS[1]),
  redis.call('ZRANGE', KEYS[2], 0, ARGV[1] - 1),
  redis.call('HGETALL', KEYS[3]),
}
