"""`python -m tests.operations.views.worker`: a process that catches up, and may be killed."""

from __future__ import annotations

import sys

from pipeline.apps.registry import load_apps
from pipeline.failpoints import arm_from_environment
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.views.build import open_database
from pipeline.operations.views.projector import Projector
from pipeline.schemas.codec import Codec
from pipeline.schemas.topics import Topics
from pipeline.settings import Settings


def main() -> None:
    arm_from_environment()
    settings = Settings()
    access = KafkaAccess(settings.kafka_bootstrap_servers)
    topics = Topics(settings.topic_prefix, settings.partitions, tuple(load_apps()))
    database = open_database(settings, access, topics)
    with Projector(database, access, topics, Codec(), batch=int(sys.argv[1])) as projector:
        projector.catch_up()
    database.close()


if __name__ == "__main__":
    main()
