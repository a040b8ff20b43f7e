"""The topics as an AsyncAPI 3 document, made of the records' Structs and the topic specs.

What only our workers read (`Content.private`) is left out. https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from inspect import cleandoc
from typing import Any

import msgspec
import yaml

from pipeline.schemas.contents import Content, contents_of
from pipeline.schemas.envelope import Event
from pipeline.schemas.topics import Topics, TopicSpec

Json = dict[str, Any]

_BINDING = "0.5.0"
"""Of the Kafka bindings: https://github.com/asyncapi/bindings/tree/master/kafka"""
_SHOWN = ("cleanup.policy", "retention.ms", "max.message.bytes")
_ABOUT = """Keeps Togai and Zoho Books in step through Kafka.

Send CloudEvents to the topics of events; read how each command ended on `sync.results`. Read committed records only
(`isolation.level=read_committed`): what was rolled back is on the topics too. Records are compressed with lz4, and
partitioned by murmur2 of the key, as by Kafka's own clients. Values are JSON; with `PIPELINE_ENCODING=avro` they are
Avro under the schemas of `pipeline/schemas/avro`.
"""


def document(topics: Topics) -> Json:
    """Everything that others may send, and may read."""
    contents = [content for content in contents_of(topics) if not content.private]
    specs = {spec.name: spec for spec in topics.specs()}
    records = list(dict.fromkeys(record for content in contents for record in content.records))
    keys = {record: content.key for content in contents for record in content.records}
    _, schemas = msgspec.json.schema_components(records, ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Pipeline", "version": version("togai-zohobooks-pipeline"), "description": _ABOUT},
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "variables": {"bootstrap": {"default": "localhost:9092", "description": "KAFKA_BOOTSTRAP_SERVERS"}},
            }
        },
        "channels": {_name(content): _channel(content, specs[content.topic]) for content in contents},
        "operations": dict(operation for content in contents for operation in _operations(content)),
        "components": {
            "messages": {record.__name__: _message(record, keys[record]) for record in records},
            "schemas": _draft_7(schemas),
        },
    }


def rendered(topics: Topics) -> str:
    """The document as YAML, as it is checked in at docs/asyncapi.yaml."""
    return yaml.dump(document(topics), Dumper=_Blocks, sort_keys=False, width=120, allow_unicode=True)


class _Blocks(yaml.SafeDumper):
    """Texts of several lines as they are read; values that occur twice written out twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Blocks.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, "|" if "\n" in text else None)
)


def _name(content: Content) -> str:
    return content.topic.replace(".", "-")


def _channel(content: Content, spec: TopicSpec) -> Json:
    config = {name: value for name, value in spec.config.items() if name in _SHOWN}
    shown: Json = {name: [value] if name == "cleanup.policy" else int(value) for name, value in config.items()}
    return {
        "address": content.topic,
        "description": content.says,
        "tags": [{"name": "public" if content.public else "internal"}],
        "messages": {record.__name__: _ref("components", "messages", record.__name__) for record in content.records},
        "bindings": {"kafka": {"partitions": spec.partitions, "topicConfiguration": shown, "bindingVersion": _BINDING}},
    }


def _operations(content: Content) -> Iterable[tuple[str, Json]]:
    """As seen from the pipeline: it sends what others read."""
    name = _name(content)
    for action in ("receive", "send") if content.received or not content.public else ("send",):
        yield (
            f"{action}-{name}",
            {
                "action": action,
                "channel": _ref("channels", name),
                "messages": [_ref("channels", name, "messages", record.__name__) for record in content.records],
            },
        )


def _message(record: type[msgspec.Struct], key: str) -> Json:
    message: Json = {
        "name": record.__name__,
        "payload": _ref("components", "schemas", record.__name__),
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": _BINDING}},
    }
    if record is Event:
        message["contentType"] = "application/cloudevents+json"
        message["description"] = (
            "A CloudEvent in structured mode; binary mode (`ce_` headers, the data as value) is read as well."
        )
    return message


def _ref(*path: str) -> Json:
    return {"$ref": "#/" + "/".join(path)}


def _draft_7(schema: Any) -> Any:
    """AsyncAPI has JSON Schema draft 7, where tuples are written another way; docs lose their indent."""
    if isinstance(schema, list):
        return [_draft_7(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    mended = {name: _draft_7(each) for name, each in schema.items()}
    if isinstance(mended.get("description"), str):
        mended["description"] = cleandoc(mended["description"])
    if "prefixItems" in mended:
        mended["items"] = mended.pop("prefixItems")
        mended["additionalItems"] = False
    return mended
