"""The hour as a picture: a row for each route, a bar for each minute, and above them what went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from routing.hour.figures import by_minute, figures
from routing.hour.profiles import PROFILES
from routing.hour.simulation import Result
from routing.hour.trouble import Scene

SOON_SECONDS = 2.0
# Of answers that began soon, of those that began late, and of none: told apart in grey, too.
COLOURS = ("#9ecae1", "#f5a623", "#c0152f")
TROUBLE, INK, PALE = "#555555", "#222222", "#f1f1f1"

LEFT, MINUTE, RIGHT, TOP = 190, 10, 130, 34
LANE, ROW, BAR = 20, 30, 24


def plot(results: Mapping[str, Result]) -> str:
    """An SVG of results by the names of their routes, all of one scene."""
    scene = next(iter(results.values())).scene
    minutes = int(scene.seconds // 60)
    right = LEFT + minutes * MINUTE
    rows = TOP + LANE * len(PROFILES) + 14
    bottom = rows + ROW * len(results)
    width, height = right + RIGHT, bottom + 62
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_bands(scene, rows, bottom),
        *_timetable(scene),
        _text(right + 8, rows - 8, "answered"),
        _text(right + 80, rows - 8, "p95"),
    ]
    for number, (name, result) in enumerate(results.items()):
        parts += _row(name, result, rows + number * ROW)
    for minute in range(0, minutes + 1, 10):
        parts.append(_text(LEFT + minute * MINUTE, bottom + 16, str(minute), "middle"))
    parts.append(_text(right + 16, bottom + 16, "minutes"))
    parts += _legend(bottom + 34)
    return "\n".join((*parts, "</svg>")) + "\n"


def _bands(scene: Scene, top: float, bottom: float) -> Iterator[str]:
    for each in scene.troubles:
        yield _rect(_place(each.begins), top - 4, (each.ends - each.begins) / 60 * MINUTE, bottom - top + 4, PALE)


def _timetable(scene: Scene) -> Iterator[str]:
    for lane, name in enumerate(PROFILES):
        top = TOP + lane * LANE
        yield _text(LEFT - 8, top + 12, name, "end")
        yield _rect(LEFT, top + 7, scene.seconds / 60 * MINUTE, 2, PALE)
        for each in scene.troubles:
            if each.provider == name:
                wide = (each.ends - each.begins) / 60 * MINUTE
                yield _rect(_place(each.begins), top, wide, 16, TROUBLE)
                middle = _place((each.begins + each.ends) / 2)
                yield _text(middle, top + 12, each.kind, "middle", colour="#ffffff", size=11)
    yield _text(LEFT, TOP - 14, "What goes wrong")


def _row(name: str, result: Result, top: float) -> Iterator[str]:
    yield _text(LEFT - 8, top + 16, name, "end")
    paths: tuple[list[str], ...] = ([], [], [])
    for minute, counts in enumerate(by_minute(result.records, SOON_SECONDS)):
        level = float(BAR)
        for path, high in zip(paths, _heights(counts), strict=True):
            level -= high
            if high:
                path.append(f"M{LEFT + minute * MINUTE} {top + level:g}h{MINUTE - 1}v{high}h-{MINUTE - 1}z")
    for path, colour in zip(paths, COLOURS, strict=True):
        if path:
            yield f'<path fill="{colour}" d="{"".join(path)}"/>'
    found = figures(result)
    right = _place(result.scene.seconds)
    yield _text(right + 8, top + 16, f"{100 * found.answered:.2f}%")
    yield _text(right + 80, top + 16, f"{found.first[1]:.1f} s")


def _heights(counts: Sequence[int]) -> list[int]:
    """Of the parts of a bar, in whole units that fill it. A single failure is seen, a single late answer is not."""
    total = sum(counts)
    failed = max(1, counts[2] * BAR // total) if counts[2] else 0
    late = min(counts[1] * BAR // total, BAR - failed)
    return [BAR - late - failed, late, failed]


def _legend(top: float) -> Iterator[str]:
    titles = (f"began within {SOON_SECONDS:g} s", "began later", "failed")
    left = LEFT
    for title, colour in zip(titles, COLOURS, strict=True):
        yield _rect(left, top, 12, 12, colour)
        yield _text(left + 18, top + 10, title)
        left += 160


def _place(seconds: float) -> float:
    return LEFT + seconds / 60 * MINUTE


def _rect(left: float, top: float, wide: float, high: float, colour: str) -> str:
    return f'<rect x="{left:g}" y="{top:g}" width="{wide:g}" height="{high:g}" fill="{colour}"/>'


def _text(left: float, base: float, text: str, anchor: str = "start", *, colour: str = INK, size: int = 12) -> str:
    return f'<text x="{left:g}" y="{base:g}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">{text}</text>'
