"""The parts of the log for one installation."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from confluent_kafka import KafkaException

from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.operations.reader import ends_of
from pipeline.operations.views.database import Database, database_url
from pipeline.operations.views.follower import BATCH, Follower
from pipeline.operations.views.projector import Projector
from pipeline.operations.views.records import Reading
from pipeline.operations.views.views import Views
from pipeline.schemas.codec import Codec
from pipeline.schemas.topics import Topics
from pipeline.settings import Settings

_CALL_SECONDS = 10.0


def open_database(settings: Settings, access: KafkaAccess, topics: Topics) -> Database:
    """The log of this cluster and these topics; to be closed. Raises `ConfigurationError`, `KafkaUnavailable`."""
    try:
        cluster = access.admin().list_topics(topic=topics.decisions, timeout=_CALL_SECONDS).cluster_id
    except KafkaException as error:
        raise KafkaUnavailable(f"the cluster did not say its id: {error.args[0].str()}") from None
    if not cluster:
        raise KafkaUnavailable("the cluster did not say its id; try again")
    return Database(database_url(settings), f"cluster {cluster}, topics {topics.prefix}*")


def build_views(database: Database, access: KafkaAccess, topics: Topics, codec: Codec) -> Views:
    """For questions: `Views.runs`, `Views.run`, `Views.lag`, `Views.kept`."""
    return Views(database, partial(ends_of, access, Reading(topics, codec).topics))


def build_projector(database: Database, access: KafkaAccess, topics: Topics, codec: Codec) -> Projector:
    """For a command that catches up."""
    return Projector(database, access, topics, codec)


def build_follower(
    settings: Settings, database: Database, access: KafkaAccess, topics: Topics, codec: Codec
) -> Follower:
    """For a role that keeps the log fresh."""
    projector = Projector(database, access, topics, codec, batch=BATCH)
    return Follower(projector, database, timedelta(days=settings.views_retention_days))
