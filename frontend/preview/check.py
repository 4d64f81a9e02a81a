# ruff: noqa: INP001, FBT001, D
"""Walks the preview in Chromium: pictures, accessibility, bytes, console, and the live parts. `python frontend/preview/check.py [FOLDER]`.

Fails on a message of the console, a breach of the Content-Security-Policy, a finding of axe, a sideways scroll, or a page over
150 kB.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import BrowserContext, Error, Page, sync_playwright

HERE = Path(__file__).parent
AXE = (HERE.parent / "node_modules" / "axe-core" / "axe.min.js").read_text()
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = {320: 640, 768: 900, 1440: 900}
BUDGET = 150_000
PORT = 8097
HOME = f"http://127.0.0.1:{PORT}"
found: list[str] = []


def watch(page: Page) -> dict[str, int]:
    """Note what the console and the page complain of, and count bytes as they come."""
    seen = {"bytes": 0}
    page.on(
        "console",
        lambda said: (
            found.append(f"{page.url} console {said.type}: {said.text}")
            if said.type in ("error", "warning") and "status of 4" not in said.text and "status of 5" not in said.text
            else None
        ),
    )
    page.on("pageerror", lambda error: found.append(f"{page.url} error: {error}"))

    def count(answer: object) -> None:
        seen["bytes"] += int(answer.headers.get("content-length", 0))  # type: ignore[attr-defined]

    page.on("response", count)
    return seen


def sideways(page: Page, where: str) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if wide > 0:
        found.append(f"{where}: {wide} px too wide")
    inner = page.evaluate(
        "[...document.querySelectorAll('.timeline,.rows,.page,.details,.places')]"
        ".filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className)"
    )
    if inner:
        found.append(f"{where}: scrolls sideways inside {inner}")


def axe(context: BrowserContext, page: Page, where: str) -> None:
    # Through the debugger, which the page's policy does not bind.
    client = context.new_cdp_session(page)
    client.send("Runtime.evaluate", {"expression": AXE})
    answer = client.send(
        "Runtime.evaluate",
        {
            "expression": "axe.run({resultTypes:['violations']}).then(r => JSON.stringify(r.violations.map("
            "v => [v.id, v.nodes.slice(0,3).map(n => n.html.slice(0,160) + ' ' + (n.any[0]?.message ?? ''))])))",
            "awaitPromise": True,
        },
    )
    if "value" not in answer["result"]:
        found.append(f"{where}: axe did not run: {answer}")
    elif answer["result"]["value"] != "[]":
        found.append(f"{where} axe: {answer['result']['value']}")


def picture(context: BrowserContext, paths: list[str], folder: Path, width: int, scheme: str) -> None:
    for path in paths:
        page = context.new_page()
        seen = watch(page)
        page.goto(HOME + path, wait_until="load")
        page.wait_for_timeout(150)
        where = f"{path} {width} {scheme}"
        name = (path.strip("/").replace("/", "-") or "inbox") + f"-{width}-{scheme}.png"
        page.screenshot(path=folder / name, caret="initial")
        sideways(page, where)
        axe(context, page, where)
        if seen["bytes"] > BUDGET and "hostile" not in path:
            found.append(f"{where}: {seen['bytes']} bytes")
        print(f"{where}: {seen['bytes']} bytes")
        page.close()


def live(context: BrowserContext, folder: Path) -> None:
    page = context.new_page()
    page.set_default_timeout(6000)
    watch(page)
    page.goto(f"{HOME}/c/t1")
    drafts_and_seals(page)
    sending(page, folder)
    cards_and_keys(context, page, folder)
    evidence(page, folder)


def drafts_and_seals(page: Page) -> None:
    page.wait_for_selector("#seal-e7.recorded")
    page.keyboard.press("i")
    page.keyboard.type("A draft\nthat stays")
    page.reload()
    expect(page.locator("#composer-body").input_value() == "A draft\nthat stays", "the draft survives a reload")
    expect(page.locator("input[value=internal]").is_checked(), "and so does its kind")
    page.wait_for_selector("#seal-e7.sealed")
    page.wait_for_selector("text=And please answer this time.")


def sending(page: Page, folder: Path) -> None:
    text = page.locator("#composer-body")
    page.keyboard.press("r")
    text.fill("Thank you for waiting.")
    page.keyboard.press("Control+Enter")
    expect(text.input_value() == "", "the field is free at once")
    page.wait_for_selector("#items >> text=Thank you for waiting.")
    page.wait_for_selector("#outbox .msg", state="detached")
    text.fill("refuse this")
    with page.expect_request("**/messages") as first:
        page.keyboard.press("Control+Enter")
    page.wait_for_selector(".sending.refused")
    page.screenshot(path=folder / "live-refused.png", caret="initial")
    with page.expect_request("**/messages") as again:
        page.click("[data-retry]")
    keys = {sent.value.headers["idempotency-key"] for sent in (first, again)}
    expect(len(keys) == 1, "the retry has the same key")
    page.wait_for_selector(".sending.refused")
    page.click("[data-edit]")
    expect(text.input_value() == "refuse this", "a refused message can be edited")
    text.fill("wait with this")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#outbox [role=timer]")
    page.screenshot(path=folder / "live-waits.png", caret="initial")
    page.wait_for_selector("#items >> text=wait with this")
    page.keyboard.press("Escape")


def cards_and_keys(context: BrowserContext, page: Page, folder: Path) -> None:
    page.click("#seal-e3")
    page.wait_for_selector("#proof-e3 .proof")
    page.screenshot(path=folder / "live-proof.png", caret="initial")
    axe(context, page, "proof card")
    page.click("[data-close-proof]")
    expect(page.locator("#proof-e3 .proof").count() == 0, "the proof card closes")
    page.keyboard.press("?")
    page.screenshot(path=folder / "live-keys.png", caret="initial")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.wait_for_url("**/c/t2")
    page.keyboard.press("/")
    page.keyboard.type("tax")
    expect(page.locator(".rows li:visible").count() == 1, "the filter leaves one")
    page.focus("#pick-status")
    page.select_option("#pick-status", "pending")
    page.wait_for_selector("#ticket fieldset:enabled")
    page.wait_for_timeout(400)
    expect(page.evaluate("document.activeElement.id") == "pick-status", "the focus stays on the field")


def evidence(page: Page, folder: Path) -> None:
    page.goto(f"{HOME}/exports/new")
    page.fill("[name=purpose]", "audit")
    page.click("text=See what it will hold")
    page.wait_for_selector("#holds .holds")
    page.goto(f"{HOME}/exports/building")
    page.wait_for_selector("text=Download bundle", timeout=9000)
    page.screenshot(path=folder / "live-ready.png", caret="initial")


def walk(context: BrowserContext, folder: Path) -> None:
    try:
        live(context, folder)
    except Error as error:
        found.append(f"live: {error}")
        context.pages[-1].screenshot(path=folder / "live-failed.png", caret="initial")


def expect(holds: bool, what: str) -> None:
    if not holds:
        found.append(f"not so: {what}")


def main(folder: Path, only: str) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    server = subprocess.Popen([sys.executable, str(HERE), str(PORT)], stdout=subprocess.PIPE, text=True)
    try:
        paths = [
            path for path in re.findall(r"(?<= )/\S*?(?=[,\n])", server.stdout.readline()) if re.search(only, path)
        ]  # type: ignore[union-attr]
        with sync_playwright() as play:
            for width, height in WIDTHS.items():
                for scheme in ("light", "dark"):
                    with tempfile.TemporaryDirectory() as profile:
                        context = play.chromium.launch_persistent_context(
                            profile,
                            executable_path="/usr/bin/chromium",
                            args=FLAGS,
                            viewport={"width": width, "height": height},
                            color_scheme=scheme,
                            reduced_motion="reduce",
                        )  # type: ignore[arg-type]
                        picture(context, paths, folder, width, scheme)
                        if width == 1440 and scheme == "light":
                            walk(context, folder)
                        context.close()
    finally:
        server.terminate()
    print("\n".join(found) or "Nothing found.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots"), sys.argv[2] if len(sys.argv) > 2 else "."))
