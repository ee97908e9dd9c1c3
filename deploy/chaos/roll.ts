import type { Stage } from './stage.js';
import type { Tills } from './tills.js';

/** Calls that must be answered while one process restarts; there are many more. */
const LEAST_CALLS = 20;

/**
 * Restarts one process after the other as a cluster does, while the tills are at work: a gateway is taken from behind its balancer first, a service is
 * not; then SIGTERM, a clean end, a start, ready. Not one call may fail: none is repeated, whatever the reason.
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
