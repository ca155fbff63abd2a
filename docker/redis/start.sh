#!/bin/sh
# Start Redis with users from a file. The file lives with the data, because provisioning a site adds its user there
# (ACL SETUSER, ACL SAVE); the secret only seeds it on the first start.
set -eu

if [ ! -f /data/users.acl ]; then
    umask 077
    cp /run/secrets/redis_acl /data/users.acl.part
    mv /data/users.acl.part /data/users.acl
fi

exec redis-server \
    --bind '*' --protected-mode no --port 6379 \
    --dir /data --aclfile /data/users.acl \
    --appendonly yes --appendfsync everysec --save '' \
    --maxmemory "${REDIS_MAXMEMORY:-512mb}" --maxmemory-policy noeviction
