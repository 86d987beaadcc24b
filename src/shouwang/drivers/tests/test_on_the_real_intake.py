"""The endpoint over the real intake and a real disk: what is acknowledged can be read back from the log."""

from pathlib import Path

from shouwang.drivers.mqtt.serve import serve
from shouwang.drivers.tests.desk import run, until
from shouwang.drivers.tests.wire import Wire, publish
from shouwang.engines.telemetry import wal
from shouwang.engines.telemetry.intake import Ingest
from shouwang.engines.telemetry.tests import cast


def logged(data: Path) -> list[tuple[int, int]]:
    """(point index, scaled value) of every reading in the log, as a restart would find them."""
    found = []
    for segment in wal.segments(data / "wal"):
        read = wal.records(segment)
        assert read is not None
        found += [pair for r in read[1] for pair in zip(r.point.tolist(), r.v.tolist(), strict=True)]
    return found


def test_every_acknowledged_reading_is_in_the_log_and_a_new_plan_turns_the_revoked_away(tmp_path: Path) -> None:
    async def story() -> None:
        cast.publish(tmp_path, cast.make_plan(1))
        ingest = Ingest(tmp_path, cast.Threshold())
        await ingest.start()
        await until(lambda: ingest.plan.version == 1)
        endpoint = await serve(ingest, "127.0.0.1", 0)
        staying, leaving = [await Wire.login(endpoint.port, cast.token(i)) for i in (0, 1)]
        for n in range(1, 101):
            staying.send(publish(f'{{"D0":[{{"values":{{"v":{n}.05}}}}]}}', "v1/gateway/telemetry", packet_id=n))
            leaving.send(publish(f'{{"D3":[{{"values":{{"v":{n}}}}}]}}', "v1/gateway/telemetry", packet_id=n))
            for wire in (staying, leaving):
                assert await wire.acknowledged(1) == [n]
            if n % 10 == 0:
                assert {(0, 10 * n + 1), (3, 10 * n)} <= set(logged(tmp_path))
        assert len(logged(tmp_path)) == 200
        cast.publish(tmp_path, cast.make_plan(2, sources=1))
        await until(lambda: ingest.plan.version == 2)
        leaving.send(publish('{"D3":[{"values":{"v":1}}]}', "v1/gateway/telemetry"))
        assert await leaving.closed() == []
        staying.send(publish('{"D0":[{"values":{"v":1}}]}', "v1/gateway/telemetry"))
        assert await staying.acknowledged(1) == [1]
        assert ingest.tally.reasons() == {"revoked": 1}
        await endpoint.close()
        await ingest.stop()
    run(story)
