vcl 4.1;

# Hits out of memory; the files are immutable, so nothing is ever asked again.
backend origin { .host = "127.0.0.1"; .port = "@ORIGIN@"; }

sub vcl_recv { return (hash); }
sub vcl_backend_response { set beresp.ttl = 1d; set beresp.grace = 0s; unset beresp.http.Set-Cookie; }
