"""A register over the real intake and a real disk."""

from pathlib import Path

import msgspec

from shouwang.drivers import configured
from shouwang.drivers.modbus.simulate import Device, Server
from shouwang.drivers.tests.desk import run, until
from shouwang.drivers.tests.test_on_the_real_intake import logged
from shouwang.engines.telemetry.intake import Ingest
from shouwang.engines.telemetry.tests import cast

OPTIONS = """- driver: modbus
  source: {name}
  options:
    host: 127.0.0.1
    port: {port}
    every: 0.01
    devices:
      - unit: 1
        device: 锅炉
        registers:
          - {{key: pressure, address: 10, type: int16, scale: 0.1}}
"""


def test_what_was_polled_is_in_the_log(tmp_path: Path) -> None:
    async def story() -> None:
        plan = cast.make_plan(1, sources=1, each=1)
        plan.sources[0] = msgspec.structs.replace(plan.sources[0], addresses={"锅炉": {"pressure": 0}})
        cast.publish(tmp_path, plan)
        ingest = Ingest(tmp_path, cast.Threshold())
        await ingest.start()
        await until(lambda: ingest.plan.version == 1)
        boiler = Device(1)
        server = await Server(boiler).listen()
        (tmp_path / "drivers.yaml").write_text(OPTIONS.format(name=plan.sources[0].name, port=server.port), "utf8")
        [setting] = configured.read(tmp_path)
        client = await configured.opener(setting)(ingest)
        for raw in (-7, 0, 123):
            boiler.set(10, "h", raw)
            await until(lambda raw=raw: logged(tmp_path)[-1:] == [(0, raw)])
        assert ingest.tally.reasons() == {}
        await client.close()
        await server.close()
        await ingest.stop()
    run(story)
