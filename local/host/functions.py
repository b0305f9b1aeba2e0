"""One function of the app as the engine indexed it, and what this front can do with its bindings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.host.protos import RpcRetryOptions

type Binding = Mapping[str, Any]

TRIGGERS = ("httpTrigger", "eventGridTrigger", "serviceBusTrigger", "timerTrigger")
OUTPUTS = ("http", "serviceBus")


@dataclass(frozen=True, kw_only=True)
class Function:
    """A name, its trigger binding and its output bindings by parameter name (``$return`` is the returned value).

    Bindings are the host's own JSON: ``{"type": "timerTrigger", "name": "timer", "schedule": "%NIGHTLY%", ...}``.
    """

    name: str
    function_id: str
    trigger: Binding
    outputs: Mapping[str, Binding] = field(default_factory=dict)
    inputs: tuple[Binding, ...] = ()
    retry: RpcRetryOptions | None = None

    @property
    def kind(self) -> str:
        """The trigger's type, such as ``httpTrigger``."""
        return str(self.trigger["type"])

    @property
    def http_output(self) -> str | None:
        """The parameter (or ``$return``) that carries the HTTP answer."""
        return next((name for name, binding in self.outputs.items() if binding["type"] == "http"), None)

    def describe(self) -> str:
        """Say in a few words what calls this function."""
        trigger = self.trigger
        match self.kind:
            case "httpTrigger":
                methods = ",".join(str(method) for method in trigger.get("methods") or ["any method"])
                return f"{methods} {trigger.get('route', self.name)}"
            case "serviceBusTrigger":
                return str(trigger.get("queueName") or f"{trigger.get('topicName')}/{trigger.get('subscriptionName')}")
            case "timerTrigger":
                return str(trigger["schedule"])
            case _:
                return ""


def function_from(
    name: str, function_id: str, bindings: Iterable[Binding], retry: RpcRetryOptions | None = None
) -> Function:
    """Sort one function's bindings into trigger, inputs and outputs."""
    inward = [each for each in bindings if str(each["direction"]).upper() == "IN"]
    return Function(
        name=name,
        function_id=function_id,
        trigger=next(each for each in inward if str(each["type"]).lower().endswith("trigger")),
        inputs=tuple(each for each in inward if not str(each["type"]).lower().endswith("trigger")),
        outputs={str(each["name"]): each for each in bindings if str(each["direction"]).upper() == "OUT"},
        retry=retry,
    )


def unsupported(function: Function) -> list[str]:
    """Name every binding of a function that this front cannot serve; an app must not start half."""
    trigger = function.trigger
    faults = []
    if function.kind not in TRIGGERS:
        faults.append(f"its trigger {function.kind} is not one of {', '.join(TRIGGERS)}")
    if function.kind == "serviceBusTrigger":
        if "topicName" in trigger:
            faults.append("it listens to a topic; this front opens queues only")
        if str(trigger.get("cardinality", "ONE")).upper() == "MANY":
            faults.append("its cardinality is many; this front hands over one message a call")
        if trigger.get("isSessionsEnabled"):
            faults.append("it asks for sessions; this front opens queues without sessions only")
    faults += [f"its input binding {each['type']} ({each['name']}) is not available here" for each in function.inputs]
    for name, binding in function.outputs.items():
        if binding["type"] not in OUTPUTS:
            faults.append(f"its output binding {binding['type']} ({name}) is not one of {', '.join(OUTPUTS)}")
        elif binding["type"] == "serviceBus" and "queueName" not in binding:
            faults.append(f"its output binding {name} sends to a topic; this front sends to queues only")
    return faults
