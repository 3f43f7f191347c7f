#!/bin/bash
# Teasel on Slurm: Ray across an allocation, and one sweep on it.
#
#   sbatch cluster/slurm.sh run factor_vae_sprites --gpu 0.25
#   sbatch --nodes=4 --job-name=mine cluster/slurm.sh run sweeps/mine.yaml
#
# After the script come the words of `teasel`. The sweep is called as the job is, unless --name says otherwise.
# Before the time limit, and on preemption, the sweep stops in order; the job then goes back into the queue, and the
# sweep goes on where it was. Every node needs the same storage, and sees the home folder and Teasel's environment.
#
# EDIT: what your cluster calls these.
#SBATCH --job-name=sweep
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=4
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
# A node that fails takes its own trials with it, not the job.
#SBATCH --no-kill
# A trial comes to its next report within these five minutes.
#SBATCH --signal=B:USR1@300

set -euo pipefail
umask 077

# EDIT: Teasel's virtual environment, and a storage that all nodes share.
VENV=${TEASEL_VENV:-$PWD/.venv}
export TEASEL_STORAGE=${TEASEL_STORAGE:-$PWD/results}
# export TEASEL_DATA_ROOT=/shared/data
# export MLFLOW_TRACKING_URI=https://mlflow.example.org

say() { echo "$(date +%T) slurm.sh: $*" >&2; }
refuse() { say "$*"; exit 2; }

[[ -n ${SLURM_JOB_ID:-} ]] || refuse "this is a batch script: sbatch $0 run SWEEP"
(($#)) || refuse "nothing to do: sbatch $0 run SWEEP, or another command of teasel"
[[ -x $VENV/bin/teasel ]] || refuse "no Teasel in $VENV: set TEASEL_VENV to the environment that has it"
PATH=$VENV/bin:$PATH

# -- the words: the sweep's name, and what `resume` needs again

name=$SLURM_JOB_NAME named='' options=()
words=("$@")
for ((i = 0; i < $#; i++)); do
    case ${words[i]} in
        --name) name=${words[i + 1]:-} named=yes ;;
        --name=*) name=${words[i]#*=} named=yes ;;
        --storage | --data-root | --mlflow) options+=("${words[i]}" "${words[i + 1]:-}") ;;
        --storage=* | --data-root=* | --mlflow=*) options+=("${words[i]}") ;;
    esac
done
if [[ $1 == run && -z $named ]]; then
    words+=(--name "$name")
fi
if [[ $1 == run && ${SLURM_RESTART_COUNT:-0} -gt 0 ]]; then
    where=()
    for ((i = 0; i < ${#options[@]}; i++)); do
        case ${options[i]} in
            --storage) where=(--storage "${options[i + 1]}") ;;
            --storage=*) where=("${options[i]}") ;;
        esac
    done
    # Before its first row was written there is nothing to go on with.
    if teasel top "$name" "${where[@]}" >/dev/null 2>&1; then
        words=(resume "$name" "${options[@]}")
    fi
fi

# -- how it ends

scratch=/tmp/ray-$SLURM_JOB_ID
nodes=() steps=() own_token='' driver='' requeue=''

# shellcheck disable=SC2317  # the traps call it
end() { # `ray stop` would also end other jobs' Rays on these nodes; the steps are ours
    code=$?
    set +e
    trap - EXIT
    trap '' TERM USR1
    if ((${#steps[@]})); then
        kill -TERM "${steps[@]}" 2>/dev/null
        (sleep 30 && kill -KILL "${steps[@]}" 2>/dev/null) &
        wait "${steps[@]}" 2>/dev/null
        kill $! 2>/dev/null
        timeout 30 srun --overlap --nodes="${#nodes[@]}" --ntasks="${#nodes[@]}" --ntasks-per-node=1 \
            rm -rf "$scratch" 2>/dev/null
    fi
    [[ -z $own_token ]] || rm -f "$own_token"
    if [[ -n $requeue && $code == 130 ]]; then
        say "the job goes back into the queue, and the sweep on from here"
        scontrol requeue "$SLURM_JOB_ID"
    fi
    exit "$code"
}
trap end EXIT

# shellcheck disable=SC2317
stop() { # in order: trials come to their next report, and everything recorded stays
    say "$1: the sweep is told to stop"
    [[ -n $driver ]] || exit 130
    kill -TERM "$driver" 2>/dev/null || true
}
trap 'requeue=yes; stop "the time is nearly over"' USR1
trap 'stop "told to end"' TERM

# -- the token: in a file that only its owner reads, never on a command line

export RAY_AUTH_MODE=token
if [[ -z ${RAY_AUTH_TOKEN_PATH:-} ]]; then
    RAY_AUTH_TOKEN_PATH=$HOME/.ray/auth_token
    if [[ -s $RAY_AUTH_TOKEN_PATH ]]; then
        chmod 600 "$RAY_AUTH_TOKEN_PATH"
    else
        mkdir -p "$HOME/.ray"
        RAY_AUTH_TOKEN_PATH=$HOME/.ray/slurm-$SLURM_JOB_ID.token
        own_token=$RAY_AUTH_TOKEN_PATH
        python -c 'import secrets; print(secrets.token_hex(32))' >"$own_token"
    fi
fi
export RAY_AUTH_TOKEN_PATH

# -- Ray: a head here, a worker on every other node, each a step of the job

# Two jobs on one node must not meet: ports by the job's number, below the range that the kernel gives out.
base=$((20000 + SLURM_JOB_ID % 1250 * 10))
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
# The address by which the others reach this node; its own name often means loopback here.
address=$(getent ahostsv4 "${nodes[0]}" | awk '$1 !~ /^127\./ {print $1; exit}' || true)
address=${TEASEL_HEAD_ADDRESS:-${address:-$(hostname -I | awk '{print $1}')}}
cpus=${SLURM_CPUS_PER_TASK:-1}
log=$SLURM_JOB_NAME-$SLURM_JOB_ID.ray.log

step() { # NODE COMMAND…: one step that has all of the job's share of that node
    local node=$1
    shift
    srun --nodes=1 --ntasks=1 --nodelist="$node" --cpus-per-task="$cpus" "$@" >>"$log" 2>&1 &
    steps+=($!)
}

say "Ray on ${#nodes[@]} nodes, its head on ${nodes[0]} at $address:$base; its words in $log"
step "${nodes[0]}" ray start --head --block --node-ip-address="$address" --port="$base" \
    --dashboard-host=127.0.0.1 --dashboard-port=$((base + 1)) --dashboard-agent-listen-port=$((base + 2)) \
    --ray-client-server-port=$((base + 3)) --min-worker-port=0 --max-worker-port=0 \
    --num-cpus="$cpus" --temp-dir="$scratch" --disable-usage-stats

for ((i = 0; ; i++)); do
    ray health-check --address "$address:$base" >/dev/null 2>&1 && break
    kill -0 "${steps[0]}" 2>/dev/null || refuse "Ray's head did not start: see $log"
    ((i < 100)) || refuse "Ray's head does not answer at $address:$base: see $log, or set TEASEL_HEAD_ADDRESS"
    sleep 2
done
for node in "${nodes[@]:1}"; do
    step "$node" ray start --block --address="$address:$base" --dashboard-agent-listen-port=$((base + 2)) \
        --min-worker-port=0 --max-worker-port=0 --num-cpus="$cpus"
done

# -- the sweep, beside the head; it takes the workers in as they come

case ${words[0]} in
    run | resume | check | probe) words+=(--address "$address:$base") ;;
esac
say "teasel ${words[*]}"
teasel "${words[@]}" &
driver=$!
# A signal to this script ends the waiting, not the sweep.
while kill -0 "$driver" 2>/dev/null; do
    wait "$driver" || true
done
wait "$driver"
