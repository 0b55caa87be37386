#!/usr/bin/env bash
# Starts a Rapport server with the demo organisation and drives GraphiQL on it in a headless Chromium.
#   run.sh [path of the rapport binary]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
binary=$(realpath "${1:-$repository/target/debug/rapport}")

# Everything that is installed stays out of the sources.
home=$repository/target/browser
mkdir -p "$home"
cp "$here"/package.json "$here"/package-lock.json "$here"/*.mjs "$home"
(cd "$home" && npm ci --no-audit --no-fund --loglevel=error)

work=$(mktemp -d)
(
  unset "${!RAPPORT_@}"
  cd "$work"
  export RAPPORT_DATABASE_URL=sqlite://$work/rapport.db RAPPORT_LISTEN=127.0.0.1:0 RAPPORT_LOG=error
  exec "$binary"
) >"$work/out" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 150); do
  address=$(sed -n 's/^listening on //p' "$work/out" 2>/dev/null || true)
  [ -n "$address" ] && break
  sleep 0.2
done
[ -n "$address" ] || { echo "the server did not start:" >&2; cat "$work/out" >&2; exit 1; }
node "$home/graphiql.mjs" "$address"
