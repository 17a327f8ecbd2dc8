-- Media addresses and their tokens, as matinee/model/addresses.py and matinee/model/tokens.py have them.
--
-- Nothing is decoded but the token itself. A token that was found good is remembered, so that the MAC is computed once a
-- token and worker; its times, its prefix and whether it was revoked are asked at every request.

local ffi = require "ffi"
local base64 = require "ngx.base64"

local find, re_find, sub = string.find, ngx.re.find, string.sub
local byte, format, concat = string.byte, string.format, table.concat

-- Here and never in a request: each cdef takes a place in a table that fills up.
ffi.cdef [[
typedef struct evp_md_st EVP_MD;
const EVP_MD *EVP_sha256(void);
unsigned char *HMAC(const EVP_MD *evp_md, const void *key, int key_len, const unsigned char *d, size_t n,
                    unsigned char *md, unsigned int *md_len);
unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md);
int CRYPTO_memcmp(const void *a, const void *b, size_t len);
]]

-- nginx itself is linked with libcrypto where it speaks TLS.
local found, crypto = pcall(function() return ffi.C.HMAC and ffi.C.SHA256 and ffi.C end)
if not found then
  for _, name in ipairs { "libcrypto.so.3", "crypto" } do
    found, crypto = pcall(ffi.load, name)
    if found then break end
  end
end
assert(found, "there is no libcrypto for Lua")

local M = {}

local LONGEST, LONGEST_TOKEN, MAC_BYTES = 1024, 512, 32
local SEGMENT = "[A-Za-z0-9_-][A-Za-z0-9._-]*"
local ADDRESS = "\\A/([A-Za-z0-9_-]+)/" .. SEGMENT .. "/" .. SEGMENT .. "(?:/" .. SEGMENT .. ")+\\z"
local FIELDS = { ["1"] = 5, ["2"] = 6 }

local mac = ffi.new("unsigned char[32]")
-- Whole and small tables, begun anew when they are full: a look-up is one step, where a list of who was asked for last
-- would have to be turned over at every request.
local MOST_KNOWN = 20000
local known, known_size, tags, tags_size = {}, 0, {}, 0

-- The token and the media path (title/revision/file) in a request's target as it came over the wire; nil if it has none.
function M.parse(target)
  local query = find(target, "?", 1, true)
  local raw = query and sub(target, 1, query - 1) or target
  if #raw > LONGEST then return nil end
  -- What both were found to be before, they are now.
  local slash = find(raw, "/", 2, true)
  if slash then
    local text, path = sub(raw, 2, slash - 1), sub(raw, slash + 1)
    if known[text] and tags[path] then return text, path end
  end
  local from, to = re_find(raw, ADDRESS, "jo", nil, 1)
  if not from then return nil end
  return sub(raw, from, to), sub(raw, to + 2)
end

local function split(body)
  local fields, start = {}, 1
  while true do
    local stop = find(body, "\n", start, true)
    if not stop then return fields, sub(body, start) end
    fields[#fields + 1] = sub(body, start, stop - 1)
    start = stop + 1
  end
end

local function verify(text, keys)
  if #text > LONGEST_TOKEN then return nil, "malformed" end
  local raw = base64.decode_base64url(text)
  if not raw or #raw <= MAC_BYTES or base64.encode_base64url(raw) ~= text then return nil, "malformed" end
  local body, shown = sub(raw, 1, -MAC_BYTES - 1), sub(raw, -MAC_BYTES)
  local fields, rest = split(body)
  if #fields ~= FIELDS[fields[1] or ""] or rest ~= "" then return nil, "malformed" end
  local key = keys[fields[2]]
  if not key then return nil, "unknown_key" end
  crypto.HMAC(crypto.EVP_sha256(), key, #key, body, #body, mac, nil)
  if crypto.CRYPTO_memcmp(mac, shown, MAC_BYTES) ~= 0 then return nil, "forged" end
  local last = #fields
  return {
    expires = tonumber(fields[last - 2]),
    starts = last == 6 and tonumber(fields[3]) or 0,
    playback = fields[last - 1],
    prefix = fields[last],
  }
end

-- What a token says if it opens the path at that time (seconds since 1970), else nil and the fault.
function M.check(text, path, now, keys, revoked)
  local token = known[text]
  if not token then
    local fault
    token, fault = verify(text, keys)
    if not token then return nil, fault end
    if known_size >= MOST_KNOWN then M.forget() end
    known[text], known_size = token, known_size + 1
  end
  if token.starts > now then return nil, "early" end
  if token.expires <= now then return nil, "expired" end
  local prefix = token.prefix
  if sub(path, 1, #prefix) ~= prefix then return nil, "foreign" end
  if revoked[token.playback] then return nil, "revoked" end
  return token
end

-- Keys changed: what was good may be so no longer.
function M.forget()
  known, known_size = {}, 0
end

-- A file's strong validator, told by its path alone (edge/answers.py).
function M.entity_tag(path)
  local tag = tags[path]
  if not tag then
    crypto.SHA256(path, #path, mac)
    local hex = {}
    for place = 0, 9 do hex[#hex + 1] = format("%02x", mac[place]) end
    tag = '"' .. concat(hex) .. '"'
    if tags_size >= MOST_KNOWN then tags, tags_size = {}, 0 end
    tags[path], tags_size = tag, tags_size + 1
  end
  return tag
end

return M
