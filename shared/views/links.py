"""Where to read on: the pages of the MLflow server, when it is one with pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.pages import Pages


@dataclass(frozen=True, kw_only=True)
class Link:
    """A page elsewhere."""

    name: str
    url: str


def version_url(tracking_uri: str, model: str, version: str) -> str:
    """The page of a model version, or "" where there is none."""
    return Pages(mlflow=tracking_uri).version(model, version)


def links_of(story: Sequence[f.Fact], tracking_uri: str) -> tuple[Link, ...]:
    """The model versions of a story and the runs that made them."""
    return tuple(_links(story, Pages(mlflow=tracking_uri)))


def _links(story: Sequence[f.Fact], pages: Pages) -> Iterator[Link]:
    for one in stories.of_kind(story, f.VersionRegistered):
        if url := pages.version(one.model, one.version):
            yield Link(name=identity.model_at(one.model, one.version), url=url)
        if url := pages.run(one.mlflow_run_id):
            yield Link(name=f"MLflow run {one.mlflow_run_id}", url=url)
