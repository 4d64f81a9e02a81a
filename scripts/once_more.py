"""Run what failed in a browser once more, alone: two tests at most, and only if nothing else failed. It is named, however it ends.

Usage: python scripts/once_more.py CODE (the exit code of the run that failed, which stays the answer to everything else)

A page walked in Chromium while two other processes test beside it is now and then later than its test thinks. No other test is given a
second chance: a race that fails once in a hundred runs is what the others look for. See decision 24.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".pytest_cache" / "v"
MOST = 2


def failed() -> list[str]:
    """The tests that failed in the last run, as pytest remembers them; none of a run that did not come to its end."""
    ended, last = CACHE / "sealdesk" / "ended", CACHE / "cache" / "lastfailed"
    whole = ended.exists() and json.loads(ended.read_text()) == 1  # pytest's code for: all ran, some failed
    return sorted(json.loads(last.read_text())) if whole and last.exists() else []


def main() -> int:
    """Run them; 0 if all passed."""
    code, names = int(sys.argv[1]), failed()
    if not 0 < len(names) <= MOST or not all(name.startswith("tests/browser/") for name in names):
        return code
    print(f"Once more, alone: {', '.join(names)}", flush=True)
    again = subprocess.run([sys.executable, "-m", "pytest", *names], cwd=ROOT, check=False).returncode
    for name in names:
        print(f"{'FAILED TWICE' if again else 'UNSTEADY: failed among others and passed alone'}: {name}", flush=True)
    return again


if __name__ == "__main__":
    sys.exit(main())
