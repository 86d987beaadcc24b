"""Declarations: what catalog, patterns, scenes and localities say, read once, checked, looked up by id.

An engine says which file it reads (`kind`) and with which schema. A scene is a folder holding
`scene.yaml` and any of those files. Nothing here knows what a rule or a flow is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import ContentError
from .yaml_files import read_yaml


class Spec(BaseModel):
    """One declared item. `key` (scene.id) is its name everywhere and for ever."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    id: str
    title: str
    title_en: str = ""
    scene: str = ""

    @property
    def key(self) -> str:
        return f"{self.scene}.{self.id}" if self.scene else self.id


class Scene(BaseModel):
    """A system of the reference (危化, 矿山 …): a folder of declarations and tests."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    title: str
    title_en: str = ""
    uses: list[str]
    quality: str = "bronze"
    basis: list[str] = []
    industries: list[str] = []


@dataclass(frozen=True)
class _Kind:
    schema: type[Spec]
    engine: str


S = TypeVar("S", bound=Spec)
_kinds: dict[str, _Kind] = {}
_store: dict[str, dict[str, Spec]] = {}
_patterns: dict[str, dict[str, Any]] = {}
scenes: dict[str, Scene] = {}
folders: dict[str, Path] = {}


def kind(filename: str, engine: str) -> Callable[[type[S]], type[S]]:
    """Class decorator: `<filename>.yaml` in a scene (or the catalog) is a list of this schema."""

    def register(schema: type[S]) -> type[S]:
        _kinds[filename] = _Kind(schema, engine)
        _store.setdefault(filename, {})
        return schema

    return register


def load_patterns(path: Path) -> None:
    """Named shapes of `patterns/<kind>.yaml`, for `like:`."""
    for raw in read_yaml(path) or []:
        _patterns[f"{path.stem}.{raw.pop('id')}"] = raw


def _merge(base: Any, over: Any) -> Any:
    """`over` laid on `base`: mappings merge, everything else replaces."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {k: _merge(base[k], over[k]) if k in base and k in over else over.get(k, base.get(k))
            for k in {**base, **over}}


def _unfold(filename: str, raw: dict[str, Any], where: str) -> dict[str, Any]:
    name = raw.pop("like", None)
    if name is None:
        return raw
    try:
        return dict(_merge(_patterns[f"{filename}.{name}"], raw))
    except KeyError:
        known = sorted(p.split(".", 1)[1] for p in _patterns if p.startswith(f"{filename}."))
        raise ContentError(f"{where}: patterns/{filename}.yaml 里没有 {name!r};可用:{'、'.join(known)}") from None


def get(filename: str, key: str) -> Any:
    """The declared item; an unknown key is a ContentError naming its neighbours."""
    try:
        return _store[filename][key]
    except KeyError:
        near = "、".join(sorted(_store.get(filename, {}))[:8])
        raise ContentError(f"{filename} 里没有 {key!r};已有:{near}") from None


def find(filename: str, key: str) -> Any | None:
    """The declared item, or None where it is no longer declared."""
    return _store.get(filename, {}).get(key)


def every(filename: str) -> list[Any]:
    """All declared items of one kind, in order of loading."""
    return list(_store.get(filename, {}).values())


def load_file(path: Path, scene: str = "") -> None:
    """One declaration file; the first wrong item stops with file, item number and reason."""
    declared = _kinds.get(path.stem)
    if declared is None:
        raise ContentError(f"{path}: 没有引擎读 {path.name};可用:{'、'.join(sorted(_kinds))}")
    for where, raw in _items(path):
        try:
            spec = declared.schema.model_validate({**_unfold(path.stem, raw, where), "scene": scene})
        except ValidationError as wrong:
            raise ContentError(f"{where}: {_explain(wrong)}") from None
        if spec.key in _store[path.stem]:
            raise ContentError(f"{where}: id 重复,{spec.key} 已经有了")
        _store[path.stem][spec.key] = spec


def _items(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each item with its place in words; a pattern that says `all: [...]` stands for those patterns together."""
    for n, raw in enumerate(read_yaml(path) or [], 1):
        if not isinstance(raw, dict):
            raise ContentError(f"{path} 第 {n} 条: 应是一组“键: 值”,而不是 {raw!r}")
        together = _patterns.get(f"{path.stem}.{raw.get('like')}", {}).get("all")
        for name in together or [None]:
            item = dict(raw) if name is None else {**raw, "like": name, "id": name}
            yield f"{path} 第 {n} 条({item.get('id', '?')})", item


def _explain(wrong: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in wrong.errors())


def load_scene(folder: Path) -> Scene:
    """A scene folder: every file is read by the engine that owns its kind."""
    manifest = folder / "scene.yaml"
    try:
        scene = Scene.model_validate(read_yaml(manifest))
    except ValidationError as wrong:
        raise ContentError(f"{manifest}: {_explain(wrong)}") from None
    if scene.id != folder.name:
        raise ContentError(f"{manifest}: id 应与文件夹同名({folder.name})")
    scenes[scene.id], folders[scene.id] = scene, folder
    for path in sorted(folder.glob("*.yaml")):
        if path.stem in ("scene", "params"):
            continue
        declared = _kinds.get(path.stem)
        if declared and declared.engine not in ("kernel", *scene.uses):
            raise ContentError(f"{path}: 请在 scene.yaml 的 uses 里写上 {declared.engine}")
        load_file(path, scene.id)
    return scene


def clear() -> None:
    """Forget everything loaded (kinds stay): for tests that load their own folders."""
    for items in _store.values():
        items.clear()
    _patterns.clear()
    scenes.clear()
    folders.clear()
