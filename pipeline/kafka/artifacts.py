"""The jars of Apache Kafka: pinned by coordinate and SHA-256, fetched once, checked before every use.

Invariant: a path that `ensure_jars` returns holds exactly the pinned bytes. A download first lands beside the
cache and moves in by rename after its check, so that an interrupted or a foreign one never takes a jar's place.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

from pipeline.kafka.errors import KafkaStartError

KAFKA_VERSION = "4.3.1"

Progress = Callable[[int, int, str], None]
"""Called with (jars done, jars in all, name of the jar just done)."""

_AT_ONCE = 8
_TRIES = 3
_READ_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Jar:
    """One file of the class path, or another file of Maven's. `size` in bytes, `sha256` in lower-case hex."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int
    classifier: str = ""
    packaging: str = "jar"

    @property
    def name(self) -> str:
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{classifier}.{self.packaging}"

    @property
    def path(self) -> Path:
        """Where it lies in a Maven repository, relative to its root."""
        return Path(*self.group.split("."), self.artifact, self.version, self.name)


@dataclass(frozen=True, slots=True)
class JarSource:
    """Where jars are kept and where missing ones come from. No mirror means Maven Central."""

    cache: Path
    mirror: str | None = None

    @classmethod
    def from_environment(cls, state_dir: Path, environ: Mapping[str, str] = os.environ) -> JarSource:
        """`M2_REPO` names a local Maven repository to share; `PIPELINE_MAVEN_MIRROR` a mirror's base URL."""
        cache = environ.get("M2_REPO", "")
        return cls(
            Path(cache).expanduser() if cache else state_dir / "maven",
            environ.get("PIPELINE_MAVEN_MIRROR", "").rstrip("/") or None,
        )


def pinned_jars() -> tuple[Jar, ...]:
    """The whole runtime class path of the broker, log4j's binding included."""
    text = files(__package__).joinpath(f"kafka-{KAFKA_VERSION}-jars.tsv").read_text(encoding="utf-8")
    return tuple(_parsed(line) for line in text.splitlines() if line and not line.startswith("#"))


def ensure_jars(
    source: JarSource, *, progress: Progress | None = None, jars: Sequence[Jar] | None = None
) -> list[Path]:
    """Paths of all jars, fetched where missing, in the order of the pins.

    Raises `KafkaStartError` on a wrong hash, an unreachable repository or a full disk. Safe to run from several
    processes at once: the last rename wins, with the same bytes.
    """
    wanted = pinned_jars() if jars is None else tuple(jars)
    source.cache.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".incoming-", dir=source.cache) as incoming,
        ThreadPoolExecutor(_AT_ONCE, "jars") as pool,
    ):
        work = {pool.submit(partial(_ensure, jar, source, Path(incoming) / jar.artifact)): jar for jar in wanted}
        try:
            for done, finished in enumerate(as_completed(work), start=1):
                finished.result()
                if progress is not None:
                    progress(done, len(wanted), work[finished].name)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [source.cache / jar.path for jar in wanted]


def _parsed(line: str) -> Jar:
    coordinate, sha256, size = line.split("\t")
    group, artifact, version = coordinate.split(":")
    return Jar(group, artifact, version, sha256, int(size))


def _ensure(jar: Jar, source: JarSource, incoming: Path) -> None:
    kept = source.cache / jar.path
    if kept.exists():
        _check(jar, kept, f"delete {kept} and start again")
        return
    fetched = _fetch(jar, source, incoming)
    remedy = "check what PIPELINE_MAVEN_MIRROR serves" if source.mirror else "check the proxy in between"
    _check(jar, fetched, f"{remedy}, then start again")
    kept.parent.mkdir(parents=True, exist_ok=True)
    fetched.replace(kept)


def _check(jar: Jar, path: Path, remedy: str) -> None:
    with path.open("rb") as content:
        got = hashlib.file_digest(content, "sha256").hexdigest()
    if got != jar.sha256:
        raise KafkaStartError(
            f"{path} is not the pinned {jar.name}: SHA-256 expected {jar.sha256}, got {got}; {remedy}"
        )


def _fetch(jar: Jar, source: JarSource, incoming: Path) -> Path:
    # Slow to import, and needed only on the first run.
    from jgo.maven import MavenContext
    from requests import RequestException

    mirror = {"mirror": source.mirror} if source.mirror else None
    failure: Exception | None = None
    for attempt in range(_TRIES):
        context = MavenContext(repo_cache=incoming / str(attempt), remote_repos=mirror, timeout=_READ_TIMEOUT_SECONDS)
        try:
            component = context.project(jar.group, jar.artifact).at_version(jar.version)
            return Path(component.artifact(jar.classifier, jar.packaging).resolve())
        except RequestException as error:
            failure = error
        except RuntimeError as error:
            failure = error
            break
    where = f"the mirror {source.mirror}" if source.mirror else "Maven Central"
    raise KafkaStartError(
        f"cannot fetch {jar.group}:{jar.artifact}:{jar.version} from {where} ({type(failure).__name__}); "
        "check the network, or set PIPELINE_MAVEN_MIRROR to a mirror that you can reach"
    )
