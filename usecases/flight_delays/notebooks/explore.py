# Databricks notebook source
# MAGIC %md
# MAGIC # Flight delays: look, compare, train
# MAGIC The same package as the jobs, so that what is tried here is what will run there. Attach it to a cluster with the
# MAGIC wheel `sluice_ml`; on a laptop it runs as a script, with `MLFLOW_TRACKING_URI` and `SPARK_REMOTE` set.

# COMMAND ----------

import os
from pathlib import Path

try:
    dbutils.widgets.text("table", "")
    dbutils.widgets.text("version", "1")
    dbutils.widgets.text("config", "")
    widget = dbutils.widgets.get
except NameError:  # not on Databricks
    widget = lambda name: os.environ[f"NOTEBOOK_{name.upper()}"]

TABLE, VERSION, CONFIG = widget("table"), int(widget("version")), widget("config")

# COMMAND ----------

# MAGIC %md
# MAGIC ## The rows that a training reads
# MAGIC `read` cuts them as the job does: the newest days judge, the others are learnt from.

# COMMAND ----------

from sluice_ml import holdout, train, usecase

use_case = usecase.load(CONFIG)
data = holdout.read(TABLE, VERSION, use_case.training, None)
print(f"{len(data.training):,} rows to learn from, {len(data.holdout):,} to judge by")

# COMMAND ----------

data.training.describe().T

# COMMAND ----------

data.training.groupby("origin")[use_case.training.target].agg(["count", "mean", "std"])

# COMMAND ----------

# MAGIC %md
# MAGIC ## Which model, which configuration
# MAGIC Each is fitted and measured as the job would; the first number is what the gate looks at.

# COMMAND ----------

CANDIDATES = {
    "as it is": {},
    "linear": {"model": "ridge", "parameters": {"alpha": 1.0}},
    "few leaves": {"parameters": {**use_case.training.parameters, "max_leaf_nodes": 5}},
}

found = {}
for name, changed in CANDIDATES.items():
    candidate = use_case.with_training(**changed)
    model = train.fit(candidate, data)
    found[name] = train.compare(candidate.training, data, model, None)

for name, metrics in sorted(found.items(), key=lambda each: each[1]["rmse"]):
    print(f"{name:<12} rmse {metrics['rmse']:.2f}, mae {metrics['mae']:.2f}")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Train as the job does
# MAGIC The same call, with a story of one's own: the version is registered, and the gate judges it as one that somebody
# MAGIC registered by hand. Write the better configuration into `training.yml` to have the job make it.

# COMMAND ----------

from sluice_ml.parameters import TrainParameters

if MODEL := os.environ.get("NOTEBOOK_MODEL", ""):
    train.train(
        TrainParameters(
            story=f"notebook-{Path(CONFIG).name}",
            generation="1",
            use_case=use_case.folder.name,
            table=TABLE,
            delta_version=VERSION,
            model=MODEL,
            champion_version="",
            config=CONFIG,
        )
    )
