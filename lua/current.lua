#!lua flags=no-writes
-- How many run and what the day has come to, in one moment.
--
-- KEYS[1]  agents:active
-- KEYS[2]  metrics:daily:{YYYY-MM-DD}
-- ARGV     none
-- RETURNS  { how many run, { field, value … } }

return {
  redis.call('SCARD', KEYS[1]),
  redis.call('HGETALL', KEYS[2]),
}
