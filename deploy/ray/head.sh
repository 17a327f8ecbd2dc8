#!/bin/sh
# The head of a Ray cluster, in the foreground: head.sh ADDRESS [MORE OF ray start]
#
# ADDRESS is this machine's own, as the others reach it; never 127.0.0.1, which Ray would replace by another. Workers of
# Matinee come to ADDRESS:10001 (MATINEE_COMPUTE=ray://ADDRESS:10001), nodes to ADDRESS:6379. It takes no tasks itself
# (--num-cpus=0), so that no film crowds out what the whole cluster hangs on. No dashboard: it answers whoever asks.
set -eu
address=$1
shift
exec "${RAY:-ray}" start --head --block --node-ip-address="$address" --port=6379 --ray-client-server-port=10001 \
  --num-cpus=0 --include-dashboard=false --include-log-monitor=false --object-store-memory=100000000 "$@"
