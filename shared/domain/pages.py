"""Addresses of pages that a person reads on: the registry's, and the ops page's. An address that is not known is ""."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from shared.domain.identity import model_at


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Where they begin: the MLflow server, when it is one with pages, and the ops page."""

    mlflow: str = ""
    ops: str = ""

    def version(self, model: str, version: str) -> str:
        """A model version in the registry."""
        server = _without_credentials(self.mlflow)
        return f"{server}/#/models/{quote(model, safe='')}/versions/{quote(version, safe='')}" if server else ""

    def run(self, mlflow_run_id: str) -> str:
        """The run that made it."""
        server = _without_credentials(self.mlflow)
        return f"{server}/#/runs/{quote(mlflow_run_id, safe='')}" if server and mlflow_run_id else ""

    def story(self, story: str) -> str:
        """A whole story on the ops page."""
        server = _without_credentials(self.ops)
        return f"{server}/stories/{quote(story, safe='')}" if server else ""

    def approval(self, model: str, version: str) -> str:
        """Where people approve it, or do not."""
        server = _without_credentials(self.ops)
        return f"{server}/approvals/{quote(model_at(model, version), safe='')}" if server else ""


NO_PAGES = Pages()


def _without_credentials(address: str) -> str:
    """Without what signs in, which is nobody else's business; "" for anything but HTTP."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"}:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
