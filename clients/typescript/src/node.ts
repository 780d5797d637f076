/// <reference lib="esnext.disposable" preserve="true" />

/** The client for Node. */

import type { SecureContextOptions } from "node:tls";
import { BaseClient, type ClientSettings } from "./client.js";
import { Connection, grpcTransport } from "./connection.js";

/** Settings of a client in Node. */
export interface TrunklineOptions extends ClientSettings {
  /** host:port of the gateway. Default: the environment variable TRUNKLINE_ADDRESS, or else 127.0.0.1:50051. */
  readonly address?: string | undefined;
  /** Whether to use TLS, with Node's root certificates; or the certificates and keys to use: `{ ca, cert, key }`. */
  readonly tls?: boolean | SecureContextOptions | undefined;
}

/**
 * A client of the gateway. It connects with the first call, and a connection without calls keeps no process alive.
 *
 * @example
 * const client = new Trunkline({ address: "gateway:50051", model: "anthropic/claude-sonnet-5" });
 * console.log((await client.chat("Hello")).text);
 */
export class Trunkline extends BaseClient implements AsyncDisposable {
  /** Where the gateway is. */
  readonly address: string;
  readonly #connection: Connection;

  /**
   * Sets the client up.
   *
   * @throws TypeError if the address is not host:port, or the timeout is none.
   */
  constructor(options: TrunklineOptions = {}) {
    const address = options.address ?? (process.env["TRUNKLINE_ADDRESS"] || "127.0.0.1:50051");
    const connection = new Connection(address, options.tls ?? false);
    super(grpcTransport(connection), options);
    this.address = address;
    this.#connection = connection;
  }

  /** Closes the connection. Calls in flight are cancelled; another call would connect anew. */
  close(): void {
    this.#connection.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
