"""Prints how each command ended: `KAFKA_BOOTSTRAP_SERVERS=... python examples/consume_results.py [TOPIC]`."""

import json
import os
import sys

from confluent_kafka import Consumer

servers, topic = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"), (sys.argv[1:] or ["sync.results"])[0]
reading = {"isolation.level": "read_committed", "auto.offset.reset": "earliest"}
consumer = Consumer({"bootstrap.servers": servers, "group.id": "example-python", **reading})
consumer.subscribe([topic])
while True:
    message = consumer.poll(1.0)
    if message is not None and message.error() is None and (value := message.value()):
        result = json.loads(value)
        print(result["party"], result["action"], result["status"], result.get("object", {}).get("id", "-"), flush=True)
