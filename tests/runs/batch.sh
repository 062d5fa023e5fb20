#!/bin/bash
# A corpus by Slurm on this host with four slots, an array task of which is killed and queued again,
# and by GNU parallel and plain shell: what is merged is what one run prints.
#   batch.sh slurm|parallel|shell FOLDER SOUNDPROOF MODEL CLIP...
# Ends with status 77 and a line that says why where it cannot be tried.
set -uo pipefail
engine=$1 folder=$2 soundproof=$3 model=$4
shift 4
here=$(cd "$(dirname "$0")/../.." && pwd)
command=(compare --model "$model" --methods ibp,exact --budget -80dB --budget -50dB --no-attack)
rm -rf "$folder"
mkdir -p "$folder"
export JOURNALS=$folder/journals SOUNDPROOF=$soundproof

skip() {
    echo "$1"
    exit 77
}

die() {
    echo "$1" >&2
    exit 1
}

# without_seconds - what does not depend on the time of day.
without_seconds() {
    sed -E 's/"(mean_)?seconds":[^,}]*//g'
}

compare_merged() {
    "$soundproof" "${command[@]}" --json "$@" | without_seconds >"$folder/single"
    "$soundproof" merge --json "$JOURNALS"/*.jsonl | without_seconds >"$folder/merged" ||
        die "the journals cannot be merged"
    cmp "$folder/single" "$folder/merged" || die "what is merged is not what one run prints"
    [ "$(grep -h -o '^{"id":"[0-9a-f]*"' "$JOURNALS"/*.jsonl | sort | uniq -d | wc -l)" = 0 ] ||
        die "a result was done twice"
}

case $engine in
parallel)
    command -v parallel >/dev/null || skip "GNU parallel is not installed"
    JOBS=4 "$here/examples/slurm/shards" 4 "${command[@]}" "$@" || die "parallel has failed"
    compare_merged "$@"
    exit 0
    ;;
shell)
    PATH=$(mktemp -d "$folder/path.XXXX"):/usr/local/bin:/usr/bin:/bin
    ln -s "$(command -v false)" "${PATH%%:*}/parallel" # none that works
    JOBS=4 "$here/examples/slurm/shards" 3 "${command[@]}" "$@" || die "the shell has failed"
    compare_merged "$@"
    exit 0
    ;;
esac

# ---- Slurm ----
for program in slurmctld slurmd sbatch munged; do
    command -v "$program" >/dev/null || PATH=$PATH:/usr/sbin
    command -v "$program" >/dev/null || skip "$program is not installed (slurm-wlm, munge)"
done
[ "$(id -u)" = 0 ] || skip "Slurm's daemons are started by root only"
host=$(hostname -s)
port=$((20000 + RANDOM % 20000))
munge=$(mktemp -d /tmp/soundproof-munge.XXXXXX)
chmod 755 "$munge"
mkdir -p "$folder/state" "$folder/spool" "$folder/etc"
dd if=/dev/urandom of="$munge/key" bs=64 count=1 2>/dev/null
chmod 400 "$munge/key"
chown -R munge: "$munge" 2>/dev/null
daemons=()
finish() {
    if [ ${#daemons[@]} -gt 0 ]; then
        kill "${daemons[@]}" 2>/dev/null
        wait "${daemons[@]}" 2>/dev/null
    fi
    rm -rf "$munge"
}
trap finish EXIT

munge_as=()
! command -v runuser >/dev/null || munge_as=(runuser -u munge --)
"${munge_as[@]}" munged --foreground --key-file="$munge/key" --socket="$munge/socket" \
    --pid-file="$munge/pid" --log-file="$munge/log" --seed-file="$munge/seed" \
    >"$folder/munged.log" 2>&1 &
daemons+=($!)

export SLURM_CONF=$folder/etc/slurm.conf
cat >"$SLURM_CONF" <<CONF
ClusterName=soundproof
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$munge/socket
CredType=cred/munge
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SwitchType=switch/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
InactiveLimit=0
KillWait=2
MinJobAge=300
SlurmctldTimeout=300
SlurmdTimeout=300
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld -D >"$folder/slurmctld.log" 2>&1 &
daemons+=($!)
slurmd -D -N "$host" >"$folder/slurmd.log" 2>&1 &
daemons+=($!)

# wait_for SECONDS COMMAND... - until it succeeds.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}
is_up() {
    sinfo -h -o %T 2>/dev/null | grep -q '^idle'
}
wait_for 25 is_up || skip "Slurm does not start here: $(tail -n 1 "$folder/slurmctld.log" | cut -c -150)"

job=$(sbatch --parsable --array=1-4 --output="$folder/task-%a.log" \
    "$here/examples/slurm/corpus.sbatch" "${command[@]}" "$@") || die "sbatch has failed"
has_begun() {
    grep -q '^{"id"' "$JOURNALS/2.jsonl" 2>/dev/null
}
is_over() {
    [ -z "$(squeue -h -j "$job" 2>/dev/null)" ]
}
# Only what this job has started: the processes of its second task.
kill_task() {
    local pid
    for pid in $(pgrep -f -- "--journal $JOURNALS/2.jsonl"); do
        kill -9 "$pid" 2>/dev/null
    done
}
has_begun_or_is_over() {
    has_begun || is_over
}
wait_for 60 has_begun_or_is_over || die "the second task does not begin: $(squeue -h -o "%i %T %r")"
# What preemption does: it is queued again, and its processes are killed.
scontrol requeue "${job}_2" 2>"$folder/requeue.log" || die "$(cat "$folder/requeue.log")"
kill_task
# A job that was queued again may begin two minutes later; here, when the node has cleared it away.
state_of() {
    squeue -h -r -j "$job" -o '%i %T' 2>/dev/null | sed -n "s/^${job}_2 //p"
}
is_pending() {
    [ "$(state_of)" = PENDING ]
}
wait_for 30 is_pending || die "the second task is not queued again: $(state_of)"
sleep 4
scontrol update "JobId=${job}_2" StartTime=now
wait_for 150 is_over || die "the array does not end: $(squeue -h -j "$job")"
[ "$(grep -c '^{"run"' "$JOURNALS/2.jsonl")" = 2 ] || die "the second task has not begun twice"
compare_merged "$@"
