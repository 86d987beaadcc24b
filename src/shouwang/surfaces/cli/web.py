"""The web process: the raw ASGI dispatcher under uvicorn."""

import argparse
import os
import warnings

import uvicorn
from django.conf import settings

from shouwang.boot import boot


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang web`."""
    sub.add_argument("--host", default=os.environ.get("SHOUWANG_HOST", "127.0.0.1"))
    sub.add_argument("--port", type=int, default=8000)
    sub.add_argument("--certificate", default="", help="TLS 证书文件(PEM)")
    sub.add_argument("--key", default="", help="TLS 私钥文件(PEM)")


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    boot()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")  # static files
    uvicorn.run("shouwang.surfaces.asgi:application", host=args.host, port=args.port, log_level="warning",
                ssl_certfile=args.certificate or None, ssl_keyfile=args.key or None,
                timeout_graceful_shutdown=2, lifespan="off", server_header=False, ws="none")
    return 0
