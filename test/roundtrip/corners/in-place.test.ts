/** Merging into the working tree as it is now, and taking it back. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isGlueError } from "../../../spec/glue-error.ts";
import { capture } from "../../../workspace/capture.ts";
import { type InPlaceResult, landInPlace } from "../../../workspace/in-place.ts";
import { listRecords } from "../../../workspace/in-place-record.ts";
import { undoInPlace } from "../../../workspace/in-place-undo.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { handStage, type Staged, sh } from "../../workspace/hand-stage.ts";
import { corner } from "./corner.ts";

const MAKE = `seq 1 20 >lines; printf 'a\\0b' >binary; echo del >gone; mkdir -p d/e; echo x >d/e/x; ln -s lines link
  printf '#!/bin/sh\\n' >run; chmod 750 run; echo '*.ign' >.gitignore; git add -A; git commit -qm start`;

/** Everything that the user can see, but for times and for what git looks at on its own. */
function look(staged: Staged): string {
  return sh(
    staged.user,
    `find . -path ./.git -prune -o -printf '%p|%y|%m|%l\\n' | LC_ALL=C sort
     find . -path ./.git -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
     sha256sum .git/index; cat .git/HEAD; find .git/refs -type f -exec cat {} +; find .git -name '.glue*'`,
  );
}

interface Stand {
  readonly staged: Staged;
  /** What the user sees just before the change is merged. */
  readonly before: string;
  apply(check?: boolean): Promise<InPlaceResult>;
  /** Takes it back and proves that everything is as it was. */
  undo(result: InPlaceResult): Promise<void>;
}

/** A change that was made inside, and what the user did meanwhile. */
async function stand(inside: string, meanwhile: string, make = MAKE): Promise<Stand> {
  const staged = handStage(tempDir(), make);
  staged.inside(inside);
  await capture(staged.sandbox, staged.request);
  staged.here(meanwhile);
  const before = look(staged);
  const apply = (check = false) =>
    landInPlace({
      ...staged.request,
      sessionId: "s1",
      target: staged.user,
      home: join(staged.root, "home"),
      check,
    });
  const undo = async (result: InPlaceResult) => {
    if (result.record === undefined) throw new Error("nothing was changed, so there is nothing to undo");
    await undoInPlace(result.record);
    expect(look(staged)).toBe(before);
    expect(existsSync(result.record.folder)).toBe(false);
  };
  return { staged, before, apply, undo };
}

/** All of it fits: what `see` prints afterwards, and again what was there before once it is undone. */
async function merges(of: { inside: string; meanwhile: string; see: string; says: string; exact?: true }) {
  const { staged, before, apply, undo } = await stand(of.inside, of.meanwhile);
  const index = staged.here("sha256sum .git/index");
  const checked = await apply(true);
  expect(look(staged)).toBe(before);
  const result = await apply();
  const { tree, changed } = checked;
  expect(result).toMatchObject({ conflicts: [], submodules: [], moved: [], tree, changed });
  expect(result.exact).toBe(of.exact === true);
  expect(staged.here("sha256sum .git/index")).toBe(index);
  if (result.record !== undefined) await undo(result);
  await apply();
  expect(staged.here(of.see)).toBe(of.says);
  // A second time there is nothing left to do.
  expect(await apply()).toMatchObject({ changed: [], conflicts: [] });
}

/** One path does not fit. */
async function conflicts(of: { inside: string; meanwhile: string; kind: string; see: string; says: string }) {
  const { staged, before, apply, undo } = await stand(of.inside, of.meanwhile);
  expect((await apply(true)).conflicts).toMatchObject([{ kind: of.kind }]);
  expect(look(staged)).toBe(before);
  const result = await apply();
  expect(result).toMatchObject({ exact: false, moved: [], conflicts: [{ kind: of.kind }] });
  expect(staged.here(of.see)).toBe(of.says);
  if (result.record !== undefined) await undo(result);
}

/** One path cannot be changed, so none is. */
async function refuses(of: { inside: string; meanwhile: string; why: string }) {
  const { staged, before, apply } = await stand(`${of.inside}; echo more >>lines`, of.meanwhile);
  const refused = await apply().catch((error: unknown) => error);
  if (!isGlueError(refused, "landRefused")) throw refused;
  expect(refused.message).toContain(of.why);
  expect(look(staged)).toBe(before);
}

corner("in place: a tree that is still as it was", [], () =>
  merges({
    inside:
      "echo 21 >>lines; rm gone; mkdir n; echo new >n/new; chmod +x lines; ln -sfn d link; printf 'a\\0c' >binary",
    meanwhile: ":",
    see: "tail -n1 lines; test ! -e gone; cat n/new; test -x lines; readlink link; git status --porcelain",
    says: "21\nnew\nd\n M binary\n D gone\n M lines\n M link\n?? n/",
    exact: true,
  }),
);

corner("in place: an edit of the same file elsewhere in it", [], () =>
  merges({
    inside: "echo 21 >>lines",
    meanwhile: "sed -i 1s/1/one/ lines; git add lines; echo loose >loose",
    see: "head -n1 lines; tail -n1 lines; cat loose; git status --porcelain",
    says: "one\n21\nloose\nMM lines\n?? loose",
  }),
);

corner("in place: the same edit twice", [], () =>
  merges({
    inside: "echo 21 >>lines; rm gone; echo new >new",
    meanwhile: "echo 21 >>lines; rm gone; echo new >new; echo more >more",
    see: "tail -n2 lines; cat new more",
    says: "20\n21\nnew\nmore",
  }),
);

corner("in place: a mode here and content there", [], () =>
  merges({
    inside: "echo 'echo hi' >>run; chmod +x d/e/x",
    meanwhile: "chmod -x run; echo y >>d/e/x",
    see: "cat run; test ! -x run; test -x d/e/x; cat d/e/x",
    says: "#!/bin/sh\necho hi\nx\ny",
  }),
);

corner("in place: a file that was renamed here and edited there", [], () =>
  merges({
    inside: "echo 21 >>lines",
    meanwhile: "git mv lines renamed",
    see: "tail -n1 renamed; test ! -e lines",
    says: "21",
  }),
);

corner("in place: a file that became a folder, and a folder that became a file", [], () =>
  merges({
    inside: "rm gone; mkdir gone; echo in >gone/in; rm -r d; echo flat >d",
    meanwhile: "echo mine >mine",
    see: "cat gone/in d mine",
    says: "in\nflat\nmine",
  }),
);

corner("in place: names of any bytes", [], () =>
  merges({
    inside:
      "printf 1 >\"$(printf 'new\\nline')\"; printf 2 >\"$(printf 'by\\377te')\"; printf 3 >'q\"uo\\te'; printf 4 >./-dash",
    meanwhile: "echo mine >mine",
    see: "cat \"$(printf 'new\\nline')\" \"$(printf 'by\\377te')\" 'q\"uo\\te' ./-dash",
    says: "1234",
  }),
);

corner("in place: overlapping edits", [], () =>
  conflicts({
    inside: "sed -i 5s/5/theirs/ lines",
    meanwhile: "sed -i 5s/5/mine/ lines",
    kind: "content",
    see: "sed -n 4,10p lines",
    says: "4\n<<<<<<< yours\nmine\n=======\ntheirs\n>>>>>>> glue/s1\n6",
  }),
);

corner("in place: deleted here, changed there", [], () =>
  conflicts({
    inside: "echo more >>gone",
    meanwhile: "git rm -q gone",
    kind: "deletedHere",
    see: "cat gone",
    says: "del\nmore",
  }),
);

corner("in place: changed here, deleted there", [], () =>
  conflicts({
    inside: "rm gone",
    meanwhile: "echo mine >>gone",
    kind: "deletedThere",
    see: "cat gone",
    says: "del\nmine",
  }),
);

corner("in place: a binary conflict", [], () =>
  conflicts({
    inside: "printf 'a\\0theirs' >binary",
    meanwhile: "printf 'a\\0mine' >binary",
    kind: "unmergeable",
    see: "cat binary 'binary~glue_s1' | tr '\\0' .",
    says: "a.minea.theirs",
  }),
);

corner("in place: a link that both moved", [], () =>
  conflicts({
    inside: "ln -sfn theirs link",
    meanwhile: "ln -sfn mine link",
    kind: "unmergeable",
    see: "readlink link 'link~glue_s1'",
    says: "mine\ntheirs",
  }),
);

corner("in place: an untracked file in the way", [], () =>
  conflicts({
    inside: "echo theirs >new",
    meanwhile: "echo mine >new",
    kind: "content",
    see: "cat new",
    says: "<<<<<<< yours\nmine\n=======\ntheirs\n>>>>>>> glue/s1",
  }),
);

corner("in place: an ignored file in the way", [], () =>
  conflicts({
    inside: "echo theirs >x.ign; git add -f x.ign",
    meanwhile: "echo mine >x.ign",
    kind: "content",
    see: "cat x.ign",
    says: "<<<<<<< yours\nmine\n=======\ntheirs\n>>>>>>> glue/s1",
  }),
);

corner("in place: a folder of ignored files where the change has a file", [], () =>
  refuses({
    inside: "echo file >out",
    meanwhile: "mkdir out; echo precious >out/a.ign",
    why: "here it is a folder, with out/a.ign in it",
  }),
);

corner("in place: an empty folder where the change has a file", [], () =>
  refuses({ inside: "echo file >out", meanwhile: "mkdir out", why: "here it is an empty folder" }),
);

corner("in place: an ignored link where the change has a folder", [], () =>
  refuses({
    inside: "mkdir out.ign; echo f >out.ign/f; git add -f out.ign",
    meanwhile: "mkdir ../outside; ln -s ../outside out.ign",
    why: "out.ign is no folder here",
  }),
);

corner("in place: a socket where the change has a file", [], () =>
  refuses({
    inside: "echo file >pipe",
    meanwhile: "mkfifo pipe",
    why: "a socket, a pipe or a device",
  }),
);

corner("in place: a submodule that is dirty stays as it is", [], async () => {
  const root = tempDir();
  sh(
    root,
    "git init -q sub; cd sub; echo s >s; git add s; git commit -qm one; echo t >t; git add t; git commit -qm two",
  );
  const { staged, apply, undo } = await stand(
    "echo 21 >>lines; git update-index --cacheinfo 160000,$(git rev-parse HEAD),sub; git commit -qm moved",
    "echo dirty >>sub/s",
    `${MAKE}; git -c protocol.file.allow=always submodule --quiet add '${join(root, "sub")}' sub; git commit -qam sub`,
  );
  const was = staged.here("git -C sub rev-parse HEAD; cat sub/s");
  const result = await apply();
  expect(result).toMatchObject({ exact: false, submodules: ["sub"], changed: ["lines"] });
  expect(staged.here("git -C sub rev-parse HEAD; cat sub/s")).toBe(was);
  await undo(result);
});

corner("in place: once more, after a conflict was resolved", [], async () => {
  const { staged, before, apply } = await stand("sed -i 5s/5/theirs/ lines; echo new >new", "sed -i 5s/5/mine/ lines");
  await apply();
  staged.here("sed -i '/^[<=>]/d' lines");
  const resolved = look(staged);
  const again = await apply();
  expect(again).toMatchObject({ changed: ["lines"], conflicts: [{ path: "lines", kind: "content" }] });
  const records = listRecords(staged.request.sessionDir);
  expect(records).toHaveLength(2);
  for (const [record, was] of [
    [records[1], resolved],
    [records[0], before],
  ] as const) {
    if (record !== undefined) await undoInPlace(record);
    expect(look(staged)).toBe(was);
  }
});

corner("in place: undo keeps what was edited since", [], async () => {
  const { staged, before, apply } = await stand("echo 21 >>lines; echo new >new; rm gone", ":");
  const { record } = await apply();
  if (record === undefined) throw new Error("nothing was changed");
  staged.here("echo later >>lines; echo again >gone");
  const undone = await undoInPlace(record);
  expect(undone.edited).toEqual(["gone", "lines"]);
  expect(sh(undone.keptIn ?? "", "tail -n1 lines; cat gone")).toBe("later\nagain");
  expect(look(staged)).toBe(before);
});

corner(
  "in place: a repository that converts content gets the bytes on disk, and its index is left to its filters",
  [],
  async () => {
    const { staged, apply, undo } = await stand(
      "printf 'c\\r\\n' >>crlf; printf 'plain' >x.bin",
      "printf 'mine\\r\\n' >other",
      `echo '* text=auto
*.bin filter=lfs' >.gitattributes; printf 'a\\r\\nb\\r\\n' >crlf; git -c core.autocrlf=false add -A; git commit -qm start; rm crlf; git checkout -q crlf; rm crlf; git checkout -q -- crlf`,
    );
    const objects = staged.here("find .git/objects -type f | wc -l");
    const result = await apply();
    expect(result.conflicts).toEqual([]);
    expect(staged.here("cat x.bin; tail -c3 crlf | od -An -c | tr -d ' '")).toContain("c\\r\\n");
    expect(staged.here("find .git/objects -type f | wc -l")).toBe(objects);
    await undo(result);
  },
);
