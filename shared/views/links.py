"""Where to read on: the pages of the MLflow server, when it is one with pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories


@dataclass(frozen=True, kw_only=True)
class Link:
    """A page elsewhere."""

    name: str
    url: str


def version_url(tracking_uri: str, model: str, version: str) -> str:
    """The page of a model version, or "" where there is none."""
    server = _server(tracking_uri)
    return f"{server}/#/models/{quote(model, safe='')}/versions/{quote(version, safe='')}" if server else ""


def links_of(story: Sequence[f.Fact], tracking_uri: str) -> tuple[Link, ...]:
    """The model versions of a story and the runs that made them."""
    server = _server(tracking_uri)
    return tuple(_links(story, server)) if server else ()


def _links(story: Sequence[f.Fact], server: str) -> Iterator[Link]:
    for one in stories.of_kind(story, f.VersionRegistered):
        yield Link(name=identity.model_at(one.model, one.version), url=version_url(server, one.model, one.version))
        if one.mlflow_run_id:
            yield Link(name=f"MLflow run {one.mlflow_run_id}", url=f"{server}/#/runs/{quote(one.mlflow_run_id, '')}")


def _server(tracking_uri: str) -> str:
    """Its address without what signs in, which is nobody else's business; "" for anything but HTTP."""
    parts = urlsplit(tracking_uri)
    if parts.scheme not in {"http", "https"}:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
