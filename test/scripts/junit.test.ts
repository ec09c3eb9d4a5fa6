import { expect, test } from "bun:test";
import { join } from "node:path";
import { readJunit } from "../../scripts/test/junit.ts";
import { withTempDir } from "../support/needs.ts";

test("a report of the running Bun is read: passed, failed, timed out, skipped, to do", async () => {
  await withTempDir(async (dir) => {
    await Bun.write(
      join(dir, "a.test.ts"),
      `import { describe, expect, test } from "bun:test";
       describe('outer & <"quoted">', () => {
         test("passes > with an arrow", () => {});
         describe("inner", () => test("fails", () => expect("<testcase name=''>").toBe("</testcase>\\n]]>")));
         test("takes too long", () => Bun.sleep(1_000), 20);
         test.skip("needs much [skipped: no docker]", () => {});
         test.todo("is not written");
       });`,
    );
    const report = join(dir, "report.xml");
    const run = Bun.spawnSync(
      [process.execPath, "test", "--reporter=junit", `--reporter-outfile=${report}`, "./a.test.ts"],
      { cwd: dir, stdio: ["ignore", "ignore", "ignore"] },
    );
    expect(run.exitCode).toBe(1);
    const cases = readJunit(await Bun.file(report).text());
    expect(cases).toEqual([
      { file: "a.test.ts", title: 'outer & <"quoted"> > passes > with an arrow', result: "passed" },
      { file: "a.test.ts", title: expect.stringMatching(/inner.* > fails$/), result: "failed" },
      { file: "a.test.ts", title: 'outer & <"quoted"> > takes too long', result: "failed" },
      { file: "a.test.ts", title: 'outer & <"quoted"> > needs much [skipped: no docker]', result: "skipped" },
      { file: "a.test.ts", title: 'outer & <"quoted"> > is not written', result: "skipped" },
    ]);
  });
});
