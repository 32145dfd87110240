#!/bin/sh
# The interface of the apache/kafka image: turns KAFKA_* into properties, formats the storage once, and becomes the
# broker, so that it is process 1 and gets SIGTERM itself.
set -e
java=$(echo /usr/lib/jvm/*/bin/java | cut -d' ' -f1)
export CLUSTER_ID="${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}"

if ! said=$("$java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp '/opt/kafka/libs/*' \
    kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker \
    --mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config 2>&1); then
  case $said in
    *"already formatted"*) ;; # a restart on the same data
    *) echo "$said" >&2; exit 1 ;;
  esac
fi

exec "$java" ${KAFKA_HEAP_OPTS:--Xms512m -Xmx1g} -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -Djava.awt.headless=true \
  -Dlog4j2.configurationFile=file:/opt/kafka/config/log4j2.yaml $KAFKA_OPTS \
  -cp '/opt/kafka/libs/*' kafka.Kafka /opt/kafka/config/server.properties
