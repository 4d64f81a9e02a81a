"""A text that shows nothing says nothing, whatever it is made of."""

import pytest

from sealdesk.core.visible import says_something


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "\u3164\u2800", "\u00ad\u0301", "\u202e \ufeff", "\U000e0041"])
def test_nothing(text: str) -> None:
    assert not says_something(text)


@pytest.mark.parametrize("text", ["x", ".", "é", "e\u0301", "👍🏽", "\u200bи", "١", "한"])
def test_something(text: str) -> None:
    assert says_something(text)
