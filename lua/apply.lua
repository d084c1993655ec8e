#!lua
-- Applies a batch, if nothing else was applied since, and moves the cursor.
--
-- KEYS[1]   journal:cursor
-- KEYS[2…]  the keys that the batch touches; one with `merge` or `add` stands here once
-- ARGV[1]   the cursor that is expected
-- ARGV[2]   the cursor afterwards
-- ARGV[3…]  for each of KEYS[2…] a section: its type, the Unix second at which it expires (0:
--           never), the number of its operations, and for each of them its name, the number of its
--           values and the values:
--             hash    merge  a l m, then a+l+m fields, then as many integers: the first a are added
--                            (a sum of zero or less goes), then l least and m most ones are kept
--                     put    field value …, where the sums left anything
--             zset    add    n members, then n integers to be added (a sum of zero or less goes)
--                     score  score member …
--                     rem    member …
--                     top    n: only the n highest scores stay
--                     since  n: scores below n go
--             set     in     member …
--                     out    member …
--             list    pull   value …: these go, where they are
--                     push   value …, the newest last
--                     keep   n: the newest n stay
--             string  set    value
--                     del
--           A sum that reaches 2^53 - 1, in a hash or as a score, is no longer exact: it stays
--           there whatever is taken away, and its readers ask history.
-- RETURNS   the cursor as it is now: ARGV[2], or another one (empty: none), and then nothing was
--           changed. An error WRONGTYPE when a key holds what the batch cannot be added to, and
--           then nothing was changed either: everything is checked before the first write, because
--           a script is not rolled back.

local call, KEYS, ARGV, unpack, tonumber = redis.call, KEYS, ARGV, unpack, tonumber

-- Lua's stack ends at 8,000 values.
local MOST = 4000
-- Lua's numbers and the scores of sorted sets are doubles, which are exact up to here.
local EXACT = 9007199254740991

local cursor = call('GET', KEYS[1]) or ''
if cursor ~= ARGV[1] then
  return cursor
end

-- A variadic command on values[first…last].
local function write(command, key, values, first, last)
  for from = first, last, MOST do
    call(command, key, unpack(values, from, math.min(from + MOST - 1, last)))
  end
end

-- The answer of a variadic command on ARGV[first…last].
local function read(command, key, first, last)
  local found = {}
  for from = first, last, MOST do
    local part = call(command, key, unpack(ARGV, from, math.min(from + MOST - 1, last)))
    if from == first and from + MOST > last then
      return part
    end
    for i = 1, #part do
      found[#found + 1] = part[i]
    end
  end
  return found
end

local function is_integer(text)
  return text:find('^%-?%d+$') ~= nil
end

-- The sum. An addend may be larger than is exact; then the sum is as well.
local function added(old, given)
  if old >= EXACT then
    return EXACT
  end
  return math.min(old + given, EXACT)
end

-- The result of a `merge` at ARGV[at…]; nil, and the field that holds no integer, if there is
-- none.
local function merged(key, exists, at)
  local adds, least = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local count = adds + least + tonumber(ARGV[at + 2])
  local field, value = at + 2, at + 2 + count
  local held = exists and read('HMGET', key, field + 1, field + count) or {}
  local sums, gone = {}, {}
  for i = 1, count do
    local name, given, old = ARGV[field + i], ARGV[value + i], held[i]
    if old and not (is_integer(old) and is_integer(given)) then
      return nil, name
    end
    if i <= adds then
      local sum = added(tonumber(old or 0), tonumber(given))
      if sum > 0 then
        sums[#sums + 1] = name
        sums[#sums + 1] = ('%d'):format(sum)
      elseif old then
        gone[#gone + 1] = name
      end
    elseif not old or (tonumber(given) < tonumber(old)) == (i <= adds + least) then
      sums[#sums + 1] = name
      sums[#sums + 1] = given
    end
  end
  return { sums = sums, gone = gone, exists = exists }
end

-- The result of an `add` of `count` members at ARGV[at…].
local function ranked(key, exists, at, count)
  local held = exists and read('ZMSCORE', key, at, at + count - 1) or {}
  local sums, gone = {}, {}
  for i = 1, count do
    local member, old = ARGV[at + i - 1], held[i]
    local sum = added(tonumber(old or 0), tonumber(ARGV[at + count + i - 1]))
    if sum > 0 then
      sums[#sums + 1] = sum
      sums[#sums + 1] = member
    elseif old then
      gone[#gone + 1] = member
    end
  end
  return { sums = sums, gone = gone, exists = exists }
end

-- Check and compute.
local plans = {}
local at = 3
for k = 2, #KEYS do
  local key, kind = KEYS[k], ARGV[at]
  local found = call('TYPE', key).ok
  local exists = found ~= 'none'
  if exists and found ~= kind then
    return redis.error_reply('WRONGTYPE ' .. key .. ' holds a ' .. found .. ', not a ' .. kind)
  end
  local operations = tonumber(ARGV[at + 2])
  at = at + 3
  for _ = 1, operations do
    local name, count = ARGV[at], tonumber(ARGV[at + 1])
    if name == 'merge' then
      local plan, field = merged(key, exists, at + 2)
      if not plan then
        return redis.error_reply('WRONGTYPE ' .. key .. ' holds no integer at ' .. field)
      end
      plans[k] = plan
    elseif name == 'add' then
      plans[k] = ranked(key, exists, at + 2, count / 2)
    end
    at = at + 2 + count
  end
end

-- Write.
local deleted = {}

local operate = {
  merge = function(key, plan)
    write('HSET', key, plan.sums, 1, #plan.sums)
    write('HDEL', key, plan.gone, 1, #plan.gone)
  end,
  put = function(key, _, first, last)
    if call('EXISTS', key) == 1 then
      write('HSET', key, ARGV, first, last)
    end
  end,
  add = function(key, plan)
    write('ZADD', key, plan.sums, 1, #plan.sums)
    write('ZREM', key, plan.gone, 1, #plan.gone)
  end,
  score = function(key, _, first, last) write('ZADD', key, ARGV, first, last) end,
  rem = function(key, _, first, last) write('ZREM', key, ARGV, first, last) end,
  top = function(key, _, first) call('ZREMRANGEBYRANK', key, 0, -1 - ARGV[first]) end,
  since = function(key, _, first) call('ZREMRANGEBYSCORE', key, '-inf', '(' .. ARGV[first]) end,
  ['in'] = function(key, _, first, last) write('SADD', key, ARGV, first, last) end,
  out = function(key, _, first, last) write('SREM', key, ARGV, first, last) end,
  push = function(key, _, first, last) write('LPUSH', key, ARGV, first, last) end,
  pull = function(key, _, first, last)
    for i = first, last do
      call('LREM', key, 1, ARGV[i])
    end
  end,
  keep = function(key, _, first) call('LTRIM', key, 0, ARGV[first] - 1) end,
  del = function(key) deleted[#deleted + 1] = key end,
}

at = 3
for k = 2, #KEYS do
  local key, kind, expires = KEYS[k], ARGV[at], ARGV[at + 1]
  local operations = tonumber(ARGV[at + 2])
  at = at + 3
  for _ = 1, operations do
    local name, count = ARGV[at], tonumber(ARGV[at + 1])
    if name == 'set' then
      call('SET', key, ARGV[at + 2], 'EXAT', expires)
    else
      operate[name](key, plans[k], at + 2, at + 1 + count)
    end
    at = at + 2 + count
  end
  if expires ~= '0' and kind ~= 'string' then
    -- The end of a bucket does not move: it is set with the key.
    if not (plans[k] and plans[k].exists) then
      call('EXPIREAT', key, expires)
    end
  end
end
for from = 1, #deleted, MOST do
  call('DEL', unpack(deleted, from, math.min(from + MOST - 1, #deleted)))
end

call('SET', KEYS[1], ARGV[2])
return ARGV[2]
