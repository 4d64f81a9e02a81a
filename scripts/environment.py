"""Make .venv hold exactly what a locked requirements file lists, and this project in it.

Usage: python scripts/environment.py {runtime,dev}

Runs on a bare Python, so it uses nothing but the standard library. A second run with nothing changed does nothing.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)


def main() -> None:
    """Bring the environment up to the wanted set; `dev` holds all of `runtime`, so it is never taken back."""
    wanted = sys.argv[1]
    if sys.version_info < OLDEST:
        sys.exit(
            f"Sealdesk needs Python 3.11 or newer; this is {sys.version.split()[0]}: run make PYTHON=/path/to/python3"
        )
    # Two `make` at once share the folder: the second waits for what the first installs.
    fcntl.flock(os.open(ROOT, os.O_RDONLY), fcntl.LOCK_EX)  # until this process ends
    stamps = {name: fingerprint(name) for name in ("runtime", "dev")}
    stamp = VENV / ".installed"
    current = stamp.read_text().strip() if stamp.exists() else ""
    if current in {stamps[wanted], stamps["dev"]} and (VENV / "bin" / "sealdesk").exists():
        return
    if not (VENV / "bin" / "python").exists():
        make_environment()
    stamp.unlink(missing_ok=True)
    print(f"Installing the locked {wanted} requirements into .venv ...", flush=True)
    # The lock names all there is, so nothing is left to be resolved.
    locked = str(ROOT / "requirements" / f"{wanted}.txt")
    # A desk may run as a user who can't write here, so all of its own is compiled now; a developer's is when it is first used.
    lazily = ["--no-compile"] if wanted == "dev" else []
    pip("--require-hashes", "--no-deps", "--only-binary=:all:", *lazily, "--requirement", locked)
    if wanted == "dev":
        source = str(ROOT / "requirements" / "source.txt")
        pip("--require-hashes", "--no-deps", "--no-build-isolation", "--requirement", source)
    pip("--no-index", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    stamp.write_text(stamps[wanted] + "\n")


def fingerprint(name: str) -> str:
    """What the environment was made from: the lock, the project's own metadata, this Python and this folder."""
    made_from = hashlib.sha256(f"{name} {sys.version} {ROOT}".encode())
    for path in (ROOT / "requirements" / f"{name}.txt", ROOT / "pyproject.toml"):
        made_from.update(path.read_bytes())
    return made_from.hexdigest()


def make_environment() -> None:
    """Make an empty environment with pip, or say in one sentence what the machine lacks."""
    shutil.rmtree(VENV, ignore_errors=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if importlib.util.find_spec("ensurepip") is None:  # Debian ships it apart
        sys.exit(
            f"{sys.executable} can't make a virtual environment: install python{version}-venv, then run make again."
        )
    print(f"Making .venv with Python {version} ...", flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False, capture_output=True, text=True)
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        reason = (made.stderr or made.stdout).strip().splitlines()[-1:] or ["no reason given"]
        sys.exit(f"{sys.executable} can't make a virtual environment in {VENV}: {reason[0]}")


def pip(*arguments: str) -> None:
    """`pip install`; of what it says, the number of packages as they come, and the end of it where it fails."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    said: list[str] = []
    seen = 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        for line in running.stdout or ():
            said = [*said[-19:], line]
            if line.lstrip().startswith(("Collecting ", "Installing collected")):
                seen += 1
                if sys.stdout.isatty():
                    doing = "installing" if "Installing" in line else f"{seen} packages"
                    print(f"\r  {doing} ...   ", end="", flush=True)
    if seen and sys.stdout.isatty():
        print("\r" + " " * 30 + "\r", end="", flush=True)
    if running.returncode:
        sys.stderr.writelines(said)
        sys.exit(
            "The requirements could not be installed (pip's reason is above): check the connection, then run make again."
        )


if __name__ == "__main__":
    main()
