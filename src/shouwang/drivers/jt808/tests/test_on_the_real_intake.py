"""Terminals over the real intake and a real disk: what is acknowledged can be read back from the log."""

from pathlib import Path

from shouwang.drivers.configured import Setting, opener
from shouwang.drivers.jt808.serve import Endpoint
from shouwang.drivers.jt808.simulate import item, location
from shouwang.drivers.jt808.tests.fleet import arrive
from shouwang.drivers.tests.desk import run, until
from shouwang.drivers.tests.test_on_the_real_intake import logged
from shouwang.engines.telemetry.intake import Ingest
from shouwang.engines.telemetry.tests import cast
from shouwang.kernel import clock


def test_every_acknowledged_report_is_in_the_log(tmp_path: Path) -> None:
    async def story() -> None:
        plan = cast.make_plan(1, sources=1)
        plan.sources[0].addresses.clear()
        plan.sources[0].addresses.update({"1001": {"speed": 0, "mileage": 1}, "1002": {"speed": 2}})
        cast.publish(tmp_path, plan)
        ingest = Ingest(tmp_path, cast.Threshold())
        await ingest.start()
        await until(lambda: ingest.plan.version == 1)
        terminals = {"1001": "一号", "1002": "二号"}
        endpoint = await opener(Setting("jt808", "网关0", options={"terminals": terminals}))(ingest)
        assert isinstance(endpoint, Endpoint)
        cars = [await arrive(endpoint.port, phone, code, version)
                for (phone, code), version in zip(terminals.items(), (None, 1), strict=True)]
        start = clock.now_ms() // 1000 * 1000 - 60_000
        for n in range(1, 51):
            serials = [car.send(0x0200, location(start + n * 1000, speed=n, extras=item(1, bytes([0, 0, 0, n]))))
                       for car in cars]
            assert [await car.result(serial) for car, serial in zip(cars, serials, strict=True)] == [0, 0]
            if n % 10 == 0:
                assert {(0, n), (1, n), (2, n)} <= set(logged(tmp_path))
        assert len(logged(tmp_path)) == 150
        await endpoint.close()
        await ingest.stop()
    run(story)
