import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { cloneUrl } from "../../workspace/stage-clone.ts";
import { cloneFailureOf } from "../../workspace/stage-clone-failure.ts";
import { type Case, makeCase } from "../workspace/snapshot-case.ts";
import { type GitServer, serveGit } from "./git-server.ts";
import { expected, filesOf, stage } from "./stage-case.ts";

const servers: GitServer[] = [];
afterAll(() => {
  for (const server of servers) server.stop();
});

/** A clone of a repository that a server has, larger than the cap that the tests set. */
function cloned(more = "true"): { of: Case; server: GitServer } {
  const of = makeCase("true");
  const server = serveGit(of.root);
  servers.push(server);
  // The server is in this process, so what is run synchronously must not ask it.
  of.here(`git init -q -b main ../work; cd ../work; head -c 400000 /dev/urandom >big; for n in 1 2 3; do echo $n >file; git add .; git commit -qm "number $n"; done
    git clone -q --bare . ../served.git; cd ../user; git clone -q ../served.git .; git remote set-url origin ${server.url}/served.git; ${more}`);
  server.requests.length = 0;
  return { of, server };
}

const CAP = { bundleCapBytes: 200_000 };

describe("a tree over the cap is cloned in the sandbox", () => {
  const STATES = [
    { title: "clean and pushed: nothing is sent", more: "true", sent: 0 },
    {
      title: "uncommitted work",
      more: "echo more >>file; mkdir new; head -c 100000 /dev/urandom >new/mid",
      sent: 102_000,
    },
    {
      title: "commits that were not pushed",
      more: "echo 4 >file; git commit -qam four; echo 5 >file; git commit -qam five",
      sent: 2_000,
    },
    {
      title: "both, and an opted-in file",
      more: "echo .env >.gitignore; echo .env >.worktreeinclude; echo S=1 >.env; git add .gitignore; git commit -qm four; echo x >>file",
      sent: 2_000,
    },
    {
      title: "another remote than origin, followed by the branch",
      more: "git remote rename origin upstream; echo x >>file",
      sent: 2_000,
    },
  ];
  for (const { title, more, sent } of STATES) {
    test(title, async () => {
      const { of, server } = cloned(more);
      const { base, report, box, inside, sessionDir } = await stage(of, CAP);
      expect(Object.fromEntries(filesOf(box.folder))).toEqual(expected(of));
      expect(report.strategy).toBe("clone");
      expect(report.bytesSent).toBeLessThanOrEqual(sent);
      expect(server.requests.some((request) => request.includes("git-upload-pack"))).toBe(true);
      expect(inside("git status --porcelain; git remote; git log --format=%H")).toBe(base.base?.commit ?? "");
      expect(inside("git rev-parse HEAD^{tree}")).toBe(base.base?.tree ?? "");
      const own = `git --git-dir=${base.sandbox.gitDir}`;
      expect(
        inside(`${own} for-each-ref --format='%(refname)'; ls ${base.sandbox.gitDir}/FETCH_HEAD 2>/dev/null || true`),
      ).toBe("refs/glue/base");
      expect(inside(`git fsck --full --no-dangling; ${own} fsck --full --no-dangling 2>/dev/null`)).toBe("");
      // The host keeps the whole base, whatever way it went in.
      expect(Bun.file(join(sessionDir, "base.bundle")).size).toBe(base.bundle?.size ?? -1);
    });
  }
});

describe("where a clone cannot work, the tree is sent in pieces, and the report says why", () => {
  const CASES: readonly {
    title: string;
    more?: string;
    answer?: GitServer["answer"];
    reason: RegExp;
    hint?: RegExp;
  }[] = [
    {
      title: "credentials refused",
      answer: "askForCredentials",
      reason: /asks for credentials/,
      hint: /credentials of its own/,
    },
    { title: "single sign-on", answer: "singleSignOn", reason: /single sign-on|credentials/ },
    { title: "no such repository there", answer: "nothing", reason: /no such repository/, hint: /URL/ },
    {
      title: "the commit is not there any more",
      more: "git -C ../served.git update-ref refs/heads/main main~2; git -C ../served.git reflog expire --expire=now --all; git -C ../served.git gc -q --prune=now",
      reason: /does not have the commit/,
      hint: /Push/,
    },
    {
      title: "nothing listens",
      more: "git remote set-url origin http://127.0.0.1:1/x.git",
      reason: /does not reach 127.0.0.1:1/,
      hint: /network/,
    },
    { title: "no remote", more: "git remote remove origin", reason: /no remote/ },
    {
      title: "a remote on this machine's disk",
      more: "git remote set-url origin ../served.git",
      reason: /cannot reach the remote/,
    },
    {
      title: "never pushed",
      more: "git update-ref -d refs/remotes/origin/main; git symbolic-ref -d refs/remotes/origin/HEAD",
      reason: /ever pushed/,
    },
  ];
  for (const { title, more, answer, reason, hint } of CASES) {
    test(title, async () => {
      const { of, server } = cloned(more);
      server.answer = answer ?? "all";
      of.here("echo dirty >>file");
      const { report, box, inside } = await stage(of, CAP);
      expect(report.strategy).toBe("chunked");
      expect(Object.fromEntries(filesOf(box.folder))).toEqual(expected(of));
      expect(inside("git status --porcelain")).toBe("");
      const clone = report.passedOver.find(({ strategy }) => strategy === "clone");
      expect(clone?.reason).toMatch(reason);
      if (hint !== undefined) expect(clone?.hint).toMatch(hint);
    });
  }

  test("where only a clone is asked for, its failure is the answer", async () => {
    const { of, server } = cloned();
    server.answer = "askForCredentials";
    expect(stage(of, { ...CAP, only: ["clone"] })).rejects.toMatchObject({ code: "cloneFailed" });
  });

  test("credentials in the remote's URL stay on the host", async () => {
    const { of, server } = cloned(
      `git remote set-url origin "$(git config remote.origin.url | sed 's|//|//me:hunter2@|')"`,
    );
    server.requests.length = 0;
    const { report, base } = await stage(of, CAP);
    expect(report.strategy).toBe("clone");
    expect(JSON.stringify({ report, base })).not.toContain("hunter2");
  });
});

test("the address for the sandbox is the one that needs no key", () => {
  const URLS: readonly [string, string | undefined][] = [
    ["https://user:secret@example.com/a/b.git", "https://example.com/a/b.git"],
    ["git@github.com:a/b.git", "https://github.com/a/b.git"],
    ["example.com:/srv/b.git", "https://example.com/srv/b.git"],
    ["ssh://git@example.com:2222/a/b.git", "https://example.com/a/b.git"],
    ["git://example.com/a/b.git", "https://example.com/a/b.git"],
    ["/srv/b.git", undefined],
    ["../b.git", undefined],
    ["file:///srv/b.git", undefined],
    ["C:\\b.git", undefined],
  ];
  for (const [url, inside] of URLS) expect([url, cloneUrl(url)]).toEqual([url, inside]);
});

test("what git and servers say of a failed clone is understood", () => {
  const SAID: readonly [string, string][] = [
    ["fatal: could not read Username for 'https://github.com': terminal prompts disabled", "credentials"],
    ["remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://x/'", "credentials"],
    [
      "remote: The 'acme' organization has enabled or enforced SAML SSO.\nfatal: unable to access 'https://x/': The requested URL returned error: 403",
      "sso",
    ],
    ["remote: Repository not found.\nfatal: repository 'https://x/' not found", "notFound"],
    ["fatal: remote error: upload-pack: not our ref 0123", "commitMissing"],
    ["error: Server does not allow request for unadvertised object 0123", "commitMissing"],
    ["fatal: unable to access 'https://x/': Could not resolve host: x", "network"],
    ["fatal: unable to access 'https://x/': Failed to connect to x port 443: Connection refused", "network"],
    ["fatal: unable to access 'https://x/': server certificate verification failed. CAfile: none CRLfile: none", "tls"],
    ["timed out", "timeout"],
    ["fatal: something new", "other"],
  ];
  for (const [said, failure] of SAID) expect([said, cloneFailureOf(said)]).toEqual([said, failure as never]);
});
