import { HezongProblem } from '#libs/sdk';
import type { HezongClient } from '#libs/sdk';

/** Performs an act that needs two people when one person holds both clients: requests it, approves it as the second, repeats it. */
export async function byTwo<T>(second: HezongClient, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof HezongProblem) || error.code !== 'second_person_needed') throw error;
    const { approval, payloadHash } = error.body;
    await second.approvals.approve({ path: { id: String(approval) }, body: { payloadHash: String(payloadHash) } });
    return act();
  }
}
