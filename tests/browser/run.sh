#!/usr/bin/env bash
# Tests in a headless Chromium what Rapport serves to browsers: GraphiQL on a server with the demo organization, and the
# web chat on servers of the integration tests, whose clock can be advanced. Pictures go to target/browser/screenshots.
#   run.sh [path of the rapport binary]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
binary=$(realpath "${1:-$repository/target/debug/rapport}")

# Keeps installed files out of the sources.
home=$repository/target/browser
mkdir -p "$home"
cp "$here"/package.json "$here"/package-lock.json "$here"/*.mjs "$home"
(cd "$home" && npm ci --no-audit --no-fund --loglevel=error)

work=$(mktemp -d)
(
  unset "${!RAPPORT_@}"
  cd "$work"
  export RAPPORT_FILES=$work/files RAPPORT_DATABASE_URL=sqlite://$work/rapport.db RAPPORT_LISTEN=127.0.0.1:0 RAPPORT_LOG=error
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

cd "$repository"
unset "${!RAPPORT_@}"
RAPPORT_TEST_BROWSER=$home cargo test --locked --package api --test it -- browser:: --nocapture
