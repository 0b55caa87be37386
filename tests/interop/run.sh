#!/usr/bin/env bash
# Starts a Rapport server on an empty database and runs the suites of this folder. Prints a line for each check.
#   run.sh [path of the rapport binary]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
binary=$(realpath "${1:-$repository/target/debug/rapport}")
[ -x "$binary" ] || { echo "there is no program $binary: build it first, or name another" >&2; exit 2; }

# Keeps installed and generated files out of the sources.
home=${RAPPORT_INTEROP_HOME:-$repository/target/interop}
mkdir -p "$home"
home=$(cd "$home" && pwd)

if ! cmp -s "$here/package-lock.json" "$home/node_modules/.of-lock"; then
  cp "$here/package.json" "$here/package-lock.json" "$home"
  (cd "$home" && npm ci --no-audit --no-fund --loglevel=error)
  cp "$here/package-lock.json" "$home/node_modules/.of-lock"
fi
if ! cmp -s "$here/requirements.txt" "$home/venv/of-requirements.txt"; then
  python3 -m venv --clear "$home/venv"
  "$home/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  cp "$here/requirements.txt" "$home/venv/of-requirements.txt"
fi

# Node looks for modules beside or above a source, so the sources are copied to the modules.
rm -rf "$home/suites"
cp -R "$here" "$home/suites"
cp "$repository/schema.graphql" "$home/suites/relay/"
cp "$repository/schema.graphql" "$home/suites/codegen/"

work=$(mktemp -d)
server=
stop() {
  if [ -n "$server" ] && kill "$server" 2>/dev/null; then
    # The server promises to stop within ten seconds.
    for _ in $(seq 60); do
      kill -0 "$server" 2>/dev/null || break
      sleep 0.2
    done
    kill -9 "$server" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

touch "$work/out" "$work/errors"
# The server gets only these settings, because it refuses unknown ones.
(
  database=${RAPPORT_DATABASE_URL:-sqlite://$work/rapport.db}
  unset "${!RAPPORT_@}"
  cd "$work"
  # The suites write more per minute than people do.
  export RAPPORT_MESSAGES_PER_MINUTE=0
  export RAPPORT_FILES=$work/files RAPPORT_DATABASE_URL=$database RAPPORT_LISTEN=127.0.0.1:0 RAPPORT_LOG=error
  exec "$binary"
) >"$work/out" 2>"$work/errors" &
server=$!
for _ in $(seq 150); do
  address=$(sed -n 's/^listening on //p' "$work/out")
  [ -n "$address" ] && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.2
done
[ -n "$address" ] || { echo "the server did not start:" >&2; cat "$work/out" "$work/errors" >&2; exit 1; }
export RAPPORT_URL=$address/graphql

failed=0
suite() { "$@" || failed=1; }
# Runs a program as one check. Prints one line, and the program's output when it fails.
quietly() {
  local what=$1 said
  shift
  if said=$("$@" 2>&1); then
    echo "ok   $what"
  else
    failed=1
    printf 'FAIL %s:\n%s\n' "$what" "$said"
  fi
}

bin=$home/node_modules/.bin
cd "$home/suites"
for each in audits validation graphql-ws apollo urql graphql-sse; do
  suite node "$each.mjs"
done

suite node collation.mjs
RAPPORT_REPOSITORY=$repository suite node evolution.mjs

cd "$home/suites/relay"
quietly "relay: relay-compiler accepts the schema" "$bin/relay-compiler"
RAPPORT_SUITE=relay suite node run.mjs

cd "$home/suites/codegen"
quietly "codegen: types are made of the schema" "$bin/graphql-codegen" --config codegen.yml
quietly "codegen: a strict program compiles with them" "$bin/tsc" --project .

cd "$home/suites/program"
quietly "program: the bot compiles" "$bin/tsc" --project .
RAPPORT_SUITE=program suite node run.mjs

cd "$home/suites"
suite "$home/venv/bin/python" gql_client.py
suite "$home/venv/bin/python" xss.py
RAPPORT_BINARY=$binary suite "$home/venv/bin/python" s3_files.py

mkdir "$work/cards"
if RAPPORT_SUITE=vcard node vcard/people.mjs "$work/cards"; then
  suite node vcard/check.mjs "$work/cards"
  suite "$home/venv/bin/python" vcard/check.py "$work/cards"
else
  failed=1
fi

# The cards from test suites of packages are fetched once and stay out of the sources.
"$home/venv/bin/python" vcard/fetch.py "$home/exports"
suite "$home/venv/bin/python" vcard/exports.py "$home/exports"

if [ -s "$work/errors" ]; then
  failed=1
  echo "FAIL server: it reported errors:"
  cat "$work/errors"
fi
[ "$failed" = 0 ] && echo "all checks passed in ${SECONDS}s" || echo "some checks failed"
exit "$failed"
