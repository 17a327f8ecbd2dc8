# Varnish as it streams best: one fetch an object (its default), every waiter reading while it comes in, kept for an hour.
vcl 4.1;

backend upstream {
  .host = "127.0.0.1";
  .port = "@UPSTREAM@";
  .max_connections = 256;
}

sub vcl_recv {
  return (hash);
}

sub vcl_backend_response {
  set beresp.do_stream = true;
  set beresp.do_gzip = false;
  set beresp.ttl = 1h;
}
