-- Every request's way through nginx: in at `enter`, out at `leave`. What the edge process knows of keys, revocations and
-- orders comes through `told` and stands in a shared dictionary: never in a file, never in a log.

local token = require "matinee_token"
local counts = require "matinee_counts"

local state = ngx.shared.matinee_gate
local var, exec, header = ngx.var, ngx.exec, ngx.header
local method_of = ngx.req.get_method
local time = ngx.time
local sub, byte, floor = string.sub, string.byte, math.floor

local M = {}

local version, keys, revoked, names, skew, down, paced
local framed = false

-- Once, before workers are forked. A reload keeps the dictionaries, so `boot` changes only when nginx was started anew.
function M.start(over_tls)
  framed = over_tls
  local random = assert(io.open("/dev/urandom", "rb"))
  local bytes = random:read(16)
  random:close()
  state:safe_add("boot", (bytes:gsub(".", function(letter) return string.format("%02x", letter:byte()) end)))
  counts.open()
end

local function read(text)
  local fresh_keys, fresh_revoked, fresh_names, named = {}, {}, {}, false
  for kind, name, value in text:gmatch("(%l+) (%S+) ?(%S*)\n") do
    if kind == "key" then
      fresh_keys[ngx.decode_base64(name)] = ngx.decode_base64(value)
    elseif kind == "revoked" then
      fresh_revoked[ngx.decode_base64(name)] = true
    elseif kind == "name" then
      fresh_names[name], named = true, true
    elseif kind == "skew" then
      skew = tonumber(name)
    elseif kind == "down" then
      down = name == "1"
    elseif kind == "paced" then
      paced = name == "1"
    end
  end
  keys, revoked, names = fresh_keys, fresh_revoked, named and fresh_names or nil
  token.forget()
end

local function refuse(fault, where)
  counts.refused(fault)
  return exec(where)
end

-- Access phase of everything but the edge's own pages: decides whether a held file may be looked for.
function M.enter()
  local standing = state:get("version")
  if standing ~= version then
    if standing then read(state:get("state")) end
    version = standing
  end
  -- Not told yet (nginx has only just begun), or told that the edge paces what it sends: the edge process answers itself.
  if not version or paced then return exec("@edge") end
  local method = method_of()
  if method ~= "GET" then
    return exec((method == "HEAD" or method == "OPTIONS") and "@edge" or "@methods")
  end
  if down then return exec("@down") end
  if var.http_transfer_encoding then return refuse("body", "@body") end
  if names and not names[var.host] then return refuse("host", "@misdirected") end
  local text, path = token.parse(var.request_uri)
  if not text then return refuse("address", "@refused") end
  local opened, fault = token.check(text, path, time() + skew, keys, revoked)
  if not opened then return refuse(fault, "@refused") end
  var.media, var.playback = path, opened.playback
  header.ETag = token.entity_tag(path)
end

-- Of HTTP/2, what is counted includes the heads of its frames (RFC 9113 §4.1): nine bytes before each piece of a body.
local FRAME_HEAD, FRAME_BYTES = 9, 16384

local function body_bytes()
  local sent = tonumber(var.body_bytes_sent) or 0
  if not framed or sent == 0 or ngx.req.http_version() ~= 2 then return sent end
  local whole = tonumber(var.sent_http_content_length)
  if whole and sent >= whole then return whole end
  return floor(sent * FRAME_BYTES / (FRAME_BYTES + FRAME_HEAD))
end

-- Log phase of a held file. After try_files the URI begins with the folder that has it.
function M.leave()
  local path = var.media
  if path == "" then return end
  counts.hit(var.playback, byte(var.uri, 2) == 112 and "placed" or "demand", path, body_bytes())
end

-- Before the edge process is asked: what was said in the hope of a held file is taken back.
function M.pass()
  if var.media == "" then return end
  for name in pairs(ngx.resp.get_headers(0, true)) do
    if name ~= "Connection" and name ~= "Content-Type" then header[name] = nil end
  end
end

-- Log phase of what the edge process answered.
function M.passed()
  local bill = var.upstream_http_x_matinee_bill
  if bill then counts.billed(bill, body_bytes()) end
end

-- The edge process tells what its gate is: `version` in the query, the lines that `read` reads in the body.
function M.told()
  ngx.req.read_body()
  local text, number = ngx.req.get_body_data(), var.arg_version
  if not text or not number then return ngx.exit(400) end
  local kept, trouble = state:safe_set("state", text)
  if kept then kept, trouble = state:safe_set("version", number) end
  if not kept then
    ngx.status = 507
    return ngx.say(trouble)
  end
  ngx.say(state:get("boot"))
end

-- The edge process asks: who are you, what were you told, how many connections are open, and what was counted since?
function M.asked()
  local counted = counts.batch(var.arg_acknowledged or "")
  ngx.say(state:get("boot"), " ", state:get("version") or "-", " ", var.connections_active)
  if counted then ngx.print(counted) end
end

return M
