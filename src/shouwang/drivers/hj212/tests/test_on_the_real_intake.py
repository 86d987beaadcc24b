"""The driver over the real intake and a real disk: what 9014 answers can be read back from the log."""

from datetime import timedelta
from pathlib import Path

import numpy as np

from shouwang.drivers.configured import Setting
from shouwang.drivers.hj212 import serve
from shouwang.drivers.hj212.commands import stamp
from shouwang.drivers.hj212.simulate import Collector, report
from shouwang.drivers.hj212.tests.frames import MN
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.tests.desk import run, until
from shouwang.drivers.tests.test_on_the_real_intake import logged
from shouwang.engines.telemetry.intake import Ingest
from shouwang.engines.telemetry.plan import POINT, Plan, PointUnits, SourcePlan
from shouwang.engines.telemetry.tests import cast
from shouwang.kernel import clock


def test_every_answered_report_is_in_the_log(tmp_path: Path) -> None:
    points = np.zeros(1, POINT)
    points["id"], points["digits"], points["high"] = 1, 1, 1000
    plan = Plan(1, points, [PointUnits("mg/m³", {})],
                [SourcePlan("污染源在线", "gateway", "", {MN: {"a21026-Rtd": 0}})])

    async def story() -> None:
        cast.publish(tmp_path, plan)
        ingest = Ingest(tmp_path, cast.Threshold())
        await ingest.start()
        await until(lambda: ingest.plan.version == 1)
        door = await serve(ingest, Setting("hj212", "污染源在线"), DEFAULT)
        collector = await Collector.connect("127.0.0.1", door.port)
        begun = clock.now() - timedelta(minutes=2)
        for n in range(40):
            at = begun + timedelta(seconds=n)
            told = await collector.deliver(report(MN, at, ["a21026"], seed=n))
            assert told
            assert told.head["QN"] == stamp(at)
            assert len(logged(tmp_path)) == n + 1
        assert ingest.tally.reasons() == {}
        collector.close()
        await door.close()
        await ingest.stop()
    run(story)
