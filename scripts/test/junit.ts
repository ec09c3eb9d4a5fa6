/** What a JUnit report of `bun test` says about one test. */
export interface TestCase {
  readonly file: string;
  readonly title: string;
  readonly result: "passed" | "failed" | "skipped";
}

/**
 * Reads the report that `bun test --reporter=junit` writes. Only the shape that Bun 1.4.5 writes is understood: one line for each
 * opening tag, attributes in double quotes.
 */
export function readJunit(xml: string): TestCase[] {
  const cases: TestCase[] = [];
  for (const [, head = "", selfClosed, body = ""] of xml.matchAll(
    /<testcase ((?:[^">]|"[^"]*")*?)(?:(\/)>|>([\s\S]*?)<\/testcase>)/g,
  )) {
    const attribute = (name: string) => decode(new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(head)?.[1] ?? "");
    const result = selfClosed ? "passed" : /<skipped\b/.test(body) ? "skipped" : "failed";
    // classname lists the describe blocks from the innermost outwards.
    const groups = attribute("classname").split(" > ").filter(Boolean).reverse();
    cases.push({ file: attribute("file"), title: [...groups, attribute("name")].join(" > "), result });
  }
  return cases;
}

function decode(text: string): string {
  const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g, (whole, decimal, hex, name) => {
    if (decimal) return String.fromCodePoint(Number(decimal));
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16));
    return entities[name] ?? whole;
  });
}
