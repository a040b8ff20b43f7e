"""`python -m tests.faults.odd_header SERVERS < rows`: records with a header whose name is no UTF-8."""

from __future__ import annotations

import asyncio
import json
import sys

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]


class OddName(str):
    """A name that becomes bytes as it likes."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"trace-\xff\xfe"


async def main(servers: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    places = []
    for topic, partition, key, value in json.load(sys.stdin):
        sent = await producer.send_and_wait(
            topic, bytes.fromhex(value), bytes.fromhex(key), partition=partition, headers=[(OddName("x"), b"1")]
        )
        places.append((sent.topic, sent.partition, sent.offset))
    await producer.stop()
    json.dump(places, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
