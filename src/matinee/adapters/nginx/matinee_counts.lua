-- What was sent, counted in a dictionary that all workers share and the edge process empties about once a second.
--
-- A key carries the second in which it was made, and only seconds that are over are read: nobody adds to those any more,
-- so reading and removing loses nothing. Where the dictionary is full, bytes go to keys that always stand there.

local counts = ngx.shared.matinee_counts
-- Apart, so that a dictionary full of counts still has a way out.
local batches = ngx.shared.matinee_batches
local floor, now = math.floor, ngx.now
local sub, find, byte, concat = string.sub, string.find, string.byte, table.concat

local M = {}

local SETTLED_SECONDS = 2
local BATCH, LOCK, LOCK_SECONDS, LEAVING_SECONDS = "batch", "emptying", 10, 5

-- Where a dictionary that is full adds what has no room of its own: no playback, but the origin.
function M.open()
  for _, origin in ipairs { "placed", "demand" } do counts:safe_add("*s \t" .. origin, 0) end
  counts:safe_add("*r full", 0)
  counts:safe_add("*d bills", 0)
end

local function add(key, spare, value)
  local total, trouble = counts:incr(key, value)
  if total then return end
  local made
  if trouble == "not found" then
    made, trouble = counts:safe_add(key, value)
    if made then return end
    -- Another worker was quicker.
    if trouble == "exists" and counts:incr(key, value) then return end
  end
  if spare then counts:incr(spare, value) end
end

local SPARE = { placed = "*s \tplaced", demand = "*s \tdemand" }
-- The second that is now, and what keys of it begin with.
local this_second, of_sent, of_files

-- Bytes of a body for a playback, from placed files or from the demand cache, and one hit of the path.
function M.hit(playback, origin, path, size)
  local second = floor(now())
  if second ~= this_second then
    this_second, of_sent, of_files = second, second .. "s ", second .. "f "
  end
  if size > 0 then add(of_sent .. playback .. "\t" .. origin, SPARE[origin], size) end
  add(of_files .. path, nil, 1)
end

-- Bytes of an answer that the edge process gave to pass on, under its bill.
function M.billed(bill, size)
  add(floor(now()) .. "t " .. bill, "*d bills", size)
end

function M.refused(fault)
  add(floor(now()) .. "r " .. fault, "*r full", 1)
end

-- Lines "s PLAYBACK TAB ORIGIN SP BYTES", "f PATH SP TIMES", "t BILL SP BYTES", "r FAULT SP TIMES", and the keys to settle.
local function read(before)
  local lines, taken = {}, {}
  for _, key in ipairs(counts:get_keys(0)) do
    local kind = find(key, "[a-z] ")
    if kind then
      local second = sub(key, 1, kind - 1)
      local value = (second == "*" or (tonumber(second) or before) < before) and counts:get(key)
      if value and (value > 0 or second ~= "*") then
        lines[#lines + 1] = sub(key, kind) .. " " .. value
        taken[#taken + 1] = { key, value, second ~= "*" }
      end
    end
  end
  return lines, taken
end

local function settle(taken)
  for _, entry in ipairs(taken) do
    local left = counts:incr(entry[1], -entry[2])
    if left == 0 and entry[3] then counts:delete(entry[1]) end
  end
end

-- The counts of all seconds that are over, under a number. The same ones again until that number is acknowledged, so that
-- an answer that is lost on its way loses no counts.
function M.batch(acknowledged)
  if not batches:add(LOCK, 1, LOCK_SECONDS) then return nil end
  local standing = batches:get(BATCH)
  if standing and sub(standing, 1, find(standing, "\n", 1, true) - 1) ~= acknowledged then
    batches:delete(LOCK)
    return standing
  end
  batches:delete(BATCH)
  local lines, taken = read(floor(now()) - SETTLED_SECONDS)
  local number = tostring((tonumber(acknowledged) or 0) + 1)
  local text
  repeat
    text = number .. "\n" .. concat(lines, "\n") .. "\n"
    local kept = batches:safe_set(BATCH, text)
    -- No room for all: half of it now, the rest next time.
    if not kept then
      for _ = 1, math.ceil(#lines / 2) do lines[#lines], taken[#taken] = nil, nil end
    end
  until kept or #lines == 0
  settle(taken)
  batches:delete(LOCK)
  return text
end

-- Workers that end together must not both take the same counts. Nothing may sleep where a worker ends, so this waits by
-- asking again; whoever holds the lock holds it for milliseconds.
local function locked()
  local until_then = now() + LEAVING_SECONDS
  while not batches:add(LOCK, 1, LOCK_SECONDS) do
    ngx.update_time()
    if now() > until_then then return false end
  end
  return true
end

-- A worker ends: what is counted goes to a file of its own, which the edge process reads and removes. What it cannot get
-- hold of stays in the dictionary, for the workers that live.
function M.leave(folder)
  if not locked() then return end
  local lines, taken = read(math.huge)
  settle(taken)
  batches:delete(LOCK)
  if #lines == 0 then return end
  local name = folder .. "/" .. ngx.worker.pid() .. "-" .. now() .. ".counts"
  local file = io.open(name .. ".part", "w")
  if not file then return end
  file:write("left\n", concat(lines, "\n"), "\n")
  file:close()
  os.rename(name .. ".part", name)
end

return M
