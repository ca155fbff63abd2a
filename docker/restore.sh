#!/bin/bash
# Restore a backup into an EMPTY database and an empty state folder; refuses anything else.
#   restore.sh BACKUP [PERSON_KEYS]     with DATABASE_OWNER_URL or DATABASE_OWNER_URL_FILE, and QFL_VAR
# PERSON_KEYS is a dump of people's keys: the newest beside the backup unless given, whatever the backup's own age. So
# people who were erased since stay erased. "none" restores without: names and what people wrote stay unreadable.
set -euo pipefail

fail() {
    echo "restore: $*" >&2
    exit 1
}

[ $# -eq 1 ] || [ $# -eq 2 ] || fail "expected one argument, the backup's folder (or two: and a dump of people's keys); got $#"
[ -f "$1/SHA256SUMS" ] || fail "expected a backup in $1, found no SHA256SUMS"
[ -n "${QFL_VAR:-}" ] || fail "set QFL_VAR to the state folder"
if [ -n "${DATABASE_OWNER_URL_FILE:-}" ]; then
    DATABASE_OWNER_URL=$(cat "${DATABASE_OWNER_URL_FILE}")
fi
[ -n "${DATABASE_OWNER_URL:-}" ] || fail "set DATABASE_OWNER_URL or DATABASE_OWNER_URL_FILE"

people=${2:-$(find "$(dirname "$1")/person-keys" -maxdepth 1 -type f -name '*.dump' 2>/dev/null | sort | tail -n 1 || true)}
[ -n "${people}" ] || fail "found no dump of people's keys beside $1; give one as second argument, or none to go without"
[ "${people}" = none ] || [ -f "${people}" ] || fail "expected a dump of people's keys, found no file ${people}"

(cd "$1" && sha256sum --check --strict --quiet SHA256SUMS) || fail "the backup does not match its SHA256SUMS"

tables=$(psql --no-psqlrc --tuples-only --no-align --dbname="${DATABASE_OWNER_URL}" --command="
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'")
[ "${tables}" = 0 ] || fail "expected an empty database, found ${tables} tables, views and sequences; restore into a new one"

mkdir -p "${QFL_VAR}"
# What a fresh image or a running process leaves there does not count; keys may have been put back already.
if [ -n "$(find "${QFL_VAR}" -mindepth 1 -type f -not -path "${QFL_VAR}/keys/*" -not -path "${QFL_VAR}/static/*" \
    -not -path "${QFL_VAR}/health/*" -print -quit)" ]; then
    fail "expected an empty state folder, found files in ${QFL_VAR}; restore into a new one"
fi

pg_restore --exit-on-error --single-transaction --no-owner --dbname="${DATABASE_OWNER_URL}" "$1/database.dump"
if [ "${people}" != none ]; then
    pg_restore --exit-on-error --single-transaction --data-only --no-owner --dbname="${DATABASE_OWNER_URL}" "${people}"
fi
tar --extract --file="$1/var.tar" --directory="${QFL_VAR}" --no-same-owner

cat "$1/KEYS.txt"
echo
echo "restore: people's keys from ${people}. Who was erased after that dump must be erased again (docs/privacy.md)."
echo "restore: done. Put the private keys back into ${QFL_VAR}/keys, then check the ledger before anything else runs:"
echo "    python manage.py verify_ledger"
