"""A browser without a window, for tests that look."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


class Chromium:
    """Opens files. Needs the folder for its profile."""

    def __init__(self, folder: Path) -> None:
        found = next((path for name in NAMES if (path := shutil.which(name))), None)
        if found is None:
            assert not os.environ.get("CI"), "Chromium is not installed"
            pytest.skip("Chromium is not installed")
        self._command = [
            found,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            f"--user-data-dir={folder / 'chromium'}",
        ]

    def screenshot(self, page: Path, target: Path, *, width: int = 1200, height: int = 1600, dark: bool = False) -> str:
        """The picture as PNG; what the page's console said."""
        look = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else []
        return self._run(page, *look, f"--window-size={width},{height}", f"--screenshot={target}").stderr

    def dom(self, page: Path) -> str:
        """The page as the browser understood it."""
        return self._run(page, "--dump-dom").stdout

    def _run(self, page: Path, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, *options, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
        )
