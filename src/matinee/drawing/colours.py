"""The colour that a picture is remembered by, found in Oklab, where distances are as eyes see them."""

import math

from PIL import Image

_GREY = 0.028  # chroma below which nobody would name a colour
_HUES = 24
_SAMPLED = (48, 72)

Lab = tuple[float, float, float]


def telling_colour(picture: Image.Image) -> str:
    """The colour a picture is remembered by: vivid and plentiful, at a lightness that tints near-black readably."""
    samples = [_oklab(pixel) for pixel in _pixels(picture.resize(_SAMPLED, Image.Resampling.BOX))]
    hues: list[list[Lab]] = [[] for _ in range(_HUES)]
    for light, a, b in samples:
        if math.hypot(a, b) >= _GREY:
            hues[int((math.atan2(b, a) / math.tau % 1.0) * _HUES) % _HUES].append((light, a, b))
    weights = [sum(map(_weight, hue)) for hue in hues]
    if not any(weights):
        light = sum(sample[0] for sample in samples) / len(samples)
        return _hex(min(max(light, 0.62), 0.75), 0.0, 0.012)
    # A hue's neighbours count half, because a colour may lie across a border.
    best = max(range(_HUES), key=lambda hue: 2 * weights[hue] + weights[hue - 1] + weights[(hue + 1) % _HUES])
    light, a, b = (sum(_weight(sample) * sample[axis] for sample in hues[best]) / weights[best] for axis in range(3))
    chroma = math.hypot(a, b)
    stretch = min(max(chroma, 0.07), 0.16) / chroma
    return _hex(min(max(light, 0.62), 0.80), a * stretch, b * stretch)


def _weight(sample: Lab) -> float:
    """By chroma, so that a small vivid sun outweighs a wide dull sky; what is nearly black says little."""
    light, a, b = sample
    return math.pow(math.hypot(a, b), 2.2) * min(max((light - 0.2) / 0.45, 0.05), 1.0)


def _pixels(picture: Image.Image) -> list[tuple[int, int, int]]:
    data = picture.tobytes()
    return [(data[place], data[place + 1], data[place + 2]) for place in range(0, len(data), 3)]


def _oklab(pixel: tuple[int, int, int]) -> Lab:
    """Colours of sRGB in Oklab (Ottosson 2020): lightness 0 to 1, and two axes whose length is chroma."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - IEC 61966-2-1
        for value in (part / 255 for part in pixel)
    )
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def _hex(light: float, a: float, b: float) -> str:
    """Oklab to ``#rrggbb``, with less chroma where sRGB has no such colour."""
    while True:
        long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
        middle = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
        short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
        linear = (
            4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
        )
        if all(-0.0005 <= value <= 1.0005 for value in linear):  # noqa: PLR2004 - a rounding's breadth
            break
        a, b = a * 0.96, b * 0.96
    parts = (
        12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055  # noqa: PLR2004 - IEC 61966-2-1
        for value in (min(max(value, 0.0), 1.0) for value in linear)
    )
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)
