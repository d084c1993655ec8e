#!lua flags=allow-oom
-- Deletes keys, if the rebuild is still the one that asked for it. It only frees memory, so
-- that it is run over `maxmemory` too.
--
-- KEYS[1]   journal:cursor
-- KEYS[2…]  the keys to be deleted, at most 4,000
-- ARGV[1]   the cursor that is expected: the mark of this attempt at a rebuild
-- RETURNS   how many of the keys were there; nil if the cursor is another one, and then none
--           of them was deleted

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end
return redis.call('UNLINK', unpack(KEYS, 2))
