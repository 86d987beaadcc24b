"""An outstation over the real intake and a real disk: what it may forget can be read back from the log."""

from pathlib import Path

import msgspec

from shouwang.drivers import configured
from shouwang.drivers.iec104.link import Timing
from shouwang.drivers.iec104.simulate import Outstation
from shouwang.drivers.tests.desk import run, until
from shouwang.drivers.tests.test_on_the_real_intake import logged
from shouwang.engines.telemetry.intake import Ingest
from shouwang.engines.telemetry.tests import cast


def test_what_the_station_forgets_is_in_the_log_also_when_the_line_breaks(tmp_path: Path) -> None:
    async def story() -> None:
        plan = cast.make_plan(1, sources=1, each=1)
        plan.sources[0] = msgspec.structs.replace(plan.sources[0], addresses={"47": {"11": 0}})
        cast.publish(tmp_path, plan)
        ingest = Ingest(tmp_path, cast.Threshold())
        await ingest.start()
        await until(lambda: ingest.plan.version == 1)
        station = await Outstation(47, [], Timing(k=12)).listen()
        (tmp_path / "drivers.yaml").write_text(
            f"- driver: iec104\n  source: {plan.sources[0].name}\n  options:\n    host: 127.0.0.1\n"
            f"    port: {station.port}\n    retry_from: 0.01\n    w: 4\n    t2: 0.05\n", "utf8")
        [setting] = configured.read(tmp_path)
        client = await configured.opener(setting)(ingest)
        for n in range(1, 201):
            station.tell(13, {"ioa": 11, "value": n / 10})
            if n % 50 == 0:
                await until(lambda: station.link is not None and station.link.heard > 0)
                station.drop()
                await until(lambda: station.link is None)
        await until(lambda: station.link is not None and not station.link.undelivered())
        assert {v for _, v in logged(tmp_path)} == set(range(1, 201))
        assert logged(tmp_path)[-1] == (0, 200)
        assert ingest.tally.reasons() == {}
        await client.close()
        await station.close()
        await ingest.stop()
    run(story)
