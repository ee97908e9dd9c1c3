import { constants, setPriority } from 'node:os';
import { isMainThread, parentPort, workerData, Worker } from 'node:worker_threads';
import type { Environment } from '#libs/config';
import { startService } from '#libs/http';
import { definitionOf } from './definitions.js';

/** A service of the network that can be ended. */
export interface NetworkService {
  readonly name: string;
  close(): Promise<void>;
}

/** Services to run in a thread of their own, with the environment of each. */
export type ServicePlan = readonly { readonly name: string; readonly env: Environment }[];

interface Said {
  readonly up?: boolean;
  readonly down?: boolean;
  readonly failed?: string;
}

/** Young objects of a batch die with it; room for them spares copying. Megabytes. */
const YOUNG_GENERATION = 192;

/**
 * Runs services in a second thread of this process, so that the consumers of the event log have a core to themselves while the
 * ledger answers on the other. Resolves when all of them serve.
 */
export async function startServiceThread(
  plan: ServicePlan,
  onCrash: (error: unknown) => void,
): Promise<NetworkService[]> {
  const thread = new Worker(new URL(import.meta.url), {
    workerData: plan,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION, maxOldGenerationSizeMb: 4_096 },
  });
  let closing = false;
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    thread.on('message', ({ up, failed }: Said) => {
      if (up === true) resolve();
      if (failed !== undefined) reject(new Error(failed));
    });
    thread.on('error', (error) => {
      reject(error);
      if (!closing) onCrash(error);
    });
    thread.on('exit', (code) => {
      const error = new Error(`the thread of ${plan.map(({ name }) => name).join(', ')} ended with ${code}`);
      reject(error);
      if (!closing) onCrash(error);
    });
  });
  const close = async (): Promise<void> => {
    if (!closing) {
      closing = true;
      thread.postMessage('stop');
    }
    await ended;
  };
  return plan.map(({ name }) => ({ name, close }));
}

/** Who follows the log makes way for who answers callers: under load it falls behind a little and reads larger batches. */
function makeWay(): void {
  // on Linux a priority is a thread's own; elsewhere it is the whole process's, which must keep its
  if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
}

/** What the thread itself does: serve until told to stop. */
async function serve(plan: ServicePlan): Promise<void> {
  const services: NetworkService[] = [];
  makeWay();
  parentPort?.once('message', () => {
    void Promise.allSettled(services.map((service) => service.close())).then(() => process.exit(0));
  });
  try {
    for (const { name, env } of plan) services.push(await startService(definitionOf(name), env));
    parentPort?.postMessage({ up: true } satisfies Said);
  } catch (error) {
    parentPort?.postMessage({
      failed: error instanceof Error ? (error.stack ?? error.message) : String(error),
    } satisfies Said);
  }
}

if (!isMainThread) void serve(workerData as ServicePlan);
