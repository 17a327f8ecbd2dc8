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
  const outline = (ring) => `M${ring.map(point).join("L")}Z`;
  const path = land.features
    .flatMap((shape) => shape.geometry.coordinates.flat())
    .filter((ring) => ring.some(([, latitude]) => latitude > SOUTH))
    .map(unwrapped)
    // What crosses the antimeridian is drawn on both sides; the picture's edges cut it.
    .flatMap((ring) => [ring, ...shifted(ring)])
    .map(outline)
    .join("");
  const box = `0 0 360 ${NORTH - SOUTH}`;
  await writeFile(
    target,
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" preserveAspectRatio="none"><path d="${path}"/></svg>\n`,
  );
}

function unwrapped(ring) {
  let turn = 0;
  let last = ring[0][0];
  return ring.map(([longitude, latitude]) => {
    if (longitude - last > 180) turn -= 360;
    if (last - longitude > 180) turn += 360;
    last = longitude;
    return [longitude + turn, latitude];
  });
}

function shifted(ring) {
  const by = ring.some(([longitude]) => longitude > 180)
    ? -360
    : ring.some(([longitude]) => longitude < -180)
      ? 360
      : 0;
  return by ? [ring.map(([longitude, latitude]) => [longitude + by, latitude])] : [];
}
