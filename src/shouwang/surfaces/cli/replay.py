"""`shouwang replay FILE --map MAP.yaml`: a recording published over MQTT as a gateway would."""

import argparse
import csv
import json
import math
import os
import re
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import paho.mqtt.client as mqtt
import pyarrow.parquet as pq
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import BaseModel, ConfigDict, ValidationError

from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput
from shouwang.kernel.yaml_files import read_yaml

IN_FLIGHT = 200
Row = dict[str, Any]


class Column(BaseModel):
    """Where one column of the recording goes: a device and key of the gateway; `factor` converts the unit."""

    model_config = ConfigDict(extra="forbid")
    device: str
    key: str
    factor: float = 1.0


class Map(BaseModel):
    """The mapping file: which gateway plays, how time runs, which column is which point."""

    model_config = ConfigDict(extra="forbid")
    token: str = ""  # or environment SHOUWANG_TOKEN
    step: str = ""  # rows without time stamps: this far apart
    time: str = ""  # column holding the time stamp
    times: Literal["original", "shifted"] = "shifted"  # shifted: the last row is now
    start: datetime | None = None  # original times of a recording without stamps
    columns: dict[str, Column]


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang replay`."""
    sub.add_argument("file", type=Path, help="记录文件:.arff、.csv 或 .parquet")
    sub.add_argument("--map", type=Path, required=True, help="列与点位对照(YAML)")
    sub.add_argument("--speed", type=float, default=1.0, help="倍速;0 为不等待")
    sub.add_argument("--host", default="127.0.0.1")
    sub.add_argument("--port", type=int, default=0, help="MQTT 端口(默认取本机接入进程的端口)")
    sub.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Publish every row with QoS 1 and wait until each is acknowledged; print what was sent."""
    mapping = read_map(args.map)
    rows = list(read_rows(args.file))
    named = [*([mapping.time] if mapping.time else []), *mapping.columns]
    if unknown := [c for c in named if rows and c not in rows[0]]:
        raise BadInput(f"{args.file} 里没有这些列:{'、'.join(unknown)};现有:{'、'.join(rows[0])}")
    moments = stamps(rows, mapping)
    sent = Publisher(args.host, args.port or ingest_port(), mapping).play(rows, moments, args.speed)
    told = {"rows": len(rows), "readings": sent, "from": moments[0] if moments else None,
            "until": moments[-1] if moments else None}
    print(json.dumps(told) if args.json else f"已重放 {len(rows)} 行、{sent} 个读数,全部得到确认")
    return 0


def read_map(path: Path) -> Map:
    """The mapping; mistakes are named by key."""
    try:
        return Map.model_validate(read_yaml(path))
    except OSError as wrong:
        raise BadInput(f"对照文件 {path} 打不开:{wrong.strerror}") from None
    except ValidationError as wrong:
        raise BadInput(f"对照文件 {path} 有误:{';'.join(map(_explain, wrong.errors()))}") from None


def _explain(wrong: Any) -> str:
    where = ".".join(map(str, wrong["loc"])) or "内容"
    said = {"missing": "缺少 {}", "extra_forbidden": "不认识 {},请核对拼写"}.get(wrong["type"], "{} 的写法不对")
    return said.format(where)


def ingest_port() -> int:
    """The MQTT port of the ingest process on this machine."""
    where = Path(os.environ.get("SHOUWANG_DATA", "var")) / "run" / "ingest.json"
    try:
        return int(json.loads(where.read_text("utf8"))["mqtt"])
    except (OSError, KeyError, ValueError):
        raise BadInput(f"找不到本机接入进程的端口({where});请先运行 shouwang up,或用 --port 指定") from None


def read_rows(path: Path) -> Iterator[Row]:
    """Rows of a recording by its ending; values stay text where the file is text."""
    readers = {".arff": _arff, ".csv": _csv, ".parquet": _parquet}
    if path.suffix.lower() not in readers:
        raise BadInput(f"不认识 {path.name};可用:{'、'.join(readers)}")
    if not path.exists():
        raise BadInput(f"没有文件 {path}")
    return readers[path.suffix.lower()](path)


def _arff(path: Path) -> Iterator[Row]:
    names: list[str] = []
    with path.open(encoding="utf8", errors="replace") as lines:
        for line in lines:
            text = line.strip()
            if named := re.match(r"@attribute\s+(?:'([^']*)'|\"([^\"]*)\"|(\S+))", text, re.I):
                names.append(next(g for g in named.groups() if g is not None))
            elif text and text[0] not in "%@":
                yield dict(zip(names, next(csv.reader([text], skipinitialspace=True)), strict=False))


def _csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        yield from csv.DictReader(lines)


def _parquet(path: Path) -> Iterator[Row]:
    for batch in pq.ParquetFile(path).iter_batches():
        yield from batch.to_pylist()


def stamps(rows: list[Row], mapping: Map) -> list[int]:
    """Event time of each row in ms: its own, or `step` apart; shifted so that the last is now."""
    if mapping.time:
        own = [_moment(row[mapping.time]) for row in rows]
    elif mapping.step:
        step = int(clock.span(mapping.step) / timedelta(milliseconds=1))
        first = int((mapping.start or clock.now()).timestamp() * 1000)
        own = [first + n * step for n in range(len(rows))]
    else:
        raise BadInput("对照文件要写 time(时间列)或 step(行距,如 30s)")
    shift = clock.now_ms() - own[-1] if mapping.times == "shifted" and own else 0
    return [t + shift for t in own]


def _moment(value: Any) -> int:
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    text = str(value).strip()
    if re.fullmatch(r"\d{10}(\.\d+)?|\d{13}", text):
        return int(float(text) * (1000 if len(text.split(".")[0]) == 10 else 1))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"时间 {text!r} 认不出;应为 ISO 8601 或自 1970 年的秒、毫秒") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=clock.LOCAL)).timestamp() * 1000)


class Publisher:
    """A gateway with one MQTT connection: QoS 1, at most IN_FLIGHT unacknowledged."""

    def __init__(self, host: str, port: int, mapping: Map) -> None:
        token = mapping.token or os.environ.get("SHOUWANG_TOKEN", "")
        if not token:
            raise BadInput("没有网关令牌:在对照文件写 token,或设环境变量 SHOUWANG_TOKEN")
        self.mapping = mapping
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"replay-{os.getpid()}")
        self.client.username_pw_set(token)
        self.client.max_inflight_messages_set(IN_FLIGHT)
        self.refused = ""
        self.published = self.acknowledged = 0  # messages; what a broken connection left is sent again by the client
        self.news = threading.Condition()
        self.client.on_connect, self.client.on_publish = self._connected, self._acknowledged
        try:
            self.client.connect(host, port, keepalive=60)
        except OSError as wrong:
            raise BadInput(f"连不上 MQTT {host}:{port}:{wrong}") from None

    def _connected(self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        with self.news:
            self.refused = str(reason) if reason.is_failure else ""
            self.news.notify()

    def _acknowledged(self, _client: Any, _userdata: Any, _mid: int, _reason: Any, _properties: Any) -> None:
        with self.news:
            self.acknowledged += 1
            self.news.notify()

    def play(self, rows: list[Row], moments: list[int], speed: float) -> int:
        """Publish in order; returns the number of readings acknowledged."""
        self.client.loop_start()
        began, sent = time.monotonic(), 0
        for row, at in zip(rows, moments, strict=True):
            if speed > 0:
                time.sleep(max(0.0, began + (at - moments[0]) / 1000 / speed - time.monotonic()))
            body, count = self._message(row, at)
            self.client.publish("v1/gateway/telemetry", body, qos=1)
            self.published += 1
            sent += count
            if self.published % IN_FLIGHT == 0:
                self._settle()
        self._settle()
        self.client.disconnect()
        self.client.loop_stop()
        return sent

    def _settle(self) -> None:
        """Wait until everything published is acknowledged."""
        with self.news:
            self.news.wait_for(lambda: self.refused or self.acknowledged >= self.published)
            if self.refused:
                raise BadInput(f"接入端拒绝了这个网关:{self.refused};请核对令牌")

    def _message(self, row: Row, at: int) -> tuple[str, int]:
        devices: dict[str, dict[str, Any]] = {}
        for name, column in self.mapping.columns.items():
            try:
                value = _value(row[name], column.factor)
            except ValueError:
                raise BadInput(f"列 {name} 里的 {row[name]!r} 不是数;没有读数请留空,或在对照文件去掉这一列") from None
            if value is not None:
                devices.setdefault(column.device, {})[column.key] = value
        count = sum(len(v) for v in devices.values())
        return json.dumps({d: [{"ts": at, "values": v}] for d, v in devices.items()}), count


def _value(raw: Any, factor: float) -> float | None:
    """A number, or None for an empty, missing or not finite value: no data is never 0."""
    if raw is None or str(raw).strip() in ("", "?"):
        return None
    number = float(raw)
    if not math.isfinite(number):
        return None
    return number if factor == 1.0 else number * factor
