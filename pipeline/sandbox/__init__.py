"""The sandbox: twins of Togai and Zoho Books that behave, with quotas, tokens, uniqueness, webhooks and faults.

Each twin keeps a ledger of what it was asked and what it really did. The twins import nothing of the pipeline, so they
can be wrong only in their own way.

- in a test: ``with serve_in_thread(ZohoBooksTwin(config)) as zoho: ...`` (`serve.py`)
- as a process: ``python -m pipeline.sandbox`` (`process.py`), reached by `remote.py`
- the demo's data and what must come of it: `scenario.py`
"""
