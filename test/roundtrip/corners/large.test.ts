/** A tree of many files. */
import { expect } from "bun:test";
import { landed, place, session, slowCorner } from "./corner.ts";

slowCorner("100,000 files", async () => {
  const of = place(
    `i=0; while [ $i -lt 100 ]; do mkdir d$i; (cd d$i && seq $i $((i + 999)) | split -l 1 -a 3 - f); i=$((i + 1)); done; git add -A; git commit -qm start; echo mine >>d7/faaa`,
  );
  const { id, said } = await session(of, "rm -r d5; echo more >>d9/faab; mkdir new; mv d8/faac new/");
  expect(said).toContain("100,000 files");
  const { branch } = await landed(of, id);
  expect(of.here(`git diff --shortstat ${branch}~ ${branch}`)).toBe(
    "1002 files changed, 1 insertion(+), 1000 deletions(-)",
  );
  const merged = await of.glue("session", "apply", id, "--in-place");
  expect([merged.code, merged.stdout.split(" · ")[0]]).toEqual([0, "applied exactly"]);
  expect((await of.glue("session", "apply", id, "--undo")).code).toBe(0);
  expect(of.here("git status --porcelain")).toBe("M d7/faaa");
});
