#!/bin/sh
# A node of a Ray cluster, in the foreground: node.sh ADDRESS HEAD [MORE OF ray start]
#
# ADDRESS is this machine's own, HEAD the head's. It offers all cores, memory and GPUs of the machine, unless it is told
# otherwise (--num-cpus, --memory, --num-gpus). Films travel through the object store and never through Ray's own, which
# is kept small here. Matinee is installed as on every machine; the store's AWS_ variables are in the environment.
set -eu
address=$1
head=$2
shift 2
exec "${RAY:-ray}" start --block --address="$head:6379" --node-ip-address="$address" \
  --include-log-monitor=false --object-store-memory=100000000 "$@"
