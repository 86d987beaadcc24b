"""A folder over the real intake and a real disk: a file that has left the folder can be read back from the log."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from shouwang.drivers import configured, folder
from shouwang.drivers.coalmine import simulate as sim
from shouwang.drivers.tests.desk import run, until
from shouwang.drivers.tests.test_on_the_real_intake import logged
from shouwang.engines.telemetry.intake import Ingest
from shouwang.engines.telemetry.plan import PointUnits
from shouwang.engines.telemetry.tests import cast
from shouwang.kernel import clock


def test_what_has_left_the_folder_is_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "SCAN", 0.01)

    async def story() -> None:
        plan = cast.make_plan(1, sources=1, each=2)
        address = {sim.MINE: {sim.point(1): 0, "underground": 1}}
        plan.sources[0] = msgspec.structs.replace(plan.sources[0], addresses=address)
        plan.units[0] = PointUnits("%CH4", {})
        cast.publish(tmp_path, plan)
        ingest = Ingest(tmp_path, cast.Threshold())
        await ingest.start()
        await until(lambda: ingest.plan.version == 1)
        inbox = tmp_path / "inbox"
        (tmp_path / "drivers.yaml").write_text(
            f"- driver: coalmine\n  source: {plan.sources[0].name}\n  options:\n    folder: {inbox}\n", "utf8")
        [setting] = configured.read(tmp_path)
        watch = await configured.opener(setting)(ingest)
        start = clock.now() - timedelta(minutes=10)
        for n in range(20):
            t = start + timedelta(seconds=15 * n)
            sim.put(inbox, "CDSS", t, sim.cdss(t, [(f"{n / 10:.1f}", 0)]))
            sim.put(inbox, "RYSS", t, sim.ryss(t, [sim.person(k, 1, 1, t) for k in range(n)]))
        await until(lambda: len(list((inbox / "done").iterdir())) == 40)
        assert sorted(logged(tmp_path)) == sorted([(0, n) for n in range(20)] + [(1, 10 * n) for n in range(20)])
        assert ingest.tally.reasons() == {}
        await watch.close()
        await ingest.stop()
    run(story)
