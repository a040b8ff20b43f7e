"""The files that configure the embedded broker, as text. Pure.

One process is broker and controller (KRaft), on the loopback address only. Names and defaults:
https://kafka.apache.org/documentation/#brokerconfigs
"""

from __future__ import annotations

from pathlib import Path

_HOST = "127.0.0.1"

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    # One node: every internal topic has one copy.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Few partitions make a fast start; small segments keep the internal topics compact.
    "offsets.topic.num.partitions": "4",
    "offsets.topic.segment.bytes": "16777216",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.segment.bytes": "16777216",
    "share.coordinator.state.topic.num.partitions": "1",
    "auto.create.topics.enable": "false",
    # A group is served at once, and may notice a dead member within seconds (defaults: 45 s and 5 s).
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "100",
    # A dead worker's open transaction blocks readers until this scan finds it expired (default: 10 s).
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # After a crash the same node may register again only when its old session is over (default: 9 s).
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    "log.cleaner.backoff.ms": "5000",
    "log.cleaner.dedupe.buffer.size": "33554432",
    "log.cleaner.io.buffer.size": "262144",
    "num.network.threads": "2",
    "num.io.threads": "4",
}


def bootstrap_servers(port: int) -> str:
    return f"{_HOST}:{port}"


def server_properties(data_dir: Path, port: int, controller_port: int) -> str:
    """`server.properties`. The ports may differ at every start; the data does not remember them."""
    own = {
        "log.dirs": str(data_dir),
        "controller.quorum.voters": f"1@{_HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{_HOST}:{port},CONTROLLER://{_HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{_HOST}:{port}",
    }
    return "".join(f"{name}={_escaped(value)}\n" for name, value in (SETTINGS | own).items())


def log4j_properties(log_file: Path) -> str:
    """Log4j 2: everything into one file, two older ones of 10 MB kept."""
    path = _escaped(str(log_file))
    return "\n".join(
        (
            "appender.file.type = RollingFile",
            "appender.file.name = FILE",
            f"appender.file.fileName = {path}",
            f"appender.file.filePattern = {path}.%i",
            "appender.file.layout.type = PatternLayout",
            "appender.file.layout.pattern = %d{ISO8601} %p %m (%c)%n",
            "appender.file.policies.type = Policies",
            "appender.file.policies.size.type = SizeBasedTriggeringPolicy",
            "appender.file.policies.size.size = 10MB",
            "appender.file.strategy.type = DefaultRolloverStrategy",
            "appender.file.strategy.max = 2",
            "rootLogger.level = info",
            "rootLogger.appenderRef.file.ref = FILE",
            "",
        )
    )


def java_command(java: Path, class_path: list[Path], log4j_file: Path) -> list[str]:
    """Runs the broker; `server.properties` is the last argument that the caller adds."""
    return [
        str(java),
        "-Xms256m",
        "-Xmx512m",
        "-XX:+UseG1GC",
        "-XX:MaxGCPauseMillis=20",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={log4j_file}",
        "-cp",
        ":".join(map(str, class_path)),
        "kafka.Kafka",
    ]


def format_command(java: Path, class_path: list[Path], cluster_id: str) -> list[str]:
    """Formats an empty data directory; `server.properties` is the last argument that the caller adds.

    A short run: the first compiler tier alone saves half of its time.
    """
    return [
        str(java),
        "-Xmx128m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        ":".join(map(str, class_path)),
        "kafka.tools.StorageTool",
        "format",
        "--ignore-formatted",
        "-t",
        cluster_id,
        "-c",
    ]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\")
