"""How the drawn films are painted: pieces of FFmpeg filter graphs, as text.

A scene paints one plane of shades, 0 to 255, and tints it at the very end: a shade is an index into a palette whose
neighbours blend, so that edges may be smooth. Skylines, hems and waterlines are one row of heights a frame (a few
microseconds), stretched down the picture and subtracted from a ramp: what is left is each pixel's distance to the
line, in 1/64 pixel, and a lookup table makes light of it. What stands still is painted once and held.
"""

from itertools import pairwise

WIDTH = 1280
HEIGHT = 720
RATE = 24

# Named at every step that could change it: left alone, FFmpeg would choose eight bits for a whole chain.
DEEP = "format=gray16"
FLAT = "format=gray"
ONCE = "trim=end_frame=1"
HELD = "loop=-1:1:0"
# The signed distance that ``blend=grainextract`` leaves, in pixels, put into register 0 of a lookup's expression.
DISTANCE = "st(0,(val-32768)/64)"


def painted(expression: str, width: int, height: int, depth: str = FLAT) -> str:
    """A plane whose every pixel is an expression of ``X``, ``Y`` and ``T``; costly, so small or once."""
    return f"nullsrc=s={width}x{height}:r={RATE},{depth},geq=lum='{expression}'"


def heights(expression: str, width: int, height: int, samples: int = 320) -> str:
    """One row of heights in pixels, stretched to a plane; ``ld(0)`` is the column on a plane ``width`` wide."""
    row = painted(f"st(0,X*{width / samples});64*({expression})", samples, 1, DEEP)
    return f"{row},scale={width}:1:flags=bicubic,{DEEP},scale={width}:{height}:flags=neighbor,{DEEP}"


def level(expression: str, depth: str = DEEP) -> str:
    """A plane of one brightness, from 0 to 1 over time, to multiply with; a third of what ``fade`` costs."""
    white = 65535 if depth == DEEP else 255
    return f"{painted(f'{white}*clip({expression},0,1)', 1, 1, depth)},scale={WIDTH}:{HEIGHT}:flags=neighbor,{depth}"


def ramp(width: int, height: int) -> str:
    """Each pixel's own row, to compare heights with; once."""
    column = painted("64*Y", 1, height, DEEP)
    return f"{column},scale={width}:{height}:flags=neighbor,{DEEP},{ONCE}"


def enlarged(width: int = WIDTH, height: int = HEIGHT) -> str:
    """Scaling up smoothly, without dither, whose pattern would shimmer and cost bits."""
    return f"scale={width}:{height}:flags=bicubic:sws_dither=none"


def chance(value: str) -> str:
    """An expression from 0 to 1 that looks random and is the same in every frame and on every machine."""
    return f"mod(abs(sin(({value})*12.9898)*43758.5453),1)"


def tinted(*stops: tuple[int, str]) -> str:
    """Shades to colours by a palette of (shade, ``#rrggbb``) in rising order, linear between; BT.709, studio range."""
    points: list[tuple[int, tuple[float, float, float]]] = []
    for shade, colour in stops:
        red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
        luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        points.append((shade, (16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748)))
    tables = []
    for plane in range(3):
        table = f"{points[0][1][plane]:.1f}"
        for (low, before), (high, after) in pairwise(points):
            table += f"+({after[plane] - before[plane]:.1f})*clip((val-{low})/{high - low},0,1)"
        tables.append(table)
    # The shade goes into all three planes, where three tables colour it: a quarter of the time ``pseudocolor`` takes.
    return (
        f"{FLAT},setparams=range=tv,split[shade][half];"
        f"[half]scale={WIDTH // 2}:{HEIGHT // 2}:flags=neighbor,split[cb][cr];"
        f"[shade][cb][cr]mergeplanes=0x001020:yuv420p,lutyuv=y='{tables[0]}':u='{tables[1]}':v='{tables[2]}'"
    )
