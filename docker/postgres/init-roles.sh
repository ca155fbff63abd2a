#!/bin/bash
# Run once by the postgres image on an empty data folder: two roles, the owner changes the schema, the application
# reads and writes. The passwords reach psql as variables, so that no character in them is ever read as SQL.
set -euo pipefail

owner_password=$(cat /run/secrets/postgres_owner_password)
app_password=$(cat /run/secrets/postgres_app_password)

psql --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER}" --dbname=postgres \
    --set=owner_password="${owner_password}" --set=app_password="${app_password}" <<'SQL'
CREATE ROLE qfl_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE qfl_app LOGIN PASSWORD :'app_password';
CREATE DATABASE qfl OWNER qfl_owner;
REVOKE CONNECT, TEMPORARY ON DATABASE qfl FROM PUBLIC;
GRANT CONNECT ON DATABASE qfl TO qfl_app;
SQL
