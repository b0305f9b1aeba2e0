"""The only place that makes keys.

A key comes from the source's own ids, never from a body: the same thing delivered twice gets the same key, and a
deliberate re-run carries a new generation in it.
"""

import hashlib
import json
import re

MESSAGE_ID_LIMIT = 128  # Service Bus: MessageId, characters
ROW_KEY_LIMIT = 512  # Table Storage: a row key, code units of UTF-16 (1 KiB)
_ROW_KEY_FORBIDDEN = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")  # Table Storage: what a row key must not hold


def _digest(*parts: str) -> str:
    """Different for different parts, also where a part holds what could pass for a separator."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def story_of_arrival(file: str, etag: str) -> str:
    """The story of one content of one file: 16 hexadecimal digits. An overwritten file (new ETag) is a new story."""
    return _digest("arrival", file, etag)[:16]


def story_of_version(model: str, version: str) -> str:
    """The story of a model version that no arrival led to: somebody registered it by hand."""
    return _digest("version", model, version)[:16]


def story_of_silence(use_case: str, since: str) -> str:
    """The story of data that did not come since an arrival."""
    return _digest("silence", use_case, since)[:16]


def story_of_rollback(model: str, slot: str, etag: str, version: str) -> str:
    """The story of a rollback: to one version, from one approval."""
    return _digest("rollback", model, slot, etag, version)[:16]


def story_of_live_rollback(model: str, slot: str, etag: str) -> str:
    """The story of a rollback that live metrics ask for: once for one approval, so for one stay in production."""
    return _digest("live-rollback", model, slot, etag)[:16]


def story_of_live_metrics(model: str, version: str, delta_version: int, metric: str) -> str:
    """The story of a training that the live metrics of a version ask for: once on the same data."""
    return _digest("live-metrics", model, version, str(delta_version), metric)[:16]


def story_of_training(use_case: str, table: str, delta_version: int, number: int) -> str:
    """The story of a training that a person asked for: the so many-th of that version."""
    return _digest("training", use_case, table, str(delta_version), str(number))[:16]


def story_of_scoring(model: str, version: str, asked_at: str) -> str:
    """The story of a scoring that a person asked for."""
    return _digest("scoring", model, version, asked_at)[:16]


def story_of_release(story: str, generation: int) -> str:
    """The story of rows that were released from quarantine after their batch had gone on without them."""
    return _digest("release", story, str(generation))[:16]


def slot_history(model: str, slot: str) -> str:
    """The subject that leads to every story in which the slot moved."""
    return f"slot:{model}@{slot}"


def slot_contest(model: str, slot: str) -> str:
    """The subject that leads to the stories in which somebody moved the slot around the gate."""
    return f"contest:{model}@{slot}"


def fact_key(kind: str, *parts: str) -> str:
    """The key of a fact within its story; fits a Table Storage row key. Where it cannot hold a part as it is, the
    digest of the parts tells it from its like.
    """
    safe = ":".join([kind, *(_ROW_KEY_FORBIDDEN.sub("_", part) for part in parts)])
    if _units(safe) <= ROW_KEY_LIMIT and safe == ":".join([kind, *parts]):
        return safe
    digest = _digest(kind, *parts)[:16]
    return f"{_cut(safe, ROW_KEY_LIMIT - len(digest) - 1)}~{digest}"


def _units(text: str) -> int:
    """Its length in Table Storage's characters: one outside the basic plane counts as two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str, units: int) -> str:
    return text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore")


def message_id(kind: str, *parts: str) -> str:
    """The Service Bus message id: readable while it fits 128 characters, else its digest."""
    readable = "/".join([kind, *(part for part in parts if part)])
    return readable if len(readable) <= MESSAGE_ID_LIMIT else f"{kind}/{_digest(readable)}"


def run_token(*parts: str) -> str:
    """The idempotency token of a Databricks run: 64 hexadecimal digits, the longest it takes."""
    return _digest("run", *parts)


def plan_id(story: str, model: str, version: str, generation: int) -> str:
    """The scoring plan of one model version and one generation."""
    return _digest("plan", story, model, version, str(generation))[:12]


def shard_plan(plan: str, shard: str) -> str:
    """The plan of one shard of a plan with many parts."""
    return f"{plan}.{shard}"


def story_of_plan(story: str, plan: str) -> str:
    """Where the facts of a plan are: in its story, or, of a shard, in a story of the shard's own."""
    return f"{story}.{plan}" if "." in plan else story


def is_shard(story: str) -> bool:
    """Is it the story of a shard, a share of another story's scoring?"""
    return "." in story


def whole_of(story: str) -> str:
    """The story that a shard's story is a share of; any other is its own."""
    return story.partition(".")[0]


def fingerprint(content: str) -> str:
    """What a policy, suite or evidence document looked like when it was used: 12 hexadecimal digits."""
    return _digest("content", content)[:12]


def event_id(story: str, key: str) -> str:
    """The id of the event that tells others of a fact: the same however often it is published."""
    return _digest("event", story, key)[:32]


def delta_application(story: str) -> str:
    """The appId of a story's transaction in a Delta log."""
    return f"sluice/{story}"


def model_at(model: str, version: str) -> str:
    """`model@version`, as people write it."""
    return f"{model}@{version}"
