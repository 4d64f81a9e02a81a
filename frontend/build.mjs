// Bundles the script and the style, names every file after its content, and writes manifest.json: the name a template
// uses to the name that is served. The output folder is made anew each time.
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const built = process.argv[2] ?? join(here, "../src/sealdesk/web/static/built");

const bundled = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/app.ts", style: "css/app.css" },
  bundle: true,
  minify: true,
  write: false,
  outdir: "out",
  format: "esm",
  target: ["chrome123", "firefox128", "safari17.5"],
  legalComments: "none",
  logLevel: "warning",
});

const files = new Map([["favicon.svg", await readFile(join(here, "static/favicon.svg"))]]);
for (const { path, contents } of bundled.outputFiles) files.set(path.endsWith(".css") ? "app.css" : "app.js", contents);

await rm(built, { recursive: true, force: true });
await mkdir(built, { recursive: true });
const manifest = {};
for (const [name, contents] of [...files].sort()) {
  const hash = createHash("sha256").update(contents).digest("hex").slice(0, 16);
  manifest[name] = name.replace(/\.(\w+)$/, `-${hash}.$1`);
  await writeFile(join(built, manifest[name]), contents);
  console.log(`${manifest[name]} ${contents.length} bytes`);
}
await writeFile(join(built, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
