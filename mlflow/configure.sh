#!/bin/sh
# Writes the configuration of a tracking server into a folder: configure.sh NAME FOLDER
# NAME is how people reach the server, such as mlflow.example.org. What is in FOLDER already stays as it is, so that
# secrets survive a second run.
set -eu

[ $# = 2 ] || { echo "Usage: $0 NAME FOLDER, such as: $0 mlflow.example.org /etc/mlflow" >&2; exit 2; }
name=$1 folder=$2 here=$(dirname "$0")
case $name in
    "" | *[!A-Za-z0-9.-]*) echo "'$name' is no host name: write it without https:// and without a port." >&2; exit 2 ;;
esac

mkdir -p "$folder"
for file in server.env basic_auth.ini nginx.conf; do
    if [ -e "$folder/$file" ]; then
        echo "$folder/$file is there already; left as it is."
        continue
    fi
    sed "s/mlflow\.example\.org/$name/g" "$here/$file" > "$folder/$file"
    chmod 644 "$folder/$file"
    echo "$folder/$file"
done

if [ -e "$folder/secrets.env" ]; then
    chmod 600 "$folder/secrets.env"
    echo "$folder/secrets.env is there already; left as it is."
    exit
fi
umask 077
while IFS= read -r line; do
    case $line in
        [A-Z]*=) echo "$line$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" ;;
        *) printf '%s\n' "$line" ;;
    esac
done < "$here/secrets.env.example" > "$folder/secrets.env.new"
mv "$folder/secrets.env.new" "$folder/secrets.env"
echo "$folder/secrets.env (mode 600), with new random secrets"
