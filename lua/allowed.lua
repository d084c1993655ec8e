#!lua flags=no-writes
-- Which of some commands this user may not run.
--
-- KEYS[1]  a key of ours
-- ARGV     the commands
-- RETURNS  { command … }: those that may not be run at all, or not on that key

local refused = {}
for _, command in ipairs(ARGV) do
  local allowed
  if command == 'eval' or command == 'evalsha' then
    -- Their keys are counted in front.
    allowed = redis.acl_check_cmd(command, '', 1, KEYS[1])
  else
    allowed = redis.acl_check_cmd(command, KEYS[1])
  end
  if not allowed then
    refused[#refused + 1] = command
  end
end
return refused
