"""The activity log: runs and their steps, as a read model of the topics.

It decides nothing. A projector tails the topics into a database; deleting the database rebuilds it. Every answer says
how far behind the topics it is.

- what is asked and answered: `answers.py`, `views.py`
- how records become rows: `rows.py` (pure), `slice.py`, `records.py`
- how they get there: `projector.py`, `follower.py`, `retention.py`, over `database.py` and `tables.py`
"""
