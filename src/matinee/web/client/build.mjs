// Builds the browser's files: TypeScript and CSS bundled, faces and pictures beside them, every name with a hash of its
// content, and manifest.json from plain names to hashed ones. Run as `npm run build`.
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { drawWorld } from "./world.mjs";

const client = dirname(fileURLToPath(import.meta.url));
const output = join(client, "..", "static");
const packages = join(client, "..", "..", "..", "..", "node_modules");

// Plain name in the manifest: source. A room that has not been written yet is passed over.
const entries = [
  "site.ts",
  "player.ts",
  "studio.ts",
  "styles/base.css",
  "styles/browse.css",
  "styles/doors.css",
  "styles/watch.css",
  "styles/studio.css",
  "pictures/icon.svg",
]
  .map((entry) => join(client, entry))
  .filter((entry) => existsSync(entry));

await drawWorld(join(client, "pictures", "world.svg"));
await mkdir(output, { recursive: true });
const result = await esbuild.build({
  entryPoints: entries,
  outdir: output,
  entryNames: "[name]-[hash]",
  chunkNames: "part-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["chrome123", "firefox128", "safari17.5"],
  minify: true,
  sourcemap: "linked",
  legalComments: "linked",
  loader: { ".woff2": "file", ".svg": "copy" },
  metafile: true,
  logLevel: "warning",
});

const manifest = {};
for (const [path, made] of Object.entries(result.metafile.outputs)) {
  const name = relative(output, path);
  if (made.entryPoint) {
    // A module that imports styles makes a second file of them: told apart from the styles' own entries.
    const own = extname(name) === extname(made.entryPoint).replace(".ts", ".js");
    manifest[basename(made.entryPoint, extname(made.entryPoint)) + (own ? "" : ".module") + extname(name)] = name;
  } else if (name.endsWith(".woff2")) {
    manifest[name.replace(/-[A-Z0-9]{8}\.woff2$/, ".woff2")] = name;
  }
}
await writeFile(join(output, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);

// Compressed once here, so that the server only chooses.
for (const name of await readdir(output)) {
  if (!/\.(js|css|svg)$/.test(name)) continue;
  const content = await readFile(join(output, name));
  await writeFile(join(output, `${name}.gz`), gzipSync(content, { level: 9 }));
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
  await writeFile(join(output, `${name}.br`), brotliCompressSync(content, quality));
}

// The faces' licence (SIL OFL 1.1) travels with them.
for (const face of ["inter", "fraunces"]) {
  await copyFile(join(packages, "@fontsource-variable", face, "LICENSE"), join(output, `${face}.LICENSE.txt`));
}

// What an earlier build left goes last, so that a running server always finds a whole set.
const made = new Set(Object.keys(result.metafile.outputs).map((path) => basename(path)));
for (const name of await readdir(output)) {
  const plain = name.replace(/\.(gz|br)$/, "");
  if (!made.has(plain) && !/^manifest\.json$|\.LICENSE\.txt$/.test(name))
    await rm(join(output, name), { recursive: true });
}
