#!/bin/bash
# Accounts of the tracking server, for its administrator: accounts.sh list | add | password | remove | team
# Takes MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (the administrator's) from the
# environment. Passwords are read from the terminal or from standard input, and stand on no command line.
set -euo pipefail

usage() {
    cat >&2 <<END
Usage: $0 list                  every account, and the teams it is in
       $0 add USER              a new account; asks for its password, 12 characters at least
       $0 password USER         a new password for an account
       $0 remove USER           remove an account; what it published stays, for the administrator
       $0 team NAME USER...     a team, whose members see every experiment and model
END
    exit 2
}

# As curl's configuration wants it between quotation marks.
quoted() {
    local text=${1//\\/\\\\}
    printf %s "${text//\"/\\\"}"
}

# call METHOD PATH, with a JSON body on standard input; prints the answer.
call() {
    local user password
    user=$(quoted "$MLFLOW_TRACKING_USERNAME") password=$(quoted "$MLFLOW_TRACKING_PASSWORD")
    local status
    status=$(curl --silent --show-error --write-out '%{http_code}' --output "$answer" --request "$1" --header 'Content-Type: application/json' \
        --config <(printf 'user = "%s:%s"\n' "$user" "$password") \
        ${MLFLOW_TRACKING_SERVER_CERT_PATH:+--cacert "$MLFLOW_TRACKING_SERVER_CERT_PATH"} \
        --data @- "${MLFLOW_TRACKING_URI%/}/api/$2") || exit 1
    case $status in
        2*) return ;;
        401) echo "Wrong user name or password." >&2 ;;
        403) echo "Only an administrator may do that." >&2 ;;
        # The server appends its database's words, which are nobody's business.
        *) get 'it["message"].partition(" Error: ")[0]' >&2 || head -c 300 "$answer" >&2 ;;
    esac
    exit 1
}

# json KEY VALUE...: an object of texts.
json() {
    printf '%s\0' "$@" | python3 -c '
import json, sys
texts = sys.stdin.read().split("\0")[:-1]
print(json.dumps(dict(zip(texts[::2], texts[1::2]))))'
}

# The value of a Python expression of the last answer, `it`, where `name` is the second argument.
get() {
    python3 -c 'import json, sys; it, name = json.load(open(sys.argv[1])), sys.argv[3]; print(eval(sys.argv[2]))' \
        "$answer" "$1" "${2:-}"
}

secret() {
    if [ -t 0 ]; then
        read -rsp "Password for $1: " password && echo >&2
    else
        read -r password
    fi
    [ ${#password} -ge 12 ] || { echo "A password has 12 characters at least." >&2; exit 1; }
}

[ $# -ge 1 ] || usage
for name in MLFLOW_TRACKING_URI MLFLOW_TRACKING_USERNAME MLFLOW_TRACKING_PASSWORD; do
    [ -n "${!name:-}" ] || { echo "Set $name first." >&2; exit 1; }
done
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

case $1-$# in
    list-1)
        call GET 2.0/mlflow/users/list < /dev/null
        get '"\n".join(" ".join([u["username"], *(["(administrator)"] if u["is_admin"] else []),
             *(r["name"] for r in u["roles"] if not r["name"].startswith("__"))]) for u in it["users"])'
        ;;
    add-2)
        secret "$2"
        call POST 2.0/mlflow/users/create < <(json username "$2" password "$password")
        echo "Added $2."
        ;;
    password-2)
        secret "$2"
        call PATCH 2.0/mlflow/users/update-password < <(json username "$2" password "$password")
        echo "Changed the password of $2."
        ;;
    remove-2)
        call DELETE 2.0/mlflow/users/delete < <(json username "$2")
        echo "Removed $2."
        ;;
    team-*)
        [ $# -ge 3 ] || usage
        team=$2
        shift 2
        call GET '3.0/mlflow/roles/list?workspace=default' < /dev/null
        role=$(get 'next((r["id"] for r in it["roles"] if r["name"] == name), "")' "$team")
        if [ -z "$role" ]; then
            call POST 3.0/mlflow/roles/create < <(json workspace default name "$team")
            role=$(get 'it["role"]["id"]')
            for kind in experiment registered_model; do
                call POST 3.0/mlflow/roles/permissions/add < <(
                    json role_id "$role" resource_type $kind resource_pattern '*' permission READ
                )
            done
        fi
        for user in "$@"; do
            call GET "3.0/mlflow/roles/users/list?role_id=$role" < /dev/null
            members=$(get '" ".join(str(a["user_id"]) for a in it["assignments"])')
            call GET 2.0/mlflow/users/list < /dev/null
            if [ "$(get 'any(u["username"] == name and str(u["id"]) in "'"$members"'".split() for u in it["users"])' \
                "$user")" = False ]; then
                call POST 3.0/mlflow/roles/assign < <(json username "$user" role_id "$role")
            fi
            echo "$user is in team $team."
        done
        ;;
    *) usage ;;
esac
