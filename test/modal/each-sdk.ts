import { afterAll, beforeAll, describe } from "bun:test";
import { doubleProblem, ModalDouble, SDKS, type Sdk } from "./double.ts";

/** Describes the same tests with each SDK: with all of them where `GLUE_TEST_FULL` is set, else with the usual ones. */
export function withEachSdk(tests: (sdk: Sdk) => void, usual: readonly Sdk[] = ["newest"]): void {
  for (const sdk of process.env.GLUE_TEST_FULL ? SDKS : usual) describe(`with the SDK: ${sdk}`, () => tests(sdk));
}

/** One double for all tests of a `describe`; `use` gets it before the first of them runs. */
export function shareDouble(sdk: Sdk, use: (double: ModalDouble) => void): void {
  let double: ModalDouble | undefined;
  beforeAll(async () => {
    if (doubleProblem !== undefined) return;
    double = await ModalDouble.start(sdk);
    use(double);
  });
  afterAll(async () => {
    await double?.stop();
  });
}

/** A double for one test. */
export async function withDouble(sdk: Sdk, use: (double: ModalDouble) => Promise<void>): Promise<void> {
  const double = await ModalDouble.start(sdk);
  try {
    await use(double);
  } finally {
    await double.stop();
  }
}
