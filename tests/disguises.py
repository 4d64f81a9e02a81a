"""Ways to write a word so that a list of words misses it and people don't."""

import random
from collections.abc import Callable, Iterator

PHRASES = (
    "I will kill you", "kill your family", "I know where you live", "burn your house down", "shoot up your office",
    "put a bullet in your head", "slit your throat", "I am coming for you", "beat your face", "watch your back",
    "fuck you", "you fucking idiots", "motherfucker", "stupid bitch", "you are a bunch of morons",
    "eat shit", "shut your mouth", "go back to your country", "dirty pigs", "suck my dick",
    "I want to die", "kill yourself", "kys", "end my life", "no reason to live",
    "commit suicide", "cut my wrists", "jump off a bridge", "better off dead", "swallow all my pills",
)  # fmt: skip
_ALIKE = {
    "a": "аɑα@", "b": "ЬƄ", "c": "сϲ", "d": "ԁḍ", "e": "еҽé", "f": "ƒꜰ", "g": "ɡց", "h": "һհ", "i": "іɪ1!", "k": "κк",
    "l": "ⅼӏ|", "m": "мⅿ", "n": "ոп", "o": "оο0", "p": "рρ", "r": "гʀ", "s": "ѕꜱ", "t": "тτ", "u": "υս", "v": "νѵ",
    "w": "ԝᴡ", "x": "хх", "y": "уү",
}  # fmt: skip
_LEET = str.maketrans("aeiost", "431057")
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u2063"
_MARKS = "\u0301\u0323\u0336\u0489\u20dd"
_STYLES = (0x1D400, 0x1D434, 0x1D4D0, 0x1D5A0, 0x1D670)  # bold, italic, script, sans, monospace


def _each(change: Callable[[str, random.Random], str]) -> Callable[[str, random.Random], str]:
    return lambda text, dice: "".join(change(letter, dice) if letter != " " else letter for letter in text)


def _styled(text: str, dice: random.Random) -> str:
    begin = dice.choice(_STYLES)
    styled = "".join(chr(begin + ord(c.lower()) - 97 + 26) if c.isascii() and c.isalpha() else c for c in text)
    return styled.replace("\U0001d455", "\u210e")  # the one that has its own place


def _circled(text: str, _: random.Random) -> str:
    return "".join(chr(0x24D0 + ord(c.lower()) - 97) if c.isascii() and c.isalpha() else c for c in text)


def _stretched(text: str, dice: random.Random) -> str:
    at = {dice.randrange(len(text)) for _ in range(4)}
    return "".join(c * dice.randint(3, 6) if n in at and c != " " else c for n, c in enumerate(text))


def _split(text: str, dice: random.Random) -> str:
    sign = dice.choice((".", "-", "_", "*", "~", "/", " . ", "·"))
    return sign.join(text.replace(" ", ""))


DISGUISES: dict[str, Callable[[str, random.Random], str]] = {
    "case": _each(lambda c, dice: c.upper() if dice.random() < 0.5 else c),
    "width": lambda text, _: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "look-alikes": _each(lambda c, dice: dice.choice(_ALIKE.get(c.lower(), c))),
    "alphabets for formulas": _styled,
    "circles": _circled,
    "invisible characters": _each(lambda c, dice: c + dice.choice(_INVISIBLE)),
    "marks": _each(lambda c, dice: c + "".join(dice.choice(_MARKS) for _ in range(dice.randint(1, 3)))),
    "leetspeak": lambda text, _: text.lower().translate(_LEET),
    "spacing": lambda text, dice: dice.choice((" ", "  ", "\u00a0", "\u2003", "\t")).join(text.replace(" ", "")),
    "punctuation": _split,
    "repeated letters": _stretched,
    "no gaps": lambda text, _: text.replace(" ", ""),
    "line breaks": lambda text, _: text.replace(" ", "\n"),
}


def variants(rounds: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """The phrase, how it is disguised, and the text: each disguise of each phrase, and then two at once."""
    dice = random.Random(seed)
    for _ in range(rounds):
        for phrase in PHRASES:
            for name, disguise in DISGUISES.items():
                yield phrase, name, disguise(phrase, dice)
            first, second = dice.sample(sorted(DISGUISES), 2)
            yield phrase, f"{first} and {second}", DISGUISES[second](DISGUISES[first](phrase, dice), dice)


BENIGN = (
    "Scunthorpe, Penistone and Lightwater are towns.", "Please assess the class, the glass and the grass.",
    "My skill is your hill: kilowatts you may count.", "She said the assassin's bass was classic.",
    "Would it kill you to answer my mail?", "It won't kill you.", "The battery is going to die, again.",
    "How do I kill a process that hangs by itself?", "Shoot me an e-mail, or I'll shoot you a message over.",
    "Dickens wrote it; Hancock read it; Cockburn sang.", "I hope you have a great day, die Rechnung ist da.",
    "Your app sucks and I am furious.", "This is the worst damn service I have ever had.",
    "I can't go on the website; it is dead to me.", "Turn it off yourself and on again.",
    "Put a bullet in front of each row of the list.", "My back is bad, watch the video of your backpack.",
    "He took my life savings. I want my money back.", "I will be there with a friend.", "The suicide prevention line is open.",
    "End the call, take all my data, cut the wire.", "I need to know where you deliver and where your shop is.",
    "The chink in your armour is support.", "The title is: how to beat your best time.", "It is a cuntry mistake: country.",
    "Analysis of the Essex sextet: 666 5h1ps, $100, a@b.example, 10:30!", "Shiitake, shih tzu, Matsushita, Fukui, Fuchs.",
    "k i n d regards, y o u r s", "Kindly you will find it attached.", "I'll skip your ad. Will you?",
    "Bring a bottle and my gum to the party.", "You pig-headed printer!",
)  # fmt: skip
