"""`python -m pipeline.schemas.avro`: write the schema files anew from the Structs."""

from __future__ import annotations

from pipeline.schemas.avro.files import write

if __name__ == "__main__":
    print("\n".join(write()) or "nothing changed")
