#!/bin/sh
# Writes the locked, hashed requirement files from pyproject.toml. Needs uv on the PATH; names no registry.
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "make lock needs uv: pip install uv, then run it again." >&2; exit 1; }
lock() {
    uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url "$@"
}
lock pyproject.toml --group install --output-file requirements/runtime.txt
lock pyproject.toml --group dev --constraints requirements/runtime.txt --output-file requirements/dev.txt
lock --group source --output-file requirements/source.txt
lock --group node --output-file requirements/node.txt
