"""统一社会信用代码 against the published vectors of the law facts, and its edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.engines.subjects import credit_code
from shouwang.kernel.errors import BadInput

VALID = ["91440101MA5D7WXX3J", "91445302096151347C", "91441802698134958H", "91350100M000100Y43", "91440101ma5d7wxx3j"]
INVALID = ["91440101MA5D7WXX3K", "91440101MA5D7WXO3J", "9144010MA5D7WXX3J"]


@pytest.mark.parametrize("code", VALID)
def test_published_codes_are_valid(code: str) -> None:
    assert credit_code.valid(code)
    assert credit_code.clean(code) == code.upper()


@pytest.mark.parametrize("code", INVALID)
def test_altered_codes_are_refused(code: str) -> None:
    assert not credit_code.valid(code)


def test_the_message_says_what_is_wrong() -> None:
    with pytest.raises(BadInput, match="校验位"):
        credit_code.clean("91440101MA5D7WXX3K")
    with pytest.raises(BadInput, match="17 位"):
        credit_code.clean("9144010MA5D7WXX3J")
    with pytest.raises(BadInput, match="字符 O"):
        credit_code.clean("91440101MA5D7WXO3J")


def test_blanks_are_taken_out() -> None:
    assert credit_code.clean(" 91440101 MA5D7WXX3J ") == "91440101MA5D7WXX3J"


@given(st.text(alphabet=credit_code.ALPHABET, min_size=17, max_size=17))
def test_made_codes_are_valid_and_any_one_changed_character_is_noticed(body: str) -> None:
    code = credit_code.make(body)
    assert credit_code.valid(code)
    for n in (0, 7, 16, 17):
        other = credit_code.ALPHABET[(credit_code.ALPHABET.index(code[n]) + 1) % 31]
        assert not credit_code.valid(code[:n] + other + code[n + 1:])
