#!/bin/bash
# Make every secret that does not exist yet, in docker/secrets (or the folder given). Never overwrites one.
#   docker/make-secrets.sh [FOLDER]
# The TLS certificate made here is self-signed, for a first start: replace tls_certificate and tls_key by your own.
set -euo pipefail

folder=${1:-$(cd "$(dirname "$0")" && pwd)/secrets}
# Nobody else on the host may enter the folder; the files are readable, because containers run under other user ids.
umask 077
mkdir -p "${folder}"
chmod 0700 "${folder}"

keep() { # keep NAME VALUE: write a secret once
    if [ ! -e "${folder}/$1" ]; then
        printf '%s' "$2" >"${folder}/$1"
        echo "made ${folder}/$1"
    fi
    chmod 0444 "${folder}/$1"
}

token() { openssl rand -hex 32; }

digest() { printf '%s' "$1" | openssl dgst -sha256 -r | cut -d' ' -f1; }

keep secret_key "$(token)"
keep kek "$(openssl rand -base64 32)" # wraps people's keys; rotated by `manage.py rotate_kek`
keep index_key "$(token)"             # finds people and patients; never changed: nobody could sign in any more
keep backup_key "$(openssl rand -base64 32)" # opens backups: keep a copy elsewhere, apart from them
keep metrics_token "$(token)"
keep smtp_password "" # of EMAIL_HOST_USER at EMAIL_HOST: write it in before you name a mail server
keep log_passphrase "$(token)" # opens the log's signing keys
for name in postgres_password postgres_owner_password postgres_app_password redis_password; do
    keep "${name}" "$(token)"
done
keep database_url "postgresql://qfl_app:$(cat "${folder}/postgres_app_password")@postgres:5432/qfl"
keep database_owner_url "postgresql://qfl_owner:$(cat "${folder}/postgres_owner_password")@postgres:5432/qfl"
keep redis_url "redis://qfl:$(cat "${folder}/redis_password")@redis:6379/0"
# Sites are added by provisioning: each its own user, its own keys (~site.<channel>.*).
keep redis_acl "user default off
user qfl on #$(digest "$(cat "${folder}/redis_password")") ~* &* +@all
user health on nopass resetkeys resetchannels -@all +ping
"

if [ ! -e "${folder}/tls_key" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout "${folder}/tls_key" -out "${folder}/tls_certificate" 2>/dev/null
    echo "made a self-signed certificate for localhost, valid for 30 days"
fi
chmod 0444 "${folder}/tls_key" "${folder}/tls_certificate"
