/** A reporter that writes the report that cases.md asks for. */

import type { TestEvent } from "node:test/reporters";

/** Yields a line for each test at the top whose name begins with "case ". */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if ((type === "test:pass" || type === "test:fail") && data.nesting === 0 && data.name.startsWith("case ")) {
      yield `${data.name.slice("case ".length)}\t${type === "test:pass" ? "ok" : "failed"}\n`;
    }
  }
}
