"""A headless Chromium over its DevTools protocol, by two pipes: it opens pages, touches them, and looks."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aejax.explorer import server as servers

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-default-apps", "--hide-scrollbars",
         "--force-color-profile=srgb", "--remote-debugging-pipe")
# The browser reads commands from descriptor 3 and answers on 4, whatever numbers the pipes have here.
EXECUTE = ("import fcntl, os, sys; a, b = (fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3]); "
           "os.dup2(a, 3); os.dup2(b, 4); os.execv(sys.argv[3], sys.argv[3:])")


def find() -> str | None:
    """The path of a browser, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One tab; use `started`.

    Attributes:
      requests: addresses that the tab has asked for.
      complaints: exceptions and error messages of its console.
    """

    def __init__(self, process: subprocess.Popen, reads: int, writes: int):
        self.process, self.reads, self.writes = process, reads, writes
        self.buffer, self.number, self.session = b"", 0, None
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = next(t for t in self.send("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol, and its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        content = json.dumps(message).encode() + b"\0"
        while content:
            content = content[os.write(self.writes, content):]
        while True:
            answer = self._next(60)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _next(self, seconds: float) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.reads], [], [], seconds)
            part = os.read(self.reads, 2**20) if ready else b""
            if not part:
                raise RuntimeError("the browser does not answer")
            self.buffer += part
        content, _, self.buffer = self.buffer.partition(b"\0")
        message = json.loads(content)
        details = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(details["request"]["url"])
        elif message.get("method") == "Runtime.exceptionThrown":
            thrown = details["exceptionDetails"]
            self.complaints.append(thrown.get("exception", {}).get("description", thrown["text"]))
        elif message.get("method") == "Log.entryAdded" and details["entry"]["level"] == "error":
            self.complaints.append(details["entry"]["text"])
        return message

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise."""
        found = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"].get("exception", {}).get("description", "JavaScript failed"))
        return found["result"].get("value")

    def wait(self, condition: str, seconds: float = 30) -> Any:
        """Waits until a JavaScript expression is true, and returns its value."""
        until = time.monotonic() + seconds
        while not (value := self.evaluate(condition)):
            if time.monotonic() > until:
                raise RuntimeError(f"never true: {condition}; the console says {self.complaints}")
            time.sleep(0.01)
        return value

    def open(self, address: str, width: int = 1280, height: int = 900) -> None:
        """Loads a page that sets data-ready on its body; earlier requests and complaints are forgotten."""
        self.resize(width, height)
        self.send("Page.navigate", url="about:blank")
        self.requests.clear(), self.complaints.clear()
        self.send("Page.navigate", url=address)
        self.wait(f"location.href === {json.dumps(address)} && document.body && document.body.dataset.ready")

    def resize(self, width: int, height: int = 900) -> None:
        """The size of the window in CSS pixels; below 500 wide it is a phone's."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 500)

    def mouse(self, selector: str, *places: tuple[float, float]) -> None:
        """Presses at the first place, moves over the others, and lets go; in fractions of the element's box."""
        box = self.evaluate(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
                            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect(); "
                            "return [b.left, b.top, b.width, b.height]; })()")
        points = [(box[0] + x * box[2], box[1] + y * box[3]) for x, y in places]
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*points, points[-1]], strict=True):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1, buttons=1)

    def key(self, name: str) -> None:
        """Presses a key."""
        text = {"text": name} if len(name) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=name, code=name, **(text if kind == "keyDown" else {}))

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """A PNG of the page, or of what the window shows."""
        found = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole,
                          **({"clip": self._whole()} if whole else {}))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def _whole(self) -> dict[str, float]:
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}


@contextlib.contextmanager
def serving(app: Callable[..., Any]) -> Iterator[int]:
    """Serves an application of `aejax.explorer` in a thread, on the free port that it yields."""
    sock = servers.listen("127.0.0.1", 0)
    server = servers.server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    try:
        yield sock.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        sock.close()


@contextlib.contextmanager
def started() -> Iterator[Browser]:
    """Starts a browser with an empty profile, and ends it."""
    path = find()
    if path is None:
        raise RuntimeError(f"no browser here: install one of {', '.join(NAMES)}")
    (command_reads, command_writes), (answer_reads, answer_writes) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [sys.executable, "-ISc", EXECUTE, str(command_reads), str(answer_writes), path, *FLAGS,
             f"--user-data-dir={profile}", "about:blank"], pass_fds=(command_reads, answer_writes),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(command_reads), os.close(answer_writes)
        try:
            browser = Browser(process, answer_reads, command_writes)
            yield browser
            browser.session = None
            browser.send("Browser.close")
        finally:
            os.close(command_writes), os.close(answer_reads)   # a browser whose pipe is gone ends itself
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
