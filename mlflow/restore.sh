#!/bin/sh
# Restores a backup into empty databases and an empty artifact folder: restore.sh BACKUP
# Takes server.env and secrets.env from the environment. Stop the server first. Refuses what is not empty.
set -eu
umask 077

[ $# = 1 ] || { echo "Usage: $0 BACKUP, a folder that backup.sh made" >&2; exit 2; }
backup=$1
: "${PGUSER:?Load server.env and secrets.env first: set -a; . ./server.env; . ./secrets.env}"
: "${MLFLOW_ARTIFACTS_DESTINATION:?Load server.env first}"
[ -e "$backup/SHA256SUMS" ] || { echo "$backup holds no backup: it has no SHA256SUMS." >&2; exit 1; }
(cd "$backup" && sha256sum --quiet --check SHA256SUMS)

for database in mlflow mlflow_auth; do
    tables=$(psql --no-password -d "$database" -Atc "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    if [ "$tables" != 0 ]; then
        echo "Database $database holds $tables tables; a backup is restored into an empty one only." >&2
        exit 1
    fi
done
if [ -e "$backup/artifacts.tar" ]; then
    mkdir -p "$MLFLOW_ARTIFACTS_DESTINATION"
    if [ -n "$(ls -A "$MLFLOW_ARTIFACTS_DESTINATION")" ]; then
        echo "$MLFLOW_ARTIFACTS_DESTINATION is not empty; artifacts are restored into an empty folder only." >&2
        exit 1
    fi
    tar -C "$MLFLOW_ARTIFACTS_DESTINATION" -xf "$backup/artifacts.tar"
fi
for database in mlflow mlflow_auth; do
    pg_restore --no-password --exit-on-error --single-transaction --no-owner -d "$database" "$backup/$database.dump"
done
echo "Restored $backup. Start the server again."
