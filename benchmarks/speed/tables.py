"""The measurements as tables, for the console and for a README."""

from statistics import median
from typing import Any

from ..machine import has_bfloat16
from ..table import MISSING, Row, Table
from .plan import SHORT, Plan

Result = dict[str, Any]

PEERS = {"spancat": "`transformer` + `spancat`", "gliner": "GLiNER, bi-encoder"}


class Tables:
    """The tables of the measurements. What has no result has a dash."""

    def __init__(self, plan: Plan, results: dict[str, Result], machine: dict[str, Any]) -> None:
        """
        plan (Plan): What was to be measured.
        results (dict): The result of each part, by its name.
        machine (dict): What it was measured on.
        """
        self.plan = plan
        self.results = results
        self.machine = machine
        self.on = f"On {threads(plan.threads[0])}."

    def all(self) -> list[Table]:
        """RETURNS (list[Table]): The tables of which anything was measured."""
        length = "The same words in all, in documents of this length."
        batch = f"Documents of at most {SHORT} words, `nlp.pipe(batch_size=...)`."
        tables = [
            self.modes(),
            self.training(),
            self.labels(),
            self.sweep("length", self.plan.lengths, "Length of documents", length),
            self.sweep("batch", self.plan.batch_sizes, "Batch size", batch),
            self.long(),
            self.startup(),
            self.peers(),
        ]
        for table in tables:
            table.rows = [row for row in table.rows if {*row[1:]} != {MISSING}]
        return [table for table in tables if table.rows]

    def mode(self, name: str) -> str:
        """RETURNS (str): The name of a mode, marked if the processor isn't made for it."""
        return name + "*" * ("bfloat16" in name and not has_bfloat16(self.machine))

    def speed(self, name: str, side: str, kind: str = "") -> Row:
        """RETURNS (list[str]): The ratio of one side to the bare encoder, and the words per second of both."""
        result = self.results.get(name)
        if not result:
            return [MISSING, MISSING]
        result = result[kind] if kind else result
        words = result["words_per_second"]
        return [spread(result["ratio"][side]), f"{words[side]:,.0f} of {words['bare']:,.0f}"]

    def memory(self, name: str, key: str, bare: str) -> Row:
        """RETURNS (list[str]): A peak, and its ratio to that of another part."""
        result, other = self.results.get(name), self.results.get(bare)
        peak = result[key] if result else None
        return [mib(peak), f"{peak / other['peak_rss_mib']:.2f}" if peak and other else MISSING]

    def modes(self) -> Table:
        """RETURNS (Table): Speed, F1 and memory of each mode."""
        header = ["Mode"]
        for n in self.plan.threads:
            header += [f"Ratio, {threads(n)}", f"Words/s, {threads(n)}"]
        header += ["F1, dev", "Peak RSS", "to bare"]
        rows = []
        for mode in self.plan.modes:
            row = [self.mode(mode)]
            for n in self.plan.threads:
                row += self.speed(f"ratio-{mode}-{n}t", "pipe")
            scores = self.results.get(f"scores-{mode}")
            row.append(f"{100 * scores['f']:.1f}" if scores else MISSING)
            row += self.memory(f"ratio-{mode}-{self.plan.threads[0]}t", "pipe_peak_rss_mib", "memory-bare")
            rows.append(row)
        note = (
            "Words per second of `nlp.pipe` over those of the bare encoder in float32, measured in turn: median and "
            f"range of {self.plan.runs}. A process that runs only the bare encoder, and imports spaCy to read the "
            f"documents, has a peak of {mib(self.results.get('memory-bare', {}).get('peak_rss_mib'))}."
        )
        if any(self.mode(mode) != mode for mode in self.plan.modes):
            note += " *This processor has no bfloat16 units."
        return Table("Modes", header, rows, note)

    def training(self) -> Table:
        """RETURNS (Table): Cost and memory of a training step."""
        rows = []
        for kind in self.plan.training:
            for n in self.plan.threads:
                name = f"training-{kind}-{n}t"
                result = self.results.get(name)
                row = [f"{'mixed precision' if kind == 'mixed' else kind}, {threads(n)}"]
                row.append(spread(result["cost"]) if result else MISSING)
                for side in ("update", "bare"):
                    row.append(f"{1000 * median(result['seconds'][side]):,.0f} ms" if result else MISSING)
                rows.append(row + self.memory(name, "update_peak_rss_mib", f"training-bare-{n}t"))
        header = ["Training", "Cost", "Step", "Bare encoder", "Peak RSS", "to bare"]
        note = (
            "Time of `nlp.update` on 8 passages of up to 128 wordpieces, with dropout, both encoders and optimizer, "
            "over that of the bare text encoder's forward and backward pass in float32 over the same texts."
        )
        return Table("Training step", header, rows, note)

    def labels(self) -> Table:
        """RETURNS (Table): Speed and memory by number of labels."""
        rows: list[Row] = []
        for count in self.plan.label_counts:
            if result := self.results.get(f"labels-{count}"):
                words = result["words_per_second"]
                if not rows:
                    rows.append([str(result["own_labels"]), f"{words['own']:,.0f}", "1", MISSING, MISSING])
                row = [f"{count:,}", f"{words['all']:,.0f}", spread(result["ratio"]["all"])]
                rows.append([*row, f"{result['encoding_seconds']:.2f} s", mib(result["peak_rss_mib"])])
        header = ["Labels", "Words/s", "to own labels", "Encoding the added ones", "Peak RSS"]
        note = "Each label has a description of its own. They are encoded once, before the clock starts."
        return Table("Number of labels", header, rows, f"{note} {self.on}")

    def sweep(self, kind: str, points: list[int], title: str, note: str) -> Table:
        """RETURNS (Table): Speed by length or by batch size, for each mode."""
        header = ["Words per document" if kind == "length" else "Documents per batch"]
        for mode in map(self.mode, self.plan.modes):
            header += [f"Ratio, {mode}", f"Words/s, {mode}"]
        rows = []
        for point in points:
            row = [f"{point:,}"]
            for mode in self.plan.modes:
                row += self.speed(f"sweeps-{mode}", str(point), kind)
            rows.append(row)
        return Table(title, header, rows, f"{note} Ratios are to the bare encoder. {self.on}")

    def long(self) -> Table:
        """RETURNS (Table): Memory over a long stream and a long document."""
        rows = []
        if stream := self.results.get("long-stream"):
            row = [
                f"{stream['docs']:,} documents",
                f"{stream['words']:,}",
                f"{mib(stream['rss_mib'][0])} after a tenth",
            ]
            rows.append([*row, mib(stream["rss_mib"][-1]), mib(stream["peak_rss_mib"])])
        if doc := self.results.get("long-document"):
            row = ["1 document", f"{doc['words']:,}", f"{mib(doc['loaded_rss_mib'])} before"]
            rows.append([*row, mib(doc["rss_mib"]), mib(doc["peak_rss_mib"])])
        header = ["Input", "Words", "RSS", "RSS at the end", "Peak RSS"]
        return Table("Long input", header, rows, f"In float32. {self.on}")

    def startup(self) -> Table:
        """RETURNS (Table): Time of spacy.blank."""
        result = self.results.get("startup", {"rows": [], "imports_torch": False})
        rows = []
        for row in result["rows"]:
            seen = f"all but those of {' and '.join(row['hidden'])}" if row["hidden"] else "all"
            least, middle, most = (1000 * of(row["seconds"]) for of in (min, median, max))
            rows.append([seen, f"{middle:,.0f} ms", f"{least:,.0f}-{most:,.0f} ms"])
        note = (
            f'`spacy.blank("en")` after `import spacy`, {self.plan.starts} processes each. '
            f"`import spacy_binder` imports {'torch' if result['imports_torch'] else 'no torch'}."
        )
        return Table("Start-up", ["Entry points", "Median", "Range"], rows, note)

    def peers(self) -> Table:
        """RETURNS (Table): Speed of other ways to find spans."""
        rows = []
        for size in self.plan.peer_sizes:
            own = self.speed("sweeps-float32", str(size), "batch")
            rows.append([f"`binder_ner`, batches of {size}", *own])
        for peer, title in PEERS.items():
            for size in self.plan.peer_sizes:
                rows.append([f"{title}, batches of {size}", *self.speed(f"peers-{peer}", str(size))])
        note = (
            f"The same encoder in float32, documents of at most {SHORT} words. The others are untrained and made to "
            f"find nothing. Ratios are to the bare encoder. {self.on}"
        )
        return Table("Peers", ["Pipeline", "Ratio", "Words/s"], rows, note)


def threads(n: int) -> str:
    """RETURNS (str): A number of threads."""
    return f"{n} thread{'s' * (n > 1)}"


def spread(values: dict[str, float]) -> str:
    """RETURNS (str): Median and range."""
    return f"{values['median']:.2f} ({values['min']:.2f}-{values['max']:.2f})"


def mib(value: float | None) -> str:
    """RETURNS (str): An amount of memory."""
    return f"{value:,.0f} MiB" if value else MISSING
