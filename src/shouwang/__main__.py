"""`python -m shouwang` is the `shouwang` command."""

from shouwang.surfaces.cli.main import run

if __name__ == "__main__":
    run()
