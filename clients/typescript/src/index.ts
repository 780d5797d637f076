/**
 * Trunkline's client: one typed way to every LLM provider that the gateway knows.
 *
 *     import { Trunkline } from "trunkline";
 *
 *     const client = new Trunkline({ address: "gateway:50051", model: "anthropic/claude-sonnet-5" });
 *     console.log((await client.chat("Hello")).text);
 *
 * The contract itself - messages, enums, services - is in "trunkline/v1", the client for browsers in "trunkline/web".
 */

export { Trunkline, type TrunklineOptions } from "./node.js";
export * from "./shared.js";
