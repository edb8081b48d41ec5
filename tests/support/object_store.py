"""A store that speaks as much of S3 as a bulk run asks for, in memory, on this machine."""

import contextlib
import hashlib
import io
import threading
import urllib.parse
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape


class Store:
    """Objects by `bucket/key`, and the store's address."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.url = ""

    def names(self, prefix: str) -> list[str]:
        return sorted(name for name in self.objects if name.startswith(prefix))


@contextlib.contextmanager
def running() -> Iterator[Store]:
    """A store that answers while this is held."""
    store = Store()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(store))
    store.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(store: Store) -> type[BaseHTTPRequestHandler]:
    uploads: dict[str, dict[int, bytes]] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._get()

        def do_GET(self) -> None:
            name, query = self._asked()
            if "list-type" in query:
                self._answer(200, _listing(store, name, query))
            else:
                self._get()

        def do_PUT(self) -> None:
            name, query = self._asked()
            body = self._body()
            if "uploadId" in query:
                uploads[query["uploadId"]][int(query["partNumber"])] = body
            else:
                store.objects[name] = body
            self._answer(200, ETag=_tag(body))

        def do_POST(self) -> None:
            name, query = self._asked()
            self._body()
            if "uploads" in query:
                upload = f"upload-{len(uploads)}"
                uploads[upload] = {}
                self._answer(200, f"<R><UploadId>{upload}</UploadId></R>".encode())
            else:
                parts = uploads.pop(query["uploadId"])
                store.objects[name] = b"".join(parts[number] for number in sorted(parts))
                self._answer(200, b"<CompleteMultipartUploadResult/>")

        def do_DELETE(self) -> None:
            store.objects.pop(self._asked()[0], None)
            self._answer(204)

        def _asked(self) -> tuple[str, dict[str, str]]:
            asked = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(asked.query, keep_blank_values=True))
            return urllib.parse.unquote(asked.path).strip("/"), query

        def _get(self) -> None:
            name, _ = self._asked()
            data = store.objects.get(name)
            if data is None and "/" in name:
                self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
                return
            data = data or b""
            status = 200
            if asked := self.headers.get("Range"):
                first, _, last = asked.removeprefix("bytes=").partition("-")
                status, data = 206, data[int(first) : int(last or len(data)) + 1]
            self._answer(status, data, ETag=_tag(data))

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                data = _join_chunks(self.rfile)
            else:
                data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            signed = "aws-chunked" in self.headers.get("Content-Encoding", "")
            return _join_chunks(io.BytesIO(data)) if signed else data

        def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            self.send_header("Last-Modified", formatdate(usegmt=True))
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            for header, value in headers.items():
                self.send_header(header, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler


def _join_chunks(file: io.BufferedIOBase) -> bytes:
    """Each chunk is a line with its length in hex, so many bytes, and the end of a line."""
    whole = b""
    while length := int(file.readline().partition(b";")[0], 16):
        whole += file.read(length)
        file.readline()
    while file.readline().strip():
        pass  # what follows the last chunk, up to an empty line
    return whole


def _listing(store: Store, bucket: str, query: dict[str, str]) -> bytes:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    keys = [name.removeprefix(f"{bucket}/") for name in store.names(f"{bucket}/{prefix}")]
    inner = {key: key[len(prefix) :].partition(delimiter) if delimiter else () for key in keys}
    folders = sorted({prefix + found[0] + "/" for found in inner.values() if found and found[1]})
    files = [key for key, found in inner.items() if not (found and found[1])]
    written = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{len(store.objects[f'{bucket}/{key}'])}</Size>"
        "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
        for key in files
    )
    written += "".join(
        f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders
    )
    count = f"<KeyCount>{len(files)}</KeyCount><IsTruncated>false</IsTruncated>"
    return f"<ListBucketResult>{count}{written}</ListBucketResult>".encode()


def _tag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'
