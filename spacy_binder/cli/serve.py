"""`spacy binder serve`: find spans for other programs, by HTTP."""

import sys
from typing import Annotated, Optional

from spacy.cli._util import Arg, Opt, setup_gpu
from wasabi import msg

from .output import clean_errors


def serve_cli(
    model: Annotated[str, Arg(help="Pipeline to serve: a folder or the name of an installed one")],
    host: Annotated[str, Opt("--host", help="Address to listen at. Other computers can reach any but the default")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, Opt("--port", "-p", min=0, max=65535, help="Port to listen at, 0 for any free one")] = 8000,
    wait: Annotated[
        float, Opt("--wait", min=0, help="Milliseconds that the first request of a batch waits for others")
    ] = 5,
    batch: Annotated[
        int, Opt("--batch", min=1, help="The most texts per batch, each counted anew after 1,000 characters")
    ] = 64,
    queue: Annotated[int, Opt("--queue", min=1, help="The most requests that wait or are under way")] = 256,
    timeout: Annotated[float, Opt("--timeout", min=0.001, help="Seconds that a request waits for its answer")] = 30,
    max_body: Annotated[int, Opt("--max-body", min=1, help="The most bytes per request")] = 1_000_000,
    max_texts: Annotated[int, Opt("--max-texts", min=1, help="The most texts per request")] = 100,
    max_text_length: Annotated[int, Opt("--max-text-length", min=1, help="The most characters per text")] = 50_000,
    max_labels: Annotated[int, Opt("--max-labels", min=1, help="The most labels per request")] = 100,
    max_descriptions: Annotated[int, Opt("--max-descriptions", min=1, help="The most descriptions per label")] = 10,
    max_description_length: Annotated[
        int, Opt("--max-description-length", min=1, help="The most characters per description")
    ] = 1000,
    max_spans: Annotated[int, Opt("--max-spans", min=1, help="The most spans per answer")] = 20_000,
    cors: Annotated[
        Optional[list[str]],
        Opt("--cors", help="Origin of web pages that may send requests, such as https://example.org. May be repeated"),
    ] = None,
    allow_host: Annotated[
        Optional[list[str]],
        Opt("--allow-host", help="Name that requests may address the server by, as a proxy sends. May be repeated"),
    ] = None,
    component: Annotated[str, Opt("--component", help="Name of the binder_ner, if there are several")] = "",
    gpu_id: Annotated[int, Opt("--gpu-id", "-g", help="GPU to run on, -1 for the CPU")] = -1,
) -> None:
    """Serve MODEL by HTTP: find the spans of texts, by the pipeline's labels or by those of the request.

    Paths are POST /annotate, GET /labels, /health, /metrics and /openapi.json. Requests that come within a short time
    share a batch. There is no login. Ctrl+C or SIGTERM ends it, after it has answered what is there. Needs the extra
    `serve`.
    """
    with clean_errors("Can't serve the pipeline"):
        from ..installed import is_installed

        missing = [name for name in ("fastapi", "uvicorn", "prometheus_client") if not is_installed(name)]
        if missing:
            raise ImportError(f'{", ".join(missing)} is missing. Install it by `pip install "spacy-binder[serve]"`.')
        from ..serving.loading import load_api
        from ..serving.server import address, allowed_hosts, bind, serve
        from ..serving.settings import Limits, ServerSettings

        limits = Limits(
            body_bytes=max_body,
            texts=max_texts,
            text_length=max_text_length,
            labels=max_labels,
            descriptions=max_descriptions,
            description_length=max_description_length,
            spans=max_spans,
            requests=queue,
            seconds=timeout,
        )
        settings = ServerSettings(
            model=model,
            component=component,
            wait_ms=wait,
            batch_texts=batch,
            origins=tuple(cors or ()),
            hosts=allowed_hosts(host, allow_host or []),
            limits=limits,
        )
        # Before the pipeline is loaded, so that a port that is taken is said at once.
        opened = bind(host, port)
        setup_gpu(gpu_id)
        msg.info(f"Loading {model}")
        api = load_api(settings)

        def started() -> None:
            msg.good(f"Serving at {address(opened)}", "Ctrl+C ends it.")
            # Without a terminal, the line would wait for others.
            sys.stdout.flush()

        if not serve(api, opened, timeout=timeout, started=started):
            raise OSError("It has not started. The lines above have the cause.")
