#!/bin/bash
# Back up the database and the state folder into a new folder under TARGET; private keys are listed, never copied.
#   backup.sh TARGET      with DATABASE_OWNER_URL or DATABASE_OWNER_URL_FILE, and QFL_VAR
# People's keys (docs/privacy.md) are not in it: they go to TARGET/person-keys and are deleted after PERSON_KEY_DAYS (7),
# so that no backup can undo an erasure for longer. Copy TARGET to an archive without that folder.
# Order matters: the database first. Artefacts are written before the rows that name them and never changed, so a copy
# taken after the dump holds every artefact that the dump refers to.
set -euo pipefail

fail() {
    echo "backup: $*" >&2
    exit 1
}

[ $# -eq 1 ] || fail "expected one argument, the target folder; got $#"
[ -d "${QFL_VAR:-}" ] || fail "expected QFL_VAR to name the state folder, got '${QFL_VAR:-}'"
if [ -n "${DATABASE_OWNER_URL_FILE:-}" ]; then
    DATABASE_OWNER_URL=$(cat "${DATABASE_OWNER_URL_FILE}")
fi
[ -n "${DATABASE_OWNER_URL:-}" ] || fail "set DATABASE_OWNER_URL or DATABASE_OWNER_URL_FILE"

umask 077
name=qfl-ethics-$(date -u +%Y%m%dT%H%M%SZ)
part=$1/${name}.part
mkdir "${part}" || fail "cannot make ${part}"
trap 'rm -rf "${part}"' EXIT

pg_dump --format=custom --no-owner --dbname="${DATABASE_OWNER_URL}" --file="${part}/database.dump" \
    --exclude-table-data=core_subjectkey --exclude-table-data=core_patientkey
# Afterwards: every key that the rows above were written under is in it, but those shredded meanwhile.
pg_dump --format=custom --no-owner --dbname="${DATABASE_OWNER_URL}" --file="${part}/person-keys.dump" \
    --data-only --table=core_subjectkey --table=core_patientkey

# keys: backed up apart, offline. health, static, beat-schedule: made anew by the running processes.
tar --create --file="${part}/var.tar" --directory="${QFL_VAR}" --sort=name --numeric-owner \
    --exclude=./keys --exclude=./health --exclude=./static --exclude='./beat-schedule*' .

{
    echo "Private keys in ${QFL_VAR}/keys at $(date -u +%Y-%m-%dT%H:%M:%SZ): NOT in this backup."
    echo "Keep a copy of each, offline and apart; without them past signatures verify but nothing new can be signed."
    if [ -d "${QFL_VAR}/keys" ]; then
        find "${QFL_VAR}/keys" -type f -printf '%P  %s bytes  %TY-%Tm-%Td\n' | sort
    else
        echo "(the folder does not exist)"
    fi
} >"${part}/KEYS.txt"

(cd "${part}" && sha256sum database.dump var.tar KEYS.txt >SHA256SUMS)
keys=$1/person-keys
mkdir -p "${keys}"
mv "${part}/person-keys.dump" "${keys}/${name}.dump"
mv "${part}" "$1/${name}"
trap - EXIT
find "${keys}" -maxdepth 1 -type f -name '*.dump' -mmin "+$((${PERSON_KEY_DAYS:-7} * 1440))" -delete
cat "$1/${name}/KEYS.txt"
echo "backup: $1/${name}"
