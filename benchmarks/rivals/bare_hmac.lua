-- The least that opens a signed path: /KID.EXPIRY.MAC/TITLE/REVISION/FILE, MAC over "EXPIRY LF TITLE/REVISION/".
local ffi = require "ffi"
local base64 = require "ngx.base64"

ffi.cdef [[
typedef struct evp_md_st EVP_MD;
const EVP_MD *EVP_sha256(void);
unsigned char *HMAC(const EVP_MD *evp_md, const void *key, int key_len, const unsigned char *d, size_t n,
                    unsigned char *md, unsigned int *md_len);
]]

local found = pcall(function() return ffi.C.HMAC end)
local crypto = found and ffi.C or ffi.load("libcrypto.so.3")
local mac = ffi.new("unsigned char[32]")
local key = "a key for one benchmark of thirty-two bytes or more"

local M = {}

function M.check()
  local found = ngx.re.match(ngx.var.request_uri, [[\A/k1\.(\d+)\.([A-Za-z0-9_-]{43})/([^/]+/[^/]+/)]], "jo")
  if not found or tonumber(found[1]) <= ngx.time() then return ngx.exit(403) end
  local body = found[1] .. "\n" .. found[3]
  crypto.HMAC(crypto.EVP_sha256(), key, #key, body, #body, mac, nil)
  if base64.encode_base64url(ffi.string(mac, 32)) ~= found[2] then return ngx.exit(403) end
end

return M
