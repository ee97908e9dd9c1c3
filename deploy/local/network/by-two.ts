import { HezongProblem } from '#libs/sdk';
import type { HezongClient } from '#libs/sdk';

/** An act that takes two people, where one holds both clients: asked for, approved by the second, done. */
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
