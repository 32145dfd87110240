#!/usr/bin/env bash
# Runs Apache Flink as a peer of `truecut bench`: a JobManager that holds the job, and TaskManagers, as processes of
# this script, until SIGTERM. One argument: a properties file (README.md).
set -u
peer=flink
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$folder/../supervise.sh"
set_up flink "$folder" truecut.peers.flink "$@"

start jobmanager jobmanager
start taskmanager taskmanager-0

# The spares come when the job has its slots: so the oldest TaskManagers have it, and not some of each.
has_slots() { grep -q 'Receive slot request' "$directory/taskmanager-$1.log" 2>/dev/null; }
next=1
while [ "$next" -lt "$taskmanagers" ] && [ -z "$stopping" ] && kill -0 "${pids[0]}" && kill -0 "${pids[-1]}"; do
  if has_slots $((next - 1)); then
    start taskmanager "taskmanager-$next"
    next=$((next + 1))
  else
    pause
  fi
done 2>/dev/null
watch
