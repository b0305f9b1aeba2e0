"""Event Grid functions, on a blueprint."""

import azure.functions as func
import record  # type: ignore[import-not-found]  # the app folder is on sys.path when it runs

blueprint = func.Blueprint()


@blueprint.event_grid_trigger("event")
def arrived(event: func.EventGridEvent) -> None:
    """Record an event; fail for those that ask for it."""
    kind = "cloud" if isinstance(event, func.CloudEvent) else "grid"
    record.write("arrived", id=event.id, kind=kind, subject=event.subject, data=event.get_json())
    if event.subject == "fail":
        raise RuntimeError("cannot take this event")
