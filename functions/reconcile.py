"""The sweep, by the clock."""

import azure.functions as func

from functions.control import sluice

blueprint = func.Blueprint()


@blueprint.function_name("reconcile")
@blueprint.timer_trigger(arg_name="timer", schedule="%RECONCILE_SCHEDULE%", run_on_startup=False, use_monitor=True)
def reconcile(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the binding needs it
    """Find what was lost on the way, and carry it on."""
    sluice().sweep()
