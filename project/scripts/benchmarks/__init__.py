"""What the benchmarks share: processes of their own, kept results, tables, and facts about the machine."""
