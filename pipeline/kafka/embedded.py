"""A real Apache Kafka as a child process: one node on the loopback address, its data in the state directory.

For development, demos, tests and small installations on one machine. It has what a cluster has (transactions,
fencing, compaction, KIP-848 groups) except a second copy of the data. Data survives kill -9 of broker and owner;
as Kafka does not wait for the disk, a power cut may cost the last moments.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import IO

from pipeline.kafka import broker_config, guardian, holder
from pipeline.kafka.artifacts import JarSource, Progress, ensure_jars
from pipeline.kafka.broker_log import STARTED, why_it_ended
from pipeline.kafka.errors import KafkaStartError
from pipeline.kafka.java import find_java
from pipeline.kafka.ports import free_port, is_free

_LEAST_FREE_BYTES = 128 * 1024 * 1024
_LOG_TAIL_BYTES = 256 * 1024
_STOP_GRACE_SECONDS = 15


class EmbeddedKafka:
    """One broker on `state_dir/kafka`. `start` and `stop` may alternate; one thread at a time.

    `port`: listen there or fail; None keeps the last port while it is free. `jars`: where the broker's jars are
    kept (default: by the environment, else in `state_dir`). `progress` is told about each jar. Seconds:
    `start_timeout` for the broker to come up, `lock_timeout` for another owner of the same data to leave.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        port: int | None = None,
        progress: Progress | None = None,
        jars: JarSource | None = None,
        java: Path | None = None,
        start_timeout: float = 120,
        lock_timeout: float = 15,
    ) -> None:
        self._directory = (state_dir / "kafka").absolute()
        self._port = port
        self._progress = progress
        self._jars = jars or JarSource.from_environment(state_dir.absolute())
        self._java = java
        self._start_timeout = start_timeout
        self._lock_timeout = lock_timeout
        self._guardian: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._bootstrap_servers = ""

    @property
    def log_file(self) -> Path:
        return self._directory / "kafka.log"

    @property
    def pid(self) -> int | None:
        """The JVM's process id while it runs."""
        return self._pid if self.alive else None

    @property
    def bootstrap_servers(self) -> str:
        """The address of the running broker; empty before the first start."""
        return self._bootstrap_servers

    @property
    def alive(self) -> bool:
        return self._guardian is not None and self._guardian.poll() is None

    def start(self) -> str:
        """Starts the broker and returns its bootstrap servers once it serves clients.

        Raises `KafkaStartError` with one line: no Java, a wrong or missing jar, a taken port, a full disk, data
        that another process holds, or the broker's own last words.
        """
        if self.alive:
            return self._bootstrap_servers
        java = self._java or find_java()
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            class_path = ensure_jars(self._jars, progress=self._progress)
            self._refuse_full_disk()
            lock = holder.acquire(self._directory, self._lock_timeout)
            try:
                self._launch(java, class_path, lock)
            finally:
                os.close(lock)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise KafkaStartError(f"the disk of {self._directory} is full; free some space") from error
            raise KafkaStartError(f"cannot prepare the broker in {self._directory}: {error}") from error
        return self._bootstrap_servers

    def stop(self) -> None:
        """Stops the broker in order (SIGTERM, after 15 s SIGKILL). Does nothing if it does not run."""
        process, self._guardian = self._guardian, None
        if process is None:
            return
        _pipe(process.stdin).close()
        try:
            process.wait(_STOP_GRACE_SECONDS + 5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _pipe(process.stdout).close()

    def kill(self) -> None:
        """SIGKILL to the JVM, as a crash: for fault tests. The data stays; `start` goes on with it."""
        if self.alive and self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)
        self.stop()

    def restart(self) -> str:
        """Stops and starts on the same data, on the same port while that is free."""
        self.stop()
        return self.start()

    def failure(self) -> str | None:
        """Why the broker is not running although it was started and not stopped; None while it is well."""
        if self._guardian is None or self.alive:
            return None
        return f"the embedded Kafka ended: {self._why()} (log: {self.log_file})"

    def __enter__(self) -> EmbeddedKafka:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self, java: Path, class_path: list[Path], lock: int) -> None:
        port, controller_port = self._choose_ports()
        configuration, log4j = self._directory / "server.properties", self._directory / "log4j2.properties"
        data = self._directory / "data"
        configuration.write_text(broker_config.server_properties(data, port, controller_port), encoding="utf-8")
        log4j.write_text(broker_config.log4j_properties(self.log_file), encoding="utf-8")
        if self.log_file.exists():
            self.log_file.replace(self._directory / "kafka.previous.log")
        formatted = (data / "meta.properties").exists()
        format_command = [] if formatted else broker_config.format_command(java, class_path, _cluster_id())
        spec = {
            "format": [*format_command, str(configuration)] if format_command else [],
            "run": [*broker_config.java_command(java, class_path, log4j), str(configuration)],
            "output": str(self._output_file),
            "lock": lock,
            "grace": _STOP_GRACE_SECONDS,
        }
        # A session of its own: Ctrl-C at the terminal reaches us first, and clients end before their broker.
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(guardian.__file__)), json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(lock,),
            start_new_session=True,
        )
        self._pid = None
        try:
            self._await_start()
            self._bootstrap_servers = broker_config.bootstrap_servers(port)
            note = holder.Holder(os.getpid(), self._pid or 0, self._bootstrap_servers)
            holder.announce(self._directory, note)
        except BaseException:
            self.stop()
            raise

    def _await_start(self) -> None:
        deadline = time.monotonic() + self._start_timeout
        reports = b""
        while True:
            ended = not self.alive
            reports += self._read_reports()
            for word, _, number in (line.partition(b" ") for line in reports.splitlines()):
                if word == b"running":
                    self._pid = int(number)
            if ended:
                raise KafkaStartError(f"the embedded Kafka did not start: {self._why()} (log: {self.log_file})")
            if self._pid is not None and STARTED in _tail(self.log_file):
                return
            if time.monotonic() > deadline:
                raise KafkaStartError(
                    f"the embedded Kafka did not come up in {self._start_timeout:.0f} s; "
                    f"the last words of {self.log_file}: {self._why()}"
                )

    def _read_reports(self) -> bytes:
        """What the guardian said; waits a moment for it."""
        stream = _pipe(self._guardian.stdout if self._guardian else None)
        readable, _, _ = select.select([stream], [], [], 0.05)
        if not readable:
            return b""
        report = os.read(stream.fileno(), 4096)
        if not report:
            # The end of the stream is always readable; leave the processor to the JVM.
            time.sleep(0.05)
        return report

    def _choose_ports(self) -> tuple[int, int]:
        kept = self._directory / "ports.json"
        try:
            last = [int(port) for port in json.loads(kept.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError):
            last = []
        if self._port is not None and not is_free(self._port):
            raise KafkaStartError(
                f"port {self._port} on 127.0.0.1 is taken by another program; choose another, or stop that one"
            )
        port = self._port or free_port(last[0] if last else None)
        controller_port = free_port(last[1] if len(last) > 1 else None, avoid={port})
        kept.write_text(json.dumps([port, controller_port]), encoding="utf-8")
        return port, controller_port

    def _refuse_full_disk(self) -> None:
        free = shutil.disk_usage(self._directory).free
        if free < _LEAST_FREE_BYTES:
            raise KafkaStartError(
                f"the disk of {self._directory} is full: {free // 2**20} MiB are free and Kafka needs "
                f"{_LEAST_FREE_BYTES // 2**20} MiB to start; free some space"
            )

    @property
    def _output_file(self) -> Path:
        return self._directory / "jvm.out"

    def _why(self) -> str:
        if shutil.disk_usage(self._directory).free == 0:
            return "the disk is full; free some space"
        return why_it_ended(_tail(self.log_file), _tail(self._output_file))


def running_broker(state_dir: Path) -> str | None:
    """Bootstrap servers of the broker that runs on this state directory now, whoever started it."""
    found = holder.current_holder(state_dir.absolute() / "kafka")
    return found.bootstrap_servers if found else None


def is_held(state_dir: Path) -> bool:
    """Whether a process holds this state directory's broker: it runs, or it is starting or stopping."""
    return holder.is_held(state_dir.absolute() / "kafka")


def _cluster_id() -> str:
    """22 characters of URL-safe base64. Never a leading hyphen, which the tool would read as an option."""
    raw = uuid.uuid4().bytes
    return base64.urlsafe_b64encode(bytes([raw[0] & 0x7F]) + raw[1:]).rstrip(b"=").decode()


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
            return stream.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("the guardian was started without pipes")
    return stream
