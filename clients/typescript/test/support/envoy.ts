/** Envoy before the gateway, with browser/envoy.yaml but for the ports. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../browser/", import.meta.url));

/** A proxy that runs. */
export interface Envoy {
  /** Its address, for browsers. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts Envoy before the gateway at `address`, host:port. */
export async function startEnvoy(address: string): Promise<Envoy> {
  const port = await freePort();
  const configuration = (await readFile(`${FOLDER}envoy.yaml`, "utf8"))
    .replace("port_value: 8080", `port_value: ${port}`)
    .replace("port_value: 50051", `port_value: ${address.split(":").at(-1)}`);
  const folder = await mkdtemp(join(tmpdir(), "envoy-"));
  const file = join(folder, "envoy.yaml");
  await writeFile(file, configuration);
  const options = ["-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"];
  const envoy = spawn(`${FOLDER}envoy.sh`, options, { stdio: ["ignore", "inherit", "inherit"] });
  await listening(port, envoy);
  const stop = async () => {
    envoy.kill();
    if (envoy.exitCode === null) await once(envoy, "exit");
    await rm(folder, { recursive: true });
  };
  return { address: `http://127.0.0.1:${port}`, stop };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

async function listening(port: number, envoy: ChildProcess): Promise<void> {
  for (;;) {
    if (envoy.exitCode !== null) throw new Error(`Envoy ended with ${envoy.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch {
      await sleep(100);
    } finally {
      socket.destroy();
    }
  }
}
