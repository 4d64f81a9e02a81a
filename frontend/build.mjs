// Bundles the script and the style into the folder that the desk serves. The server names each file after its content.
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
for (const [name, contents] of files) {
  await writeFile(join(built, name), contents);
  console.log(`${name} ${contents.length} bytes`);
}
