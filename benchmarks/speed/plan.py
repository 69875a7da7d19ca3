"""What is measured, and with which settings: one part for each process."""

from dataclasses import dataclass
from typing import Any

from spacy_binder.installed import is_installed


def text_encoder(precision: str, engine: str) -> dict[str, Any]:
    """RETURNS (dict): Settings of the text encoder, whatever the pipeline was trained or saved with."""
    return {"mixed_precision": False, "inference_precision": precision, "inference_engine": engine}


# Settings of the text encoder, by the name of the mode. An int8 copy is part of a pipeline: see `saved`.
MODES: dict[str, dict[str, Any]] = {name: text_encoder(name, "torch") for name in ("float32", "bfloat16")}
if is_installed("openvino"):
    MODES |= {f"openvino-{name}": text_encoder(name, "openvino") for name in ("float32", "bfloat16")}
DEFAULT_MODES = list(MODES)
# The pipeline's own settings.
MODES["saved"] = {}

GROUPS = ["ratio", "scores", "memory", "training", "labels", "sweeps", "long", "peers", "startup"]
# The most words of short documents, where batch sizes and other pipelines are compared.
SHORT = 200


@dataclass
class Part:
    """What one process measures.

    name (str): Its name, and that of the file its result is kept in. It begins with the group that --only knows.
    task (str): Module and function that measure it, like inference.ratio.
    threads (int): The threads it may use.
    settings (dict): The task's arguments.
    """

    name: str
    task: str
    threads: int
    settings: dict[str, Any]

    @property
    def group(self) -> str:
        """RETURNS (str): The group that it belongs to."""
        return self.name.partition("-")[0]


@dataclass
class Plan:
    """What is to be measured: the program's options.

    pipeline, encoder, dev, test (str): Where they are.
    modes (list[str]): The modes. With bfloat16 among them, training in mixed precision is measured, too.
    threads (list[int]): Numbers of threads. Where they are not compared, the first is used.
    runs (int): Counted rounds.
    max_docs (int): The most documents that are read of DEV and of TEST, or 0 for all.
    long_docs, long_words (int): Documents of the stream, words of the long document; 0 for neither.
    quick (bool): Whether to measure few points.
    """

    pipeline: str
    encoder: str
    dev: str
    test: str
    modes: list[str]
    threads: list[int]
    runs: int
    max_docs: int
    long_docs: int
    long_words: int
    quick: bool

    def __post_init__(self) -> None:
        few = self.quick
        self.label_counts = [50] if few else [50, 200, 1000]
        self.lengths = [128, 512] if few else [128, 512, 2048, 8192, 32768]
        self.batch_sizes = [1, 4] if few else [1, 8, 32, 64, 256]
        self.peer_sizes = [4] if few else [4, 32]
        own, others = ["spacy-binder"], ["spacy-transformers"]
        self.hidden = [others, own + others] if few else [[], own, others, own + others]
        self.starts = 1 if few else 11
        self.training = {"float32": False, **({"mixed": True} if "bfloat16" in self.modes else {})}

    def parts(self) -> list[Part]:
        """RETURNS (list[Part]): All parts, in the order they are measured in."""
        first = self.threads[0]
        docs = {"max_docs": self.max_docs}
        dev, test = {"data": self.dev, **docs}, {"data": self.test, **docs}
        bare = {"encoder": self.encoder, "runs": self.runs}
        parts = []
        for mode in self.modes:
            own = {"pipeline": self.pipeline, "text_encoder": MODES[mode]}
            parts += [Part(f"ratio-{mode}-{n}t", "inference.ratio", n, {**own, **bare, **test}) for n in self.threads]
            parts.append(Part(f"scores-{mode}", "inference.scores", first, {**own, **dev}))
            points = {"lengths": self.lengths, "batch_sizes": sorted({*self.batch_sizes, *self.peer_sizes})}
            settings = {**own, **bare, **test, **points, "cut_at": SHORT}
            parts.append(Part(f"sweeps-{mode}", "inference.sweeps", first, settings))
        parts.append(Part("memory-bare", "inference.memory", first, {"encoder": self.encoder, **test}))
        for n in self.threads:
            parts.append(Part(f"training-bare-{n}t", "training.bare", n, {**bare, **dev}))
            for row, mixed in self.training.items():
                settings = {**bare, **dev, "pipeline": self.pipeline, "mixed_precision": mixed}
                parts.append(Part(f"training-{row}-{n}t", "training.update", n, settings))
        own = {"pipeline": self.pipeline, "text_encoder": MODES["float32"], **test}
        for count in self.label_counts:
            settings = {**own, "count": count, "runs": self.runs}
            parts.append(Part(f"labels-{count}", "inference.labels", first, settings))
        if self.long_docs:
            parts.append(Part("long-stream", "inference.long_stream", first, {**own, "n_docs": self.long_docs}))
        if self.long_words:
            parts.append(Part("long-document", "inference.long_document", first, {**own, "n_words": self.long_words}))
        settings = {**bare, "dev": self.dev, "test": self.test, **docs, "cut_at": SHORT, "sizes": self.peer_sizes}
        peers = ["spancat", "gliner"] if is_installed("gliner") else ["spancat"]
        parts += [Part(f"peers-{peer}", f"peers.{peer}", first, settings) for peer in peers]
        parts.append(Part("startup", "startup.startup", 1, {"hidden": self.hidden, "runs": self.starts}))
        return parts
