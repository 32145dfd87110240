#!/usr/bin/env bash
# Runs Kafka Streams as a peer of `truecut bench`: instances of one application, as processes of this script, until
# SIGTERM. One argument: a properties file (README.md).
set -u
peer=kafka-streams
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$folder/../supervise.sh"
set_up kafka-streams "$folder" truecut.peers.streams "$@"

for ((next = 0; next < taskmanagers; next++)); do
  start taskmanager "taskmanager-$next"
done
watch
