# One image for every role: `docker run IMAGE run --role sinks`. Kafka is a cluster of its own (see docker-compose.yml).
FROM python:3.12-slim
WORKDIR /app
COPY pyproject.toml README.md ./
COPY pipeline ./pipeline
COPY configs ./configs
RUN pip install --no-cache-dir '.[postgresql]'
RUN useradd --create-home --uid 10001 pipeline && mkdir /state && chown pipeline /state
USER pipeline
ENV PIPELINE_STATE_DIR=/state
ENTRYPOINT ["pipeline"]
CMD ["run"]
