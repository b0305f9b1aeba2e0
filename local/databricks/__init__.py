"""A Databricks workspace on the laptop: the part of the Jobs API the control plane uses, with tasks that really run.

`python -m local.databricks --home DIR --workspace NAME=TOKEN` serves each workspace under its own path prefix, so
that the unmodified databricks-sdk talks to `http://127.0.0.1:PORT/NAME`.
"""
