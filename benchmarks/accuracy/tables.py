"""The results as tables, for the console and for a README."""

from collections.abc import Iterable
from itertools import zip_longest
from statistics import mean, stdev
from typing import Any

from ..table import MISSING, Row, Table
from .systems import OWN, PEERS

Record = dict[str, Any]
TITLES = {"spancat": "`transformer` + `spancat`", "ner": "`transformer` + `ner`", "gliner": "GLiNER"}
RULE = (
    "Borders and label of a span must be those of the gold span. All pipelines get the gold tokens, and no sentences. "
    "The best pipeline on the development part is scored once on the test part. Means and standard deviations over "
    "seeds. Macro F1: the mean of the labels' F1. Nested R: recall of gold spans inside or around another one. "
    "Training: its time, evaluations included. spaCy's own components and GLiNER have the same encoder as "
    f"`{OWN[0]}`, as many steps and as many evaluations."
)


class Tables:
    """The tables of kept records: means over seeds, and standard deviations where there is more than one seed."""

    def __init__(self, records: Iterable[Record]) -> None:
        """records (Iterable[Record]): The records. Failed runs are left out."""
        self.compared: dict[str, dict[str, list[Record]]] = {}
        self.changes: dict[str, dict[str, list[Record]]] = {}
        for record in sorted((record for record in records if "result" in record), key=order):
            table = self.changes if record["change"] else self.compared
            table.setdefault(record["dataset"], {}).setdefault(record["system"], []).append(record)

    def all(self) -> list[Table]:
        """RETURNS (list[Table]): The tables that have rows."""
        tables = [self.summary(), self.evaluations(), *map(self.labels, self.compared)]
        tables += map(self.ablations, self.changes)
        return [table for table in tables if table.rows]

    def rows(self) -> list[tuple[Row, list[Record]]]:
        """RETURNS (list): Dataset and system, and their runs, for each row of the tables of all datasets."""
        return [
            ([dataset, TITLES.get(system, f"`{system}`")], runs)
            for dataset, systems in self.compared.items()
            for system, runs in systems.items()
        ]

    def summary(self) -> Table:
        """RETURNS (Table): The scores on the test parts."""
        header = ["Dataset", "System", "Seeds", "P", "R", "F1", "Macro F1", "Nested R", "Dev F1", "Training", "Steps"]
        rows = []
        for names, runs in self.rows():
            row = [*names, str(len(runs))]
            for name in ("p", "r", "f", "macro_f", "nested_r"):
                row.append(percent([(run["result"]["test"] or {}).get(name) for run in runs]))
            row.append(percent([run["result"]["dev"]["f"] for run in runs]))
            row.append(f"{mean(map(seconds, runs)):,.0f} s")
            row.append(f"{mean(run['result']['evaluations'][-1]['step'] for run in runs):,.0f}")
            rows.append(row)
        return Table("Accuracy", header, rows, RULE)

    def evaluations(self) -> Table:
        """RETURNS (Table): F1 on development data in the course of training."""
        rows = []
        for names, runs in self.rows():
            # A run that has ended has no part in later means.
            columns = zip_longest(*([row["f"] for row in run["result"]["evaluations"]] for run in runs))
            means = [mean(f for f in column if f is not None) for column in columns]
            rows.append([*names, ", ".join(f"{100 * f:.1f}" for f in means)])
        header = ["Dataset", "System", "Dev F1 by evaluation"]
        return Table("Development scores", header, rows, "Means over seeds, as the training's log has them.")

    def labels(self, dataset: str) -> Table:
        """RETURNS (Table): F1 of each label of a dataset, on the test part if all runs were scored on it."""
        systems = self.compared[dataset]
        tested = all(run["result"]["test"] for runs in systems.values() for run in runs)
        part = "test" if tested else "dev"
        found = {system: [run["result"][part]["labels"] for run in runs] for system, runs in systems.items()}
        counts = {label: scores["gold"] for runs in found.values() for label, scores in runs[0].items()}
        rows = [
            [label, f"{count:,}", *(percent([run.get(label, {}).get("f") for run in runs]) for runs in found.values())]
            for label, count in sorted(counts.items(), key=lambda item: -item[1])
        ]
        header = ["Label", "Gold spans", *(TITLES.get(system, f"`{system}`") for system in systems)]
        return Table(f"F1 by label: {dataset}, {part}", header, rows, "Means and standard deviations over seeds.")

    def ablations(self, dataset: str) -> Table:
        """RETURNS (Table): The effect of each change on a dataset's development part, and its cost."""
        rows = []
        changes = self.changes[dataset]
        for base in dict.fromkeys(runs[0]["base"] for runs in changes.values()):
            given = {run["seed"]: run for run in self.compared.get(dataset, {}).get(base, [])}
            if given:
                rows.append([f"`{base}`", "", *effect(list(given.values()), {})])
            for name, runs in changes.items():
                if runs[0]["base"] == base:
                    what = "; ".join(f"`{key}` = `{value}`" for key, value in runs[0]["overrides"].items())
                    rows.append([name, what, *effect(runs, given)])
        header = ["Change", "What", "Seeds", "Dev F1", "Spread", "Difference", "Training", "To base"]
        note = (
            "F1 on the development part: means and standard deviations over seeds, and its range. Difference of F1 and "
            "ratio of training time: to the base with the same seeds."
        )
        return Table(f"Changes: {dataset}", header, rows, note)


def effect(runs: list[Record], given: dict[int, Record]) -> Row:
    """RETURNS (list[str]): Seeds, F1, its range, and the difference from given runs with the same seeds."""
    scores = [run["result"]["dev"]["f"] for run in runs]
    pairs = [(run, given[run["seed"]]) for run in runs if run["seed"] in given]
    differences = [run["result"]["dev"]["f"] - base["result"]["dev"]["f"] for run, base in pairs]
    return [
        str(len(runs)),
        percent(scores),
        f"{100 * min(scores):.1f}-{100 * max(scores):.1f}",
        percent(differences, sign="+"),
        f"{mean(map(seconds, runs)):,.0f} s",
        f"{mean(seconds(run) / seconds(base) for run, base in pairs):.2f}" if pairs else MISSING,
    ]


def seconds(run: Record) -> float:
    """RETURNS (float): How long a run was trained."""
    return run["result"]["training_seconds"]


def order(record: Record) -> tuple[str, int, str, int]:
    """RETURNS (tuple): The place of a record: our systems first, peers last."""
    known = [*OWN, record["system"], *PEERS]
    return record["dataset"], known.index(record["system"]), record["system"], record["seed"]


def percent(values: Iterable[float | None], sign: str = "") -> str:
    """RETURNS (str): Mean and, of more than one value, standard deviation of percentages of 1."""
    known = [100 * value for value in values if value is not None]
    if not known:
        return MISSING
    spread = f" ± {stdev(known):.1f}" if len(known) > 1 else ""
    return f"{mean(known):{sign}.1f}{spread}"
