"""统一社会信用代码 (GB 32100-2015): 18 characters with a check character. No Django here."""

from shouwang.kernel.errors import BadInput

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100 4.4: without I O S V Z
WEIGHTS = [pow(3, i, 31) for i in range(17)]  # GB 32100 4.5: 3^(i-1) mod 31


def check_character(body: str) -> str:
    """The 18th character of a 17-character body; BadInput for a foreign character or a wrong length."""
    if len(body) != 17:
        raise BadInput(f"统一社会信用代码应有 18 位(本体 17 位),现在本体 {len(body)} 位")
    foreign = sorted(set(body) - set(ALPHABET))
    if foreign:
        raise BadInput(
            f"统一社会信用代码不能有字符 {'、'.join(foreign)}(国标不用 I、O、S、V、Z,请核对是否把 0 写成了 O)"
        )
    total = sum(ALPHABET.index(c) * w for c, w in zip(body, WEIGHTS, strict=True))
    return ALPHABET[(31 - total % 31) % 31]


def clean(code: str) -> str:
    """The code as it is kept (upper case, no blanks); BadInput names what is wrong with it."""
    code = "".join(code.split()).upper()
    if len(code) != 18:
        raise BadInput(f"统一社会信用代码应有 18 位,现在 {len(code)} 位")
    wanted = check_character(code[:17])
    if code[17] != wanted:
        raise BadInput(f"统一社会信用代码 {code} 的校验位不对,请对照营业执照逐位核对")
    return code


def valid(code: str) -> bool:
    """Whether `clean` would take it."""
    try:
        clean(code)
    except BadInput:
        return False
    return True


def make(body: str) -> str:
    """A valid code from a 17-character body: for samples and tests."""
    return body.upper() + check_character(body.upper())
