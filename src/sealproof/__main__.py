"""`sealproof`: verify a bundle, or a receipt, on the command line."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from sealproof import entry, merkle, note, policy, proof
from sealproof.kept import check_receipt, read_receipt
from sealproof.report import Report, Unreadable
from sealproof.trust import Operator
from sealproof.verify import verify

MAX_INPUT = 4 << 20
EXIT_CODES = (
    "exit codes: 0 all holds that the policy asks for; 2 it holds but falls short of that; 1 failed; 3 unreadable"
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A wrong command line is unreadable: 3, since 2 means something else here."""
        self.exit(3, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code; never with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]
    options = _parser().parse_args(arguments)
    try:
        code = options.run(options)
        sys.stdout.flush()
    except Unreadable as error:
        code = _complain(str(error))
    except OSError as error:
        code = _complain(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
    except KeyboardInterrupt:
        code = 130
    except Exception as error:  # a fault of ours, or an input nobody has thought of; either way nothing is proven
        code = _complain(f"this cannot be judged ({type(error).__name__})")
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="sealproof", description="Verify evidence bundles and receipts.", epilog=EXIT_CODES)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    bundle = commands.add_parser("verify", help="verify an evidence bundle", epilog=EXIT_CODES)
    bundle.add_argument("bundle", type=Path, metavar="BUNDLE", help="the ZIP file, or the folder it was unpacked to")
    bundle.add_argument("--known", type=Path, action="append", default=[], metavar="NOTE", help="a checkpoint you kept")
    bundle.add_argument("--receipt", type=Path, action="append", default=[], metavar="PROOF", help="a receipt you kept")
    bundle.set_defaults(run=_verify)
    receipt = commands.add_parser("receipt", help="verify the receipt of one entry", epilog=EXIT_CODES)
    receipt.add_argument("receipt", type=Path, metavar="PROOF", help="the receipt, a .tlog-proof file")
    receipt.add_argument(
        "--entry", type=Path, metavar="ENTRY", help="the entry's bytes, unless the receipt carries them"
    )
    receipt.set_defaults(run=_receipt)
    for command in (bundle, receipt):
        command.add_argument(
            "--policy",
            type=Path,
            required=True,
            metavar="POLICY",
            help="whose keys count; get it apart from the bundle",
        )
        command.add_argument("--json", action="store_true", help="report as JSON")
    return parser


def _verify(options: argparse.Namespace) -> int:
    trusted = _policy(options.policy)
    report = verify(
        options.bundle,
        trusted,
        known=[_read(path) for path in options.known],
        receipts=[_read(path) for path in options.receipt],
    )
    _print(report, as_json=options.json)
    return report.exit_code


def _receipt(options: argparse.Namespace) -> int:
    trusted, data = _policy(options.policy), _read(options.receipt)
    raw = _read(options.entry) if options.entry else None
    try:
        operator = _operator(trusted, note.parse_checkpoint(note.signed_text(proof.parse(data).checkpoint)).origin)
        receipt = read_receipt(data, operator)
        about = entry.parse(raw) if raw else receipt.entry
    except (note.NoteError, merkle.ProofError, entry.EntryError) as error:
        raise Unreadable(str(error)) from error
    if about is None:
        raise Unreadable("the receipt does not carry its entry; give it with --entry")
    checkpoint, result = receipt.kept.checkpoint, {"index": receipt.index, "origin": receipt.kept.checkpoint.origin}
    try:
        check_receipt(receipt, entry.leaf_hash(about.raw))
        holds = about.log == checkpoint.origin
    except merkle.ProofError:
        holds = False
    place = f"entry {receipt.index} of {checkpoint.origin}, in the tree of {checkpoint.size}"
    if options.json:
        print(json.dumps({"verdict": "SIGNED" if holds else "FAILED", "id": about.id, **result}))
    else:
        print(f"SIGNED: {about.type} {about.id} is {place}." if holds else f"FAILED: this is not {place}.")
    return 0 if holds else 1


def _operator(trusted: policy.Policy, origin: str) -> Operator:
    for key in trusted.logs.values():
        operator = Operator(key)
        if operator.key(origin):
            return operator
    raise Unreadable(f"the policy names no log of the ledger that {origin!a} is of")


def _policy(path: Path) -> policy.Policy:
    try:
        return policy.parse(_read(path))
    except policy.PolicyError as error:
        raise Unreadable(f"the policy: {error}") from error


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_INPUT + 1)
    if len(data) > MAX_INPUT:
        raise Unreadable(f"{path} has more than {MAX_INPUT} bytes")
    return data


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.as_json(), indent=2, sort_keys=True))
    else:
        print(report.as_text(), end="")


def _complain(sentence: str) -> int:
    print(f"sealproof: {sentence}", file=sys.stderr)
    return 3


if __name__ == "__main__":
    main()
