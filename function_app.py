"""The function app: registers the blueprints, and nothing else."""

import azure.functions as func

from functions import (
    approvals,
    arrivals,
    data_arrival,
    job_events,
    job_notification,
    live_metrics,
    ops,
    park,
    reconcile,
    registry_events,
    registry_webhook,
    scoring_parts,
    scorings,
    trainings,
)

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)

for blueprint in (
    data_arrival.blueprint,
    arrivals.blueprint,
    trainings.blueprint,
    job_notification.blueprint,
    job_events.blueprint,
    registry_webhook.blueprint,
    registry_events.blueprint,
    live_metrics.blueprint,
    scorings.blueprint,
    scoring_parts.blueprint,
    reconcile.blueprint,
    park.blueprint,
    ops.blueprint,
    approvals.blueprint,
):
    app.register_functions(blueprint)
