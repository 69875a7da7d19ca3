"""How often an entity is of a type that nothing says of it."""

from collections import Counter, defaultdict
from collections.abc import Sequence

KINDS = ("PER", "ORG", "LOC", "MISC", "TIME", "NUM")


class Shares:
    """How often entities of a kind, or of a type, are of another type, in documents whose entities are all known."""

    def __init__(self) -> None:
        self.n: Counter[str] = Counter()
        self.both: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, kind: str, types: Sequence[str]) -> None:
        """Count an entity.

        kind (str): Its kind.
        types (Sequence[str]): Its types.
        """
        for given in (kind, *types):
            self.n[given] += 1
            self.both[given].update(types)

    def of(self, name: str, kind: str, types: Sequence[str] = ()) -> float:
        """Find how often an entity is of a type that it is not known to be of.

        name (str): The type.
        kind (str): The kind of the entity. Empty if it is not known.
        types (Sequence[str]): What is known of the entity. Defaults to nothing.
        RETURNS (float): The highest share of the type among the entities of one of its types, or else of its kind.
        """
        given = [one for one in types if self.n[one]] or [kind] if kind else list(KINDS)
        return max((self.both[one][name] / self.n[one] for one in given if self.n[one]), default=0.0)
