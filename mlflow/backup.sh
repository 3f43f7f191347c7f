#!/bin/sh
# Backs up the tracking server into a new folder below FOLDER: backup.sh FOLDER [KEEP]
# Takes server.env and secrets.env from the environment, may run while the server does, and keeps the KEEP (14) latest.
set -eu
umask 077

[ $# -ge 1 ] || { echo "Usage: $0 FOLDER [KEEP]" >&2; exit 2; }
folder=$1 keep=${2:-14}
: "${PGUSER:?Load server.env and secrets.env first: set -a; . ./server.env; . ./secrets.env}"
: "${MLFLOW_ARTIFACTS_DESTINATION:?Load server.env first}"

made=$folder/mlflow-$(date -u +%Y%m%dT%H%M%SZ)
[ ! -e "$made" ] || { echo "$made is there already." >&2; exit 1; }
unfinished=$made.unfinished
mkdir -p "$unfinished"
trap 'rm -rf "$unfinished"' EXIT
trap 'exit 1' INT TERM

# Permissions first: an experiment without its permission is hidden from all but the administrator, whereas a
# permission without its experiment would open the next one of that number. Files last: the databases name no file that
# was not there before.
pg_dump --no-password --format=custom --file="$unfinished/mlflow_auth.dump" mlflow_auth
pg_dump --no-password --format=custom --file="$unfinished/mlflow.dump" mlflow
case $MLFLOW_ARTIFACTS_DESTINATION in
    *://*) echo "Artifacts are in $MLFLOW_ARTIFACTS_DESTINATION; that store's own versions are their backup." ;;
    *)
        # Files that grow meanwhile (code 1) are in the next backup.
        tar -C "$MLFLOW_ARTIFACTS_DESTINATION" -cf "$unfinished/artifacts.tar" . || [ $? = 1 ]
        ;;
esac
(cd "$unfinished" && sha256sum -- * > SHA256SUMS)
mv "$unfinished" "$made"
echo "$made"

ls -1d "$folder"/mlflow-*Z | sort | head -n "-$keep" | while IFS= read -r old; do
    rm -rf "$old"
done
