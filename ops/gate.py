"""Commands about the gate: why a version was decided so, what another policy would decide, is a policy one."""

import argparse
from datetime import UTC, datetime

from ops.output import Output
from ops.source import NothingFound, ledger_of, settings_of
from shared import gate_file
from shared.domain import first_version, identity
from shared.errors import Misconfigured
from shared.views import gate as views
from shared.views.text import visible

WELL, OTHERWISE = 0, 1


def explain(options: argparse.Namespace, output: Output) -> int:
    """Tell the decision on a version. Well means that it passed."""
    ledger = ledger_of(settings_of(options.settings))
    model, _, version = options.version.rpartition("@")
    found = [one for one in views.judgements(ledger, model=model) if one.version == version]
    if not found:
        name = visible(identity.model_at(model or "MODEL", version))
        raise NothingFound(f"the gate judged no {name}: `ops status` names the stories, `ops slots` the versions")
    text = views.explanation_text(found[-1], output.terminal, now=datetime.now(UTC))
    output.show(text, views.explanation_document(found[-1]))
    return WELL if found[-1].verdict == "passed" else OTHERWISE


def simulate(options: argparse.Namespace, output: Output) -> int:
    """Try a policy on what was judged before. Well means that nothing would be decided otherwise."""
    policy = gate_file.load_policy(options.policy)
    ledger = ledger_of(settings_of(options.settings))
    past = views.judgements(ledger, model=options.model or "", since=options.since)
    tried = views.simulate(policy, past)
    text = views.simulation_text(tried, output.terminal, policy=str(options.policy))
    output.show(text, views.simulation_document(tried, policy=policy))
    return OTHERWISE if any(one.differs for one in tried) else WELL


def check(options: argparse.Namespace, output: Output) -> int:
    """Is the file a policy? It needs no settings."""
    try:
        policy = gate_file.load_policy(options.file)
    except Misconfigured as error:
        faults = str(error).splitlines()
        output.show("\n".join([*faults, f"{len(faults)} faults"]), {"faults": faults, "warnings": [], "rules": []})
        return OTHERWISE
    warnings = [text] if (text := first_version.warning(policy)) else []
    lines = [f"✓ {rule.name} ({rule.severity}): {rule.why}" for rule in policy.rules]
    told = map(visible, [*lines, *(f"! {each}" for each in warnings)])
    output.show(
        "\n".join(told), {"faults": [], "warnings": warnings, "rules": [rule.name for rule in policy.rules]}
    )  # fmt: skip
    return WELL
