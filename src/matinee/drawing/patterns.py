"""Drawn films of forms: a fractal, two automata, a planet. Each function gives one filter graph.

Numbers are shades, pixels of the full picture and seconds, chosen by eye.
"""

from matinee.drawing.brushes import FLAT, HEIGHT, HELD, ONCE, RATE, WIDTH, chance, enlarged, level, painted, tinted

_VALLEY = (
    (127, "#1c0630"), (146, "#5a0f52"), (164, "#b8215f"), (180, "#f0695a"), (196, "#ffd3a1"),
    (210, "#fff3d6"), (224, "#35b5ad"), (240, "#0d4a63"), (255, "#050b1a"),
)  # fmt: skip
_MOSS = (
    (0, "#09120d"), (40, "#10291a"), (85, "#1f5a30"), (125, "#4f9a35"),
    (165, "#a9cf3f"), (205, "#eef07a"), (240, "#fffbd6"), (255, "#ffffff"),
)  # fmt: skip
# Three shades of light on each yarn: linen to 95, madder from 110, indigo from 162, weld from 216.
_YARN = (
    (0, "#a08c6c"), (40, "#e3d3b4"), (95, "#fcf5e6"), (110, "#7a1a12"), (132, "#cf3a22"), (150, "#ee6a45"),
    (162, "#0b1430"), (184, "#1f3566"), (204, "#4c6cae"), (216, "#8a5a12"), (238, "#e2a02e"), (255, "#f6cf72"),
)  # fmt: skip
_EMBER = (
    (0, "#04030a"), (30, "#150a1e"), (75, "#4a1528"), (120, "#96301f"),
    (160, "#d9742a"), (200, "#f2b866"), (230, "#fbe3b4"), (255, "#fffaf0"),
)  # fmt: skip


def seahorse_valley(seconds: float) -> str:
    """Down into the valley between the head and the body of Mandelbrot's set."""
    fractal = (
        f"mandelbrot=s={WIDTH // 2}x{HEIGHT // 2}:r={RATE}:maxiter=157:start_x=-0.7436438870:start_y=0.1318259043"
        f":start_scale=0.034:end_scale=0.0011:end_pts={seconds * RATE:.0f}:inner=black:outer=normalized_iteration_count"
    )
    # The source's green is sin(iterations / 100), which only rises up to 157: a smooth depth. Its inside is black and
    # belongs above the deepest outside.
    depth = "extractplanes=g,lut=c0='if(lt(val,100),255,val)',gblur=sigma=0.6:steps=1"
    return f"{fractal},{depth},{enlarged()},{tinted(*_VALLEY)}"


def colony() -> str:
    """Conway's Life under a microscope: what lives glows, what has died leaves moss."""
    life = "life=s=112x63:r=8:ratio=0.13:seed=21:rule=B3/S23:life_color=white:death_color=black"
    return ";".join(
        (
            # The first two seconds are the noise of sowing. Generations melt into each other over seven frames.
            (
                f"{life},{FLAT},trim=start=2,setpts=PTS-STARTPTS,fps={RATE}:round=down,"
                "tmix=frames=7:weights='1 2 3 4 3 2 1',split[cells][dead]"
            ),
            "[dead]lagfun=decay=0.99,gblur=sigma=1.8,lut=c0='val*0.62'[moss]",
            "[cells]gblur=sigma=1.05,lut=c0='val*1.1'[glow]",
            f"[moss][glow]blend=all_mode=screen,{enlarged()},{tinted(*_MOSS)}",
        )
    )


def loom() -> str:
    """Rule 150, woven: a live cell lifts the warp over the weft, and the cloth rolls up by 1 px a frame."""
    cell = 20
    rows = HEIGHT // cell + 1
    # Two threads a cell, each lit as a cylinder.
    thread = f"pow(abs(sin(PI*({{axis}}+0.5)/{cell // 2})),{{gloss}})"
    weft = f"95*{thread.format(axis='Y', gloss=0.5)}"
    warp = (
        f"st(0,{thread.format(axis='X', gloss=0.6)});st(1,mod(abs(X+0.5-{WIDTH // 2})/{cell},12));"
        "if(lt(ld(1),5),110+40*ld(0),if(lt(ld(1),7),216+39*ld(0),162+42*ld(0)))"
    )
    # Twenty frames a row, so that the cloth moves by whole pixels: by two or four it looks like fields. More cells than
    # shown keep the pattern from repeating.
    rule = f"cellauto=s=61x{rows}:r={RATE}/20:rule=150:random_fill_ratio=0.4:seed=9:scroll=1:full=1:stitch=1"
    return ";".join(
        (
            f"{rule},{FLAT},crop={WIDTH // cell // 2}:{rows}:0:0,split[left][right];[right]hflip[mirrored]",
            f"[left][mirrored]hstack,fps={RATE}:round=down,scale={WIDTH}:{rows * cell}:flags=neighbor[lifted]",
            f"{painted(weft, WIDTH, rows * cell)},{ONCE},{HELD}[weft]",
            f"{painted(warp, WIDTH, rows * cell)},{ONCE},{HELD}[warp]",
            "[warp][lifted]blend=all_mode=darken[raised]",
            f"[raised][weft]blend=all_mode=lighten,crop={WIDTH}:{HEIGHT}:0:'{cell}*mod(n,20)/20',{tinted(*_YARN)}",
        )
    )


def perihelion(seconds: float) -> str:
    """A ringed planet turns while its star comes near."""
    size, left, top = 520, 440, 90
    middle_x, middle_y = left + size // 2, top + size // 2
    # On a plane of clouds 512 px high, mirrored so that it closes upon itself, bands run in swirls.
    bands = "128+46*sin(Y/15+2.5*sin(Y/61))+30*sin(Y/6.5+1.7*sin(Y/23))+14*sin(Y/3.1)"
    # 0, 1: place from the middle; 2, 3: place in the plane of the rings; 4: radius there; 5: brightness of the rings.
    rings = (
        f"st(0,X-{middle_x});st(1,Y-{middle_y});st(2,ld(0)*0.9713-ld(1)*0.2377);"
        "st(3,(ld(0)*0.2377+ld(1)*0.9713)/0.2);st(4,hypot(ld(2),ld(3)));"
        "st(5,if(between(ld(4),330,560),(0.62+0.20*sin(ld(4)/9.3)+0.12*sin(ld(4)/3.7+1)+0.06*sin(ld(4)/1.4))"
        "*clip((ld(4)-330)/8,0,1)*clip((560-ld(4))/8,0,1)*(1-0.9*between(ld(4),470,484)),0))"
    )
    # Behind the planet the rings lie in its shadow, and the near half hides nothing of the far one.
    hidden = f"(1-clip({size // 2}-hypot(ld(0),ld(1)),0,1)*lt(ld(3),0))"
    shadow = "(1-0.94*clip((300-abs(0.6*ld(2)+0.8*ld(3)))/40,0,1)*clip((0.8*ld(2)-0.6*ld(3))/60,0,1))"
    stars = f"if(lt({chance('X*1.31+Y*7.77')},0.0011),(90+165*{chance('X+Y*3')})*gt(hypot(ld(0),ld(1)),262),0)"
    ball = (
        f"st(6,(X+0.5-{size // 2})/{size // 2});st(7,(Y+0.5-{size // 2})/{size // 2});st(8,hypot(ld(6),ld(7)));"
        f"255*clip((1-ld(8))*{size // 2}/1.5,0,1)"
        "*pow(clip(0.10-0.80*ld(6)-0.22*ld(7)+0.42*sqrt(max(0,1-ld(8)*ld(8))),0,1),0.8)"
    )
    # Where the near half of the rings crosses the planet, it dims what is behind.
    veil = f"{rings.replace(f'X-{middle_x}', f'X-{size // 2}').replace(f'Y-{middle_y}', f'Y-{size // 2}')};"
    return ";".join(
        (
            (
                f"perlin=s=256x128:r={RATE}:octaves=4:persistence=0.65:xscale=4:yscale=9:random_mode=seed:seed=12,"
                f"{FLAT},{ONCE},{enlarged(512, 512)},split[swirl0][swirl1]"
            ),
            "[swirl0]lut=c0='128+(val-128)*0.35'[swirl_y];[swirl1]lut=c0='128+(val-128)*0.5'[swirl_x]",
            f"{painted(bands, 512, 512)},{ONCE}[bands]",
            "[bands][swirl_x][swirl_y]displace=edge=mirror,split[east][west0];[west0]hflip[west]",
            (
                f"[east][west]hstack,{HELD},scroll=h=-0.00065,"
                f"v360=input=e:output=og:h_fov=180:v_fov=180:w={size}:h={size}:interp=line:pitch=16:roll=-14[globe]"
            ),
            f"{painted(f'{veil}{ball}*(1-0.75*clip(ld(5)*2,0,1)*gt(ld(3),0))', size, size)},{ONCE},{HELD}[light]",
            f"[globe][light]blend=all_mode=multiply,pad={WIDTH}:{HEIGHT}:{left}:{top}[planet]",
            f"{painted(f'{rings};max(205*ld(5)*{hidden}*{shadow},{stars})', WIDTH, HEIGHT)},{ONCE},{HELD}[sky]",
            f"{painted('225*exp(-hypot(X*8+60,(Y-30)*8)/230)', 160, 90)},{ONCE},{enlarged()},{HELD}[glow]",
            f"{level(f'(T+6)/{seconds + 6}', FLAT)}[near];[glow][near]blend=all_mode=multiply[star]",
            "[planet][sky]blend=all_mode=screen[space];[space][star]blend=all_mode=screen[lit]",
            f"[lit]{tinted(*_EMBER)}",
        )
    )
