import { constants, setPriority } from 'node:os';
import type { Server } from 'node:net';
import { isMainThread, parentPort, workerData, Worker } from 'node:worker_threads';
import type { Environment } from '#libs/config';
import { startService } from '#libs/http';
import { openDoor, portOf } from '#libs/servers';
import { definitionOf } from './definitions.js';

export interface NetworkService {
  readonly name: string;
  close(): Promise<void>;
}

/**
 * Services in a second thread of this process, so that consumers of the event log have their own core while the ledger answers on another.
 */
export interface ServiceThread {
  /** The ports that it holds for its services, by name. */
  readonly ports: ReadonlyMap<string, number>;
  serve(envOf: (name: string) => Environment): Promise<void>;
  close(): Promise<void>;
}

/** Messages to the thread. */
type Order = 'stop' | readonly (readonly [name: string, env: Environment])[];

interface Said {
  readonly holds?: readonly (readonly [name: string, port: number])[];
  readonly up?: true;
  readonly failed?: string;
}

/** Young objects are freed at the end of their batch; enough space for them avoids copying. Megabytes. */
const YOUNG_GENERATION = 192;

/** Resolves when the thread holds a port for each of its services. */
export async function openServiceThread(
  names: readonly string[],
  onCrash: (error: unknown) => void,
): Promise<ServiceThread> {
  const thread = new Worker(new URL(import.meta.url), {
    workerData: names,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION, maxOldGenerationSizeMb: 4_096 },
  });
  let closing = false;
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  const lost = new Promise<never>((_resolve, reject) => {
    const crashed = (error: Error): void => {
      reject(error);
      if (!closing) onCrash(error);
    };
    thread.on('message', ({ failed }: Said) => {
      if (failed !== undefined) reject(new Error(failed));
    });
    thread.on('error', crashed);
    thread.on('exit', (code) => crashed(new Error(`the thread of ${names.join(', ')} ended with ${code}`)));
  });
  // the failure reaches only code that is waiting for a message
  lost.catch(() => undefined);
  const heard = <T>(of: (said: Said) => T | undefined): Promise<T> => {
    const found = new Promise<T>((resolve) => {
      thread.on('message', (said: Said) => {
        const words = of(said);
        if (words !== undefined) resolve(words);
      });
    });
    return Promise.race([found, lost]);
  };
  return {
    ports: new Map(await heard(({ holds }) => holds)),
    async serve(envOf) {
      const up = heard((said) => said.up);
      thread.postMessage(names.map((name) => [name, envOf(name)]) satisfies Order);
      await up;
    },
    async close() {
      if (!closing) {
        closing = true;
        thread.postMessage('stop' satisfies Order);
      }
      await ended;
    },
  };
}

/** Consumers of the log have a lower priority than services that answer callers: under load they lag a little and read larger batches. */
function makeWay(): void {
  // on Linux a priority belongs to one thread; elsewhere to the whole process, which must keep its own
  if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
}

const say = (said: Said): void => parentPort?.postMessage(said);

/** Work of the thread: holds the ports, serves once it has the environments, until it is stopped. */
async function work(names: readonly string[]): Promise<void> {
  const doors = new Map<string, Server>();
  const services: NetworkService[] = [];
  const serve = async (plan: Exclude<Order, 'stop'>): Promise<void> => {
    makeWay();
    for (const [name, env] of plan) services.push(await startService(definitionOf(name), env, doors.get(name)));
    say({ up: true });
  };
  const failed = (error: unknown): void =>
    say({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  parentPort?.on('message', (order: Order) => {
    if (order === 'stop')
      void Promise.allSettled(services.map((service) => service.close())).then(() => process.exit(0));
    else serve(order).catch(failed);
  });
  for (const name of names) doors.set(name, await openDoor());
  say({ holds: [...doors].map(([name, door]) => [name, portOf(door)]) });
}

if (!isMainThread) void work(workerData as readonly string[]);
