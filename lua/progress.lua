#!lua
-- Notes signs of life of executions that run. One that has ended has neither key nor deadline and
-- stays so: every write is XX.
--
-- KEYS[1]   agents:deadlines
-- KEYS[2…]  agent:active:{id}, one an execution
-- ARGV      for each of KEYS[2…]: its id, its JSON, the Unix second at which the key expires, and
--           the deadline in milliseconds
-- RETURNS   how many of the executions were there

local noted = 0
for k = 2, #KEYS do
  local at = (k - 2) * 4
  if redis.call('SET', KEYS[k], ARGV[at + 2], 'XX', 'EXAT', ARGV[at + 3]) then
    noted = noted + 1
  end
  redis.call('ZADD', KEYS[1], 'XX', ARGV[at + 4], ARGV[at + 1])
end
return noted
