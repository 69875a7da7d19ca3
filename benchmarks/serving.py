"""Measure `spacy binder serve` under load, against `nlp.pipe` in the same run: `python -m benchmarks.serving`."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Annotated, Any, NamedTuple
from urllib.request import urlopen

import spacy
import torch
import typer
from spacy.language import Language
from spacy.tokens import DocBin

from .machine import machine
from .parts import write_json
from .speed.clock import paired

SECONDS_TO_START = 300


class Round(NamedTuple):
    """What a round of load has taken.

    seconds (float): From the first request to the last answer.
    cpu_seconds (float): Of the server's process.
    latencies (list[float]): Seconds of each request.
    """

    seconds: float
    cpu_seconds: float
    latencies: list[float]


def read_sentences(nlp: Language, path: Path, most: int) -> list[str]:
    """RETURNS (list[str]): Sentences of a DocBin, up to a number of them."""
    found = []
    for doc in DocBin().from_disk(path).get_docs(nlp.vocab):
        sents = doc.sents if doc.has_annotation("SENT_START") else nlp(doc.text).sents
        found += [sent.text for sent in sents if sent.text.strip()]
    return found[:most]


@contextmanager
def running(pipeline: str, threads: int, options: list[str]) -> Iterator[int]:
    """Run the command inside a `with` block.

    YIELDS (int): Its port.
    """
    command = [sys.executable, "-m", "spacy", "binder", "serve", pipeline, "--port", "0", *options]
    env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout
        try:
            line = next((line for line in process.stdout if "http://" in line), "")
            port = re.search(r":(\d+)\s*$", re.sub(r"\x1b\[[\d;]*m", "", line))
            if port is None:
                raise RuntimeError("The server has not started")
            yield int(port[1])
        finally:
            process.terminate()
            process.wait(SECONDS_TO_START)


def cpu_seconds(port: int) -> float:
    """RETURNS (float): The processor time that the server has used."""
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        found = re.search(rb"^process_cpu_seconds_total (\S+)$", answer.read(), re.M)
    assert found
    return float(found[1])


async def ask_all(port: int, sentences: list[str], n_clients: int) -> list[float]:
    """Send each sentence as a request of its own. Each client sends its next one when it has its answer.

    RETURNS (list[float]): Seconds of each request.
    """
    left = iter(sentences)
    latencies: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for sentence in left:
            body = json.dumps({"texts": [sentence]}).encode()
            head = "POST /annotate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            head += f"Content-Length: {len(body)}"
            start = perf_counter()
            writer.write(head.encode() + b"\r\n\r\n" + body)
            answered = await reader.readuntil(b"\r\n\r\n")
            if not answered.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answered.decode())
            length = re.search(rb"content-length: (\d+)", answered, re.I)
            assert length
            await reader.readexactly(int(length[1]))
            latencies.append(perf_counter() - start)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(client() for _ in range(n_clients)))
    return latencies


def load(port: int, sentences: list[str], n_clients: int) -> Round:
    """RETURNS (Round): What a round of load has taken."""
    cpu, start = cpu_seconds(port), perf_counter()
    latencies = asyncio.run(ask_all(port, sentences, n_clients))
    seconds = perf_counter() - start
    return Round(seconds, cpu_seconds(port) - cpu, latencies)


def pipe(nlp: Language, sentences: list[str]) -> Round:
    """RETURNS (Round): What `nlp.pipe` takes for the same sentences."""
    cpu, start = process_time(), perf_counter()
    for _ in nlp.pipe(sentences):
        pass
    return Round(perf_counter() - start, process_time() - cpu, [])


def measure(
    pipeline: str, nlp: Language, sentences: list[str], *, clients: int, rounds: int, threads: int, options: list[str]
) -> dict[str, Any]:
    """Measure the server and `nlp.pipe` in turn. A first round isn't counted.

    pipeline (str): The pipeline's folder.
    nlp (Language): The same pipeline.
    sentences (list[str]): The texts of a round.
    clients (int): Clients at the same time.
    rounds (int): Rounds that count.
    threads (int): Threads of torch, of both sides.
    options (list[str]): More options of the command.
    RETURNS (dict): Requests and words per second, latencies, and words/s as a ratio to `nlp.pipe`'s, by the clock on
        the wall and by that of the processor.
    """
    torch.set_num_threads(threads)
    n_words = sum(len(nlp.make_doc(text)) for text in sentences)
    served: list[Round] = []
    piped: list[Round] = []
    with running(pipeline, threads, options) as port:
        for i in range(rounds + 1):
            pair = pipe(nlp, sentences), load(port, sentences, clients)
            if i > 0:
                piped.append(pair[0])
                served.append(pair[1])
    latencies = [value for one in served for value in one.latencies]
    cuts = quantiles(latencies, n=100, method="inclusive")
    return {
        "requests": len(latencies),
        "requests_per_second": median(len(sentences) / one.seconds for one in served),
        "p50_ms": 1000 * cuts[49],
        "p99_ms": 1000 * cuts[98],
        "words_per_second": median(n_words / one.seconds for one in served),
        "words_per_second_of_pipe": median(n_words / one.seconds for one in piped),
        "ratio": paired([one.seconds for one in piped], [one.seconds for one in served]),
        "ratio_by_processor": paired([one.cpu_seconds for one in piped], [one.cpu_seconds for one in served]),
    }


def main(
    pipeline: Path,
    data: Path,
    output: Path,
    clients: Annotated[int, typer.Option(help="Clients at the same time.", min=1)] = 32,
    sentences: Annotated[int, typer.Option(help="The most sentences per round.", min=2)] = 1000,
    rounds: Annotated[int, typer.Option(help="Pairs of rounds that count.", min=1)] = 3,
    threads: Annotated[int, typer.Option(help="Threads of torch.", min=1)] = 1,
    serve: Annotated[str, typer.Option(help="More options of `spacy binder serve`.")] = "",
) -> None:
    """Serve PIPELINE, send it the sentences of the DocBin DATA, and write the figures to the file OUTPUT."""
    nlp = spacy.load(pipeline)
    texts = read_sentences(nlp, data, sentences)
    result = measure(str(pipeline), nlp, texts, clients=clients, rounds=rounds, threads=threads, options=serve.split())
    plan = {"clients": clients, "sentences": len(texts), "rounds": rounds, "threads": threads, "serve": serve}
    write_json({"machine": machine(), "plan": plan, "result": result}, output)
    for name, value in result.items():
        shown = value if isinstance(value, dict) else {"": value}
        print(f"{name:26}", *(f"{key} {number:,.2f}".strip() for key, number in shown.items()), sep="  ")


if __name__ == "__main__":
    typer.run(main)
