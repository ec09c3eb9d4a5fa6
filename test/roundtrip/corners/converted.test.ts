/** Repositories that hold other content than the disk. */
import { expect } from "bun:test";
import { allObjects, corner, landed, place, refused, session } from "./corner.ts";

const LFS = `git lfs install --local >/dev/null; git lfs track '*.bin' >/dev/null
  seq 1 9000 | sed 's/^/kept content /' >kept.bin; seq 1 9000 | sed 's/^/first content /' >edited.bin; echo text >a.txt
  git add -A; git commit -qm start`;

corner("Git LFS: files change, are added and removed", ["git-lfs"], async () => {
  const of = place(`${LFS}; seq 1 9000 | sed 's/^/dirty content /' >dirty.bin`);
  const { id } = await session(
    of,
    `grep -q 'kept content 9000' kept.bin
     seq 1 9000 | sed 's/^/second content /' >edited.bin; git commit -qam edited
     seq 1 9000 | sed 's/^/passing content /' >passing.bin; git add -A; git commit -qm passing; git rm -q passing.bin; git commit -qm passed
     echo more >>a.txt; seq 1 9000 | sed 's/^/late content /' >late.bin`,
  );
  const { branch, said } = await landed(of, id);
  expect(said).toContain("applied as this repository keeps it · tree");
  expect(said).toContain("in another form than on the disk: dirty.bin, edited.bin, kept.bin, late.bin");
  const objects = allObjects(of.user);
  for (const word of ["kept", "first", "second", "dirty", "passing", "late"])
    expect(objects).not.toContain(`${word} content 9000`);
  for (const file of ["kept.bin", "edited.bin", "dirty.bin", "late.bin"])
    expect(of.here(`git cat-file blob ${branch}:${file}`)).toStartWith("version https://git-lfs");
  expect(of.here(`git rev-parse ${branch}:kept.bin`)).toBe(of.here("git rev-parse main:kept.bin"));
  expect(of.here(`git log --format=%s ${branch}`)).toBe(
    "uncommitted work\npassed\npassing\nedited\nuncommitted work\nstart",
  );
  of.here(`rm dirty.bin; git checkout -q ${branch}`);
  expect(of.here("tail -qn1 kept.bin edited.bin dirty.bin late.bin a.txt; git status --porcelain; git lfs fsck")).toBe(
    "kept content 9000\nsecond content 9000\ndirty content 9000\nlate content 9000\nmore\nGit LFS fsck OK",
  );
});

const CRYPT = `git-crypt init >/dev/null; printf '.gitattributes !filter !diff\\nsecret* filter=git-crypt diff=git-crypt\\n' >.gitattributes
  echo 'PLAIN kept' >secret.kept; echo 'PLAIN first' >secret.edited; echo text >a.txt; git add -A; git commit -qm start`;

corner("git-crypt: secrets change, are added and removed", ["git-crypt"], async () => {
  const of = place(`${CRYPT}; echo 'PLAIN dirty' >secret.dirty`);
  const { id } = await session(
    of,
    `grep -q 'PLAIN kept' secret.kept; echo 'PLAIN second' >secret.edited; git commit -qam edited
     echo 'PLAIN passing' >secret.passing; git add -A; git commit -qm passing; git rm -q secret.passing; git commit -qm passed
     echo more >>a.txt; echo 'PLAIN late' >secret.late`,
  );
  const { branch } = await landed(of, id);
  expect(allObjects(of.user)).not.toContain("PLAIN");
  expect(of.here(`git rev-parse ${branch}:secret.kept`)).toBe(of.here("git rev-parse main:secret.kept"));
  of.here(`rm secret.dirty; git checkout -q ${branch}`);
  expect(of.here("cat secret.*; cat a.txt; git status --porcelain")).toBe(
    "PLAIN dirty\nPLAIN second\nPLAIN kept\nPLAIN late\ntext\nmore",
  );
  expect(of.here("git-crypt status -e | sed 's/ *encrypted: //'")).toBe(
    "secret.dirty\nsecret.edited\nsecret.kept\nsecret.late",
  );
});

corner("git-crypt: the repository is locked when the change lands", ["git-crypt"], async () => {
  const of = place(CRYPT);
  const { id } = await session(of, "echo 'PLAIN second' >secret.edited; echo more >>a.txt");
  of.here("git-crypt export-key ../key; git-crypt lock");
  await refused(of, id, 'through the filter "git-crypt", which is not set up', "git-crypt unlock");
  expect(allObjects(of.user)).not.toContain("PLAIN");
  of.here("git-crypt unlock ../key");
  const { branch } = await landed(of, id);
  expect(allObjects(of.user)).not.toContain("PLAIN");
  expect(of.here(`git checkout -q ${branch}; cat secret.edited`)).toBe("PLAIN second");
});

corner("git-crypt: the repository is locked and no secret changes", ["git-crypt"], async () => {
  const of = place(CRYPT);
  const { id } = await session(of, "echo more >>a.txt");
  of.here("git-crypt lock");
  const { branch } = await landed(of, id);
  expect(allObjects(of.user)).not.toContain("PLAIN");
  expect(of.here(`git diff --name-only main ${branch}`)).toBe("a.txt");
});

corner("a change takes a file out of its filter", ["git-crypt"], async () => {
  const of = place(CRYPT);
  const { id } = await session(of, "sed -i '/secret/d' .gitattributes; echo 'PLAIN second' >secret.edited");
  await refused(of, id, 'takes secret.edited out of the filter "git-crypt"');
});

corner("a change takes files out of their filter first, and changes them later", ["git-crypt"], async () => {
  const of = place(CRYPT);
  const { id } = await session(
    of,
    `sed -i '/secret/d' .gitattributes; git commit -qam rules; echo text >>a.txt; git commit -qam text; echo 'PLAIN second' >secret.edited`,
  );
  await refused(of, id, 'takes secret.edited out of the filter "git-crypt"');
});

corner("filtered content under a name without a filter", ["git-crypt"], async () => {
  const of = place(CRYPT);
  const { id } = await session(
    of,
    "cp secret.kept public.txt; git add -A; git commit -qm leak; git rm -q public.txt; git commit -qm gone",
  );
  await refused(of, id, "public.txt has the content of secret.kept, which a filter keeps out");
});

corner("a filter that fails when the change lands", [], async () => {
  const of = place(
    `git config filter.up.clean 'tr a-z A-Z'; git config filter.up.smudge 'tr A-Z a-z'; echo '*.up filter=up' >.gitattributes
     echo one >x.up; git add -A; git commit -qm start`,
  );
  const { id } = await session(of, "echo two >x.up; echo three >y.up");
  of.here("git config filter.up.clean 'exit 3;'");
  await refused(of, id, "conversion failed on what changed");
  of.here("git config filter.up.clean 'tr a-z A-Z'");
  const { branch } = await landed(of, id);
  expect(of.here(`git cat-file blob ${branch}:x.up; git cat-file blob ${branch}:y.up`)).toBe("TWO\nTHREE");
});

corner("a filter that the change itself asks for", [], async () => {
  const of = place("echo a >a; git add -A; git commit -qm start");
  const { id } = await session(of, "echo '*.bin filter=lfs' >.gitattributes; echo huge >x.bin");
  await refused(of, id, 'puts x.bin through the filter "lfs"'.replace("puts", "put"), "git lfs install");
});

corner("text=auto", [], async () => {
  const of = place(
    `echo '* text=auto' >.gitattributes; printf 'a\\n' >lf; printf 'a\\r\\n' >stored-crlf
     git add -A; git -c core.autocrlf=false commit -qm start
     blob=$(printf 'x\\r\\n' | git hash-object -w --stdin --no-filters); git update-index --add --cacheinfo 100644,$blob,kept-crlf
     git commit -qm crlf; printf 'x\\r\\n' >kept-crlf; printf 'dirty\\r\\n' >dirty`,
  );
  const { id } = await session(of, "printf 'b\\r\\n' >>lf; printf 'new\\r\\n' >new; printf 'y\\r\\n' >>kept-crlf");
  const { branch, said } = await landed(of, id);
  expect(said).toContain("applied as this repository keeps it");
  const blob = (path: string) => of.here(`git cat-file blob ${branch}:${path} | od -An -c | tr -d ' '`);
  expect([blob("lf"), blob("new"), blob("dirty"), blob("kept-crlf")]).toEqual([
    "a\\nb\\n",
    "new\\n",
    "dirty\\n",
    "x\\r\\ny\\r\\n",
  ]);
  // Just what git add makes of it.
  of.here(
    "git checkout -q -b by-hand; printf 'b\\r\\n' >>lf; printf 'new\\r\\n' >new; printf 'y\\r\\n' >>kept-crlf; git add -A; git commit -qm hand",
  );
  expect(of.here(`git rev-parse ${branch}^{tree}`)).toBe(of.here("git rev-parse by-hand^{tree}"));
});

corner("text=auto, and nothing with a carriage return", [], async () => {
  const of = place("echo '* text=auto' >.gitattributes; seq 9 >a; git add -A; git commit -qm start; echo dirty >b");
  const { id } = await session(of, "echo 10 >>a; git commit -qam edited");
  const { said } = await landed(of, id);
  expect(said).toContain("applied exactly");
  expect(said).not.toContain("new ids");
});

corner("eol=crlf", [], async () => {
  const of = place(
    `echo '*.bat eol=crlf' >.gitattributes; printf 'a\\r\\n' >kept.bat; printf 'a\\r\\n' >x.bat; git add -A; git commit -qm start`,
  );
  const { id } = await session(of, "printf 'b\\r\\n' >>x.bat; printf 'c\\r\\n' >new.bat");
  const { branch } = await landed(of, id);
  expect(of.here(`git cat-file blob ${branch}:x.bat`)).toBe("a\nb");
  expect(of.here(`git rev-parse ${branch}:kept.bat`)).toBe(of.here("git rev-parse main:kept.bat"));
  of.here(`git checkout -q ${branch}`);
  expect(of.here("cat x.bat new.bat | od -An -c | tr -d ' \\n'; git status --porcelain")).toBe("a\\r\\nb\\r\\nc\\r\\n");
});

corner("core.autocrlf=true", [], async () => {
  const of = place(
    "git config core.autocrlf true; printf 'a\\r\\n' >a; git add -A; git commit -qm start; printf 'b\\r\\n' >b",
  );
  const { id } = await session(of, "printf 'b\\r\\n' >>a; git add -A; git commit -qm edited");
  const { branch } = await landed(of, id);
  expect(of.here(`git cat-file blob ${branch}:a; git cat-file blob ${branch}:b`)).toBe("a\nb\nb");
  expect(allObjects(of.user)).not.toContain("\r");
  expect(of.here(`git log --format=%s ${branch}`)).toBe("edited\nuncommitted work\nstart");
  of.here("rm b");
  expect((await of.glue("session", "apply", id, "--checkout")).code).toBe(0);
  expect(of.here("cat a b | od -An -c | tr -d ' \\n'; git status --porcelain")).toBe("a\\r\\nb\\r\\nb\\r\\n");
});

corner("ident", [], async () => {
  const of = place(
    `echo '*.c ident' >.gitattributes; echo '$Id$ one' >x.c; git add -A; git commit -qm start; rm x.c; git checkout -q x.c`,
  );
  expect(of.here("cat x.c")).toMatch(/^\$Id: [0-9a-f]{40} \$ one$/);
  const { id } = await session(of, "echo two >>x.c");
  const { branch } = await landed(of, id);
  expect(of.here(`git cat-file blob ${branch}:x.c`)).toBe("$Id$ one\ntwo");
});

corner("working-tree-encoding", [], async () => {
  const of = place(
    `echo '*.txt working-tree-encoding=UTF-16LE' >.gitattributes; printf 'a\\000\\n\\000' >x.txt; git add -A; git commit -qm start`,
  );
  const { id } = await session(of, "printf 'b\\000\\n\\000' >>x.txt");
  const { branch } = await landed(of, id);
  expect(of.here(`git cat-file blob ${branch}:x.txt`)).toBe("a\nb");
  expect(of.here(`git checkout -q ${branch}; od -An -c x.txt | tr -d ' '`)).toBe("a\\0\\n\\0b\\0\\n\\0");
});

corner("a file that is not in the encoding it is said to be in", [], async () => {
  const of = place(
    `echo '*.txt working-tree-encoding=UTF-16LE' >.gitattributes; printf 'a\\000\\n\\000' >x.txt; git add -A; git commit -qm start`,
  );
  const { id } = await session(of, "printf 'odd' >x.txt");
  await refused(of, id, "conversion failed on what changed", "x.txt");
});

corner("signed commits in a repository that converts content", [], async () => {
  const of = place("echo '*.bat eol=crlf' >.gitattributes; printf 'a\\r\\n' >x.bat; git add -A; git commit -qm start");
  const { id } = await session(
    of,
    `printf 'b\\r\\n' >>x.bat; GIT_AUTHOR_DATE='2001-02-03T04:05:06+0700' git commit -qam edited --author 'Ann Author <ann@example.org>'
     git cat-file commit HEAD | sed '/^committer/a gpgsig -----BEGIN PGP SIGNATURE-----\\n \\n aGVsbG8=\\n -----END PGP SIGNATURE-----' >.git/c
     git reset -q --hard "$(git hash-object -t commit -w .git/c)"`,
  );
  const { branch, said } = await landed(of, id);
  expect(said).toContain("so its commits have new ids");
  expect(of.here(`git cat-file commit ${branch}`)).not.toContain("gpgsig");
  expect(of.here(`git log -1 --format='%an %aI %s' ${branch}; git rev-parse ${branch}~1`)).toBe(
    `Ann Author 2001-02-03T04:05:06+07:00 edited\n${of.here("git rev-parse main")}`,
  );
});
