"""An account with a hierarchical namespace, on answers in the shape that the vendor documents ("List Blobs", "Get Blob
Properties", "Delete Blob" and "Known issues with Azure Data Lake Storage"); Azurite has none."""

from __future__ import annotations

import base64

import pytest

from airflow_datamove.errors import NotFound, StoreError
from airflow_datamove.stores.contract import Kind
from tests.stores.azure_double import Reply, Request, double
from tests.stores.places import get

_ETAG = '"0x8DC0000000000A1"'
_DATE = "Wed, 04 Mar 2026 05:06:07 GMT"
_FOLDER = {
    "content-type": "application/octet-stream",
    "etag": _ETAG,
    "last-modified": _DATE,
    "x-ms-blob-type": "BlockBlob",
    "x-ms-meta-hdi_isfolder": "true",
    "x-ms-resource-type": "directory",
}
_FILE = {
    "content-length": "3",
    "content-md5": base64.b64encode(bytes(16)).decode(),
    "content-type": "text/plain",
    "etag": _ETAG,
    "last-modified": _DATE,
    "x-ms-blob-type": "BlockBlob",
    "x-ms-resource-type": "file",
}


def _blob(name: str, *, folder: bool = False, metadata: bool = True) -> str:
    kind, size = ("directory", 0) if folder else ("file", 3)
    marks = "<Metadata><hdi_isfolder>true</hdi_isfolder></Metadata>" if folder and metadata else "<Metadata />"
    return (
        f"<Blob><Name>{name}</Name><Properties><Creation-Time>{_DATE}</Creation-Time>"
        f"<Last-Modified>{_DATE}</Last-Modified><Etag>{_ETAG[1:-1]}</Etag><ResourceType>{kind}</ResourceType>"
        f"<Content-Length>{size}</Content-Length><Content-Type>text/plain</Content-Type><Content-MD5 />"
        f"<BlobType>BlockBlob</BlobType></Properties>{marks}<OrMetadata /></Blob>"
    )


def _prefix(name: str) -> str:
    properties = f"<ResourceType>directory</ResourceType><Last-Modified>{_DATE}</Last-Modified>"
    return f"<BlobPrefix><Name>{name}</Name><Properties>{properties}</Properties></BlobPrefix>"


def _page(*entries: str, marker: str = "") -> Reply:
    inner = "".join(entries)
    text = (
        '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="x" ContainerName="c">'
        f"<Blobs>{inner}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
    )
    return Reply(200, body=b"\xef\xbb\xbf" + text.encode())


def _answer(request: Request) -> Reply | None:
    """``/d`` holds ``f`` and the empty ``e``; the service lists directories as blobs, files of one before the next."""
    name = request.path.removeprefix("/c").strip("/")
    query = request.query
    if query.get("comp") == "list":
        prefix, level = query.get("prefix", ""), "delimiter" in query
        if prefix == "":
            # An empty page that is not the last one, as large accounts send them.
            if "marker" not in query:
                return _page(marker="more")
            if level:
                return _page(_prefix("d/"))
            return _page(_blob("d", folder=True), _blob("d/f"), _blob("d/e", folder=True, metadata=False))
        if prefix == "d/":
            if level:
                return _page(_blob("d/f"), _prefix("d/e/"))
            return _page(_blob("d/f"), _blob("d/e", folder=True))
        return _page()
    if request.method == "DELETE":
        conflict = Reply(409, {"x-ms-error-code": "DirectoryIsNotEmpty"})
        return conflict if name == "d" else Reply(202) if name == "d/e" else None
    found = {"d": _FOLDER, "d/e": _FOLDER, "d/f": _FILE}.get(name)
    if found is None or request.method == "PUT":
        return Reply(201, {"etag": _ETAG, "last-modified": _DATE}) if request.method == "PUT" else None
    return Reply(200, found, b"abc" if found is _FILE and request.method == "GET" else b"")


def test_a_directory_is_never_a_file_of_no_bytes() -> None:
    with double(_answer) as server, server.store() as store:
        assert store.stat("/d").kind is store.stat("/d/e").kind is store.stat("/").kind is Kind.DIRECTORY
        assert store.stat("/d/f").kind is Kind.FILE
        assert sorted((each.path, each.kind) for each in store.walk("/")) == [
            ("/d", Kind.DIRECTORY),
            ("/d/e", Kind.DIRECTORY),
            ("/d/f", Kind.FILE),
        ]
        assert [(each.name, each.kind) for each in store.list("/d")] == [("e", Kind.DIRECTORY), ("f", Kind.FILE)]
        assert [each.name for each in store.list("/")] == ["d"]
        assert list(store.list("/d/e")) == []
        assert get(store, "/d/f") == b"abc"
        for path in ("/d", "/d/e"):
            with pytest.raises(NotFound):
                get(store, path)


def test_a_directory_that_is_not_empty_stays() -> None:
    with double(_answer) as server, server.store() as store:
        with pytest.raises(StoreError, match="not empty"):
            store.delete("/d")
        assert not [each for each in server.requests if each.method == "DELETE"]
        store.delete("/d/e")
        assert [each.path for each in server.requests if each.method == "DELETE"][-1] == "/c/d/e"


def test_a_directory_that_another_fills_while_it_is_deleted_stays() -> None:
    def answer(request: Request) -> Reply | None:
        return _page() if request.query.get("prefix") == "d/" else _answer(request)

    with double(answer) as server, server.store() as store, pytest.raises(StoreError, match="not empty"):
        store.delete("/d")


def test_a_directory_is_made_by_its_marker_and_one_that_is_there_is_left_alone() -> None:
    with double(_answer) as server, server.store() as store:
        store.make_directory("/d")
        assert not [each for each in server.requests if each.method == "PUT"]
        store.make_directory("/new")
        made = server.requests[-1]
        assert (made.method, made.path, made.headers["x-ms-meta-hdi_isfolder"]) == ("PUT", "/c/new", "true")
