#!lua
-- Applies a batch, if nothing else was applied since, and moves the cursor.
--
-- KEYS[1]   journal:cursor
-- KEYS[2…]  the keys that the batch touches; one with `merge` or `add` stands here once
-- ARGV[1]   the cursor that is expected
-- ARGV[2]   the cursor afterwards
-- ARGV[3]   an array in MessagePack. It has for each of KEYS[2…] a section: its type, the Unix
--           second at which it expires (0: never), the number of its operations, and for each of
--           them its name, the number of its values and the values:
--             hash    merge  a l m, then a+l+m fields, then as many integers: the first a are added
--                            (a sum of zero or less goes), then l least and m most ones are kept
--                     put    field value …, where the sums left anything
--                     hour   no values: what follows from the sums of an hour; after `merge`
--                     day    the same of a day
--             zset    add    n members, then n integers to be added (a sum of zero or less goes)
--                     score  score member …
--                     rem    member …
--                     top    n: only the n highest scores stay
--                     since  n: scores below n go
--                     latest n, s: only the n highest scores stay, and none below s; what goes here
--                            goes from the key before this one, too
--             set     in     member …
--                     out    member …
--             list    pull   n: the next n of ARGV[4…] go, where they are
--                     push   n: the next n of ARGV[4…] come in, the newest last
--                     keep   n: the newest n stay
--             string  set    1: the next of ARGV[4…] is its value
--                     del
--           A sum that reaches 2^53 - 1, in a hash or as a score, is no longer exact: it stays
--           there whatever is taken away, and its readers ask history.
-- ARGV[4…]  the long texts: Lua reads every byte of a string when it makes it, and would read these
--           twice if they stood in ARGV[3]
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

-- One text for what is short: the client and the server take several times as long for as many
-- arguments.
local args = cmsgpack.unpack(ARGV[3])

-- A variadic command on values[first…last].
local function write(command, key, values, first, last)
  for from = first, last, MOST do
    call(command, key, unpack(values, from, math.min(from + MOST - 1, last)))
  end
end

-- The answer of a variadic command on args[first…last].
local function read(command, key, first, last)
  local found = {}
  for from = first, last, MOST do
    local part = call(command, key, unpack(args, from, math.min(from + MOST - 1, last)))
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

-- The result of a `merge` at args[at…]; nil, and the field that holds no integer, if there is
-- none.
local function merged(key, exists, at)
  local adds, least = args[at], args[at + 1]
  local count = adds + least + args[at + 2]
  local field, value = at + 2, at + 2 + count
  local held = exists and read('HMGET', key, field + 1, field + count) or {}
  local sums, gone = {}, {}
  for i = 1, count do
    local name, given, old = args[field + i], args[value + i], held[i]
    if old and not is_integer(old) then
      return nil, name
    end
    if i <= adds then
      local sum = added(tonumber(old or 0), given)
      if sum > 0 then
        sums[#sums + 1] = name
        sums[#sums + 1] = ('%d'):format(sum)
      elseif old then
        gone[#gone + 1] = name
      end
    elseif not old or (given < tonumber(old)) == (i <= adds + least) then
      sums[#sums + 1] = name
      sums[#sums + 1] = ('%d'):format(given)
    end
  end
  return { sums = sums, gone = gone, exists = exists }
end

-- The result of an `add` of `count` members at args[at…].
local function ranked(key, exists, at, count)
  local held = exists and read('ZMSCORE', key, at, at + count - 1) or {}
  local sums, gone = {}, {}
  for i = 1, count do
    local member, old = args[at + i - 1], held[i]
    local sum = added(tonumber(old or 0), args[at + count + i - 1])
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
local at = 1
for k = 2, #KEYS do
  local key, kind = KEYS[k], args[at]
  local found = call('TYPE', key).ok
  local exists = found ~= 'none'
  if exists and found ~= kind then
    return redis.error_reply('WRONGTYPE ' .. key .. ' holds a ' .. found .. ', not a ' .. kind)
  end
  local operations = args[at + 2]
  at = at + 3
  for _ = 1, operations do
    local name, count = args[at], args[at + 1]
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

-- What follows from the sums of a bucket is written with them, so that both are always of one
-- moment. From a sum that is not exact nothing follows: the field is not there.

-- A sum of a hash, 0 where there is none; nil where it is not exact, or somebody's text.
local function exact(text)
  local sum = 0
  if text then
    sum = is_integer(text) and tonumber(text) or EXACT
  end
  return sum < EXACT and sum or nil
end

-- A whole number, rounded half up. A quotient of large numbers may be the one beside it.
local function mean(sum, count)
  if not sum or not count or count <= 0 then
    return nil
  end
  local rest = sum % count
  return ('%d'):format((sum - rest) / count + (rest * 2 >= count and 1 or 0))
end

-- Four decimals.
local function rate(part, whole)
  if not part or not whole or whole <= 0 then
    return nil
  end
  local scaled = part / whole * 10000
  local down = math.floor(scaled)
  return tostring((down + (scaled - down >= 0.5 and 1 or 0)) / 10000)
end

-- Of the millionths of a bucket with executions.
local function dollars(micros, executions)
  if not micros or not executions or executions <= 0 then
    return nil
  end
  local rest = micros % 1000000
  return ('%d.%06d'):format((micros - rest) / 1000000, rest)
end

local function json_list(texts)
  local quoted = {}
  for i, text in ipairs(texts) do
    local escaped = text:gsub('["\\%c]', function(c) return ('\\u%04x'):format(c:byte()) end)
    quoted[i] = '"' .. escaped .. '"'
  end
  return '[' .. table.concat(quoted, ',') .. ']'
end

local function derive(key, field, value)
  if value then
    call('HSET', key, field, value)
  else
    call('HDEL', key, field)
  end
end

local function derive_hour(key)
  local sums = call('HMGET', key, 'execution_count', 'duration_count', 'total_duration_ms',
    'total_tokens', 'cost_micros')
  local executions = exact(sums[1])
  derive(key, 'avg_duration_ms', mean(exact(sums[3]), exact(sums[2])))
  derive(key, 'avg_tokens', mean(exact(sums[4]), executions))
  derive(key, 'total_cost', dollars(exact(sums[5]), executions))
end

local function derive_day(key)
  local found, sums, types, most, peak = call('HGETALL', key), {}, {}, 0, nil
  for i = 1, #found, 2 do
    local field, value = found[i], found[i + 1]
    sums[field] = value
    local hour = tonumber(field:match('^execution_count:hour:(%d%d)$'))
    local count = hour and exact(value)
    if count and (count > most or count == most and peak and hour < peak) then
      most, peak = count, hour
    end
    types[#types + 1] = field:match('^execution_count:type:(.+)$')
  end
  table.sort(types)
  local executions = exact(sums.execution_count)
  local is_used = executions and executions > 0
  derive(key, 'total_executions', is_used and ('%d'):format(executions))
  derive(key, 'success_rate', rate(exact(sums.success_count), executions))
  derive(key, 'agent_types', #types > 0 and json_list(types))
  derive(key, 'peak_hour', peak and tostring(peak))
  derive(key, 'total_cost', dollars(exact(sums.cost_micros), executions))
end

-- Write.
local deleted = {}
-- The last of ARGV that was taken.
local taken = 3

-- Takes the next n.
local function take(n)
  local first = taken + 1
  taken = taken + n
  return first, taken
end

local operate = {
  merge = function(key, plan)
    write('HSET', key, plan.sums, 1, #plan.sums)
    write('HDEL', key, plan.gone, 1, #plan.gone)
  end,
  put = function(key, _, first, last)
    if call('EXISTS', key) == 1 then
      write('HSET', key, args, first, last)
    end
  end,
  add = function(key, plan)
    write('ZADD', key, plan.sums, 1, #plan.sums)
    write('ZREM', key, plan.gone, 1, #plan.gone)
  end,
  score = function(key, _, first, last) write('ZADD', key, args, first, last) end,
  rem = function(key, _, first, last) write('ZREM', key, args, first, last) end,
  top = function(key, _, first) call('ZREMRANGEBYRANK', key, 0, -1 - args[first]) end,
  since = function(key, _, first) call('ZREMRANGEBYSCORE', key, '-inf', '(' .. args[first]) end,
  ['in'] = function(key, _, first, last) write('SADD', key, args, first, last) end,
  out = function(key, _, first, last) write('SREM', key, args, first, last) end,
  push = function(key, _, first) write('LPUSH', key, ARGV, take(args[first])) end,
  pull = function(key, _, first)
    local from, to = take(args[first])
    for i = from, to do
      call('LREM', key, 1, ARGV[i])
    end
  end,
  keep = function(key, _, first) call('LTRIM', key, 0, args[first] - 1) end,
  hour = derive_hour,
  day = derive_day,
  latest = function(key, _, first, _, before)
    local kept, since = args[first], args[first + 1]
    for _, range in ipairs({ { '-inf', '(' .. since, 'BYSCORE' }, { 0, -1 - kept } }) do
      local gone = call('ZRANGE', key, unpack(range))
      write('ZREM', key, gone, 1, #gone)
      write('ZREM', before, gone, 1, #gone)
    end
  end,
  del = function(key) deleted[#deleted + 1] = key end,
}

at = 1
for k = 2, #KEYS do
  local key, kind, expires = KEYS[k], args[at], args[at + 1]
  local operations = args[at + 2]
  at = at + 3
  for _ = 1, operations do
    local name, count = args[at], args[at + 1]
    if name == 'set' then
      call('SET', key, ARGV[take(1)], 'EXAT', expires)
    else
      operate[name](key, plans[k], at + 2, at + 1 + count, KEYS[k - 1])
    end
    at = at + 2 + count
  end
  if expires ~= 0 and kind ~= 'string' then
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
