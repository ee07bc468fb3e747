"""Curves in the unit square, as SVG."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

SIZE, _LEFT, _TOP = 260, 52, 40
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # Okabe and Ito

Curve = Sequence[tuple[float, float]]


def curves(
    title: str,
    across: str,
    upwards: str,
    drawn: Mapping[str, Curve],
    *,
    diagonal: bool = False,
    marked: Mapping[str, tuple[float, float]] | None = None,
) -> str:
    """Curves by their names, points from 0 to 1 both ways; `marked` points have a ring; the
    `diagonal` is dashed.
    """
    high = _TOP + SIZE + 58 + 18 * len(drawn)
    wide = _LEFT + SIZE + 120
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" '
        f'height="{high}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{html.escape(title)}</title>",
        f'<rect width="{wide}" height="{high}" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-weight="bold">{html.escape(title)}</text>',
    ]
    for tenth in range(0, 11, 2):
        share = tenth / 10
        (x, bottom), (_, y) = _place(share, 0), _place(0, share)
        parts += [
            _line((x, _TOP), (x, bottom), "#ddd"),
            _line((_LEFT, y), (_LEFT + SIZE, y), "#ddd"),
            f'<text x="{x:.0f}" y="{bottom + 18:.0f}" text-anchor="middle">{share:g}</text>',
            f'<text x="{_LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{share:g}</text>',
        ]
    if diagonal:
        parts.append(_line(_place(0, 0), _place(1, 1), "#888", 'stroke-dasharray="4 3"'))
    bottom = _TOP + SIZE
    parts += [
        f'<text x="{_LEFT}" y="{bottom + 36}">{html.escape(across)}</text>',
        f'<text x="{_LEFT}" y="{_TOP - 6}">{html.escape(upwards)}</text>',
    ]
    for number, (name, curve) in enumerate(drawn.items()):
        colour = COLOURS[number % len(COLOURS)]
        parts += named_line(
            name, [_place(*point) for point in curve], colour, number, _LEFT, bottom + 58
        )
        if marked and name in marked:
            x, y = _place(*marked[name])
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="none" stroke="{colour}" '
                'stroke-width="2"/>'
            )
    return "\n".join([*parts, "</svg>\n"])


def named_line(
    name: str, places: Curve, colour: str, number: int, left: float, top: float
) -> list[str]:
    """A line through places, and its name as that of this number in the legend at `left`, `top`."""
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    y = top + 18 * number
    return [
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places),
        f'<rect x="{left}" y="{y - 9}" width="18" height="4" fill="{colour}"/>',
        f'<text x="{left + 26}" y="{y - 2}">{html.escape(name)}</text>',
    ]


def _place(x: float, y: float) -> tuple[float, float]:
    return _LEFT + x * SIZE, _TOP + (1 - y) * SIZE


def _line(start: tuple[float, float], end: tuple[float, float], colour: str, more: str = "") -> str:
    return (
        f'<line x1="{start[0]:.0f}" y1="{start[1]:.0f}" x2="{end[0]:.0f}" y2="{end[1]:.0f}" '
        f'stroke="{colour}" {more}/>'
    )
