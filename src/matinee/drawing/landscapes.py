"""Drawn films of places: mountains, a beach, a city and the north. Each function gives one filter graph.

Numbers are shades, pixels of the full picture and seconds, chosen by eye.
"""

from matinee.drawing.brushes import (
    DEEP,
    DISTANCE,
    FLAT,
    HEIGHT,
    HELD,
    ONCE,
    RATE,
    WIDTH,
    chance,
    enlarged,
    heights,
    level,
    painted,
    ramp,
    tinted,
)

_DAWN = (
    (0, "#0a0c22"), (40, "#1d1b47"), (80, "#3f2a63"), (120, "#7a3f70"),
    (160, "#c85f66"), (195, "#f0955a"), (225, "#fbcb7c"), (255, "#fffbe8"),
)  # fmt: skip
_BEACH = (
    (0, "#05303f"), (45, "#0a5262"), (90, "#168799"), (118, "#52c2bb"), (134, "#bdebdd"),
    (146, "#ffffff"), (158, "#fff9ee"), (166, "#c69e76"), (190, "#d8b48a"), (255, "#f3ddb8"),
)  # fmt: skip
_CITY = (
    (0, "#03050c"), (20, "#091226"), (45, "#101f44"), (80, "#263a72"), (105, "#51488a"), (130, "#97607c"),
    (155, "#d07a4c"), (180, "#eca046"), (210, "#fac568"), (238, "#ffe7ae"), (255, "#fffaea"),
)  # fmt: skip
_NORTH = (
    (0, "#03050c"), (16, "#070c20"), (36, "#0e1740"), (70, "#3a2a7a"),
    (105, "#2a6a94"), (145, "#21b58a"), (195, "#7df2a6"), (255, "#f2fff0"),
)  # fmt: skip

# Ridges from far to near: highest row of the crest, drift in px/s, rows of the crest, its shade, mist at its foot.
_RIDGES = (
    (20, 3, "128-66*abs(sin({x}/210+1))-30*abs(sin({x}/83))-9*sin({x}/31)", 140, 75),
    (84, 6, "190-70*abs(sin({x}/260+2.2))-24*abs(sin({x}/97+1))-7*sin({x}/37)", 112, 70),
    (148, 11, "262-78*abs(sin({x}/310+0.4))-26*abs(sin({x}/120+2))-6*sin({x}/29)", 82, 60),
    (236, 19, "340-74*abs(sin({x}/350+4))-22*abs(sin({x}/140))-5*sin({x}/33)", 50, 40),
    (328, 32, "430-72*abs(sin({x}/420+5.2))-18*abs(sin({x}/170))-6*sin({x}/21)-3*sin({x}/5.3)", 10, 14),
)

# Curtains of light, at half size: the height of the hem, the strength of the rays, how far up they reach.
_CURTAINS = (
    (
        "196+13*sin(ld(0)/95+T*0.35)+11*sin(ld(0)/37-T*0.5)+6*sin(ld(0)/15+T*0.9)+3*sin(ld(0)/6-T)",
        (
            "0.60+0.26*sin(ld(0)/61+T*0.7)+0.20*sin(ld(0)/8.3+T*1.1+2*sin(ld(0)/70+T/3))"
            "+0.16*sin(ld(0)/3.7-T*0.9+3*sin(ld(0)/33))"
        ),
        78,
    ),
    (
        "140+16*sin(ld(0)/120-T*0.28+2)+12*sin(ld(0)/44+T*0.45)+5*sin(ld(0)/17-T*0.8)",
        "0.30+0.30*sin(ld(0)/83-T*0.5+1)+0.16*sin(ld(0)/9.1-T*1.1+2*sin(ld(0)/50))+0.12*sin(ld(0)/4.2+T)",
        55,
    ),
)


def first_light(seconds: float) -> str:
    """Five ridges drift by while the sun comes up behind them."""
    top = 270
    sky = painted("257*min(198,92+100*pow(Y/400,1.5))", 1, HEIGHT, DEEP)
    halo = "st(0,hypot(X-80,Y-100)*8);257*95*exp(-ld(0)/150)*clip((630-ld(0))/500,0,1)"
    disc = painted("257*clip(255*(64-hypot(X-79.5,Y-79.5))/1.6,0,255)", 160, 160, DEEP)
    chains = [
        f"{sky},scale={WIDTH}:{HEIGHT}:flags=neighbor,{DEEP},{ONCE},{HELD}[sky]",
        f"{painted(halo, WIDTH // 8, 200, DEEP)},{ONCE},scale={WIDTH}:1600:flags=bicubic,{DEEP}[halo]",
        f"{disc},{ONCE},pad={WIDTH}:1600:560:720[disc]",
        # The sun stands in the middle of a tall plane, and the window on it moves down.
        f"[halo][disc]blend=all_mode=addition,{HELD},crop={WIDTH}:{HEIGHT}:0:430+n*{215 / (seconds * RATE):.4f}[sun]",
        "[sky][sun]blend=all_mode=addition,split[upper][lower]",
        f"[upper]crop={WIDTH}:{top}:0:0[strip0];[lower]crop={WIDTH}:{HEIGHT - top}:0:{top}[land0]",
    ]
    above = 0
    for place, (crest, drift, shape, shade, mist) in enumerate(_RIDGES, start=1):
        # Above this ridge's highest row nothing changes any more: that strip is done.
        rows, done = HEIGHT - top - crest, crest - above
        shape_here = shape.format(x=f"(ld(0)+{drift}*T)")
        chains += [
            f"[land{place - 1}]split[a{place}][b{place}];[a{place}]crop={WIDTH}:{done}:0:0[strip{place}]",
            f"[b{place}]crop={WIDTH}:{rows}:0:{done}[ground{place}]",
            f"{heights(f'{shape_here}-{crest}', WIDTH, rows)}[line{place}];{ramp(WIDTH, rows)},{HELD}[row{place}]",
            (
                f"[row{place}][line{place}]blend=all_mode=subtract,"
                f"lut=c0='257*(255-(255-({shade}+{mist}*clip(val/7680,0,1)))*clip(val/96,0,1))'[ridge{place}]"
            ),
            f"[ground{place}][ridge{place}]blend=all_mode=darken[land{place}]",
        ]
        above = crest
    strips = "".join(f"[strip{place}]" for place in range(len(_RIDGES) + 1))
    # Day breaks by brightening the shades: they climb the palette from indigo to gold.
    chains.append(f"{strips}[land{len(_RIDGES)}]vstack=inputs={len(_RIDGES) + 2}[land]")
    chains.append(
        f"{level(f'(T+{seconds / 2})/{seconds * 1.25}')}[day];[land][day]blend=all_mode=multiply,{tinted(*_DAWN)}"
    )
    return ";".join(chains)


def slow_tide() -> str:
    """A beach from above: the waterline breathes every 9.8 s, two swells roll in."""
    # Painted at half size: water is soft, and this film is long.
    width, height = WIDTH // 2, HEIGHT // 2
    big = f"{enlarged(width, height)},{DEEP}"
    noise = f"perlin=r={RATE}:random_mode=seed"
    waterline = "535+46*sin(2*PI*T/9.8)+16*sin(ld(0)/85+T/3)+9*sin(ld(0)/30-T/2)"
    # The relief is the row (of the full picture) a waterline must reach to flood a place.
    chains = [
        f"{noise}:s=160x90:octaves=3:persistence=0.55:xscale=3:yscale=3:seed=7,{ONCE},{DEEP},{big},split[dunes][reef]",
        f"{noise}:s=640x360:octaves=4:persistence=0.7:xscale=30:yscale=30:seed=3,{ONCE},{DEEP}[grain]",
        f"{painted('64*(40+Y*4+X*0.32)', 320, 180, DEEP)},{ONCE},{big}[slope]",
        "[dunes]lut=c0='val*0.1465'[dunes1];[grain]lut=c0='val*0.0254'[grain1]",
        "[slope][dunes1]blend=all_mode=addition[slope1]",
        f"[slope1][grain1]blend=all_mode=addition,{HELD},split=5[deep][dry][near][far0][far1]",
        # Depth colours the water and height the sand, once; only lines move over them.
        f"[deep]lut=c0='257*(118-46*clip((540-val/64)/130,0,1)-72*clip((480-val/64)/420,0,1))',{HELD}[water]",
        f"[dry]lut=c0='257*(165+90*pow(clip((val/64-470)/330,0,1),0.7))',{HELD}[sand]",
        f"{heights(waterline, width, height)}[waterline]",
        "[near][waterline]blend=all_mode=grainextract,split[wash][shore]",
        (
            f"[wash]lut=c0='{DISTANCE};257*if(gt(ld(0),0),0,if(gt(ld(0),-24),"
            "146-26*clip(-ld(0)/16,0,1),120-120*clip((-ld(0)-24)/60,0,1)))'[foam]"
        ),
        f"[shore]lut=c0='{DISTANCE};257*clip(146*gt(ld(0),0)+ld(0)*3,0,255)'[ashore]",
        "[sand][ashore]blend=all_mode=darken[beach];[water][foam]blend=all_mode=lighten[sea]",
        "[beach][sea]blend=all_mode=lighten[scene0]",
        f"[reef]lut=c0='65535*clip((val/65535-0.30)/0.35,0.12,1)',{HELD},split[reef0][reef1]",
    ]
    for swell, lead in enumerate((0, 4.9)):
        crest = f"st(1,mod(T+{lead},9.8)/9.8);110+ld(1)*400+22*sin(ld(0)/105+{lead}+T/7)+10*sin(ld(0)/38+T/2)"
        chains += [
            f"{heights(crest, width, height)}[crest{swell}]",
            # A crest is sharp towards the beach and trails foam behind it, more over the reef.
            (
                f"[far{swell}][crest{swell}]blend=all_mode=grainextract,lut=c0='{DISTANCE};257*if(gt(ld(0),0),"
                f"138*exp(-pow(ld(0)/4,2)),max(138*exp(-pow(ld(0)/11,2)),104*exp(ld(0)/38)))'[trail{swell}]"
            ),
            f"[trail{swell}][reef{swell}]blend=all_mode=multiply[swell{swell}]",
            f"[scene{swell}][swell{swell}]blend=all_mode=lighten[scene{swell + 1}]",
        ]
    chains.append(f"[scene2]{enlarged()},{tinted(*_BEACH)}")
    return ";".join(chains)


def _houses(name: str, speed: int, frames: int, shade: int, roof: str, window: tuple[int, int, int], lit: str) -> str:
    """A street of houses that passes at ``speed`` px a frame: ``[<name>wall]`` darkens, ``[<name>light]`` lights.

    ``roof`` is the height above the quay at column ``X``; ``window`` is the pitch of windows across and down and the
    bar between them; ``lit`` is a window's shade at column ``X``, row ``Y`` of windows, 0 where it is dark.
    """
    across, down, bar = window
    width = -(-(WIDTH + speed * frames) // across) * across
    rows = -(-340 // down) * down
    quay = f"{width}:{HEIGHT}:0:{570 - rows}"
    passing = f"{HELD},crop={WIDTH}:{HEIGHT}:{speed}*n:0"
    roofs = painted(f"64*({rows}-({roof}))", width, 1, DEEP)
    return ";".join(
        (
            f"{roofs},scale={width}:{rows}:flags=neighbor,{DEEP},{ONCE}[{name}roof]",
            f"{ramp(width, rows)}[{name}row];[{name}row][{name}roof]blend=all_mode=subtract,split[{name}a][{name}b]",
            f"[{name}a]lut=c0='if(gte(val,32),{257 * shade},65535)',{FLAT},pad={quay}:white,{passing}[{name}wall]",
            # No window within nine pixels of the roof.
            f"[{name}b]lut=c0='65535*gte(val,576)',{FLAT}[{name}inside]",
            (
                f"{painted(lit, width // across, rows // down)},{ONCE},scale={width}:{rows}:flags=neighbor,"
                f"drawgrid=x=-1:y=-1:w={across}:h={down}:t={bar}:c=black:replace=1[{name}panes]"
            ),
            f"[{name}inside][{name}panes]blend=all_mode=darken,pad={quay}:black,{passing}[{name}light]",
        )
    )


def last_tram(seconds: float) -> str:
    """A city by night, seen across the river from a tram: three depths of houses, lamps, the moon that stays."""
    frames = round(seconds * RATE) + 1

    def lit(share: float, dimmest: int, span: int, seed: float) -> str:
        mixed = f"0.55*{chance(f'X*{seed}+Y*7.31+1')}+0.45*{chance(f'floor(X/3)*1.7+floor(Y/2)*{seed}+5')}"
        return f"if(lt({mixed},{share}),{dimmest}+{span}*{chance('X*3.3+Y*1.9')},0)"

    far = (
        f"max(150+110*{chance('floor(X/37)')}*{chance('floor(X/190)+3')}+40*sin(X/300),"
        f"110+120*{chance('floor(X/61)+40')})"
    )
    middle = f"max(110+190*pow({chance('floor(X/84)+9')},2),70+120*{chance('floor(X/53)+70')})"
    near = f"max(60+210*pow({chance('floor(X/150)+2')},3),50+90*{chance('floor(X/110)+31')})"
    sky = "44+70*pow(Y/72,2.2)*lte(Y,72)+18*exp(-hypot(X-118,Y-22)/9)+40*exp(-hypot((X-60)/3,Y-74)/10)"
    moon = (
        "(246-30*exp(-pow(hypot(X-80,Y-84)/17,2))-24*exp(-pow(hypot(X-122,Y-116)/22,2))"
        "-18*exp(-pow(hypot(X-112,Y-68)/11,2))-16*exp(-pow(hypot(X-92,Y-124)/12,2)))"
        "*clip((52-hypot(X-99.5,Y-99.5))/1.5,0,1)"
    )
    lamp = (
        "st(0,hypot(X-160,Y-62));min(255,250*exp(-pow(ld(0)/3.4,2))+105*exp(-ld(0)/11)+30*exp(-ld(0)/40))"
        "+34*exp(-hypot((X-160)/1.2,(Y-160)/2)/8)"
    )
    wire = "255-249*clip(2.2-abs(Y-(74+30*(1-pow(mod(X+700,1280)/640-1,2)))),0,1)"
    passing = f"{HELD},crop={WIDTH}:{HEIGHT}:mod(14*n\\,{WIDTH}):0"
    iron = "drawbox=x=637:y=70:w=6:h=650:c=0x030303:t=fill,drawbox=x=560:y=70:w=84:h=5:c=0x030303:t=fill"
    return ";".join(
        (
            f"{painted(sky, 160, 90)},{ONCE},{enlarged()}[air]",
            f"{painted(moon, 200, 200)},{ONCE},pad={WIDTH}:{HEIGHT}:844:76[moon]",
            f"[air][moon]blend=all_mode=lighten,{HELD}[scene0]",
            _houses("far", 1, frames, 34, far, (6, 8, 3), lit(0.20, 112, 30, 3.7)),
            _houses("mid", 2, frames, 22, middle, (8, 12, 3), lit(0.26, 165, 45, 5.1)),
            _houses("near", 4, frames, 9, near, (14, 20, 4), lit(0.30, 185, 70, 2.3)),
            "[scene0][farwall]blend=all_mode=darken[scene1];[scene1][farlight]blend=all_mode=lighten[scene2]",
            "[scene2][midwall]blend=all_mode=darken[scene3];[scene3][midlight]blend=all_mode=lighten[scene4]",
            "[scene4][nearwall]blend=all_mode=darken[scene5];[scene5][nearlight]blend=all_mode=lighten[scene6]",
            # The river holds the city upside down, drawn out and broken by ripples.
            (
                f"perlin=s=80x38:r={RATE}:octaves=2:persistence=0.6:xscale=6:yscale=30:tscale=1.4:random_mode=seed:seed=4,"
                f"{FLAT},lut=c0='clip((val-128)*2.2+180,70,255)',{enlarged(WIDTH, 150)}[ripples]"
            ),
            (
                f"[scene6]split[city][flood];[flood]crop={WIDTH}:450:0:120,vflip,scale=640:150:flags=area,"
                f"avgblur=sizeX=2:sizeY=14,lut=c0='2+val*0.95',{enlarged(WIDTH, 150)}[mirror]"
            ),
            f"[mirror][ripples]blend=all_mode=multiply[river];[city]crop={WIDTH}:570:0:0[bank];[bank][river]vstack[street]",
            # Lamp posts and the wire pass close by, every 1,280 px.
            f"{painted(lamp, 320, 180)},{ONCE},{enlarged()},split[lamp0][lamp1];[lamp0][lamp1]hstack,{passing}[lamps]",
            f"color=white:s={WIDTH}x{HEIGHT}:r={RATE},{FLAT},{iron},{ONCE},split[post0][post1];[post0][post1]hstack[posts]",
            f"{painted(wire, 2 * WIDTH, 110)},{ONCE},pad={2 * WIDTH}:{HEIGHT}:0:0:white[wire]",
            f"[posts][wire]blend=all_mode=darken,{passing}[irons]",
            "[street][irons]blend=all_mode=darken[dark];[dark][lamps]blend=all_mode=screen[night]",
            f"[night]{tinted(*_CITY)}",
        )
    )


def polar_night() -> str:
    """Two curtains of northern light over a lake, with stars and a line of firs."""
    # The light is soft and painted at half size; stars and firs are sharp.
    width, height = WIDTH // 2, 250
    chains = [f"{ramp(width, height)},{HELD},split[row0][row1]"]
    for place, (hem, rays, reach) in enumerate(_CURTAINS):
        chains += [
            f"{heights(hem, width, height)}[hem{place}]",
            # Above its hem a curtain fades slowly, below it at once.
            (
                f"[hem{place}][row{place}]blend=all_mode=grainextract,lut=c0='{DISTANCE};65535*if(gt(ld(0),0),"
                f"0.55*exp(-ld(0)/{reach})+0.45*exp(-ld(0)*3.5/{reach}),0.35*exp(ld(0)/26)+0.65*exp(ld(0)/7))'[fall{place}]"
            ),
            f"{heights(f'1023*clip({rays},0,1)', width, height)}[rays{place}]",
            f"[fall{place}][rays{place}]blend=all_mode=multiply[curtain{place}]",
        ]
    dusk = painted(f"257*(14+34*pow(Y/{height},3))", 1, height, DEEP)
    stars = painted(f"if(lt({chance('X*1.31+Y*7.77')},0.0011),60+190*{chance('X+Y*3')}*(1-Y/560),0)", WIDTH, 500)
    firs = (
        "64*(220-(96*(0.5+0.5*sin(X/190+0.6))*(0.6+0.4*sin(X/67+1))+34)*0.62"
        "-26*(1-abs(mod(X*0.0615+0.37*sin(X/47),1)*2-1))*(0.5+0.5*sin(X/23.7))"
        "-22*(1-abs(mod(X*0.107+0.2*sin(X/29),1)*2-1))*(0.5+0.5*abs(sin(X/17))))"
    )
    chains += [
        f"{dusk},scale={width}:{height}:flags=neighbor,{DEEP},{ONCE},{HELD}[dusk]",
        f"[curtain0][curtain1]blend=all_mode=screen[lights];[lights][dusk]blend=all_mode=addition,{FLAT},split[air][image]",
        f"{stars},{ONCE},gblur=sigma=0.55,lut=c0='val*2.2',{HELD}[stars]",
        f"{painted(firs, WIDTH, 1, DEEP)},{ONCE},scale={WIDTH}:220:flags=neighbor,{DEEP}[tips]",
        f"{ramp(WIDTH, 220)}[rows]",
        (
            f"[rows][tips]blend=all_mode=subtract,lut=c0='65535*(1-clip(val/90,0,1))',{FLAT},"
            f"pad={WIDTH}:500:0:280:white,split[wood][sunk]"
        ),
        f"[wood]{HELD}[firs];[air]{enlarged(WIDTH, 500)}[sky0];[sky0][stars]blend=all_mode=screen[sky1]",
        "[sky1][firs]blend=all_mode=darken[land]",
        # The lake holds the sky shortened to half and broken by ripples.
        (
            f"perlin=s=40x55:r={RATE}:octaves=2:persistence=0.6:xscale=3:yscale=16:tscale=0.8:random_mode=seed:seed=4,"
            f"{FLAT},lut=c0='clip((val-128)*1.7+200,90,255)',{enlarged(width, 110)}[ripples]"
        ),
        (
            f"[sunk]scale={width}:{height},{HELD}[below];[image][below]blend=all_mode=darken,vflip,crop={width}:220:0:0,"
            f"scale={width}:110:flags=area,lut=c0='val*0.9'[mirror]"
        ),
        f"[mirror][ripples]blend=all_mode=multiply,{enlarged(WIDTH, 220)}[lake]",
        f"[land][lake]vstack,{tinted(*_NORTH)}",
    ]
    return ";".join(chains)
