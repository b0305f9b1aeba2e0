"""Event Grid's events about blobs: what is read from them, and what is no event about a blob that was written.

The handshake, the envelope and arrays of events are the Functions host's business; a function gets one event's fields.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain import identity
from shared.domain.arrival import BlobCreated
from shared.errors import Malformed
from shared.wire.event_grid import BLOB_CREATED, decode_blob_created

# As Microsoft documents it for a blob written with PutBlob, without the envelope.
DOCUMENTED: dict[str, Any] = {
    "api": "PutBlob",
    "clientRequestId": "6d79dbfb-0e37-4fc4-981f-442c9ca65760",
    "requestId": "831e1650-001e-001b-66ab-eeb76e000000",
    "eTag": "0x8D4BCC2E4835CD0",
    "contentType": "text/plain",
    "contentLength": 524288,
    "blobType": "BlockBlob",
    "url": "https://example.blob.core.windows.net/landing/flights/2013-01.csv",
    "sequencer": "00000000000004420000000000028963",
    "storageDiagnostics": {"batchId": "b68529f3-68cd-4744-baa4-3c0498ec19f0"},
}


def decoded(**changed: Any) -> BlobCreated:
    blob = decode_blob_created("e1", BLOB_CREATED, {**DOCUMENTED, **changed})
    assert blob is not None
    return blob


def test_documented_event() -> None:
    assert decoded() == BlobCreated(
        event_id="e1",
        url="https://example.blob.core.windows.net/landing/flights/2013-01.csv",
        file="landing/flights/2013-01.csv",
        etag="0x8D4BCC2E4835CD0",
        size=524288,
        api="PutBlob",
    )


@pytest.mark.parametrize("kind", ["Microsoft.Storage.BlobDeleted", "microsoft.storage.blobcreated"])
def test_event_of_another_type_is_none_whatever_it_holds(kind: str) -> None:
    assert decode_blob_created("e1", kind, {"url": 1}) is None


def test_event_without_a_type_is_malformed() -> None:
    """A CloudEvent in binary mode has its type in headers, which a trigger does not see: not to be lost in silence."""
    with pytest.raises(Malformed, match="structured mode"):
        decode_blob_created("", "", DOCUMENTED)


def test_etag_is_the_same_with_and_without_quotes() -> None:
    """Storage quotes it in HTTP headers and not in events: it is the same content, so the same story."""
    assert decoded(eTag='"0x8D4BCC2E4835CD0"') == decoded()


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("https://a.blob.core.windows.net/landing/two%20words%2B.csv", "landing/two words+.csv"),
        ("https://a.blob.core.windows.net/landing/%C3%A9t%C3%A9.csv", "landing/été.csv"),
        ("https://a.blob.core.windows.net/landing/x.csv?snapshot=1", "landing/x.csv"),
        ("https://a.blob.core.windows.net/landing/x.csv#part", "landing/x.csv"),
        ("http://127.0.0.1:10000/devstoreaccount1/landing/x.csv", "devstoreaccount1/landing/x.csv"),
    ],
)
def test_file_is_the_path_of_the_address(url: str, file: str) -> None:
    assert decoded(url=url).file == file


def test_what_was_written_through_the_data_lake_is_the_same_blob() -> None:
    """Of an account with hierarchical namespace the address is that of `dfs`; it is fetched as the blob that it is."""
    lake = decoded(url="https://example.dfs.core.windows.net/landing/flights/2013-01.csv", api="FlushWithClose")
    assert lake.url == "https://example.blob.core.windows.net/landing/flights/2013-01.csv"
    assert lake.file == "landing/flights/2013-01.csv"
    other = "https://example.com/x.dfs.core.windows.net/landing/a.csv"
    assert decoded(url=other).url == other


def test_size_of_an_empty_blob_is_a_size() -> None:
    """ADLS tells of the file before it is written; the step drops it."""
    assert decoded(contentLength=0).size == 0


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        *[
            ({"url": url}, "data.url is no address of a blob")
            for url in (
                None,
                1,
                "",
                "landing/x.csv",
                "/landing/x.csv",
                "https://account",
                "https://account/",
                "http://[::1/x.csv",
                "https://account/\ud800",
                b"https://account/x",
            )
        ],
        *[({"eTag": etag}, "data.eTag is missing") for etag in (None, "", 1, '""', "\ud800")],
        *[
            ({"contentLength": size}, "data.contentLength is no size")
            for size in (None, "524288", -1, 1.5, True, float("nan"))
        ],
    ],
)
def test_malformed_event_names_itself_and_the_field(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(Malformed, match=f"^event e1: {told}"):
        decoded(**changed)


@pytest.mark.parametrize("field", ["url", "eTag", "contentLength"])
def test_missing_field_is_named(field: str) -> None:
    data = {name: value for name, value in DOCUMENTED.items() if name != field}
    with pytest.raises(Malformed, match=f"data.{field}"):
        decode_blob_created("e1", BLOB_CREATED, data)


@pytest.mark.parametrize("data", [None, [], "text", 1, [DOCUMENTED]])
def test_data_that_is_no_object_is_malformed(data: Any) -> None:
    with pytest.raises(Malformed, match="event e1: data is no object"):
        decode_blob_created("e1", BLOB_CREATED, data)


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=2)
any_text = st.text(alphabet=st.characters(exclude_categories=[]), max_size=12)
urls = any_text.map(lambda path: f"https://account.blob.core.windows.net/landing/{path}") | any_text


@settings(deadline=None, max_examples=400)
@given(
    st.fixed_dictionaries(
        {"url": urls | anything, "eTag": any_text | anything, "contentLength": st.integers() | anything},
        optional={"api": anything},
    )
)
def test_whatever_the_data_it_is_a_blob_that_can_be_recorded_or_malformed(data: dict[str, Any]) -> None:
    try:
        blob = decode_blob_created("e1", BLOB_CREATED, data)
    except Malformed:
        return
    assert blob is not None
    assert (blob.etag != "", blob.file != "", blob.size >= 0) == (True, True, True)
    assert f"{blob.url}{blob.file}{blob.etag}".encode()
    assert identity.story_of_arrival(blob.file, blob.etag)
