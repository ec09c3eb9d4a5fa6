import { expect } from "bun:test";
import { isGlueError } from "../../runtimes/contract.ts";
import { ModalDouble, type Sdk, testWithModal } from "./double.ts";
import { withEachSdk } from "./each-sdk.ts";
import { openOn, run } from "./open.ts";

withEachSdk(images, ["newest", "oldest"]);

function images(sdk: Sdk): void {
  let double: ModalDouble;
  /** What became of a session on this image. */
  async function opened(image: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
    try {
      const session = await openOn(double, { "modal.image": image, ...more }, "process", sdk);
      const { exitCode } = await run(session, { argv: ["true"] });
      await session.close();
      return exitCode === 0 ? "ran" : `exit code ${exitCode}`;
    } catch (error) {
      if (isGlueError(error)) return `${error.code}: ${error.message}`;
      throw error;
    }
  }
  async function withDouble(use: () => Promise<void>): Promise<void> {
    double = await ModalDouble.start(sdk);
    try {
      await use();
      expect((await double.state()).sandboxes.filter((box) => box.running)).toEqual([]);
    } finally {
      await double.stop();
    }
  }

  testWithModal("an image is a registry tag or an id; git is added where apt is and git is not", () =>
    withDouble(async () => {
      await double.image("im-0123456789abcdefghijkl");
      expect(await opened("im-0123456789abcdefghijkl")).toBe("ran");
      expect(await opened("example.test/some:1")).toBe("ran");
      const { images } = await double.state();
      expect(images.filter((line) => line.startsWith("FROM example.test/some:1")).length).toBe(1);
      expect(images.filter((line) => line.includes("apt-get install -y --no-install-recommends git")).length).toBe(2);
      expect(await opened("im-000000000000000000none")).toStartWith("imageNotFound");
    }),
  );

  if (sdk === "oldest") {
    testWithModal("an SDK without named images says so, and which one has them", () =>
      withDouble(async () => {
        for (const image of ["mine", "named:mine:v1"]) {
          const said = await opened(image);
          expect(said).toStartWith("imageNotFound");
          expect(said).toContain("modal 1.4.3 knows no named images");
        }
        expect((await double.state()).sandboxes).toEqual([]);
      }),
    );
  } else {
    testWithModal("an image is a name that was published, with its tag and its environment", () =>
      withDouble(async () => {
        await double.image("im-aaaaaaaaaaaaaaaaaaaaaa", "mine:latest");
        await double.image("im-bbbbbbbbbbbbbbbbbbbbbb", "mine:v1");
        await double.image("im-cccccccccccccccccccccc", "other/mine:v2");
        expect(await opened("mine")).toBe("ran");
        expect(await opened("named:mine:v1")).toBe("ran");
        expect(await opened("named:other/mine:v2")).toBe("ran");
        // The sandbox's environment, where the name says none.
        expect(await opened("named:mine:v2", { "modal.environment": "other" })).toBe("ran");
        expect(await opened("nobodys")).toStartWith("imageNotFound");
      }),
    );
  }
}
