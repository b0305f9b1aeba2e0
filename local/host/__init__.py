"""The Functions front of a laptop: Microsoft's own Python engine behind HTTP, Event Grid, Service Bus and timers.

``python -m local.host APP_DIR`` runs any app of the Python v2 model. The engine (``azure-functions-runtime``) is the
code that runs in Azure; what stands around it here is the part of Azure's host that a Python function can notice.
"""
