# Starts, watches and ends the processes of a peer; sourced by each run.sh. Decides in which order they end and what
# becomes of one that dies; what they are is written by the peer's own SetUp as `java @FILE` arguments.
#
# `directory/pids` names them, the oldest worker first. The processes die with this script, even if it is killed.

# Sets: peer, directory, taskmanagers, restart_taskmanager. Takes: peer's name, its folder, its package, the properties file.
set_up() {
  peer=$1
  local folder=$2 package=$3
  shift 3
  [ $# -eq 1 ] || fail 64 "one argument is needed: the path of a properties file"
  [ -r "$1" ] || fail 64 "$1 can't be read"
  java=${JAVA_HOME:+$JAVA_HOME/bin/}java
  "$java" -version >/dev/null 2>&1 || fail 3 "Java 17 is missing"
  compgen -G "$folder/target/lib/*.jar" >/dev/null && compgen -G "$folder/target/*.jar" >/dev/null ||
    fail 3 "it is not built: run \`mvn -q -f benches/peers/$peer/pom.xml package\` first"

  local answer
  answer=$("$java" -XX:TieredStopAtLevel=1 -cp "$folder/target/*:$folder/target/lib/*" "$package.SetUp" "$1") || exit
  { read -r directory && read -r taskmanagers && read -r restart_taskmanager; } <<<"$answer" || fail 1 "no settings came"
  guard=()
  if command -v setpriv >/dev/null; then guard=(setpriv --pdeathsig KILL); fi
  declare -ga pids=()     # the oldest first
  declare -gA roles=() arguments=()
  exec {silence}<> <(:)
  stopping=
  trap 'stopping=yes' TERM INT
}

fail() {
  echo "$peer: $2" >&2
  exit "$1"
}

# Starts a process: its role and the name of its file of arguments. Its standard output and error go beside that.
start() {
  "${guard[@]}" "$java" "@$directory/$2.args" >>"$directory/$2.out" 2>&1 &
  pids+=($!)
  roles[$!]=$1
  arguments[$!]=$2
  write_pids
}

write_pids() {
  local pid
  for pid in "${pids[@]}"; do echo "${roles[$pid]} $pid"; done >"$directory/pids.new"
  mv "$directory/pids.new" "$directory/pids"
}

forget() {
  local pid kept=()
  for pid in "${pids[@]}"; do [ "$pid" = "$1" ] || kept+=("$pid"); done
  pids=("${kept[@]}")
  write_pids
}

# Until SIGTERM, or until a process ends that must not.
watch() {
  local pid
  while [ -z "$stopping" ]; do
    for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || ended "$pid"; done
    pause
  done
  end_all
}

# A process ended by itself.
ended() {
  local status
  wait "$1" 2>/dev/null
  status=$?
  forget "$1"
  echo "$peer: ${roles[$1]} $1 ended with status $status" >&2
  if [ "${roles[$1]}" != taskmanager ]; then
    end_all
    fail 1 "the job ended by itself: see $directory/${arguments[$1]}.out and .log"
  elif [ "$restart_taskmanager" = true ]; then
    start taskmanager "${arguments[$1]}"
  elif [ ${#pids[@]} -eq 0 ]; then
    fail 1 "no process is left: see $directory/${arguments[$1]}.out and .log"
  fi
}

# Those that lead end first, so that they can end the workers' tasks in good order. What is there after 10 s is killed.
end_all() {
  local began=$SECONDS role
  declare -A patience=([jobmanager]=6 [taskmanager]=10)
  for role in jobmanager taskmanager; do
    signal TERM "$role"
    while [ $((SECONDS - began)) -lt "${patience[$role]}" ] && signal 0 "$role"; do pause; done
  done
  for role in jobmanager taskmanager; do signal KILL "$role"; done
  wait 2>/dev/null
  pids=()
  write_pids
}

# 50 ms, without a process of its own: nothing is ever written into this pipe.
pause() {
  read -r -t 0.05 -u "$silence"
}

# Sends a signal to all of a role; whether any was there.
signal() {
  local pid any=1
  for pid in "${pids[@]}"; do
    [ "${roles[$pid]}" = "$2" ] && kill "-$1" "$pid" 2>/dev/null && any=0
  done
  return "$any"
}
