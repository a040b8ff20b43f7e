"""Avro forms of the records: a checked-in `.avsc` for each, made of its Struct by `python -m pipeline.schemas.avro`.

Three rules make them. Fields of open shape (`Any`, dicts of more than strings) are JSON text in an Avro string. Times
are `timestamp-micros`. Enumerations are strings, so that a new value breaks no reader; the field's doc lists them.
A schema that changes is kept in `retired/`, so that records written under it stay readable.
https://avro.apache.org/docs/1.12.0/specification/
"""
