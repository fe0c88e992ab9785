"""One painter per finding: what it looks like at a place and a grade.

A painter changes ``image.density`` only. ``Brush`` carries what the fact says and the draws that it leaves
open, each a pure function of (seed, fact), so that no finding changes the look of another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nastdata.images.phantom.anatomy import SIDES, Field, Lung, Radiograph, clavicle_height, make_lung, step
from nastdata.images.phantom.places import Site, make_mask, pick_point
from nastdata.seeded import draw_int, draw_unit


@dataclass(frozen=True)
class Brush:
    """One present fact, resolved."""

    condition: str
    site: Site
    grade: int
    """0 lightest, 1, 2 gravest."""
    seed: int

    def unit(self, what: str) -> float:
        """Return a draw of this fact's own."""
        return draw_unit(self.seed, self.condition, *self.site.sides, self.site.region or "", what)

    def between(self, low: float, high: float, what: str) -> float:
        """Return a draw between two bounds."""
        return low + (high - low) * self.unit(what)


Painter = Callable[[Radiograph, Brush], None]


def make_texture(image: Radiograph, brush: Brush, cells: int) -> Field:
    """Return smooth noise, about -1 to 1, ``cells`` blobs across the image."""
    size = image.x.shape[0]
    seed = draw_int(brush.seed, brush.condition, *brush.site.sides, brush.site.region or "", "texture", cells)
    coarse = np.random.Generator(np.random.PCG64(seed)).uniform(-1, 1, (cells, cells)).astype(np.float32)
    at = np.linspace(0, cells - 1, size, dtype=np.float32)
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells, dtype=np.float32)[None, :]))
    smooth: Field = weights @ coarse @ weights.T
    return smooth


def _lungs(image: Radiograph, brush: Brush) -> list[tuple[Lung, Field]]:
    return [(image.lungs[s], make_mask(image, image.lungs[s], brush.site.region)) for s in brush.site.sides]


def _cover(image: Radiograph, amount: Field, density: float) -> None:
    image.density += np.clip(amount, 0, 1) * (np.float32(density) - image.density)


def paint_opacity(image: Radiograph, brush: Brush) -> None:
    """Ground-glass haze: even, soft, vessels still to be seen."""
    haze = (0.4, 0.58, 0.76)[brush.grade] * (1 + 0.2 * make_texture(image, brush, 9))
    for _, mask in _lungs(image, brush):
        _cover(image, mask * haze, 0.7)


def paint_consolidation(image: Radiograph, brush: Brush) -> None:
    """Dense, sharply bounded, with dark air bronchograms that run out from the hilum."""
    dense = (0.55, 0.75, 0.93)[brush.grade]
    for lung, mask in _lungs(image, brush):
        hx, hy = lung.hilum
        angle = np.arctan2(image.y - np.float32(hy), np.abs(image.x - np.float32(hx)))
        branches = step(np.cos(angle * 22 + 6 * brush.unit("branch")) - 0.9, 0.2)
        _cover(image, mask * dense * (1 - 0.45 * branches), 0.74)


def paint_pneumonia(image: Radiograph, brush: Brush) -> None:
    """Mottled patches of uneven density."""
    texture = make_texture(image, brush, 17)
    patches = step(texture - (0.22, 0.02, -0.2)[brush.grade], 0.25)
    for _, mask in _lungs(image, brush):
        _cover(image, mask * (0.12 + patches * (0.5, 0.65, 0.8)[brush.grade]), 0.72)


def paint_edema(image: Radiograph, brush: Brush) -> None:
    """Haze about the hila like a bat's wings, and short horizontal lines at the bases."""
    strength = (0.35, 0.55, 0.8)[brush.grade]
    lines = step(np.abs((image.y * 34) % 1 - 0.5) - 0.3, 0.1)
    for lung, mask in _lungs(image, brush):
        hx, hy = lung.hilum
        near = np.hypot(image.x - np.float32(hx), 0.7 * (image.y - np.float32(hy)))
        wing = np.clip((1.25, 1.35, 1.5)[brush.grade] - 5.2 * near, 0, 1)
        where = wing if brush.site.region is None else np.maximum(wing * 0.4, 0.8)
        kerley = lines * step(lung.across - 0.72, 0.1) * step(lung.down - 0.55, 0.1)
        _cover(image, mask * np.maximum(where * strength, kerley * strength * 0.8), 0.7)


def paint_atelectasis(image: Radiograph, brush: Brush) -> None:
    """White bands across the place, more and thicker with the grade; the gravest with a veil."""
    for lung, mask in _lungs(image, brush):
        px, py = pick_point(image, mask, brush.between(0.35, 0.65, "where" + lung.side))
        tilt = brush.between(-0.25, 0.25, "tilt" + lung.side)
        rise = image.y - np.float32(py) - tilt * (image.x - np.float32(px))
        reach = step(0.13 + 0.02 * brush.grade - np.abs(image.x - np.float32(px)), 0.04)
        for i in range(brush.grade + 1):
            offset = 0.038 * ((i + 1) // 2) * (-1) ** i
            band = step(0.012 + 0.002 * brush.grade - np.abs(rise - offset), 0.012)
            _cover(image, np.maximum(lung.mask, mask) * band * reach * 0.9, 0.88)
        if brush.grade == 2:
            _cover(image, lung.mask * step(0.07 - np.abs(rise), 0.05) * reach * 0.35, 0.65)


def paint_lesion(image: Radiograph, brush: Brush) -> None:
    """A round nodule or mass with a crisp border."""
    radius = (0.02, 0.036, 0.06)[brush.grade] * brush.between(0.92, 1.08, "radius")
    for lung, mask in _lungs(image, brush):
        px, py = pick_point(image, mask, brush.unit("where" + lung.side))
        far = np.hypot(image.x - np.float32(px), image.y - np.float32(py))
        _cover(image, step(radius - far, 0.01) * 0.95, 0.82)


def paint_pneumothorax(image: Radiograph, brush: Brush) -> None:
    """Black rim without markings outside a thin white pleural line: the lung drawn back to its hilum."""
    shrink = 1 / (1 - (0.1, 0.2, 0.36)[brush.grade])
    for side in brush.site.sides:
        lung = image.lungs[side]
        hx, hy = lung.hilum
        x = (hx + (image.x - np.float32(hx)) * shrink).astype(np.float32)
        y = (hy + 0.06 + (image.y - np.float32(hy + 0.06)) * shrink).astype(np.float32)
        held = make_lung(image.anatomy, side, x, y).mask
        inner = step(lung.across - 0.12, 0.08)
        window = _pleural_window(lung, brush.site.region)
        rim = lung.mask * (1 - held) * inner * window
        _cover(image, rim * 0.9, 0.05)
        _cover(image, np.clip(4.2 * held * (1 - held), 0, 1) * inner * window * lung.mask, 0.85)


def paint_effusion(image: Radiograph, brush: Brush) -> None:
    """Fluid with a meniscus that climbs to the side; a filled corner; or a cap at the apex."""
    height = (0.14, 0.32, 0.58)[brush.grade]
    for side in brush.site.sides:
        lung = image.lungs[side]
        climb = np.float32(0.75) + np.float32(0.75) * np.clip(lung.across, 0, 1) ** 2
        if brush.site.region == "lung apex":
            fluid = step(0.08 + 0.42 * height - lung.down, 0.04)
        elif brush.site.region == "costophrenic angle":
            fluid = step(lung.across + 0.8 * lung.down - 1.62 + 0.9 * height, 0.06)
        elif brush.site.region == "lung base":
            fluid = step(lung.down - 1 + height, 0.05)
        else:
            fluid = step(lung.down - 1 + height * climb, 0.05)
        _cover(image, lung.mask * fluid * 0.97, 0.8)


def paint_pleura(image: Radiograph, brush: Brush) -> None:
    """Thickened, wavy pleura along the ribs, with specks of calcium."""
    thick = (0.055, 0.1, 0.17)[brush.grade]
    texture = make_texture(image, brush, 25)
    for side in brush.site.sides:
        lung = image.lungs[side]
        rind = step(lung.across - 1 + thick * (1 + 0.55 * texture), 0.05)
        where = lung.mask * _pleural_window(lung, brush.site.region)
        _cover(image, where * rind * 0.85, 0.75)
        _cover(image, where * rind * step(texture - 0.35, 0.1), 0.95)


def _pleural_window(lung: Lung, region: str | None) -> Field:
    down, across = lung.down, lung.across
    if region == "lung apex":
        return step(0.34 - down, 0.08)
    if region == "lung base":
        return step(down - 0.7, 0.08)
    if region == "costophrenic angle":
        return step(down - 0.72, 0.06) * step(across - 0.6, 0.06)
    return np.ones_like(down)


def paint_fracture(image: Radiograph, brush: Brush) -> None:
    """A bone cut through: a dark gap with bright, displaced ends."""
    a = image.anatomy
    if brush.site.region in ("thoracic spine", "sternum"):
        low = brush.site.region == "thoracic spine"
        py = brush.between(0.55, 0.7, "where") if low else brush.between(0.24, 0.34, "where")
        _cut(image, a.middle, py, 0.035 if low else 0.022, 0.0)
        return
    for side in brush.site.sides:
        u = SIDES[side]
        if brush.site.region == "clavicle":
            reach = brush.between(0.14, 0.24, "where" + side)
            _cut(image, a.middle + u * reach, clavicle_height(a, reach), 0.026, 1.2)
        elif brush.site.region == "humerus":
            py = brush.between(0.26, 0.38, "where" + side)
            _cut(image, a.middle + u * (a.chest + 0.075 + 0.12 * (py - 0.2)), py, 0.034, 0.25)
        else:
            lung = image.lungs[side]
            ribs = lung.mask * step(lung.across - 0.45, 0.05) * step(lung.down - 0.3, 0.05)
            px, py = pick_point(
                image, ribs * step(0.1 - np.abs(image.rib_phase - 0.5), 0.02), brush.unit("where" + side)
            )
            _cut(image, px, py, 0.036, 1.0)


def _cut(image: Radiograph, px: float, py: float, radius: float, tilt: float) -> None:
    dx, dy = image.x - np.float32(px), image.y - np.float32(py)
    spot = step(radius - np.hypot(dx, dy), 0.02)
    across = np.abs(dx * np.float32(np.cos(tilt)) + dy * np.float32(np.sin(tilt))) if tilt else np.abs(dy)
    _cover(image, spot * step(0.02 - across, 0.012), 0.92)
    _cover(image, spot * step(0.0075 - across, 0.006), 0.04)


def paint_devices(image: Radiograph, brush: Brush) -> None:
    """A pacemaker with its lead on a named side; without one, a tracheal tube and a central line."""
    a = image.anatomy
    off = image.x - np.float32(a.middle)
    if brush.site.region != "any side":
        for side in brush.site.sides:
            u = SIDES[side] * off
            box = step(0.04 - np.abs(u - a.chest * 0.78), 0.008) * step(0.028 - np.abs(image.y - 0.24), 0.008)
            _cover(image, box, 0.98)
            t = np.clip((image.y - 0.25) / 0.42, 0, 1)
            path = (1 - t) ** 2 * (a.chest * 0.74) + 0.03 * np.sin(t * 9)
            lead = (
                step(0.006 - np.abs(u - path) * 0.8, 0.008)
                * step(image.y - 0.25, 0.01)
                * step(0.67 - image.y, 0.01)
            )
            _cover(image, lead, 0.95)
        return
    tube = step(0.0055 - np.abs(np.abs(off - 0.004) - 0.011), 0.006) * step(0.36 - image.y, 0.01)
    _cover(image, tube, 0.95)
    line = step(0.005 - np.abs(off + 0.05 - 0.09 * np.clip(0.3 - image.y, 0, 0.3)), 0.007) * step(
        0.52 - image.y, 0.01
    )
    _cover(image, line, 0.95)


def paint_unknown(image: Radiograph, brush: Brush) -> None:
    """A ring whose place and size follow from the name: findings of other ontologies can be told apart."""
    for side in brush.site.sides:
        lung = image.lungs[side]
        px, py = pick_point(image, lung.mask, draw_unit(0, "ring", brush.condition, brush.site.region or ""))
        far = np.hypot(image.x - np.float32(px), image.y - np.float32(py))
        _cover(image, step(0.012 - np.abs(far - (0.03, 0.045, 0.06)[brush.grade]), 0.008), 0.9)


PAINTERS: dict[str, Painter] = {
    "Lung Opacity": paint_opacity,
    "Edema": paint_edema,
    "Consolidation": paint_consolidation,
    "Pneumonia": paint_pneumonia,
    "Atelectasis": paint_atelectasis,
    "Lung Lesion": paint_lesion,
    "Pleural Other": paint_pleura,
    "Pneumothorax": paint_pneumothorax,
    "Pleural Effusion": paint_effusion,
    "Fracture": paint_fracture,
    "Support Devices": paint_devices,
}
"""Condition -> painter, in the order in which they are painted: haze first, fluid and air, metal last."""
