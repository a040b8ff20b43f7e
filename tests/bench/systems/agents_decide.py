"""The whole decision in the agents' runtime."""

from __future__ import annotations

import asyncio

from tests.bench import deciding
from tests.bench.systems.arguments import Job, read_job, report
from tests.bench.systems.runtime import run_agents


def main(job: Job) -> None:
    incidents = deciding.topics_of(job.prefix).dead_letters
    report(asyncio.run(run_agents(job, deciding.evaluator(job.prefix), incidents)))


if __name__ == "__main__":
    main(read_job())
