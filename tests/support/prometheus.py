"""A real Prometheus and a real Alertmanager of a test's own, on ports that the system gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.support.real_broker import ROOT, patient, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = ROOT / "scripts" / "prometheus_tools.py"
EXIT_UNAVAILABLE = 4  # of that script: no such programs, and no apt-get
DEPLOY = ROOT / "deploy"
_ADDRESS = re.compile(r'msg="Listening on".* address=(\S+)')


def fetch_tools() -> subprocess.CompletedProcess[str]:
    """Run scripts/prometheus_tools.py, which prints the folder of the programs; the exit code is for the caller."""
    return subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False)


class PrometheusTools:
    """The programs, in a folder or, where that is empty, on the PATH."""

    def __init__(self, folder: str) -> None:
        self._path = folder or None
        self._home = Path(folder).parents[1] if folder else None
        """Where the unpacked programs have to be started."""

    def program(self, *names: str) -> str:
        """Return the path of the first of some names that exists."""
        found = [path for name in names if (path := shutil.which(name, path=self._path))]
        assert found, names
        return found[0]

    def check(self, name: str, *arguments: str | Path) -> str:
        """Run a program to its end, and return what it printed; it must succeed."""
        command = [self.program(name), *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=patient(60))
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def alertmanager(self, webhook: str, folder: Path) -> Iterator[str]:
        """Run an Alertmanager with the routes of ``deploy/``, and yield its address.

        Receivers are web hooks whose paths are their names, and groups wait a second.
        """
        config = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8"))
        config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
        for receiver in config["receivers"]:
            receiver["webhook_configs"] = [{"url": f"{webhook}/{receiver['name']}"}]
        file = folder / "alertmanager.yml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        options = [f"--config.file={file}", f"--storage.path={folder / 'alertmanager'}", "--cluster.listen-address="]
        command = [self.program("prometheus-alertmanager", "alertmanager"), *options]
        with self._server(command, folder / "alertmanager.log") as address:
            yield address

    @contextmanager
    def prometheus(self, alertmanager: str, target: str, folder: Path) -> Iterator[str]:
        """Run a Prometheus with the rules of ``deploy/`` that scrapes a target, and yield its address."""
        config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
        config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(DEPLOY / "prometheus" / pattern) for pattern in config["rule_files"]]
        config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [alertmanager]}]
        config["scrape_configs"] = [{"job_name": "driftline", "static_configs": [{"targets": [target]}]}]
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        options = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'prometheus'}"]
        with self._server([self.program("prometheus"), *options], folder / "prometheus.log") as address:
            yield address

    @contextmanager
    def _server(self, command: list[str], log: Path) -> Iterator[str]:
        """Run a server, which does not outlive the block, and yield the address that it listens on."""
        command = [*command, "--web.listen-address=127.0.0.1:0"]
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=self._home, stdout=output, stderr=subprocess.STDOUT)
        try:

            def address() -> str:
                text = log.read_text(errors="replace")
                assert process.poll() is None, text
                found = _ADDRESS.search(text)
                return found[1] if found and _is_ready(found[1]) else ""

            yield wait_until(address, 30, lambda: f"{command[0]} to be ready:\n{log.read_text(errors='replace')}")
        finally:
            process.kill()
            process.wait(patient(30))


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=patient(10)) as answer:  # loopback
            return bool(answer.status == HTTPStatus.OK)
    except urllib.error.HTTPError as error:
        error.close()
        return False


def query(prometheus: str, expression: str) -> list[dict[str, Any]]:
    """Return the series that an expression has in a Prometheus now."""
    address = f"http://{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    with urllib.request.urlopen(address, timeout=patient(10)) as answer:  # loopback
        series: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return series
