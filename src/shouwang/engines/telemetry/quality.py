"""What a reading is worth. The code travels in one byte beside the value. No Django here."""

GOOD, UNCERTAIN, CALIBRATION, OVER_RANGE, FAULT, NO_DATA = range(6)
WORDS = ("good", "uncertain", "calibration", "over_range", "fault", "no_data")
TITLES = ("正常", "存疑", "标校", "超量程", "故障", "无数据")


def word(code: int) -> str:
    """The word of a code; a code nobody defined is `uncertain`."""
    return WORDS[code] if 0 <= code < len(WORDS) else WORDS[UNCERTAIN]


def code(word: str) -> int:
    """The code of a word; an unknown word is a ValueError."""
    return WORDS.index(word)
