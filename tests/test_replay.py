"""A real mine's recorded methane, published over MQTT as a gateway would, gives the alerts the standard demands."""

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import running
from tests.running import ROOT, rows, until

SHARED = Path(os.environ.get("SHOUWANG_SHARED", ROOT.parent / "shared"))
RECORDED = SHARED / "data" / "methane" / "methane-train.arff"
ALARM, CUT, RESET = 1.0, 1.5, 1.0  # AQ 1029-2019, place T1, %CH4
STEP_MS = 30_000
DEVICES = {"MM116": "风巷116", "MM31": "回风31"}

SETUP = """
import json, sys
from shouwang.engines.rules import plan
from shouwang.engines.subjects import credit_code, regions
from shouwang.engines.subjects.models import Point, Subject
from shouwang.engines.telemetry import credentials
from shouwang.engines.telemetry.models import Channel
regions.load_all()
mine = Subject.objects.create(kind="enterprise", code=credit_code.make("913708290000REP10".replace("P", "Q")),
                              name="重放矿", region="370829", line="coal", sample=True)
Subject.objects.filter(pk=mine.pk).update(top=mine)
face = Subject.objects.create(kind="working_face", code="face", name="工作面", parent=mine, top=mine,
                              region="370829", line="coal", sample=True)
told = {}
for gateway in ("arff", "csv", "parquet"):
    source, told[gateway] = credentials.make_source(gateway, "gateway", mine, sample=True)
    for device in sys.argv[1:]:
        point = Point.objects.create(subject=face, code=f"{gateway}-{device}", name=device, quantity="methane",
                                     unit="%CH4", digits=2, range_low=0, range_high=40, facts={"place": "T1"})
        Channel.objects.create(point=point, source=source, device=device, key="methane")
plan.compile_plan()
print(json.dumps(told))
"""
READ = """
import json, sys, time
from shouwang.engines.subjects.models import Point
from shouwang.engines.telemetry import read
point = Point.objects.get(code=sys.argv[1])
found = read.raw([point.pk], 0, int(time.time() * 1000) + 60_000)
print(json.dumps([[t, v / 10**d, q] for t, v, d, q in zip(found.t.tolist(), found.v.tolist(), found.d.tolist(),
                                                         found.q.tolist())]))
"""


class Spells(NamedTuple):
    """What happened to one sensor, in event time (ms); an end not yet reached is None."""

    alarms: list[tuple[int, int | None]]
    cuts: list[tuple[int, int | None]]
    resets: list[int]


def demanded(readings: list[tuple[int, float]]) -> Spells:
    """The independent loop: AQ 1029's alarm, power-cut and reset values over readings in order of time."""
    alarms: list[tuple[int, int | None]] = []
    cuts: list[tuple[int, int | None]] = []
    alarming = cutting = False
    for at, value in readings:
        if not alarming and value >= ALARM:
            alarming = True
            alarms.append((at, None))
        elif alarming and value < ALARM:
            alarming = False
            alarms[-1] = (alarms[-1][0], at)
        if not cutting and value >= CUT:
            cutting = True
            cuts.append((at, None))
        elif cutting and value < RESET:
            cutting = False
            cuts[-1] = (cuts[-1][0], at)
    return Spells(alarms, cuts, [end for _, end in cuts if end is not None])


def found(data: Path, code: str) -> Spells:
    """What stands in the database: episodes as alerts, power cuts as spells of tier 2 in the alarm journal."""
    where = ("FROM {} JOIN subjects_point p ON p.id = x.point{} WHERE p.code = ? AND x.rule = 'mine_net.methane' "
             "ORDER BY x.id")
    alerts = rows(data, "SELECT x.opened_at, x.cleared_at " + where.format("rules_alert x", "_id"), code)
    lines = rows(data, "SELECT x.at, x.tier " + where.format("rules_alertchange x", ""), code)
    cuts: list[tuple[int, int | None]] = []
    for (_, before), (at, tier) in pairwise([("", 0), *lines]):
        if tier == 2 and before != 2:
            cuts.append((ms(at), None))
        elif tier != 2 and before == 2:
            cuts[-1] = (cuts[-1][0], ms(at))
    return Spells([(ms(a), ms(b) if b else None) for a, b in alerts], cuts, [e for _, e in cuts if e is not None])


def ms(text: str) -> int:
    """The database's UTC text in ms since 1970."""
    return round(datetime.fromisoformat(text + "+00:00").timestamp() * 1000)


def recorded() -> dict[str, list[float]]:
    """Columns of the recording, read without the product's reader."""
    lines = [x.strip() for x in RECORDED.read_text("utf8").splitlines() if x.strip() and x[0] not in "%"]
    names = [x.split()[1].strip("'") for x in lines if x.lower().startswith("@attribute")]
    table = [x.split(",") for x in lines if x[0] != "@"]
    return {name: [float(r[names.index(name)]) for r in table] for name in DEVICES}


class Mine(NamedTuple):
    """A product with ingest and beat at work, and the tokens of three gateways."""

    data: Path
    env: dict[str, str]
    tokens: dict[str, str]

    def replay(self, file: Path, mapping: dict[str, Any], *more: str) -> Any:
        """`shouwang replay … --speed 0` with this mapping (YAML takes JSON)."""
        path = file.with_suffix(".map.yaml")
        path.write_text(json.dumps(mapping, ensure_ascii=False), "utf8")
        return running.attempt(self.env, "replay", str(file), "--map", str(path), "--speed", "0", *more)


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mine]:
    data = tmp_path_factory.mktemp("mine")
    env = running.environment(data)
    running.django(env, "migrate", "-v0")
    tokens = running.python(env, SETUP, *DEVICES.values())
    with running.crew(env, "ingest", "beat"):
        yield Mine(data, env, tokens)


def columns() -> dict[str, dict[str, str]]:
    return {name: {"device": device, "key": "methane"} for name, device in DEVICES.items()}


def test_recorded_methane_gives_the_episodes_of_the_standard(mine: Mine) -> None:
    if not RECORDED.exists():
        pytest.skip(f"没有实测记录 {RECORDED}:请用 SHOUWANG_SHARED 指出 shared 文件夹;本系统的真实重放没有被检验")
    told = mine.replay(RECORDED, {"token": mine.tokens["arff"], "step": "30s", "columns": columns()}, "--json")
    assert told.returncode == 0, told.stderr
    sent = json.loads(told.stdout)
    values = recorded()
    count = len(values["MM116"])
    assert (sent["rows"], sent["readings"]) == (count, 2 * count)
    assert sent["until"] - sent["from"] == (count - 1) * STEP_MS
    moments = range(sent["from"], sent["until"] + 1, STEP_MS)
    expected = {name: demanded(list(zip(moments, values[name], strict=True))) for name in DEVICES}
    assert any(len(e.resets) > 1 for e in expected.values()), "the recording would prove nothing"
    for name, device in DEVICES.items():
        until(lambda d=device, n=name: found(mine.data, f"arff-{d}") == expected[n], 180)  # type: ignore[misc]


ROWS = [(0, "0.5", "0.1"), (1, "1.2", ""), (2, "1.6", "?"), (3, "", "0.2"), (4, "1.4", "0.3"), (5, "0.9", "0.4")]
EXPECTED = {"风巷116": [(0, 0.5), (1, 1.2), (2, 1.6), (4, 1.4), (5, 0.9)],
            "回风31": [(0, 0.1), (3, 0.2), (4, 0.3), (5, 0.4)]}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_empty_cells_are_no_data_and_never_zero(mine: Mine, tmp_path: Path, kind: str) -> None:
    first = datetime.now(ZoneInfo("Asia/Shanghai")).replace(microsecond=0, tzinfo=None) - timedelta(hours=1)
    moments = [first + timedelta(seconds=10 * n) for n, *_ in ROWS]
    file = tmp_path / f"recording.{kind}"
    if kind == "csv":
        lines = [f"{at},{a},{b}" for at, (_, a, b) in zip(moments, ROWS, strict=True)]
        file.write_text("\ufeff时间,MM116,MM31\n" + "\n".join(lines), "utf8")
    else:
        numbers = [[float(r[i]) if r[i] not in ("", "?") else (None if r[i] else float("nan")) for r in ROWS]
                   for i in (1, 2)]
        pq.write_table(pa.table({"时间": moments, "MM116": numbers[0], "MM31": numbers[1]}), file)
    told = mine.replay(file, {"token": mine.tokens[kind], "time": "时间", "times": "original", "columns": columns()})
    assert told.returncode == 0, told.stderr
    assert "9 个读数" in told.stdout
    start = round(first.replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)
    for device, expected in EXPECTED.items():
        moved = [(start + 10_000 * n, v) for n, v in expected]
        assert running.python(mine.env, READ, f"{kind}-{device}") == [[t, v, 0] for t, v in moved]
        until(lambda d=device, e=demanded(moved): found(mine.data, f"{kind}-{d}") == e)  # type: ignore[misc]


GOOD = {"step": "30s", "columns": {"MM116": {"device": "风巷116", "key": "methane"}}}


@pytest.mark.parametrize(("mapping", "said"), [
    ({**GOOD, "columns": {"MM999": GOOD["columns"]["MM116"]}}, "没有这些列:MM999"),  # type: ignore[index]
    ({**GOOD, "columns": {"MM116": {"device": "x"}}}, "缺少 columns.MM116.key"),
    ({**GOOD, "colums": {}}, "不认识 colums"),
    ({"columns": GOOD["columns"]}, "要写 time(时间列)或 step"),
    ({**GOOD, "time": "时刻"}, "没有这些列:时刻"),
    ({**GOOD, "time": "MM116"}, "认不出"),
    ({**GOOD, "columns": {"备注": GOOD["columns"]["MM116"]}}, "不是数"),  # type: ignore[index]
    ({**GOOD, "token": ""}, "没有网关令牌"),
    ({**GOOD, "token": "not-a-token"}, "请核对令牌"),
])
def test_a_wrong_map_or_token_is_answered_clearly(mine: Mine, tmp_path: Path, mapping: dict[str, Any],
                                                  said: str) -> None:
    file = tmp_path / "recording.csv"
    file.write_text("MM116,备注\n0.5,停电\n", "utf8")
    told = mine.replay(file, {"token": mine.tokens["csv"], **mapping})
    assert told.returncode == 1
    assert said in told.stderr
    assert "Traceback" not in told.stderr
