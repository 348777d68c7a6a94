#!/usr/bin/env bash
# A real API's answers, read as JSON, beside aiohttp in the same run: benches/pokeapi.sh ROOT URLS PYTHON [ROUNDS]
# ROOT is where the API is served, as http://127.0.0.1:18085; URLS a file of addresses that redirect, one a line;
# PYTHON has aiohttp. Both have 32 requests out at a time; dragline writes every answer to a file besides.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$1 urls=$2 python=$3 rounds=${4:-3}
cargo build --release --quiet --bin dragline
fetch=(target/release/dragline fetch --allow-net 127.0.0.0/8 --expect json)
out=$(mktemp)
trap 'rm -f "$out"' EXIT
redirects=$(wc -l <"$urls")
for _ in $(seq "$rounds"); do
    "$python" benches/peers.py json "$root/api/v2/pokemon/{n}/" 500
    "${fetch[@]}" "$root/api/v2/pokemon/[1-500]/" >"$out"
    "$python" benches/peers.py json "@$urls" "$redirects"
    "${fetch[@]}" "@$urls" >"$out"
done
