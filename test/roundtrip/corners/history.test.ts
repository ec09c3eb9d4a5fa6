/** Histories that are more than commits in a line: other roots, signatures, merged tags, encodings, notes. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openTree } from "../../support/roundtrip-on.ts";
import { corner, landed, type Place, place, session } from "./corner.ts";

const START = "echo a >a; git add -A; git commit -qm first; echo b >>a; git commit -qam start";

/** What meta.json says of the landing. */
function landing(of: Place, id: string) {
  return JSON.parse(readFileSync(join(of.home.sessions, id, "meta.json"), "utf8")).landing;
}

function bundleFacts(of: Place, id: string) {
  return JSON.parse(readFileSync(join(of.home.sessions, id, "runtime.mbox.meta.json"), "utf8"));
}

/** A signing key, and the settings that sign with it and verify. */
function gpg(of: Place): { use: string; stop: string } {
  const home = join(of.root, "gpg");
  const use = `export GNUPGHOME='${home}'; git config user.signingKey ann@example.org; git config user.email ann@example.org; git config user.name Ann`;
  of.here(
    `export GNUPGHOME='${home}'; mkdir -m 700 "$GNUPGHOME"; gpg -q --batch --passphrase '' --quick-gen-key 'Ann <ann@example.org>' ed25519 sign never 2>/dev/null`,
  );
  openTree(home);
  return { use, stop: `GNUPGHOME='${home}' gpgconf --kill all` };
}

corner("an orphan branch is checked out", [], async () => {
  const of = place(`${START}; echo dirty >dirty`);
  const { id } = await session(
    of,
    "git checkout -q --orphan other; git commit -qm root; echo c >c; git add c; GIT_AUTHOR_DATE='2001-02-03T04:05:06+0700' git commit -qm next",
  );
  expect(bundleFacts(of, id).ids_kept).toBe(false);
  const { branch, said } = await landed(of, id);
  expect(said).toContain("applied exactly");
  expect(said).toContain("did not stand on the start of the session, so its commits were put there and have new ids");
  expect(of.here(`git log --format=%s ${branch}; git log -1 --format=%aI ${branch}; git rev-parse ${branch}~3`)).toBe(
    `next\nroot\nuncommitted work\nstart\nfirst\n2001-02-03T04:05:06+07:00\n${of.here("git rev-parse main")}`,
  );
  const { why, rewritten, idsKept } = landing(of, id);
  expect([why, idsKept, rewritten.length]).toEqual([["history"], false, 2]);
  expect(rewritten[1].to).toBe(of.here(`git rev-parse ${branch}`));
});

corner("the commit that the session starts from is amended", [], async () => {
  const of = place(START);
  const { id } = await session(of, "echo c >>a; git commit -q -a --amend -m amended; echo d >>a; git commit -qam next");
  const { branch } = await landed(of, id);
  expect(of.here(`git log --format=%s ${branch}; git show ${branch}:a`)).toBe(
    "next\namended\nstart\nfirst\na\nb\nc\nd",
  );
  expect(landing(of, id).why).toEqual(["history"]);
});

corner("uncommitted work of the start is amended", [], async () => {
  const of = place(`${START}; echo dirty >>a`);
  const { id } = await session(of, "echo c >>a; git commit -q -a --amend -m mine");
  const { branch } = await landed(of, id);
  expect(of.here(`git log --format=%s ${branch}; git show ${branch}:a`)).toBe(
    "mine\nuncommitted work\nstart\nfirst\na\nb\ndirty\nc",
  );
});

corner("the full history is fetched inside and the start is amended on it", [], async () => {
  const of = place(`${START}; echo dirty >>a`);
  const { id } = await session(
    of,
    `git fetch -q --unshallow '${of.user}' main; git reset -q --soft FETCH_HEAD; git commit -qm mine; echo c >>a; git commit -qam next`,
  );
  const { branch } = await landed(of, id);
  expect(of.here(`git log --format=%s ${branch}; git rev-parse ${branch}~3`)).toBe(
    `next\nmine\nuncommitted work\nstart\nfirst\n${of.here("git rev-parse main")}`,
  );
});

corner("several roots are merged", [], async () => {
  const of = place(START);
  const { id } = await session(
    of,
    `echo c >>a; git commit -qam mine; for n in 1 2; do git checkout -q --orphan "root$n"; git rm -qrf .; echo $n >"$n"; git add -A; git commit -qm "root $n"; done
     git checkout -q main; git merge -q --no-edit --allow-unrelated-histories root1; git merge -q --no-edit --allow-unrelated-histories root2; git rev-parse HEAD >'${of.root}/head'`,
  );
  const { branch, said } = await landed(of, id);
  expect(said).not.toContain("new ids");
  expect(of.here(`git rev-parse ${branch}`)).toBe(of.here("cat ../head"));
  expect(of.here(`git rev-list --max-parents=0 ${branch} | wc -l`)).toBe("3");
  expect(landing(of, id)).toMatchObject({ idsKept: true, why: [], rewritten: [] });
});

corner("commits signed with gpg", ["gpg"], async () => {
  const of = place(START);
  const { use, stop } = gpg(of);
  try {
    const { id } = await session(of, `${use}; echo c >>a; git commit -q -S -a -m signed; git tag -s -m note v1`);
    const { branch } = await landed(of, id);
    of.here(
      `${use}; git verify-commit ${branch}; git fetch -q ../home/sessions/${id}/runtime.bundle refs/tags/v1:refs/tags/v1; git verify-tag v1`,
    );
  } finally {
    of.here(stop);
  }
});

corner("commits signed with ssh", ["ssh-keygen"], async () => {
  const of = place(
    `${START}; ssh-keygen -q -t ed25519 -N '' -f ../key; echo "ann@example.org $(cat ../key.pub)" >../signers`,
  );
  openTree(join(of.root, "key"));
  const use = `git config gpg.format ssh; git config user.signingKey '${of.root}/key.pub'; git config gpg.ssh.allowedSignersFile '${of.root}/signers'`;
  const { id } = await session(of, `${use}; echo c >>a; git commit -q -S -a -m signed`);
  const { branch } = await landed(of, id);
  of.here(`${use}; git verify-commit ${branch}`);
});

corner("signed commits that do not stand on the start", ["gpg"], async () => {
  const of = place(START);
  const { use, stop } = gpg(of);
  try {
    const { id } = await session(of, `${use}; git checkout -q --orphan other; git commit -q -S -m signed`);
    const { branch, said } = await landed(of, id);
    expect(said).toContain("have new ids");
    expect(of.here(`git cat-file commit ${branch}`)).not.toContain("gpgsig");
    expect(of.here(`git log -1 --format=%s ${branch}`)).toBe("signed");
  } finally {
    of.here(stop);
  }
});

const MERGED_TAG = `git checkout -q -b side; echo s >s; git add s; git commit -qm side; git tag -s -m note v1; git checkout -q main
  git config gpg.program gpg; git merge -q --no-ff -m merged v1; git cat-file commit HEAD | grep -q ^mergetag`;

corner("a signed tag is merged", ["gpg"], async () => {
  const of = place(START);
  const { use, stop } = gpg(of);
  try {
    const { id } = await session(
      of,
      `${use}; echo c >c; git add c; git commit -qm mine; ${MERGED_TAG}; git rev-parse HEAD >'${of.root}/head'`,
    );
    const { branch } = await landed(of, id);
    expect(of.here(`git rev-parse ${branch}`)).toBe(of.here("cat ../head"));
    expect(of.here(`git cat-file commit ${branch}`)).toContain("mergetag object");
  } finally {
    of.here(stop);
  }
});

corner("a signed tag is merged where commits must be written anew", ["gpg"], async () => {
  const of = place(START);
  const { use, stop } = gpg(of);
  try {
    const work = `${use}; git checkout -q --orphan fresh; git branch -q -D main; git commit -qm root; git branch -q -m main; ${MERGED_TAG}`;
    const { id } = await session(of, work);
    const { branch } = await landed(of, id);
    const commit = of.here(`git cat-file commit ${branch}`);
    expect(commit).not.toContain("mergetag");
    expect(commit.match(/^parent /gm)?.length).toBe(2);
  } finally {
    of.here(stop);
  }
});

corner("commit messages in another encoding", [], async () => {
  const of = place(START);
  const commit =
    "printf 'caf\\351\\n' >.git/m; git -c i18n.commitEncoding=ISO-8859-1 commit -q --allow-empty -F .git/m";
  const kept = await session(of, commit);
  const first = await landed(of, kept.id);
  const put = await session(of, `git checkout -q --orphan other; ${commit}`);
  const second = await landed(of, put.id);
  for (const { branch } of [first, second]) {
    const raw = of.here(`git cat-file commit ${branch} | od -An -c | tr -d ' \\n'`);
    expect(raw).toContain("encodingISO-8859-1\\n");
    expect(raw).toContain("caf351\\n");
  }
});

corner("notes on commits", [], async () => {
  const of = place(START);
  const { id } = await session(of, "echo c >>a; git commit -qam mine; git notes add -m remark");
  const { branch, said } = await landed(of, id);
  expect(said).toContain("not landed, kept in");
  expect(said).toContain("refs/notes/commits");
  of.here(`git fetch -q ../home/sessions/${id}/runtime.bundle refs/notes/commits:refs/notes/commits`);
  expect(of.here(`git notes show ${branch}`)).toBe("remark");
});

corner("annotated tags, also of files and trees", [], async () => {
  const of = place(START);
  const { id } = await session(
    of,
    `echo c >>a; git commit -qam mine; git tag -m note commit-tag; git tag -m note file-tag HEAD:a; git tag -m note tree-tag 'HEAD^{tree}'; git tag -m nested tag-tag commit-tag
     git for-each-ref refs/tags >'${of.root}/tags'`,
  );
  const { said } = await landed(of, id);
  expect(said).toContain("refs/tags/commit-tag, refs/tags/file-tag, refs/tags/tag-tag, refs/tags/tree-tag");
  of.here(`git fetch -q ../home/sessions/${id}/runtime.bundle 'refs/tags/*:refs/tags/*'`);
  expect(of.here("git for-each-ref refs/tags")).toBe(of.here("cat ../tags"));
});

corner("a repository without a commit", [], async () => {
  const of = place("echo a >a");
  const { id } = await session(of, "echo b >>a; git commit -qam mine");
  const { branch } = await landed(of, id);
  expect(of.here(`git log --format=%s ${branch}`)).toBe("mine\nuncommitted work");
});
