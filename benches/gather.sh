#!/usr/bin/env bash
# Many slow calls at once, beside what people try first, against the same server in the same run:
#   benches/gather.sh [PYTHON]
# PYTHON is an interpreter with `requests` and `aiohttp`; without one only raw sockets are compared with.
# Wall times of calls of two seconds each; the floor is what raw sockets take on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --quiet --bin dragline
cargo build --release --quiet -p dragline-gather --example inflight
ulimit -n "$(ulimit -Hn)"

for calls in 5 100 1000 10000; do
    target/release/examples/inflight "$calls" 2 "$([ "$calls" = 10000 ] && echo 3 || echo 2)"
done

python=${1:-}
[ -n "$python" ] || exit 0
door=$(mktemp -u)
mkfifo "$door"
# The server ends with its input.
target/release/examples/inflight serve <"$door" >"$door.address" &
exec 9>"$door"
trap 'exec 9>&-; rm -f "$door" "$door.address"' EXIT
until [ -s "$door.address" ]; do :; done
url="http://$(cat "$door.address")/d?s=2&n={n}"

"$python" benches/peers.py loop "$url" 5
for calls in 5 1000; do
    "$python" benches/peers.py threads "$url" "$calls"
done
for calls in 5 1000 10000; do
    "$python" benches/peers.py session "$url" "$calls"
    "$python" benches/peers.py each "$url" "$calls"
    begun=$(date +%s.%N)
    target/release/dragline fetch "${url/\{n\}/[1-$calls]}" --allow-net 127.0.0.0/8 --per-host "$calls" \
        --concurrency "$calls" --expect json -q >/dev/null
    echo "dragline $calls calls: $(echo "$(date +%s.%N) - $begun" | bc | xargs printf '%.2f') s"
done
