"""Made-up names: every one ends in （样例NNN） or is a generic word, so that nobody real is meant."""

import random

FIRST = [
    "安泰",
    "恒瑞",
    "鲁源",
    "华晟",
    "正和",
    "金瑞",
    "宏达",
    "同泰",
    "新元",
    "永盛",
    "天阳",
    "宝丰",
    "齐盛",
    "东岳",
    "海川",
    "嘉禾",
    "瑞星",
    "凯达",
    "聚源",
    "盛通",
    "万和",
    "信诺",
    "汇丰源",
    "佳成",
]
TRADE = {
    "tank_farm": ["石化仓储", "油品储运", "化工仓储"],
    "chlor_alkali": ["氯碱化工", "盐化"],
    "fine_chem": ["精细化工", "新材料", "医药化工", "煤化工", "焦化"],
    "gas_station": ["加油加气站", "石油销售"],
    "cold_store": ["冷链食品", "冷冻食品"],
    "mine": ["矿业", "煤业"],
    "other": ["机械制造", "粮油加工", "纺织", "家具", "铸造", "金属制品", "包装材料"],
}
SURNAMES = "王李张刘陈杨赵黄周吴徐孙马朱胡郭何林罗郑梁谢宋唐许韩冯邓曹彭"
GIVEN = [
    "建国",
    "志强",
    "晓东",
    "海燕",
    "文静",
    "立军",
    "永刚",
    "春梅",
    "玉兰",
    "国庆",
    "小明",
    "雪梅",
    "卫东",
    "红霞",
    "振华",
    "金龙",
    "长河",
    "思远",
    "明辉",
    "秀英",
]


def firm(rng: random.Random, county: str, kind: str, number: int) -> str:
    """嘉祥 + 安泰 + 化工仓储 + 有限公司（样例017）."""
    place = county.removesuffix("市").removesuffix("县").removesuffix("区")
    return f"{place}{rng.choice(FIRST)}{rng.choice(TRADE[kind])}有限公司（样例{number:03d}）"


def person(rng: random.Random) -> str:
    """A surname and a given name."""
    return rng.choice(SURNAMES) + rng.choice(GIVEN)
