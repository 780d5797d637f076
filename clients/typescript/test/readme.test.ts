/** The README's examples run as printed, and keep to the types. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));
const FOLDER = `${PACKAGE}build/readme/`; // within the package, whose name they import
const TSC = `${PACKAGE}node_modules/.bin/tsc`;
const STRICT = ["--ignoreConfig", "--noEmit", "--strict", "--target", "es2023", "--module", "nodenext"];
const run = promisify(execFile);

test("case readme", async (all: TestContext) => {
  const readme = await readFile(`${PACKAGE}README.md`, "utf8");
  const examples = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, example]) => example ?? "");
  assert.ok(examples.length >= 4);
  await mkdir(FOLDER, { recursive: true });
  const files = examples.map((_, index) => `${FOLDER}${index}`);
  for (const [index, file] of files.entries()) {
    await all.test(`example ${index}`, async () => {
      await writeFile(`${file}.mjs`, examples[index] ?? "");
      const { stdout, stderr } = await run(process.execPath, [`${file}.mjs`], { timeout: 60_000 });
      assert.equal(stderr, "");
      assert.match(stdout, /You said: |The tool answered: 18 degrees/);
    });
  }
  await all.test("types", async () => {
    for (const [index, file] of files.entries()) await writeFile(`${file}.mts`, examples[index] ?? "");
    await run(TSC, [...STRICT, "--types", "node", ...files.map((file) => `${file}.mts`)], { cwd: PACKAGE });
  });
  await all.test("types where there are none of Node", async () => {
    const program =
      'import { Trunkline } from "trunkline/web";\nfor await (const _ of new Trunkline().stream().text);\n';
    await writeFile(`${FOLDER}web.mts`, program);
    await run(TSC, [...STRICT, "--types", "", "--lib", "es2022,dom", `${FOLDER}web.mts`], { cwd: PACKAGE });
  });
});
