"""CAP documents in a folder → the severity in each area: device = geocode value, key `severity`, 0 to 4."""

from collections import OrderedDict
from typing import Any

from shouwang.kernel.errors import BadInput

from ..folder import DONE, Addresses, Batch, refusal
from ..rows import Malformed, Row
from .packet import Document, moment, parse

KEY = "severity"
SEVERITY = {"Extreme": 4, "Severe": 3, "Moderate": 2, "Minor": 1, "Unknown": None}  # unknown is no data, never 0
OVER = 0  # cancelled, or all clear
SETTLE = 60.0  # [D] seconds a document that is not whole XML may rest before it is refused
REMEMBERED = 5_000  # [D] alerts whose areas are kept, so that a Cancel without areas can end them
Alert = dict[str, Any]


class Inbox:
    """The alerts of one source. `geocode` = the valueName that counts; none = every geocode."""

    def __init__(self, options: dict[str, Any]) -> None:
        geocode = options.get("geocode")
        if geocode is not None and not isinstance(geocode, str):
            raise BadInput("options.geocode 应是 CAP geocode 的 valueName,如 GB/T 2260")
        self.geocode = geocode
        self.areas: OrderedDict[tuple[str, str], list[str]] = OrderedDict()  # (sender, identifier) → devices

    def order(self, name: str) -> tuple[str, ...]:
        """By name; what is out of order falls away by its time."""
        return (name,)

    def read(self, name: str, raw: bytes, age: float, now: int, addresses: Addresses) -> Batch | None:
        """A document's alerts as readings; one that is not valid costs itself only."""
        try:
            document = parse(raw)
        except Malformed as wrong:
            return None if age < SETTLE else refusal("malformed", f"{name}: {wrong}")
        refused = [("bad_alert", f"{name}: {fault}") for fault in document.faults]
        if not document.alerts:
            return Batch([], refused + _links(name, document), "refused" if refused else DONE)
        rows: list[Row] = []
        for alert in sorted(document.alerts, key=lambda one: moment(one["sent"])):
            taken, why = self._rows(alert)
            rows += taken
            refused += [(why, f"{name}: {alert['identifier']}")] if why else []
        return Batch(rows, refused + _links(name, document), DONE)

    def _rows(self, alert: Alert) -> tuple[list[Row], str]:
        """An alert's readings, or the reason why it brings none."""
        if alert["status"] != "Actual":
            return [], "not_actual"
        if alert["msgType"] in ("Ack", "Error"):
            return [], "not_an_alert"
        worst = self._severities(alert)
        known = [d for ref in alert.get("references", []) for d in self._known(ref)]
        before: dict[str, int | None] = dict.fromkeys(known, OVER)
        if alert["msgType"] == "Cancel":
            worst = before | dict.fromkeys(worst, OVER)
        elif alert["msgType"] == "Update":  # supersedes: an area no longer named is over
            worst = before | worst
        if not worst:
            return [], "no_geocode"
        self._remember(alert, list(worst))
        t = int(moment(alert["sent"]).timestamp() * 1000)
        return [Row(device, t, {KEY: value}) for device, value in worst.items()], ""

    def _severities(self, alert: Alert) -> dict[str, int | None]:
        """Geocode → the worst severity said of it, in whichever language; unknown only where nothing else is said."""
        worst: dict[str, int | None] = {}
        for info in alert.get("info", []):
            over = "AllClear" in info.get("responseType", [])
            value = OVER if over else SEVERITY[info["severity"]]
            for device in self._devices(info):
                before = worst.get(device)
                worst[device] = value if before is None else before if value is None else max(before, value)
        return worst

    def _devices(self, info: Alert) -> list[str]:
        codes = [code for area in info.get("area", []) for code in area.get("geocode", [])]
        return [c["value"] for c in codes if c["value"] and self.geocode in (None, c["valueName"])]

    def _known(self, reference: dict[str, str]) -> list[str]:
        return self.areas.get((reference["sender"], reference["identifier"]), [])

    def _remember(self, alert: Alert, devices: list[str]) -> None:
        self.areas[alert["sender"], alert["identifier"]] = devices
        while len(self.areas) > REMEMBERED:
            self.areas.popitem(last=False)


def _links(name: str, document: Document) -> list[tuple[str, str]]:
    """Entries that only link to their alert: nothing is fetched."""
    return [("link_only", f"{name}: {entry.get('link', '')}") for entry in document.entries if not entry["alerts"]]
