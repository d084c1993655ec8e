#!lua flags=no-writes
-- The number of running executions and the day's sums, in one moment.
--
-- KEYS[1]  agents:active
-- KEYS[2]  metrics:daily:{YYYY-MM-DD}
-- ARGV     none
-- RETURNS  { how many run, { field, value … } }

return {
  redis.call('SCARD', KEYS[1]),
  redis.call('HGETALL', KEYS[2]),
}
