"""Declarations are read strictly: every mistake names file, item and remedy."""

from pathlib import Path

import pytest

from shouwang import boot
from shouwang.kernel import content, params
from shouwang.kernel.errors import ContentError


@pytest.fixture(autouse=True)
def _fresh():
    yield
    boot.forget()
    boot.boot()


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    defaults = {"scene": f"id: {folder.name}\ntitle: 试\nuses: [subjects, rules, flows, notify]\n"}
    for name, text in {**defaults, **files}.items():
        (folder / f"{name}.yaml").write_text(text, "utf8")
    return folder


RULE = "- {id: hot, title: 热, quantity: temperature, of: enterprise, test: {above: {param: limit}}, level: red}\n"


def test_scene_outside_the_package_is_loaded(tmp_path):
    boot.boot(write(tmp_path / "dust", rules=RULE, links="- {like: warning_loop}\n"))
    assert content.get("rules", "dust.hot").level == "red"
    assert next(ln.do for ln in content.every("links") if ln.scene == "dust") == "flows.open"


@pytest.mark.parametrize(("files", "says"), [
    ({"rules": RULE.replace("level: red", "levle: red")}, "levle"),
    ({"rules": RULE + RULE}, "id 重复"),
    ({"rulez": RULE}, "没有引擎读 rulez.yaml"),
    ({"scene": "id: other\ntitle: 试\nuses: []\n"}, "id 应与文件夹同名"),
    ({"scene": "id: dust\ntitle: 试\nuses: [flows]\n", "rules": RULE}, "uses 里写上 rules"),
    ({"flows": "- {id: w, title: 警, like: nothing}\n"}, "没有 'nothing'"),
    ({"rules": "- {id: x\n"}, "YAML 写法有误"),
    ({"rules": "- just text\n"}, "应是一组"),
    ({"links": "- {id: a, title: b, when: rules.alert_raised, do: flows.open, with: {on: 1}}\n"}, "键名不能用 'on'"),
    ({"rules": RULE.replace("{param: limit}", "{}")}, "写 {param"),
    ({"rules": RULE.replace("test: {above: {param: limit}}", "test: {hotter: {param: limit}}")}, "above"),
    ({"params": "limit: {title: 限, values: {2026-01-01: {value: 1}}}\n"}, "basis"),
    ({"params": "limit: {title: 限, values: {2026-01-01: {value: 1, basis: b, mark: Q}}}\n"}, "mark 只能是"),
])
def test_mistakes_name_file_item_and_remedy(tmp_path, files, says):
    folder = write(tmp_path / "dust", **files)
    with pytest.raises(ContentError) as told:
        boot.boot(folder)
    assert says in str(told.value)
    assert "dust" in str(told.value)


def test_unknown_flow_state_is_refused(tmp_path):
    flow = "- {id: w, title: 警, start: a, states: {a: {title: 甲, acts: {go: {to: b, title: 去}}}}}\n"
    with pytest.raises(ContentError, match="没有这些状态:b"):
        boot.boot(write(tmp_path / "dust", flows=flow))


def test_yaml_12_keeps_norway_and_times(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("a: no\nb: 12:30\nc: 0o17\n", "utf8")
    assert content.read_yaml(file) == {"a": "no", "b": "12:30", "c": 15}


@pytest.mark.django_db
class TestParams:
    def file(self, tmp_path, locality="cn", value=70, since="2026-01-01"):
        path = tmp_path / "params.yaml"
        dated = f"{{{since}: {{value: {value}, basis: 据, mark: M}}}}"
        path.write_text(f"limit: {{title: 限, unit: ℃, values: {dated}}}\n", "utf8")
        params.load(path, locality=locality, prefix="dust.")

    def test_a_value_holds_from_its_day_on(self, tmp_path):
        from datetime import date

        self.file(tmp_path)
        assert params.value("dust.limit", date(2026, 1, 1)) == 70
        with pytest.raises(ContentError, match="没有生效值"):
            params.lookup("dust.limit", date(2025, 12, 31))

    def test_the_most_local_value_wins(self, tmp_path):
        from datetime import date

        self.file(tmp_path)
        self.file(tmp_path, locality="cn_37", value=60)
        day = date(2026, 5, 1)
        assert params.value("dust.limit", day, "cn_370829") == 60
        assert params.value("dust.limit", day, "cn_4403") == 70
        assert params.lookup("dust.limit", day).unchecked

    def test_an_approved_row_goes_before_the_file_an_open_one_does_not(self, tmp_path):
        from datetime import date

        from shouwang.kernel import clock
        from shouwang.kernel.models import Param

        self.file(tmp_path)
        row = Param.objects.create(path="dust.limit", since=date(2026, 3, 1), value=65, basis="市令", proposed_by="甲")
        params.refresh()
        assert params.value("dust.limit", date(2026, 3, 1)) == 70
        row.approved_by, row.approved_at = "乙", clock.now()
        row.save()
        params.refresh()
        assert params.value("dust.limit", date(2026, 2, 28)) == 70
        assert params.lookup("dust.limit", date(2026, 3, 1)).approver == "乙"
        assert params.value("dust.limit", date(2026, 3, 1)) == 65


def test_lineage_of_a_grid():
    assert params.lineage("cn_370829001002") == [
        "cn_370829001002", "cn_370829001", "cn_370829", "cn_3708", "cn_37", "cn"]
