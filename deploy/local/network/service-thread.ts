import { constants, setPriority } from 'node:os';
import type { Server } from 'node:net';
import { isMainThread, parentPort, workerData, Worker } from 'node:worker_threads';
import type { Environment } from '#libs/config';
import { startService } from '#libs/http';
import { openDoor, portOf } from '#libs/servers';
import { definitionOf } from './definitions.js';

/** A service of the network that can be ended. */
export interface NetworkService {
  readonly name: string;
  close(): Promise<void>;
}

/** Services in a second thread of this process, so that who follows the event log has a core to itself while the ledger answers on the other. */
export interface ServiceThread {
  /** The ports that it holds for its services, by name. */
  readonly ports: ReadonlyMap<string, number>;
  /** Starts the services, each with its environment; resolves when all of them serve. */
  serve(envOf: (name: string) => Environment): Promise<void>;
  close(): Promise<void>;
}

/** What the thread is told. */
type Order = 'stop' | readonly (readonly [name: string, env: Environment])[];

interface Said {
  readonly holds?: readonly (readonly [name: string, port: number])[];
  readonly up?: true;
  readonly failed?: string;
}

/** Young objects of a batch die with it; room for them spares copying. Megabytes. */
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
  // counts only for those who wait for something at that time
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

/** Who follows the log makes way for who answers callers: under load it falls behind a little and reads larger batches. */
function makeWay(): void {
  // on Linux a priority is a thread's own; elsewhere it is the whole process's, which must keep its
  if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
}

const say = (said: Said): void => parentPort?.postMessage(said);

/** What the thread itself does: hold the ports, serve when told the environments, until told to stop. */
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
