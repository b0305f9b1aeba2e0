"""The report as a browser shows it: light and dark, wide and narrow, nothing refused, nothing from elsewhere."""

import struct
import zlib
from collections import Counter
from pathlib import Path

import pytest

from tests.contracts.chromium import Chromium
from tests.unit.test_report import drifted_report, failed_report


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Chromium:
    return Chromium(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {"drifted": drifted_report(), "failed": failed_report()}
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text)
    return {name: folder / f"{name}.html" for name in made}


def pixels(picture: Path) -> tuple[int, int, Counter[bytes]]:
    """Width, height and how often each colour is there, of every tenth line of a PNG without interlacing."""
    body = picture.read_bytes()
    width, height, _, colour = struct.unpack(">IIBB", body[16:26])
    channels, position, packed = {2: 3, 6: 4}[colour], 8, b""
    while position < len(body):
        (length,) = struct.unpack(">I", body[position : position + 4])
        if body[position + 4 : position + 8] == b"IDAT":
            packed += body[position + 8 : position + 8 + length]
        position += 12 + length
    lines = _unfiltered(zlib.decompress(packed), width * channels, height, channels)
    return (
        width,
        height,
        Counter(bytes(line[at : at + 3]) for line in lines[::10] for at in range(0, len(line), channels)),
    )


def _unfiltered(raw: bytes, stride: int, height: int, channels: int) -> list[bytearray]:
    lines, above = [], bytearray(stride)
    for row in range(height):
        start = row * (stride + 1)
        kind, line = raw[start], bytearray(raw[start + 1 : start + 1 + stride])
        for at in range(stride):
            left = line[at - channels] if at >= channels else 0
            corner = above[at - channels] if at >= channels else 0
            line[at] = (line[at] + _predicted(kind, left, above[at], corner)) % 256
        lines.append(line)
        above = line
    return lines


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind < 4:
        return (0, left, up, (left + up) // 2)[kind]
    estimate = left + up - corner
    return min((abs(estimate - one), index, one) for index, one in enumerate((left, up, corner)))[2]


@pytest.mark.parametrize("name", ["drifted", "failed"])
def test_report_is_drawn_in_light_and_in_dark_and_nothing_is_refused(
    chromium: Chromium, pages: dict[str, Path], name: str, tmp_path: Path
) -> None:
    grounds = []
    for dark in (False, True):
        target = tmp_path / f"{dark}.png"
        said = chromium.screenshot(pages[name], target, width=800, height=600, dark=dark)
        assert not [line for line in said.splitlines() if "CONSOLE" in line]
        width, height, colours = pixels(target)
        assert (width, height) == (800, 600)
        assert len(colours) > 20
        grounds.append(sum(colours.most_common(1)[0][0]))
    assert grounds[0] > 600
    assert grounds[1] < 200


def test_plots_have_colours_of_their_own(chromium: Chromium, pages: dict[str, Path], tmp_path: Path) -> None:
    """Bars and baseline are there, not only the space for them: the policy lets their style through."""
    chromium.screenshot(pages["drifted"], tmp_path / "all.png", width=800, height=1500)
    _, _, colours = pixels(tmp_path / "all.png")
    bluish = sum(count for (red, _, blue), count in colours.items() if blue > red + 80)
    assert bluish > 200


def test_whole_page_is_understood_as_it_was_written(chromium: Chromium, pages: dict[str, Path]) -> None:
    """What came with the data is text to the browser too."""
    for page in pages.values():
        dom = chromium.dom(page)
        assert "<script" not in dom
        assert dom.count("<svg") == page.read_text().count("<svg")
        assert "&lt;script&gt;" in dom
