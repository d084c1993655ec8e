#!lua flags=no-writes
-- The whole content of many keys of one type, in one moment.
--
-- KEYS     at most 500, so that one call blocks briefly
-- ARGV[1]  their type
-- RETURNS  for each key, in order, an array, empty when there is none:
--            hash    { field, value … }
--            zset    { member, score … }, the highest first
--            list    { element … }
--            string  { value }
--            set     { member … }
--            tally   the fields of a hash that ARGV has from the second on, 0 where there is
--                    none, as one text: many small hashes take a third of the time so

local ranges = {
  hash = function(key) return redis.call('HGETALL', key) end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'REV', 'WITHSCORES') end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  set = function(key) return redis.call('SMEMBERS', key) end,
  string = function(key) return { redis.call('GET', key) or nil } end,
}

function ranges.tally(key)
  local values = redis.call('HMGET', key, unpack(ARGV, 2))
  for i = 1, #ARGV - 1 do
    values[i] = values[i] or '0'
  end
  return table.concat(values, ' ')
end

local contents = {}
for i, key in ipairs(KEYS) do
  contents[i] = ranges[ARGV[1]](key)
end
return contents
