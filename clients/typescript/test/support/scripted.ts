/** A server that does what a test tells it to: gRPC on loopback. */

import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { Trunkline, type TrunklineOptions } from "../../src/index.js";
import { type ChatEventSchema, ChatService } from "../../src/v1.js";

export type Event = MessageInitShape<typeof ChatEventSchema>;

/** A server that runs, until the test ends. */
export interface Scripted {
  client(options?: TrunklineOptions): Trunkline;
  /** Breaks all connections. */
  hangUp(): void;
}

/** Starts a server. */
export async function scripted(
  scope: { after(done: () => void): void },
  service: Partial<ServiceImpl<typeof ChatService>>,
): Promise<Scripted> {
  const sockets = new Set<Socket>();
  const server = createServer(connectNodeAdapter({ routes: (router) => router.service(ChatService, service) }));
  server.on("connection", (socket: Socket) => sockets.add(socket));
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
  };
  await once(server.listen(0, "127.0.0.1"), "listening");
  scope.after(() => {
    hangUp();
    server.close();
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { hangUp, client: (options) => new Trunkline({ address, model: "m", timeout: 10_000, ...options }) };
}

export const start: Event = {
  kind: { case: "start", value: { id: "msg_1", origin: { provider: "eu", model: "m-1" }, usage: { inputTotal: 7 } } },
};
export const begin: Event = {
  kind: { case: "blockStart", value: { block: { kind: { case: "text", value: {} } } } },
};
export const more = (text: string): Event => ({
  kind: { case: "blockDelta", value: { delta: { case: "text", value: text } } },
});
export const end: Event = { kind: { case: "blockEnd", value: {} } };
export const done: Event = { kind: { case: "completion", value: { finishReason: 1, usage: { outputTotal: 3 } } } };
