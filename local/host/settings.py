"""Settings of the app: the ``Values`` of local.settings.json over the process environment.

Bindings name settings, they do not contain values: ``%QUEUE%`` in any field, and ``connection="ServiceBus"`` which
means the setting ``ServiceBus`` (a connection string) or ``ServiceBus__fullyQualifiedNamespace`` (an identity).
"""

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from local.host.errors import HostError
from local.host.functions import Binding, Function, unsupported

REFERENCE = re.compile(r"%([^%\s]+)%")


def read_settings(file: Path | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Lay the file's ``Values`` over the environment; without a file the environment is all there is."""
    if file is None:
        return dict(environment)
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise HostError(
            f"the settings file {file} does not exist: copy local.settings.sample.json or name another"
        ) from None
    except ValueError as error:
        raise HostError(f"the settings file {file} is not JSON: {error}") from error
    if content.get("IsEncrypted"):
        raise HostError(f"the settings file {file} is encrypted: run `func settings decrypt` first")
    values = content.get("Values") or {}
    if not_text := [name for name, value in values.items() if not isinstance(value, str)]:
        raise HostError(f"{file}: Values must be strings, these are not: {', '.join(sorted(not_text))}")
    return {**environment, **values}


def is_disabled(function: Function, settings: Mapping[str, str]) -> bool:
    """Whether the setting ``AzureWebJobs.NAME.Disabled`` switches the function off, as in Azure."""
    names = (f"AzureWebJobs.{function.name}.Disabled", f"AzureWebJobs__{function.name}__Disabled")
    return any(settings.get(name, "").lower() in {"1", "true"} for name in names)


def resolve(functions: Iterable[Function], settings: Mapping[str, str]) -> list[Function]:
    """Replace every ``%SETTING%`` in the bindings; name every missing setting at once."""
    missing: list[str] = []

    def resolved(function: Function, binding: Binding) -> dict[str, Any]:
        def lookup(field: str, match: re.Match[str]) -> str:
            name = match.group(1)
            if name not in settings:
                missing.append(f"function {function.name}, binding {binding['name']}, field {field}: {name}")
            return settings.get(name, "")

        return {
            field: REFERENCE.sub(lambda match, field=field: lookup(field, match), value)  # type: ignore[misc]  # typeshed has no default argument in repl
            if isinstance(value, str)
            else value
            for field, value in binding.items()
        }

    answer = [
        dataclasses.replace(
            function,
            trigger=resolved(function, function.trigger),
            outputs={name: resolved(function, binding) for name, binding in function.outputs.items()},
        )
        for function in functions
    ]
    if missing:
        raise HostError("settings named by bindings do not exist:\n  " + "\n  ".join(missing))
    return answer


def connection_string(function: Function, binding: Binding, settings: Mapping[str, str]) -> str:
    """Find what a binding's ``connection`` stands for."""
    name = str(binding.get("connection") or "ServiceBus")
    for candidate in (name, f"AzureWebJobs{name}"):
        if settings.get(candidate):
            return settings[candidate]
        if settings.get(f"{candidate}__fullyQualifiedNamespace"):
            raise HostError(
                f"function {function.name}: {candidate}__fullyQualifiedNamespace asks for an Azure identity, which is "
                f"for Azure, not for a laptop: set {candidate} to the local broker's connection string instead"
            )
    raise HostError(
        f"function {function.name}, binding {binding['name']}, field connection: the setting {name} does not exist; "
        "set it to a Service Bus connection string"
    )


def served(indexed: Iterable[Function], settings: Mapping[str, str]) -> dict[str, Function]:
    """Choose the functions that are not disabled, with their bindings resolved.

    Raises:
        HostError: A binding is of a kind this front lacks, or names a setting that does not exist.

    """
    enabled = [each for each in indexed if not is_disabled(each, settings)]
    faults = [f"function {each.name}: {fault}" for each in enabled for fault in unsupported(each)]
    if faults:
        raise HostError(
            "this front cannot serve:\n  " + "\n  ".join(faults) + "\n"
            "Set AzureWebJobs.NAME.Disabled to true in the settings to start without a function."
        )
    return {each.name: each for each in resolve(enabled, settings)}
