"""The registry, through the MLflow client (mlflow-skinny is enough)."""

import logging
import os
import threading
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.adapters import entra
from shared.domain.description import placed
from shared.errors import Refused, Unreachable
from shared.ports import Description, ModelVersion

if TYPE_CHECKING:
    from mlflow import MlflowClient

GONE = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}
FINAL = GONE | {
    "INVALID_PARAMETER_VALUE",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "BAD_REQUEST",
    "RESOURCE_ALREADY_EXISTS",
}
"""Error codes of the tracking server's REST API that trying again does not mend."""

_FILES_OF_A_FLAVOUR = ("data", "model_path", "pickled_model", "model_data")
"""Where the flavours of an MLmodel name the files that they are loaded from."""

EVIDENCE = "evidence"
"""The folder of a run's artefacts that the gate knows about."""

TAG_LIMIT = 5000  # the REST API's limit of a model version tag's value, characters


def sign_in_to_databricks(host: str, token: str) -> None:
    """MLflow's way to a workspace as its tracking server or registry: the address and a token in the environment.

    Its other way, through databricks-sdk, knows no managed identity and keeps the first client for good. An empty token
    stands for the identity's own. Raises Unreachable.
    """
    os.environ["MLFLOW_ENABLE_DB_SDK"] = "false"
    os.environ["DATABRICKS_HOST"] = host
    os.environ["DATABRICKS_TOKEN"] = token or entra.token(entra.DATABRICKS)


class MlflowRegistry:
    """Registry and Artefacts. `stages` are the slots, by model and name, that are stages.

    `sign_in` is called before each use: what it gives MLflow may end sooner than the process.
    """

    def __init__(
        self,
        tracking_uri: str,
        stages: Collection[tuple[str, str]] = (),
        *,
        registry_uri: str = "",
        sign_in: Callable[[], None] = lambda: None,
    ) -> None:
        self._uri = tracking_uri
        self._registry_uri = registry_uri or tracking_uri
        self._sign_in = sign_in
        self._stages = frozenset(stages)
        self._lock = threading.Lock()
        self._client: MlflowClient | None = None

    def _open(self) -> "MlflowClient":
        self._sign_in()
        with self._lock:
            if self._client is None:
                # One call must not block for minutes: the step retries, and the message's lock runs.
                os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
                os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
                os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
                os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
                from mlflow import MlflowClient

                self._client = MlflowClient(tracking_uri=self._uri, registry_uri=self._registry_uri)
            return self._client

    @contextmanager
    def _errors(self) -> Iterator["MlflowClient"]:
        client = self._open()
        from mlflow.exceptions import MlflowException
        from requests import RequestException

        try:
            yield client
        except MlflowException as error:
            if error.error_code in FINAL:
                raise Refused(f"MLflow at {self._uri}: {error.message}") from error
            raise Unreachable(f"MLflow at {self._uri}: {error.message}") from error
        except (RequestException, OSError) as error:
            raise Unreachable(f"MLflow at {self._uri}: {error}") from error

    @contextmanager
    def _may_be_gone(self) -> Iterator["MlflowClient"]:
        try:
            with self._errors() as client:
                yield client
        except Refused as refused:
            if getattr(refused.__cause__, "error_code", "") not in GONE:
                raise

    def version(self, model: str, version: str) -> ModelVersion | None:
        with self._may_be_gone() as client:
            found = client.get_model_version(model, version)
            run_id = found.run_id or found.tags.get("sluice.mlflow_run_id", "")
            metrics, parameters, user = self._run(run_id)
            return ModelVersion(
                model=model,
                version=version,
                mlflow_run_id=run_id,
                tags=dict(found.tags),
                metrics=metrics,
                parameters=parameters,
                author=found.tags.get("sluice.requester", "") or user,
            )
        return None

    def _run(self, run_id: str) -> tuple[dict[str, float], dict[str, str], str]:
        """Its metrics and parameters, and who ran it."""
        if run_id:
            with self._may_be_gone() as client:
                data = client.get_run(run_id).data
                return dict(data.metrics), dict(data.params), str(data.tags.get("mlflow.user", ""))
        return {}, {}, ""

    def versions(self, model: str) -> Sequence[str]:
        return sorted((str(one.version) for one in self._search(model)), key=int)

    def _search(self, model: str) -> list[Any]:
        with self._errors() as client:
            found: list[Any] = []
            page: str | None = None
            while page != "":
                answer = client.search_model_versions(f"name = '{model}'", max_results=1000, page_token=page)
                found += answer
                page = answer.token or ""
        return found

    def annotate(self, model: str, version: str, tags: dict[str, str], *, section: str = "") -> None:
        if section:
            try:
                self._describe(model, version, section)
            except Refused as refused:  # it must not hold up a promotion
                logging.getLogger(__name__).warning("%s@%s keeps its description: %s", model, version, refused)
        with self._may_be_gone() as client:
            for key, value in tags.items():
                client.set_model_version_tag(model, version, key, value[:TAG_LIMIT])

    def _describe(self, model: str, version: str, section: str) -> None:
        with self._may_be_gone() as client:
            before = client.get_model_version(model, version).description or ""
            if (text := placed(before, section)) != before:
                client.update_model_version(model, version, text)

    def slot(self, model: str, slot: str) -> str:
        if (model, slot) in self._stages:
            return ",".join(self._in_stage(model, slot))
        with self._may_be_gone() as client:
            aliases = client.get_registered_model(model).aliases
            return str(aliases.get(slot, ""))
        return ""

    def _in_stage(self, model: str, stage: str) -> Sequence[str]:
        return sorted((str(one.version) for one in self._search(model) if one.current_stage == stage), key=int)

    def point(self, model: str, slot: str, version: str) -> None:
        if (model, slot) in self._stages:
            if version:
                self._transition(model, version, slot, archive_existing_versions=True)
            for other in self._in_stage(model, slot) if not version else ():
                self._transition(model, other, "Archived")
        elif version:
            with self._errors() as client:
                client.set_registered_model_alias(model, slot, version)
        else:
            with self._may_be_gone() as client:
                client.delete_registered_model_alias(model, slot)

    def _transition(self, model: str, version: str, stage: str, *, archive_existing_versions: bool = False) -> None:
        with self._errors() as client, warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # that stages are deprecated is their users' choice
            client.transition_model_version_stage(model, version, stage, archive_existing_versions)

    def describe(self, model: str, version: str) -> Description:
        with self._may_be_gone() as client:
            found = client.get_model_version(model, version)
            run_id = found.run_id or found.tags.get("sluice.mlflow_run_id", "")
            evidence = {}
            if run_id:
                evidence = {
                    one.path.partition("/")[2]: int(one.file_size or 0)
                    for one in client.list_artifacts(run_id, EVIDENCE)
                    if not one.is_dir
                }
            return self._described(client.get_model_version_download_uri(model, version).rstrip("/"), evidence)
        return Description(evidence={}, model={}, signature=False, input_example=False, libraries_pinned=False)

    def _described(self, where: str, evidence: dict[str, int]) -> Description:
        from mlflow.artifacts import list_artifacts
        from mlflow.exceptions import MlflowException

        files: dict[str, int] = {}
        said: dict[str, Any] = {}
        requirements = ""
        try:
            for one in list_artifacts(where, tracking_uri=self._uri):
                files[one.path.rpartition("/")[2]] = int(one.file_size or 0)
            said = self._mlmodel(where) if "MLmodel" in files else {}
            requirements = self._text(where, "requirements.txt") if "requirements.txt" in files else ""
        except (MlflowException, OSError, ValueError) as error:
            if isinstance(error, MlflowException) and error.error_code not in FINAL:
                raise
        lines = [line.strip() for line in requirements.splitlines() if line.strip() and not line.startswith("#")]
        return Description(
            evidence=evidence,
            model=files,
            signature=bool(said.get("signature")),
            input_example=bool(said.get("saved_input_example_info")),
            libraries_pinned=bool(lines) and all("==" in line for line in lines),
        )

    def _mlmodel(self, where: str) -> dict[str, Any]:
        import yaml

        try:
            found = yaml.safe_load(self._text(where, "MLmodel"))
        except yaml.YAMLError as error:
            raise ValueError(f"MLmodel: {error}") from error
        return found if isinstance(found, dict) else {}

    def _text(self, where: str, name: str) -> str:
        import tempfile

        from mlflow.artifacts import download_artifacts

        with tempfile.TemporaryDirectory() as folder:
            file = download_artifacts(f"{where}/{name}", dst_path=folder, tracking_uri=self._uri)
            return Path(file).read_text()

    def why_not_loadable(self, model: str, version: str) -> str:
        with self._may_be_gone() as client:
            found = client.get_model_version(model, version)
            if found.status != "READY":
                return f"version {version} is {found.status}, not READY"
            return self._why_no_artefacts(client, model, version)
        return f"version {version} does not exist"

    def _why_no_artefacts(self, client: "MlflowClient", model: str, version: str) -> str:
        """What MLmodel names (the flavours' own data) has to be beside it."""
        from mlflow.artifacts import list_artifacts
        from mlflow.exceptions import MlflowException

        where = client.get_model_version_download_uri(model, version).rstrip("/")
        try:
            stored = {one.path.rpartition("/")[2] for one in list_artifacts(where, tracking_uri=self._uri)}
            if "MLmodel" not in stored:
                return f"version {version} has no MLmodel at {where}"
            flavours = self._mlmodel(where).get("flavors", {})
        except (MlflowException, OSError, ValueError, AttributeError) as error:
            if isinstance(error, MlflowException) and error.error_code not in FINAL:
                raise
            return f"the artefacts of version {version} cannot be read at {where}: {error}"
        needed = {str(each[key]) for each in flavours.values() for key in _FILES_OF_A_FLAVOUR if each.get(key)}
        missing = sorted(name for name in needed if name.partition("/")[0] not in stored)
        return f"version {version} lacks {', '.join(missing)} at {where}" if missing else ""
