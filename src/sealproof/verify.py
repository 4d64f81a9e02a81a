"""Verifying an evidence bundle.

What must hold, in the numbers of docs/ledger-format.md; the code carries the same numbers.

 1. The bundle opens safely: a canonical ZIP or a plain folder, names that mean one thing everywhere, nothing unknown in it.
 2. BagIt: both payload manifests and both tag manifests name exactly the files there are, with their digests.
 3. The manifest is canonical and closed; the files, the items and the counts are those it describes.
 4. The system log's checkpoint is signed by the key that the policy names, and cosigned by the quorum it asks for.
 5. An entry of the system log holds the organisation's checkpoint, which the same operator signed.
 8. Every entry is canonical, of schema v1, of this log, and in its tree at the index stated.
 9. Every exported stream is whole, from its first entry to at least the one that the request committed to.
10. Every content is what its entry committed to, or an entry in the bundle says why it is not shown, or the request
    declared that it would not be.
11. What happened was allowed to happen: approval where it was required, no post to a locked thread, time within a stream.
13. Checkpoints and receipts that the user kept agree with the bundle.
15. The operator has sealed all of it.

Steps 6, 7 and 12 (time stamps, anchors of the past, proven times) and 14 (making the derived files anew) have their
numbers and are not part of this format version; the report lists what they would prove as not proven.
"""

from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from sealproof import acts, bag, bundle, fixity, kept, source, trust
from sealproof.acts import Acts, Head, Stream
from sealproof.container import ContainerError, NotAContainerError
from sealproof.entry import Content
from sealproof.manifest import Manifest
from sealproof.policy import Policy
from sealproof.report import Failed, Report, Unreadable, Verdict
from sealproof.source import Source, SourceError
from sealproof.trust import Anchored
from sealproof.walk import Walk


def verify(path: Path, policy: Policy, *, known: Sequence[bytes] = (), receipts: Sequence[bytes] = ()) -> Report:
    """Judge the bundle at `path`, a ZIP file or a folder, by `policy` and by what the user kept.

    `known` are checkpoint notes, `receipts` are tlog-proofs. Never raises on account of what the bundle holds.
    """
    report = Report()
    try:
        with closing(_open(path)) as files:
            _verify(files, policy, known, receipts, report)
    except Failed as failure:
        report.verdict, report.failure = Verdict.FAILED, failure
    except Unreadable as error:
        report.verdict, report.unreadable = Verdict.UNREADABLE, str(error)
    except OSError as error:
        report.verdict, report.unreadable = Verdict.UNREADABLE, f"reading failed: {error.strerror or error}"
    return report


def _open(path: Path) -> Source:
    try:
        files = source.open_source(path)
    except NotAContainerError as error:
        raise Unreadable(str(error)) from error
    except (ContainerError, SourceError) as error:
        raise Failed(1, str(error)) from error
    return files


def _verify(files: Source, policy: Policy, known: Sequence[bytes], receipts: Sequence[bytes], report: Report) -> None:
    # 1 to 3
    fixity.check_layout(files)
    manifest = report.manifest = fixity.check_lists(files)
    # 4 and 5
    anchored, inclusion = trust.check_sys_checkpoint(files, manifest, policy)
    operator = anchored.operator
    trust.check_org_checkpoint(files, manifest, operator, inclusion)
    kept_notes = [kept.read_known(data, operator) for data in known]
    kept_receipts = [kept.read_receipt(data, operator) for data in receipts]
    # 8 to 11
    found = acts.gather(source.lines(files, bundle.ENTRIES), manifest)
    _check_request(found, manifest)
    walk = Walk(files, manifest, found, _heads(files, found))
    walk.wanted = frozenset(receipt.index for receipt in kept_receipts)
    walk.run()
    # 13
    own = {manifest.log.origin: _text(files, bundle.ORG_CHECKPOINT), manifest.sys.origin: inclusion.checkpoint.decode()}
    for each in (*kept_notes, *(receipt.kept for receipt in kept_receipts)):
        kept.compare_known(each, manifest, own, report)
    kept.compare_receipts(kept_receipts, walk.found, manifest, report)
    # 15
    tagmanifest = source.read(files, bag.TAG_MANIFESTS[0], fixity.MAX_DOCUMENT)
    trust.check_seal(files, manifest, operator, sha256(tagmanifest).hexdigest())
    _conclude(report, manifest, policy, anchored, walk)


def _check_request(found: Acts, manifest: Manifest) -> None:
    """9 and 11. The request says what the manifest says, and went the way it had to go."""
    request = found.request
    if request is None:
        raise Failed(9, "the entry that requested the export is missing")
    disclosure = request.body["disclosure"]
    stated = (request.body["export"], request.at, request.body["scope_kind"], disclosure["audience"])
    if stated != (manifest.export, manifest.requested_at, manifest.scope_kind, manifest.audience):
        raise Failed(9, "the manifest describes another request than the entry that requested the export")
    if tuple(sorted(set(disclosure["slots"]))) != manifest.slots:
        raise Failed(9, "the manifest declares another disclosure than the entry that requested the export")
    if "export.denied" in found.verbs:
        raise Failed(11, "the export was denied")
    if request.body["approval"] == "required" and "export.approved" not in found.verbs:
        raise Failed(11, "the export required an approval and has none")


def _heads(files: Source, found: Acts) -> dict[Stream, Head]:
    """9. The heads that the request committed to, if need be from its content, which step 10 checks."""
    request = found.request
    assert request is not None
    slot = next((content for content in request.content if content.slot == "streams"), None)
    return acts.committed_heads(request, _opened(files, slot) if slot else None)


def _opened(files: Source, content: Content) -> bytes:
    marker = f'"commit":"{content.commit}"'.encode()
    try:
        for line in source.lines(files, bundle.OPENINGS):
            if marker in line:
                name = bundle.content_path(line[-66:-2].decode("ascii", "replace"), content.media)
                return source.read(files, name, fixity.MAX_DOCUMENT)
    except (SourceError, ContainerError) as error:
        raise Failed(10, str(error)) from error
    raise Failed(10, "the request's list of streams is not opened")


def _conclude(report: Report, manifest: Manifest, policy: Policy, anchored: Anchored, walk: Walk) -> None:
    operator, counts = anchored.operator, manifest.counts
    report.operator = operator.sys.vkey()
    report.witnesses = sorted(anchored.witnesses.items())
    witnessed = policy.quorum is not None and anchored.quorum
    report.verdict = Verdict.VERIFIED if witnessed else Verdict.SIGNED
    report.proven += [
        f"sealed as a whole by {operator.ledger}/export, the key of {operator.sys.vkey()}",
        f"{counts.entries} entries are in {manifest.log.origin}, each at its place in the signed tree of {manifest.log.size}",
        f"that tree is on record in {manifest.sys.origin}, in its tree of {manifest.sys.size}",
        f"{len(manifest.streams)} streams are whole, from their first entry to at least the one that the request named",
        f"{counts.present} contents are what their entries committed to",
    ]
    if witnessed:
        report.proven.append(f"cosigned by a quorum of witnesses: {', '.join(sorted(anchored.witnesses))}")
    elif policy.quorum is not None:
        report.short_of.append("the policy asks for a quorum of witnesses, and the cosignatures do not make it")
    _say_what_is_not(report, manifest, witnessed=witnessed)
    _flag(report, manifest, walk)


def _say_what_is_not(report: Report, manifest: Manifest, *, witnessed: bool) -> None:
    if not witnessed:
        report.not_proven.append(
            "that others are shown the same log: no quorum of witnesses has cosigned; compare checkpoints that you kept"
        )
    report.not_proven += [
        "when things happened: times are the desk's own; no time-stamping authority has confirmed them",
        "who people are: names and roles are what the desk recorded",
        "that the review copies and people.json say what the entries say: they are sealed, and not made anew here",
        f"what the streams held after the tree of {manifest.log.size}",
    ]


def _flag(report: Report, manifest: Manifest, walk: Walk) -> None:
    counts = manifest.counts
    if counts.undisclosed:
        report.flags.append(
            f"{counts.undisclosed} contents are not disclosed by declared scope: the export is for {manifest.audience} and opens "
            f"{', '.join(manifest.slots) or 'nothing'}"
        )
    if counts.withheld:
        report.flags.append(f"{counts.withheld} contents are withheld, each under an entry here that says so")
    if counts.erased:
        report.flags.append(f"{counts.erased} contents are erased, each under an entry here that says so")
    if walk.opened_originals:
        report.flags.append(f"{walk.opened_originals} contents are redacted for readers and opened here")
    if walk.regressions:
        report.flags.append(f"{walk.regressions} entries bear an earlier time than one before them in the log")


def _text(files: Source, name: str) -> str:
    return source.read(files, name, trust.MAX_NOTE).decode()
