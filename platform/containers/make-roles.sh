#!/bin/bash
# Runs once, in a new PostgreSQL: the owner, who migrates, and the serving role, which owns and creates nothing.
set -euo pipefail
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres \
  --set=owner_password="$(cat /run/secrets/owner_password)" \
  --set=serving_password="$(cat /run/secrets/serving_password)" <<'SQL'
SET password_encryption = 'scram-sha-256';
CREATE ROLE countersign LOGIN PASSWORD :'serving_password';
CREATE ROLE countersign_owner LOGIN PASSWORD :'owner_password' IN ROLE countersign;
CREATE DATABASE countersign OWNER countersign_owner;
\connect countersign
CREATE EXTENSION IF NOT EXISTS btree_gist;
SQL
