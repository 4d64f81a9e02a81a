"""`python -m forge.freeze`: write the golden bundle, the flawed ones and what must be said of each to tests/vectors/bundles.

Run once per format version and never again: old bundles verify for ever.
"""

import json
from pathlib import Path

from forge.flaws import FLAWS, honest
from forge.ledger import Operator

FOLDER = Path(__file__).parent.parent / "vectors" / "bundles"


def main() -> None:
    """Freeze; a bundle that is already there stays as it is."""
    expected = {"golden.zip": {"verdict": "SIGNED", "exit_code": 0, "step": None}}
    made = {"golden.zip": honest()}
    for name, (step, make) in FLAWS.items():
        made[f"flaws/{name}.zip"] = make()
        expected[f"flaws/{name}.zip"] = {"verdict": "FAILED", "exit_code": 1, "step": step}
    (FOLDER / "flaws").mkdir(parents=True, exist_ok=True)
    for name, data in made.items():
        if not (FOLDER / name).exists():
            (FOLDER / name).write_bytes(data)
    (FOLDER / "policy.txt").write_text(Operator().policy)
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
