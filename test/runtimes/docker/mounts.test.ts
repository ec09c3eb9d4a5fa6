import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseMounts } from "../../../runtimes/docker/mounts.ts";
import { tempDir } from "../../support/temp-dir.ts";

const home = join(tempDir(), "home");
const data = join(home, "data");
const elsewhere = tempDir();
mkdirSync(data, { recursive: true });
symlinkSync("/", join(elsewhere, "root"));
symlinkSync(home, join(elsewhere, "house"));
mkdirSync(join(elsewhere, "with space"));

const rules = { home, allowDangerous: false, reserved: ["/workspace", "/var/lib/glue"] };

test.each([
  [data, { source: data, target: data, readOnly: false }],
  [`${data}:ro`, { source: data, target: data, readOnly: true }],
  [`${data}:rw`, { source: data, target: data, readOnly: false }],
  [`${data}:/data`, { source: data, target: "/data", readOnly: false }],
  [`${data}:/data/:ro`, { source: data, target: "/data", readOnly: true }],
  ["~/data:/d", { source: data, target: "/d", readOnly: false }],
  ["~/data", { source: data, target: data, readOnly: false }],
  [`${elsewhere}/with space:/x`, { source: `${elsewhere}/with space`, target: "/x", readOnly: false }],
])("%s is understood", (row, mount) => {
  expect(parseMounts([row], rules)).toEqual([mount]);
});

test.each([
  ["data:/data", "is not an absolute path"],
  ["./data", "is not an absolute path"],
  ["", "is not an absolute path"],
  ["~other/data", "is not an absolute path"],
  [`${home}/none`, "does not exist"],
  [`${data}:data`, "is not absolute"],
  [`${data}:/`, "over the container's /"],
  [`${data}:/x/..`, "over the container's /"],
  [`${data}:/workspace`, "/workspace is mounted already"],
  [`${data}:/workspace/`, "/workspace is mounted already"],
  [`${data}:/a:ro:x`, "too many colons"],
  [`${data}:/a:wr`, "too many colons"],
  ["/", "the whole file system"],
  ["/:/host:ro", "the whole file system"],
  [`${elsewhere}/root:/x`, "the whole file system"],
  ["~", "your home folder"],
  ["~/", "your home folder"],
  [`${home}:/h`, "your home folder"],
  [`${elsewhere}/house:/h`, "your home folder"],
  [`${data}/..:/h`, "your home folder"],
  [dirname(home), "your home folder"],
])("%p is refused, because %s", (row, why) => {
  expect(() => parseMounts([row], rules)).toThrow(why);
});

test("two mounts cannot have one place", () => {
  expect(() => parseMounts([`${data}:/d`, `${elsewhere}:/d`], rules)).toThrow("/d is mounted already");
});

test("docker.allow_dangerous_mounts allows the home folder and /", () => {
  const mounts = parseMounts(["~:/h", "/:/host:ro"], { ...rules, allowDangerous: true });
  expect(mounts.map((mount) => mount.source)).toEqual([home, "/"]);
});
