"""The driver over the real intake and a real disk: what is confirmed can be read back from the log."""

from datetime import timedelta
from pathlib import Path

import numpy as np

from shouwang.drivers.configured import Setting
from shouwang.drivers.gb26875 import serve
from shouwang.drivers.gb26875 import simulate as sim
from shouwang.drivers.gb26875.tests.frames import SOURCE
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.tests.desk import run, until
from shouwang.drivers.tests.test_on_the_real_intake import logged
from shouwang.engines.telemetry.intake import Ingest
from shouwang.engines.telemetry.plan import POINT, Plan, PointUnits, SourcePlan
from shouwang.engines.telemetry.tests import cast
from shouwang.kernel import clock


def test_every_confirmed_state_is_in_the_log(tmp_path: Path) -> None:
    points = np.zeros(1, POINT)
    points["id"], points["high"] = 1, 1
    plan = Plan(1, points, [PointUnits("", {})],
                [SourcePlan("消防远程监控", "gateway", "", {SOURCE: {"s1.1.p40.d9000600-fire_alarm": 0}})])

    async def story() -> None:
        cast.publish(tmp_path, plan)
        ingest = Ingest(tmp_path, cast.Threshold())
        await ingest.start()
        await until(lambda: ingest.plan.version == 1)
        door = await serve(ingest, Setting("gb26875", "消防远程监控"), DEFAULT)
        transmitter = await sim.Transmitter.connect("127.0.0.1", door.port)
        begun = clock.now() - timedelta(minutes=2)
        for n in range(1, 41):
            at = begun + timedelta(seconds=n)
            app = sim.part_state("d9000600", sim.FIRE_ALARM if n % 2 else sim.NORMAL, at, "走廊")
            assert await transmitter.deliver(sim.packet(SOURCE, n, app, at), n)
            assert logged(tmp_path) == [(0, m % 2) for m in range(1, n + 1)]
        assert ingest.tally.reasons() == {}
        transmitter.close()
        await door.close()
        await ingest.stop()
    run(story)
