import { setTimeout as sleep } from 'node:timers/promises';
import type { CycleResult, HezongClient, InvariantsReport } from '#libs/sdk';
import { ifThere } from '../network/client.js';

/** Waits until every consumer has handled all committed events. */
export async function atRest({ invariants }: HezongClient, ms = 60_000): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end; await sleep(100))
    if ((await invariants.lag()).settled) return;
}

/** Checks all books after every consumer has handled all committed events. */
export async function settled(operator: HezongClient, ms = 60_000): Promise<InvariantsReport> {
  for (const end = performance.now() + ms; ;) {
    await atRest(operator, end - performance.now());
    const report = await operator.invariants.report();
    if (report.settled || performance.now() > end) return report;
  }
}

/** States in order; the step with the same index leaves the state. */
const STATES: readonly CycleResult['status'][] = ['open', 'cut_off', 'frozen', 'confirmed', 'closed'];

/** A freeze may continue after its call. */
async function whileFreezing({ operatorCycles }: HezongClient, id: string): Promise<void> {
  while ((await operatorCycles.result({ path: { cycle: id } })).status === 'freezing') await sleep(500);
}

/** Advances a cycle from any state to closed; false when there is no cycle because it has no redemptions. */
export async function closeCycle(operator: HezongClient, id: string): Promise<boolean> {
  const { operatorCycles } = operator;
  const path = { cycle: id };
  await atRest(operator);
  await ifThere(operatorCycles.result({ path }).then(() => whileFreezing(operator, id)));
  const cycle = await ifThere(operatorCycles.result({ path }));
  if (cycle === null) return false;
  const steps = [
    () => operatorCycles.cutOff({ path }),
    async () => {
      await operatorCycles.freeze({ path });
      await whileFreezing(operator, id);
    },
    () => operatorCycles.confirm({ path }),
    () => operatorCycles.close({ path }),
  ];
  const done = STATES.indexOf(cycle.status);
  if (done < 0) throw new Error(`cycle ${id} is "${cycle.status}", which is no state known here`);
  for (const step of steps.slice(done)) await step();
  return true;
}
