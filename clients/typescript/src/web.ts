/** The client for browsers: the same, over gRPC-Web, which a proxy such as Envoy translates. */

import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { BaseClient, type ClientSettings } from "./client.js";

export * from "./shared.js";

/** Settings of a client in a browser. */
export interface TrunklineOptions extends ClientSettings {
  /** The address of the proxy before the gateway, for example "https://llm.example.com". Default: that of the page. */
  readonly address?: string | URL | undefined;
}

/**
 * A client of the gateway in a browser. Batches cannot be created from there: browsers do not stream requests.
 *
 * @example
 * const client = new Trunkline({ address: "https://llm.example.com", model: "anthropic/claude-sonnet-5" });
 * for await (const piece of client.stream("Hello").text) output.append(piece);
 */
export class Trunkline extends BaseClient {
  /** Where the proxy is. */
  readonly address: string;

  /**
   * Sets the client up.
   *
   * @throws TypeError if the timeout is none.
   */
  constructor(options: TrunklineOptions = {}) {
    const address = String(options.address ?? globalThis.location.origin);
    super(createGrpcWebTransport({ baseUrl: address }), options);
    this.address = address;
  }
}
