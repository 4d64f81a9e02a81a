// Bundles scripts and styles into the folder that the desk serves. The server names each file after its content.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const built = process.argv[2] ?? join(here, "../src/sealdesk/web/static/built");

const options = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  write: false,
  outdir: "out",
  target: ["chrome123", "firefox128", "safari17.5"],
  legalComments: "none",
  logLevel: "warning",
};
const pages = await build({
  ...options,
  entryPoints: [
    { in: "src/app.ts", out: "app" },
    { in: "css/app.css", out: "app" },
    { in: "src/frame.ts", out: "frame" },
    { in: "css/frame.css", out: "frame" },
  ],
  format: "esm",
});
// What another site loads is a plain script: it has to know its own tag.
const loader = await build({ ...options, entryPoints: [{ in: "src/loader.ts", out: "widget" }], format: "iife" });

const files = new Map([["favicon.svg", await readFile(join(here, "static/favicon.svg"))]]);
for (const { path, contents } of [...pages.outputFiles, ...loader.outputFiles]) files.set(basename(path), contents);

await rm(built, { recursive: true, force: true });
await mkdir(built, { recursive: true });
for (const [name, contents] of files) {
  await writeFile(join(built, name), contents);
  console.log(`${name} ${contents.length} bytes`);
}
