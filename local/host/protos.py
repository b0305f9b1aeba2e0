"""The messages between a Functions host and its Python engine, as plain classes.

In Azure these are compiled protobuf messages sent over gRPC. The engine itself never imports protobuf: it is handed a
namespace of message types and uses keyword constructors, attributes and ``WhichOneof``. This module is that namespace,
so names and spelling are the protocol's (azure-functions-language-worker-protobuf, ``FunctionRpc.proto``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import IntEnum
from typing import Any, ClassVar


@dataclass(kw_only=True, slots=True)
class CollectionString:
    string: list[str] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class CollectionBytes:
    bytes: list[bytes] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class CollectionSInt64:
    sint64: list[int] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class CollectionDouble:
    double: list[float] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class TypedData:
    """A value in exactly one of its fields; all unset means the value is absent."""

    string: str | None = None
    json: str | None = None
    bytes: "bytes | None" = None  # quoted: the field hides the built-in name
    stream: Any = None
    http: "RpcHttp | None" = None
    int: "int | None" = None
    double: float | None = None
    collection_bytes: CollectionBytes | None = None
    collection_string: CollectionString | None = None
    collection_double: CollectionDouble | None = None
    collection_sint64: CollectionSInt64 | None = None
    model_binding_data: Any = None
    collection_model_binding_data: Any = None

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802  # protobuf's own spelling
        """Name the field that is set."""
        if group != "data":
            raise ValueError(f"TypedData has no oneof {group!r}")
        return next((each.name for each in fields(self) if getattr(self, each.name) is not None), None)


@dataclass(kw_only=True, slots=True)
class NullableString:
    value: str


@dataclass(kw_only=True, slots=True)
class NullableBool:
    value: bool


@dataclass(kw_only=True, slots=True)
class NullableDouble:
    value: float


@dataclass(kw_only=True, slots=True)
class Timestamp:
    seconds: int


@dataclass(kw_only=True, slots=True)
class NullableTimestamp:
    value: Timestamp


SameSite = IntEnum("SameSite", {"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})


@dataclass(kw_only=True)
class RpcHttpCookie:
    SameSite: ClassVar[type[IntEnum]] = SameSite

    name: str
    value: str
    domain: NullableString | None = None
    path: NullableString | None = None
    expires: NullableTimestamp | None = None
    secure: NullableBool | None = None
    http_only: NullableBool | None = None
    same_site: int = 0
    max_age: NullableDouble | None = None


@dataclass(kw_only=True, slots=True)
class RpcHttp:
    """A request on the way in, a response on the way out."""

    method: str = ""
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: TypedData | None = field(default_factory=TypedData)
    params: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    status_code: str = ""
    enable_content_negotiation: bool = False
    cookies: list[RpcHttpCookie] | None = None


@dataclass(kw_only=True, slots=True)
class ParameterBinding:
    name: str
    data: TypedData | None = None

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802  # protobuf's own spelling
        """Values always travel in the message; shared memory is not used here."""
        if group != "rpc_data":
            raise ValueError(f"ParameterBinding has no oneof {group!r}")
        return "data"


@dataclass(kw_only=True, slots=True)
class RpcException:
    message: str = ""
    stack_trace: str = ""
    source: str = ""


@dataclass(kw_only=True)
class StatusResult:
    Failure: ClassVar[int] = 0
    Success: ClassVar[int] = 1
    Cancelled: ClassVar[int] = 2

    status: int
    exception: RpcException | None = None


@dataclass(kw_only=True, slots=True)
class WorkerMetadata:
    runtime_name: str
    runtime_version: str
    worker_version: str
    worker_bitness: str
    custom_properties: dict[str, str]


@dataclass(kw_only=True, slots=True)
class WorkerInitRequest:
    host_version: str
    function_app_directory: str
    capabilities: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class WorkerInitResponse:
    capabilities: dict[str, str]
    worker_metadata: WorkerMetadata
    result: StatusResult


@dataclass(kw_only=True)
class BindingInfo:
    undefined: ClassVar[int] = 0
    out: ClassVar[int] = 1
    inout: ClassVar[int] = 2

    type: str
    direction: int
    data_type: Any = None


@dataclass(kw_only=True, slots=True)
class RpcRetryOptions:
    max_retry_count: int
    retry_strategy: str
    delay_interval: timedelta | None = None
    minimum_interval: timedelta | None = None
    maximum_interval: timedelta | None = None


@dataclass(kw_only=True, slots=True)
class RpcFunctionMetadata:
    name: str
    function_id: str
    directory: str
    script_file: str
    entry_point: str
    language: str
    is_proxy: bool
    managed_dependency_enabled: bool
    bindings: dict[str, BindingInfo]
    raw_bindings: list[str]
    properties: dict[str, str]
    retry_options: RpcRetryOptions | None = None


@dataclass(kw_only=True, slots=True)
class FunctionsMetadataRequest:
    function_app_directory: str


@dataclass(kw_only=True, slots=True)
class FunctionMetadataResponse:
    use_default_metadata_indexing: bool
    function_metadata_results: list[RpcFunctionMetadata] | None
    result: StatusResult


@dataclass(kw_only=True, slots=True)
class RpcTraceContext:
    trace_parent: str = ""
    trace_state: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class RetryContext:
    retry_count: int = 0
    max_retry_count: int = 0
    exception: RpcException | None = None


@dataclass(kw_only=True, slots=True)
class InvocationRequest:
    invocation_id: str
    function_id: str
    input_data: list[ParameterBinding]
    trigger_metadata: Mapping[str, TypedData]
    trace_context: RpcTraceContext = field(default_factory=RpcTraceContext)
    retry_context: RetryContext = field(default_factory=RetryContext)


@dataclass(kw_only=True, slots=True)
class InvocationResponse:
    invocation_id: str
    result: StatusResult
    return_value: TypedData | None = None
    output_data: list[ParameterBinding] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class StreamingMessage:
    """The envelope: exactly one request is set."""

    worker_init_request: WorkerInitRequest | None = None
    functions_metadata_request: FunctionsMetadataRequest | None = None
    invocation_request: InvocationRequest | None = None
