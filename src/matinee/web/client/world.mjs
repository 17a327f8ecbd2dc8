// Draws the world's land for the studio's map: Natural Earth (public domain) out of the world-atlas package, as one
// path in an equirectangular projection from 85° north to 60° south.
import { readFile, writeFile } from "node:fs/promises";
import { feature } from "topojson-client";

const NORTH = 85;
const SOUTH = -60;

/** Writes the picture: one unit a degree. */
export async function drawWorld(target) {
  const atlas = new URL(import.meta.resolve("world-atlas/land-110m.json"));
  const world = JSON.parse(await readFile(atlas, "utf8"));
  const land = feature(world, world.objects.land);
  const point = ([longitude, latitude]) => {
    const held = Math.min(NORTH, Math.max(SOUTH, latitude));
    return `${(longitude + 180).toFixed(1)},${(NORTH - held).toFixed(1)}`;
  };
  const path = land.features
    .flatMap((shape) => shape.geometry.coordinates.flat())
    .map((ring) => `M${ring.map(point).join("L")}Z`)
    .join("");
  const box = `0 0 360 ${NORTH - SOUTH}`;
  await writeFile(
    target,
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" preserveAspectRatio="none"><path d="${path}"/></svg>\n`,
  );
}
