"""The server: intakes, evidence, decisions and alerts over HTTP, gate two, and the admission webhook of Kubernetes.

Without sign-in it answers only the person at this machine; how people sign in, and tokens, are described in
docs/server.md. With --gate-only it has nothing but gate two: /v1/admit, /admission/STAGE, /healthz and /readyz.

It listens on this machine only, unless told otherwise, and to others only with a certificate. Each decision is written
into the log of decisions before it is told (the setting index, or WEIGHBRIDGE_INDEX), and is one line of JSON on
standard error. Without a log that can be written it does not start, unless --no-record says that none is wanted. See
docs/kubernetes.md.

Examples:
  weighbridge serve
  weighbridge serve --workers 4
  weighbridge serve --host 0.0.0.0 --port 8443 --tls-cert tls.crt --tls-key tls.key
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.errors import IndexFailed, UsageError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.pipelines.crew import workers
from weighbridge.web.app import build
from weighbridge.web.site import Site
from weighbridge.web.tracing import end_tracing

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping
    from typing import Any

    import uvicorn

    from weighbridge.core.settings import Settings
    from weighbridge.pipelines.gate_two import Gate
    from weighbridge.web.desk import Desk

LOOPBACK = ("127.0.0.1", "::1", "localhost")
CONNECTIONS = 1000
"""Open at a time; more are answered with 503."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `serve` takes."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8080, help="default: 8080")
    parser.add_argument("--tls-cert", metavar="FILE", help="the certificate to show, with its chain (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key (PEM)")
    parser.add_argument("--client-ca", metavar="FILE", help="serve only clients with a certificate of these (PEM)")
    parser.add_argument(
        "--plain-http", action="store_true", help="listen to other machines without TLS: something before us does it"
    )
    parser.add_argument("--no-record", action="store_true", help="keep no log of decisions; gate two only")
    parser.add_argument("--workers", metavar="N", type=int, default=1, help="intakes done here at a time (default: 1)")
    parser.add_argument("--gate-only", action="store_true", help="nothing but gate two: no queue, no index of ours")
    common.add_general(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    _check(options)
    try:
        import uvicorn
    except ImportError:
        raise UsageError("serve needs starlette and uvicorn", "pip install 'weighbridge[server]'") from None
    settings = common.settings_for(options)
    common.trust_policy(settings)  # better to stop now than to deny everything

    def log(record: Mapping[str, Any]) -> None:
        if not options.quiet:
            line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **record}
            sys.stderr.write(json.dumps(line, ensure_ascii=True) + "\n")
            sys.stderr.flush()

    site = Site(_gate(settings, record=not options.no_record), lambda: datetime.now(UTC), log)
    desk = None if options.gate_only or options.no_record else _desk(site, options)
    server = uvicorn.Server(
        uvicorn.Config(
            build(site, desk),
            host=options.host,
            port=options.port,
            ssl_certfile=options.tls_cert,
            ssl_keyfile=options.tls_key,
            ssl_ca_certs=options.client_ca,
            ssl_cert_reqs=2 if options.client_ca else 0,
            access_log=False,
            log_level="error",
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=15,
            h11_max_incomplete_event_size=64 * 1024,
            timeout_graceful_shutdown=10,
            ws="none",
        )
    )
    scheme = "https" if options.tls_cert else "http"
    common.say(options, f"serving {scheme}://{options.host}:{options.port}")
    crew = workers(_crew(options, site) if desk is not None else 0, settings.file, log)
    try:
        with _ending_in_order(server), crew:
            server.run()
    except OSError as error:
        raise UsageError(
            f"cannot serve on {options.host}:{options.port}: {error.strerror}", "choose another"
        ) from error
    except SystemExit:
        raise UsageError(f"cannot serve on {options.host}:{options.port}", "is something listening there?") from None
    return 0


@contextmanager
def _ending_in_order(server: uvicorn.Server) -> Iterator[None]:
    """Have SIGTERM end the server, and then this process where it stands: uvicorn raises the signal once more after
    its last answer, which by itself would end the process with workers and traces left as they are.
    """

    def told(number: int, _frame: object) -> None:
        if not server.should_exit:  # it came before anything was served
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    before = signal.signal(signal.SIGTERM, told)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        end_tracing()


def _desk(site: Site, options: argparse.Namespace) -> Desk:
    from weighbridge.index.database import open_database
    from weighbridge.pipelines.gate_two import DEFAULT_INDEX
    from weighbridge.web.desk import open_desk
    from weighbridge.web.sign_in import open_sign_in
    from weighbridge.web.tracing import begin_tracing

    if why := begin_tracing():
        site.log({"error": why})
    sign_in = open_sign_in(site.settings.server.sign_in)
    try:
        engine = open_database(site.settings.index_address or DEFAULT_INDEX, create=True)
    except IndexFailed as error:
        raise UsageError(error.cause, "set index to a database that can be written, or give --gate-only") from error
    return open_desk(site, engine, local=options.host in LOOPBACK and sign_in is None, sign_in=sign_in)


def _gate(settings: Settings, *, record: bool) -> Gate:
    from weighbridge.pipelines.gate_two import Held, log_of, open_gate, signing_key

    gate = open_gate(settings, record=False, held=Held())
    if not record:
        return gate
    signer = signing_key(settings)
    try:
        log = log_of(settings, signer)
        log.try_writing()
    except (UsageError, IndexFailed) as error:
        mend = "set index (or WEIGHBRIDGE_INDEX) to a database that can be written, or give --no-record to keep no log"
        raise UsageError(error.cause, mend) from error
    return gate._replace(log=log, signer=signer)


def _crew(options: argparse.Namespace, site: Site) -> int:
    """How many workers to start: none without a key, since nothing that they take in could be signed."""
    if options.workers and not site.settings.key:
        common.say(options, "no signing key is set, so no intake is done here")
        return 0
    count: int = options.workers
    return count


def _check(options: argparse.Namespace) -> None:
    if not 0 <= options.workers <= 64:
        raise UsageError(f"{options.workers} workers make no sense", "write a number from 0 to 64")
    if options.port not in range(65536):
        raise UsageError(f"{options.port} is no port", "write a number below 65536")
    if bool(options.tls_cert) != bool(options.tls_key):
        raise UsageError("a certificate and its key go together", "give both --tls-cert and --tls-key")
    if options.client_ca and not options.tls_cert:
        raise UsageError("clients show certificates over TLS only", "give --tls-cert and --tls-key too")
    for path in (options.tls_cert, options.tls_key, options.client_ca):
        if path and not os.access(path, os.R_OK):
            raise UsageError(f"{path!r} cannot be read", "name another file")
    if options.host not in LOOPBACK and not options.tls_cert and not options.plain_http:
        mend = "give --tls-cert and --tls-key, or --plain-http if something before us speaks TLS"
        raise UsageError("what is decided for other machines must not travel unprotected", mend)
