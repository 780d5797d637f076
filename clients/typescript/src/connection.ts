/** The way from Node to the gateway: gRPC over one HTTP/2 connection. */

import type { ClientHttp2Stream, Http2Session, OutgoingHttpHeaders } from "node:http2";
import type { SecureContextOptions } from "node:tls";
import { decodeBinaryHeader, type Transport } from "@connectrpc/connect";
import type { UniversalClientRequest, UniversalClientResponse } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-grpc";
import { compressionGzip, createNodeHttpClient, Http2SessionManager } from "@connectrpc/connect-node";
import { StatusSchema } from "./gen/google/rpc/status_pb.js";
import { DETAILS_KEY } from "./statuses.js";
import { VERSION } from "./version.js";

/** Bytes of a message, both ways: the gateway's own limit. */
export const MESSAGE_LIMIT = 32 * 1024 * 1024;

/** Bytes that may be on their way before they are read: what a fast line to far away holds. */
const WINDOW = 4 * 1024 * 1024;

/** The connection, which is made with the first call, and made anew when it broke. */
export class Connection extends Http2SessionManager {
  readonly #widened = new WeakSet<Http2Session>();
  #ending: Promise<unknown> | undefined;

  /**
   * Says where to connect to.
   *
   * @param address - host:port.
   * @throws TypeError if the address is a URL, or has no port.
   */
  constructor(address: string, tls: boolean | SecureContextOptions) {
    if (address.includes("://")) throw new TypeError(`the address is host:port, without a scheme: ${address}`);
    if (!/[^:]:\d+$/.test(address)) throw new TypeError(`the address is host:port: ${address}`);
    // Finds connections that died in silence, as long as a call waits for an answer.
    const keepAlive = { pingIntervalMs: 60_000, pingTimeoutMs: 20_000, pingIdleConnection: false };
    const settings = { settings: { initialWindowSize: WINDOW } };
    super(`${tls ? "https" : "http"}://${address}`, keepAlive, { ...settings, ...(tls === true ? {} : tls || {}) });
  }

  /**
   * Closes the connection. Of the end of one that is being made, connect takes note late, and would take a newer one for it:
   * whose errors nobody then hears, which ends the process.
   */
  override abort(reason?: Error): void {
    if (this.state() === "connecting") this.#ending = this.connect();
    super.abort(reason);
  }

  /**
   * Opens a stream. A connection has a window of its own, which Node leaves at 64 KiB: 5 MiB from 50 ms away then take
   * 7 seconds instead of a half.
   */
  override async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Parameters<Http2SessionManager["request"]>[3],
  ): Promise<ClientHttp2Stream> {
    await this.#ending;
    const stream = await super.request(method, path, headers, options);
    if (stream.session && !this.#widened.has(stream.session)) {
      this.#widened.add(stream.session);
      stream.session.setLocalWindowSize(WINDOW);
    }
    return stream;
  }
}

/** Speaks gRPC over a connection. */
export function grpcTransport(connection: Connection): Transport {
  return createTransport({
    baseUrl: connection.authority,
    httpClient: (request) => exchange(connection, request),
    useBinaryFormat: true,
    interceptors: [
      (next) => (request) => {
        request.header.set("user-agent", `trunkline-typescript/${VERSION}`);
        return next(request);
      },
    ],
    acceptCompression: [compressionGzip],
    sendCompression: null,
    compressMinBytes: 1024,
    readMaxBytes: MESSAGE_LIMIT,
    writeMaxBytes: 0xffffffff, // what is too large for the gateway is for the gateway to refuse: it says by how much
  });
}

/** Sends one request, and mends what connect leaves open. */
async function exchange(connection: Connection, request: UniversalClientRequest): Promise<UniversalClientResponse> {
  const http = createNodeHttpClient({
    httpVersion: "2",
    sessionProvider: () => ({
      authority: connection.authority,
      notifyResponseByteRead: (stream) => connection.notifyResponseByteRead(stream),
      request: async (...opening) => {
        const stream = await connection.request(...opening);
        // An answer that has come, but is not read to its end, would stay, and keep the process alive.
        const drop = () => stream.closed && stream.destroy();
        request.signal?.addEventListener("abort", drop, { once: true });
        return stream;
      },
    }),
  });
  const response = await http(request);
  dropUnreadable(response.header);
  const body = response.body[Symbol.asyncIterator]();
  const next = async () => {
    const result = await body.next();
    if (result.done) dropUnreadable(response.trailer);
    return result;
  };
  return { ...response, body: { [Symbol.asyncIterator]: () => ({ ...body, next }) } };
}

/** Takes out details that cannot be read: connect would report them in the place of the status itself. */
function dropUnreadable(headers: Headers): void {
  const details = headers.get(DETAILS_KEY);
  if (details === null) return;
  try {
    decodeBinaryHeader(details, StatusSchema);
  } catch {
    headers.delete(DETAILS_KEY);
  }
}
