"""Outside systems, opened from settings: for the app, and for those who only read."""

from functools import partial

from shared.adapters import entra
from shared.adapters.delta import DeltaLake
from shared.adapters.delta_quarantine import DeltaQuarantine
from shared.adapters.event_grid_topic import EventGridTopic, with_identity, with_key
from shared.adapters.lake_batches import LakeBatches
from shared.adapters.lake_documents import LakeDocuments
from shared.adapters.lake_profiles import LakeProfiles
from shared.adapters.mlflow import MlflowRegistry, sign_in_to_databricks
from shared.adapters.service_bus import ServiceBusOutbox, from_connection_string, from_namespace
from shared.adapters.storage import Storage
from shared.adapters.telemetry import OpenTelemetry, to_azure_monitor, to_collector
from shared.domain.usecase import SlotKind, UseCases
from shared.settings import Settings


def storage_of(settings: Settings) -> Storage:
    """How the settings open storage."""
    return Storage(settings.storage.get_secret_value())


def lake_of(settings: Settings) -> DeltaLake:
    """The tables."""
    return DeltaLake(settings.lake_root, settings.check_memory_limit, storage_of(settings))


def quarantine_of(settings: Settings) -> DeltaQuarantine:
    """The quarantine."""
    return DeltaQuarantine(lake_of(settings), settings.check_memory_limit, storage_of(settings))


def batches_of(settings: Settings) -> LakeBatches:
    """The batches that the tables are made of."""
    return LakeBatches(settings.lake_root, storage_of(settings))


def documents_of(settings: Settings) -> LakeDocuments:
    """The documents."""
    return LakeDocuments(settings.lake_root, storage_of(settings))


def data_docs(document: str) -> str:
    """Great Expectations' own page of a result that was kept. Raises Malformed."""
    from shared.adapters.data_docs import page_of

    return page_of(document)


def profiles_of(settings: Settings) -> LakeProfiles:
    """The profiles."""
    return LakeProfiles(settings.lake_root, storage_of(settings))


def announcer_of(settings: Settings) -> EventGridTopic | None:
    """Who hears what was decided: the Event Grid topic, if there is one."""
    endpoint, key = settings.event_grid_topic, settings.event_grid_topic_key.get_secret_value()
    if not endpoint:
        return None
    return EventGridTopic(partial(with_key, endpoint, key) if key else partial(with_identity, endpoint))


def telemetry_of(settings: Settings) -> OpenTelemetry | None:
    """Who traces and counts, if anybody does."""
    if settings.telemetry == "otlp":
        return to_collector()
    return to_azure_monitor(entra.credential()) if settings.telemetry == "azure" else None


def outbox_of(settings: Settings) -> ServiceBusOutbox:
    """What sends messages."""
    connection = settings.service_bus.get_secret_value()
    if connection:
        return ServiceBusOutbox(partial(from_connection_string, connection), settings.queue_name)
    return ServiceBusOutbox(partial(from_namespace, settings.service_bus_namespace), settings.queue_name)


def registry_of(settings: Settings, use_cases: UseCases) -> MlflowRegistry:
    """The registry that the settings name; the use cases say which of their slots are stages."""
    stages = {(u.training.model, u.gate.slot) for u in use_cases.all if u.gate.slot_kind is SlotKind.STAGE}
    uris = (settings.mlflow_tracking_uri, settings.mlflow_registry_uri)
    if not any(each.startswith("databricks") for each in uris):
        return MlflowRegistry(settings.mlflow_tracking_uri, stages, registry_uri=settings.mlflow_registry_uri)
    token = settings.databricks_token.get_secret_value()
    return MlflowRegistry(
        settings.mlflow_tracking_uri,
        stages,
        registry_uri=settings.mlflow_registry_uri,
        sign_in=partial(sign_in_to_databricks, settings.databricks_host, token),
    )
