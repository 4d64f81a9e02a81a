# ruff: noqa: INP001, D
"""Strings that break layouts and pages: every field of the hostile pages is filled with them."""

ZALGO = "Z" + "̴̡̛͎̬̦̗̞̮̲̎̂̽̓́̕͝" * 6 + "a" + "̶̧̢̛̻̫̦͓̏̈́̀̕" * 8 + "lgo"
RTL = "مرحبا، لم يصلني الطلب 88214 بعد. متى يصل؟"
OVERRIDE = "invoice\u202egpj.exe\u2066 and back"
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
MARKUP = '<script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} "><svg/onload=alert(3)> hx-get="/x"'
PARTIAL = '<hx-partial hx-target="body"><h1>taken over</h1></hx-partial></template><base href=//x>'
LINKS = "see https://example.org/" + "a" * 180 + " and javascript:alert(1) and http://[::1]:9/?q='%22"
EMOJI = "👩‍👩‍👧‍👦🏳️‍🌈" * 30
BLANK = "\u200b\u200b \ufeff"
LINES = "\n".join(f"line {n}" for n in range(400))
FULL = ("All work and no play makes a very long message. " * 1400)[:65_536]

SHORT = (ZALGO, RTL, OVERRIDE, LONG_WORD, MARKUP, EMOJI, BLANK, "undefined", "a")
BODIES = (
    ZALGO,
    RTL,
    OVERRIDE,
    LONG_WORD,
    MARKUP,
    PARTIAL,
    LINKS,
    EMOJI,
    BLANK,
    LINES,
    FULL,
    "W" * 3000,
    "\n\n\nspaces\t\tand tabs   kept",
)
