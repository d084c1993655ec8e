#!lua
-- Writes heartbeats of executions that run. One that has ended has no deadline, and then nothing
-- is written. A key that has expired while its execution still runs is made again.
--
-- KEYS[1]   agents:deadlines
-- KEYS[2…]  agent:active:{id}, one an execution
-- ARGV      for each of KEYS[2…]: its id, its JSON, the Unix second at which the key expires, and
--           the deadline in Unix seconds
-- RETURNS   how many of the executions were there

local noted = 0
for k = 2, #KEYS do
  local at = (k - 2) * 4
  if redis.call('ZSCORE', KEYS[1], ARGV[at + 1]) then
    redis.call('SET', KEYS[k], ARGV[at + 2], 'EXAT', ARGV[at + 3])
    redis.call('ZADD', KEYS[1], 'XX', ARGV[at + 4], ARGV[at + 1])
    noted = noted + 1
  end
end
return noted
