import type { Stage } from './stage.js';
import type { Tills } from './tills.js';

/** Minimum number of answered calls during the restart of one process; usually there are many more. */
const LEAST_CALLS = 20;

/**
 * Restarts one process after the other as a cluster does, while the tills are calling: a gateway is first removed from its load balancer,
 * other services are not; then SIGTERM, a clean exit, a start, readiness. No call may fail: none is repeated, for any reason.
 */
export async function roll(stage: Stage, tills: Tills, say: (text: string) => void): Promise<void> {
  for (const [name, process] of stage.processes) {
    const before = tills.books.answered;
    tills.spared = stage.gatewayIn(name);
    const code = await process.stop();
    if (code !== 0) throw new Error(`${name} ended with ${String(code)}: ${process.log.slice(-2_000)}`);
    process.start();
    await process.ready();
    tills.spared = null;
    const { repeated } = tills;
    if (repeated.length > 0)
      throw new Error(
        `${repeated.length} calls failed while ${name} was restarted:\n  ${repeated.slice(0, 10).join('\n  ')}`,
      );
    const answered = tills.books.answered - before;
    if (answered < LEAST_CALLS) throw new Error(`only ${answered} calls were answered while ${name} was restarted`);
    say(`${name} restarted, ${answered} calls answered meanwhile, none failed`);
  }
}
