"""What is measured, and with which settings: one part for each process."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any


def text_encoder(precision: str, engine: str) -> dict[str, Any]:
    """RETURNS (dict): Settings of the text encoder, whatever the pipeline was trained or saved with."""
    return {"mixed_precision": False, "inference_precision": precision, "inference_engine": engine}


# Settings of the text encoder, by the name of the mode.
MODES = {precision: text_encoder(precision, "torch") for precision in ("float32", "bfloat16", "int8")}
if find_spec("openvino"):
    MODES |= {f"openvino-{precision}": text_encoder(precision, "openvino") for precision in ("float32", "bfloat16")}

# Mixed precision in training, by the name of the row.
TRAINING = {"float32": False, "mixed": True}

# Words of short documents, at most, where batch sizes and other pipelines are compared.
SHORT = 200


@dataclass
class Part:
    """What one process measures.

    name (str): Its name, and that of the file its result is kept in.
    group (str): What --only knows it by.
    task (str): Module and function that measure it, like inference.ratio.
    threads (int): The threads it may use.
    settings (dict): The task's arguments.
    """

    name: str
    group: str
    task: str
    threads: int
    settings: dict[str, Any]


@dataclass
class Plan:
    """What is to be measured; the options of the script.

    pipeline, encoder, dev, test (str): Where they are.
    modes, label_modes (list[str]): The modes; those in which the number of labels is varied.
    threads (list[int]): Numbers of threads. Where they aren't compared, the first is used.
    runs, sweep_runs, startup_runs (int): Counted rounds of ratios, of sweeps and of start-ups.
    max_docs (int): The most documents that are read of DEV and of TEST; 0 for all.
    label_counts, lengths, batch_sizes, equality_sizes, peer_sizes (list[int]): The points that are measured.
    training (list[str]): Rows of `TRAINING`.
    hidden (list[list[str]]): Distributions whose entry points are hidden, for each kind of start-up.
    long_docs, long_words (int): Documents of the stream, words of the long document; 0 for neither.
    """

    pipeline: str
    encoder: str
    dev: str
    test: str
    modes: list[str]
    label_modes: list[str]
    threads: list[int]
    runs: int
    sweep_runs: int
    startup_runs: int
    max_docs: int
    label_counts: list[int]
    lengths: list[int]
    batch_sizes: list[int]
    equality_sizes: list[int]
    peer_sizes: list[int]
    training: list[str]
    hidden: list[list[str]]
    long_docs: int
    long_words: int

    def parts(self) -> list[Part]:
        """RETURNS (list[Part]): All parts, in the order they are measured in."""
        return [*self._modes(), *self._training(), *self._sweeps(), *self._long(), *self._others()]

    def _part(self, group: str, name: str, task: str, threads: int = 0, **settings: Any) -> Part:
        settings = {**settings, "max_docs": self.max_docs}
        return Part(f"{group}-{name}", group, task, threads or self.threads[0], settings)

    def _modes(self) -> list[Part]:
        parts = []
        for mode in self.modes:
            loaded = {"pipeline": self.pipeline, "text_encoder": MODES[mode]}
            settings = {**loaded, "encoder": self.encoder, "data": self.test, "batch_size": 32, "runs": self.runs}
            parts += [self._part("ratio", f"{mode}-{n}t", "inference.ratio", n, **settings) for n in self.threads]
            sizes = self.equality_sizes if mode == "float32" else []
            settings = {**loaded, "dev": self.dev, "test": self.test, "sizes": sizes}
            parts.append(self._part("scores", mode, "inference.scores", **settings))
        bare = {"encoder": self.encoder, "data": self.test}
        return [*parts, self._part("memory", "bare", "inference.memory_bare", **bare)]

    def _training(self) -> list[Part]:
        bare = {"encoder": self.encoder, "data": self.dev, "runs": self.runs}
        parts = []
        for n in self.threads:
            parts.append(self._part("training", f"bare-{n}t", "training.bare", n, **bare))
            for row in self.training:
                update = {**bare, "pipeline": self.pipeline, "mixed_precision": TRAINING[row]}
                parts.append(self._part("training", f"{row}-{n}t", "training.update", n, **update))
        return parts

    def _sweeps(self) -> list[Part]:
        settings = {"pipeline": self.pipeline, "data": self.test, "runs": self.sweep_runs}
        parts = []
        for mode in self.label_modes:
            for count in self.label_counts:
                labels = {**settings, "text_encoder": MODES[mode], "count": count}
                parts.append(self._part("labels", f"{mode}-{count}", "inference.labels", **labels))
        settings |= {"encoder": self.encoder, "cut_at": SHORT}
        settings |= {"lengths": self.lengths, "batch_sizes": sorted({*self.batch_sizes, *self.peer_sizes})}
        for mode in self.modes:
            parts.append(self._part("sweeps", mode, "inference.sweeps", **settings, text_encoder=MODES[mode]))
        return parts

    def _long(self) -> list[Part]:
        settings = {"pipeline": self.pipeline, "text_encoder": MODES["float32"], "data": self.test}
        parts = []
        if self.long_docs:
            parts.append(self._part("long", "stream", "inference.long_stream", **settings, n_docs=self.long_docs))
        if self.long_words:
            parts.append(self._part("long", "document", "inference.long_document", **settings, n_words=self.long_words))
        return parts

    def _others(self) -> list[Part]:
        settings = {"encoder": self.encoder, "dev": self.dev, "test": self.test}
        settings |= {"cut_at": SHORT, "sizes": self.peer_sizes, "runs": self.sweep_runs}
        parts = [self._part("peers", "spancat", "peers.spancat", **settings)]
        if find_spec("gliner"):
            parts.append(self._part("peers", "gliner", "peers.gliner", **settings))
        settings = {"hidden": self.hidden, "runs": self.startup_runs}
        return [*parts, Part("startup", "startup", "startup.startup", 1, settings)]
