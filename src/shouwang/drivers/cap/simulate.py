"""A warning centre that drops alerts into a folder: `python -m shouwang.drivers.cap.simulate FOLDER`."""

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape

from shouwang.kernel import clock

NS = "urn:oasis:names:tc:emergency:cap:1.2"
SENDER = "desk@weather.example.cn"


def alert(identifier: str, sent: datetime, codes: Sequence[str], severity: str = "Severe", kind: str = "Alert",
          status: str = "Actual", references: str = "", response: str = "Monitor") -> str:
    """One CAP 1.2 alert for some GB/T 2260 codes; without codes it has no info."""
    area = "".join(f"<geocode><valueName>GB/T 2260</valueName><value>{escape(c)}</value></geocode>" for c in codes)
    info = (f"<info><language>zh-CN</language><category>Met</category><event>暴雨</event>"
            f"<responseType>{response}</responseType><urgency>Expected</urgency><severity>{severity}</severity>"
            f"<certainty>Likely</certainty><area><areaDesc>示例区</areaDesc>{area}</area></info>") if codes else ""
    before = f"<references>{escape(references)}</references>" if references else ""
    return (f'<alert xmlns="{NS}"><identifier>{escape(identifier)}</identifier><sender>{SENDER}</sender>'
            f"<sent>{sent.astimezone(clock.LOCAL).isoformat(timespec='seconds')}</sent><status>{status}</status>"
            f"<msgType>{kind}</msgType><scope>Public</scope>{before}{info}</alert>")


def put(folder: Path, name: str, content: str) -> Path:
    """Write beside, then rename."""
    beside = folder / f".{name}.part"
    beside.write_text(content, "utf8")
    return beside.rename(folder / name)


def main() -> None:
    """One alert from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--code", action="append", default=[], help="area code; may be repeated")
    parser.add_argument("--severity", default="Severe", choices=["Extreme", "Severe", "Moderate", "Minor", "Unknown"])
    parser.add_argument("--kind", default="Alert", choices=["Alert", "Update", "Cancel"])
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    now = clock.now()
    name = f"sim-{now:%Y%m%d%H%M%S%f}"
    put(args.folder, f"{name}.cap", alert(name, now, args.code, args.severity, args.kind))


if __name__ == "__main__":
    main()
