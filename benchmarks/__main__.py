"""Run the named experiments and write their tables: ``python -m benchmarks --data DIR``."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.experiments import EXPERIMENTS
from benchmarks.harness import TABLES, finished, measure


def main() -> None:
    """Measure what is missing, then make the tables of the docs from all finished rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"out of {', '.join(EXPERIMENTS)}; or all")
    parser.add_argument("--data", type=Path, help="folder with fmd/raw and fmd/gt")
    parser.add_argument(
        "--tables-only", action="store_true", help="make the tables of what is finished"
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(EXPERIMENTS)
    if unknown:
        parser.error(f"no experiment {unknown.pop()!r}; there is {', '.join(EXPERIMENTS)}")
    if options.data is None and not options.tables_only:
        parser.error("--data DIR is needed to measure")
    for name in options.names or EXPERIMENTS:
        experiment = EXPERIMENTS[name]
        if options.tables_only:
            done = finished(experiment.rows)
        else:
            done = measure(name, experiment.rows, options.data)
        if done:
            TABLES.mkdir(parents=True, exist_ok=True)
            table = experiment.table(done)
            (TABLES / f"{experiment.page}.md").write_text(table + "\n", encoding="utf-8")
            print(f"\n{name} ({len(done)} of {len(experiment.rows)} rows)\n\n{table}\n")


if __name__ == "__main__":
    main()
