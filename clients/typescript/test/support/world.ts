/** Where everything is that tests need: see tests/clients/cases.md. */

import { Trunkline, type TrunklineOptions } from "../../src/index.js";

/** An address or a path from the environment. */
export function place(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with \`make test-clients LANGUAGES=typescript\``);
  return value;
}

/** A client of the gateway. */
export function gateway(options: TrunklineOptions = {}): Trunkline {
  return new Trunkline({ address: place("TRUNKLINE_ADDRESS"), model: "simulator/text", timeout: 30_000, ...options });
}

/** A client of the server that plays vectors. */
export function vectors(): Trunkline {
  return new Trunkline({ address: place("TRUNKLINE_VECTORS"), timeout: 30_000 });
}

/** A call as it reached the simulator. */
export interface Received {
  readonly method: string;
  readonly model: string;
  readonly outcome: string;
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: the body of an upstream request, of which a test knows the shape
  readonly json: any;
}

/** The calls so far that asked a model. */
export async function received(model: string): Promise<Received[]> {
  const response = await fetch(`${place("SIMULATOR_URL")}/_simulator/calls`);
  const { calls } = (await response.json()) as { calls: Received[] };
  return calls.filter((call) => call.method === "POST" && call.model === model);
}

/** The only call that asked a model. */
export async function onlyCall(model: string): Promise<Received> {
  const [call, ...others] = await received(model);
  if (call === undefined || others.length > 0) throw new Error(`expected one call of ${model}`);
  return call;
}
