"""`shouwang up`: everything a city needs from one command, on embedded defaults, until Ctrl-C."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from shouwang import boot
from shouwang.engines.rules import plan
from shouwang.engines.subjects import regions
from shouwang.engines.subjects.models import Subject
from shouwang.kernel import content
from shouwang.kernel.errors import BadInput
from shouwang.surfaces.cli import lifeline
from shouwang.surfaces.cli.lifeline import STOP_WITHIN_S, Lifeline
from shouwang.surfaces.console import login

RESTART_AFTER_S = 1.0


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang up`."""
    sub.add_argument("--demo", default=os.environ.get("SHOUWANG_DEMO", "370800"), metavar="城市代码",
                     help="演示城市的行政区划代码(默认 370800 济宁市);空字符串为不生成演示数据")
    sub.add_argument("--port", type=int, default=8000, help="网页端口(默认 8000,被占用则顺延)")
    sub.add_argument("--host", default=os.environ.get("SHOUWANG_HOST", "127.0.0.1"))
    sub.add_argument("--production", action="store_true", help="生产模式:不生成演示数据,首次启动打印随机管理员密码")


def run(args: argparse.Namespace) -> int:
    """Prepare the data folder, start the processes, keep them alive, stop them together."""
    production = args.production or settings.PRODUCTION
    os.environ["SHOUWANG_MODE"] = "production" if production else "demo"
    line = lifeline.make(settings.DATA / "run")
    prepare("" if production else args.demo, production)
    port = free_port(args.host, args.port)
    if port != args.port:
        print(f"端口 {args.port} 已被占用,改用 {port}", flush=True)
    crew = [Process(line, "ingest"), Process(line, "beat"),
            Process(line, "web", ["--host", args.host, "--port", str(port)]), Process(line, "history")]
    if args.demo and not production:
        crew.append(Process(line, "simulate"))
    return watch(crew, f"http://{args.host}:{port}/")


def prepare(demo: str, production: bool) -> None:
    """Tables, regions, first account or demo city, compiled plan: all idempotent."""
    (settings.DATA / "run").mkdir(parents=True, exist_ok=True)
    boot.boot()
    call_command("migrate", verbosity=0)
    regions.load_all()
    if production and (password := login.first_run()):
        print(f"首次启动:管理员账号 admin,密码 {password}(只显示这一次,登录后须修改)", flush=True)
    if demo and not Subject.objects.exists():
        print("正在生成演示城市(样例数据)……", flush=True)
        with subprocess.Popen([sys.executable, "-m", "shouwang", "ingest", "--compile"]):  # beside it: the other core
            subprocess.run([sys.executable, "-m", "shouwang", "seed", demo], check=True)
    plan.compile_plan()


def free_port(host: str, wanted: int) -> int:
    """The wanted port or the next free one (twenty tries)."""
    for port in range(wanted, wanted + 20):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise BadInput(f"端口 {wanted}–{wanted + 19} 都被占用;请用 --port 指定一个空闲端口")


@dataclass
class Process:
    """One child process: restarted when it dies, unless we are stopping."""

    line: Lifeline
    verb: str
    options: list[str] = field(default_factory=list)
    child: subprocess.Popen[bytes] | None = None
    died_at: float = 0.0

    def start(self) -> None:
        """Start in our own process group, so that one signal to us does not tear it mid-write."""
        self.child = subprocess.Popen([sys.executable, "-m", "shouwang", self.verb, *self.options],
                                      start_new_session=True, pass_fds=self.line.inherited,
                                      env=self.line.environment())

    def tend(self) -> None:
        """Restart after a death, with a pause."""
        if self.child is None or self.child.poll() is None:
            return
        if not self.died_at:
            self.died_at = time.monotonic()
            print(f"进程 {self.verb} 退出(状态 {self.child.returncode}),即将重启", file=sys.stderr, flush=True)
        elif time.monotonic() - self.died_at > RESTART_AFTER_S:
            self.died_at = 0.0
            self.start()

    def stop(self, until: float) -> None:
        """Ask politely, then kill: the data folder survives both."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.child.kill()


def watch(crew: list[Process], url: str) -> int:
    """Start all, print where to go, tend until a signal, stop in reverse order."""
    stopping: list[int] = []
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda s, _: stopping.append(s))
    for process in crew:
        process.start()
    write_pids(crew)
    greet(url)
    while not stopping:
        time.sleep(0.2)
        before = [p.child.pid if p.child else 0 for p in crew]
        for process in crew:
            process.tend()
        if before != [p.child.pid if p.child else 0 for p in crew]:
            write_pids(crew)
    print("正在停止……", flush=True)
    until = time.monotonic() + STOP_WITHIN_S
    for process in reversed(crew):
        process.stop(until)
    return 0


def write_pids(crew: list[Process]) -> None:
    """`run/pids.json`: verb → process id, for tools and crash tests."""
    path = Path(settings.DATA) / "run" / "pids.json"
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({p.verb: p.child.pid for p in crew if p.child}), "utf8")
    fresh.replace(path)  # whoever reads it finds the old one or the new one, never half


def greet(url: str) -> None:
    """Where to look, and the demo accounts when there are any."""
    accounts = Path(settings.DATA) / "demo_accounts.json"
    if not accounts.exists():
        return
    told = json.loads(accounts.read_text("utf8"))
    print(f"演示账号(样例,口令都是 {told['password']}):", flush=True)
    shown: set[str] = set()
    for row in told["accounts"]:
        if row["role"] not in shown:
            shown.add(row["role"])
            print(f"  {row['username']:<14}{content.get('roles', row['role']).title} {row['name']}", flush=True)
